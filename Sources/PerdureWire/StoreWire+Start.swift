package import PerdureModel

/// The start that waits in an instance row for the first turn.
extension StoreWire {
  package static func encode(_ start: InstanceStart) -> [UInt8] {
    var writer = JSONWriter(capacity: 256)
    write(start, to: &writer)
    return writer.finish()
  }

  package static func write(_ start: InstanceStart, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("instance", start.instance)
    writer.member("name", start.orchestration)
    writer.member("version", optional: start.version)
    writer.member("input", start.input)
    writer.member("parent", optional: start.parent)
    writer.members(start.options)
    writer.endObject()
  }

  package static func decodeStart(_ json: UnsafeRawBufferPointer) throws(WireError) -> InstanceStart {
    try decodeWhole(json) { reader throws(JSONFault) in try readStart(&reader) }
  }

  static func readStart(_ reader: inout JSONReader) throws(JSONFault) -> InstanceStart {
    var instance = JSONSlice.absent
    var name = JSONSlice.absent
    var version = JSONSlice.absent
    var input = JSONSlice.absent
    var parent = JSONSlice.absent
    var options = StartOptionMembers()
    let object = try reader.beginObject()
    var first = true
    while let key = try reader.nextKey(&first) {
      if key.matches("instance") {
        try reader.take(&instance, key)
      } else if key.matches("name") {
        try reader.take(&name, key)
      } else if key.matches("version") {
        try reader.take(&version, key)
      } else if key.matches("input") {
        try reader.take(&input, key)
      } else if key.matches("parent") {
        try reader.take(&parent, key)
      } else if try !options.take(key, &reader), try !options.takeClosePolicy(key, &reader) {
        _ = try reader.skipValue()
      }
    }
    return InstanceStart(
      instance: try reader.string(instance, object, "instance"),
      orchestration: try reader.string(name, object, "name"),
      version: try reader.optionalString(version), input: try reader.payload(input, object, "input"),
      parent: try reader.optionalParent(parent), options: try options.options(reader))
  }
}
