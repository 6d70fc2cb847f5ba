package import PerdureModel

/// What a runtime serves, in its node row.
extension StoreWire {
  package static func encode(_ service: NodeService) -> [UInt8] {
    var writer = JSONWriter(capacity: 512)
    writer.beginObject()
    writeMembers(service, to: &writer)
    writer.member("release", service.format.release)
    writer.member("writes", service.format.writes)
    writer.member("readsFrom", service.format.reads.lowerBound)
    writer.member("readsTo", service.format.reads.upperBound)
    writer.endObject()
    return writer.finish()
  }

  static func writeMembers(_ service: NodeService, to writer: inout JSONWriter) {
    writer.key("orchestrations")
    writer.list(service.orchestrations) { served, writer in
      writer.beginObject()
      writer.member("name", served.name)
      if let versions = served.versions { writer.member("versions", versions) }
      writer.endObject()
    }
    writer.member("activities", service.activities)
    if let tags = service.tags { writer.member("tags", tags) }
    writer.member("untagged", service.takesUntagged)
  }

  package static func decodeService(_ json: UnsafeRawBufferPointer) throws(WireError) -> NodeService {
    try decodeWhole(json) { reader throws(JSONFault) in
      var orchestrations: [ServedOrchestration]?
      var activities: [String]?
      var tags = JSONSlice.absent
      var untagged = JSONSlice.absent
      var format = FormatMembers()
      let object = try reader.beginObject()
      var first = true
      while let key = try reader.nextKey(&first) {
        if key.matches("orchestrations") {
          if orchestrations != nil { throw reader.twice(key) }
          orchestrations = try reader.list { reader throws(JSONFault) in try readServed(&reader) }
        } else if key.matches("activities") {
          if activities != nil { throw reader.twice(key) }
          activities = try reader.strings()
        } else if key.matches("tags") {
          try reader.take(&tags, key)
        } else if key.matches("untagged") {
          try reader.take(&untagged, key)
        } else if try !format.take(key, &reader) {
          _ = try reader.skipValue()
        }
      }
      guard let orchestrations else { throw reader.missing(object, "orchestrations") }
      guard let activities else { throw reader.missing(object, "activities") }
      return NodeService(
        orchestrations: orchestrations, activities: activities, tags: try reader.optionalStrings(tags),
        takesUntagged: try reader.bool(untagged, object, "untagged"), format: try format.read(reader))
    }
  }

  /// What a node says of its release.
  private struct FormatMembers {
    private var release = JSONSlice.absent
    private var writes = JSONSlice.absent
    private var readsFrom = JSONSlice.absent
    private var readsTo = JSONSlice.absent

    /// False: it is another member.
    mutating func take(_ key: JSONName, _ reader: inout JSONReader) throws(JSONFault) -> Bool {
      if key.matches("release") {
        try reader.take(&release, key)
      } else if key.matches("writes") {
        try reader.take(&writes, key)
      } else if key.matches("readsFrom") {
        try reader.take(&readsFrom, key)
      } else if key.matches("readsTo") {
        try reader.take(&readsTo, key)
      } else {
        return false
      }
      return true
    }

    func read(_ reader: JSONReader) throws(JSONFault) -> EngineFormat {
      let unsaid = EngineFormat.unsaid
      let from = try reader.optionalInt(readsFrom) ?? unsaid.reads.lowerBound
      let to = try reader.optionalInt(readsTo) ?? unsaid.reads.upperBound
      return EngineFormat(
        release: try reader.optionalString(release) ?? unsaid.release,
        writes: try reader.optionalInt(writes) ?? unsaid.writes, reads: from...max(from, to))
    }
  }

  private static func readServed(_ reader: inout JSONReader) throws(JSONFault) -> ServedOrchestration {
    var name = JSONSlice.absent
    var versions = JSONSlice.absent
    let object = try reader.beginObject()
    var first = true
    while let key = try reader.nextKey(&first) {
      if key.matches("name") {
        try reader.take(&name, key)
      } else if key.matches("versions") {
        try reader.take(&versions, key)
      } else {
        _ = try reader.skipValue()
      }
    }
    return ServedOrchestration(
      name: try reader.string(name, object, "name"), versions: try reader.optionalStrings(versions))
  }
}
