package import PerdureModel

/// The turn request: engine to host.
package enum TurnWire {
  package static func encode(_ request: TurnRequest) -> [UInt8] {
    var writer = JSONWriter(capacity: 512)
    write(request, to: &writer)
    return writer.finish()
  }

  package static func write(_ request: TurnRequest, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("v", 1)
    writer.member("turn", request.turn)
    writer.member("instance", request.instance)
    writer.member("execution", request.execution)
    writer.member("orchestration", request.orchestration)
    writer.member("version", request.version)
    writer.member("from", request.from)
    writer.member("replayed", request.replayed)
    writer.key("events")
    writer.list(request.events) { event, writer in EventWire.write(event, to: &writer) }
    if !request.patches.isEmpty { writer.member("patches", request.patches) }
    if !request.kv.isEmpty {
      writer.key("kv")
      writer.list(request.kv) { entry, writer in KVWire.write(entry, to: &writer) }
    }
    if let query = request.query {
      writer.key("query")
      writer.beginObject()
      writer.member("name", query.name)
      writer.member("input", query.input)
      writer.endObject()
    }
    writer.endObject()
  }

  package static func decodeRequest(_ json: UnsafeRawBufferPointer) throws(WireError) -> TurnRequest {
    try decodeWhole(json) { reader throws(JSONFault) in try readRequest(&reader) }
  }

  static func readRequest(_ reader: inout JSONReader) throws(JSONFault) -> TurnRequest {
    var m = RequestMembers()
    var events: [Event]?
    var patches: [String]?
    var kv: [KVEntry]?
    let object = try reader.beginObject()
    var first = true
    while let key = try reader.nextKey(&first) {
      if try m.take(key, &reader) { continue }
      if key.matches("events") {
        if events != nil { throw reader.twice(key) }
        events = try reader.list { reader throws(JSONFault) in try EventWire.read(&reader) }
      } else if key.matches("patches") {
        if patches != nil { throw reader.twice(key) }
        patches = try reader.skipNull() ? [] : try reader.strings()
      } else if key.matches("kv") {
        if kv != nil { throw reader.twice(key) }
        kv =
          try reader.skipNull()
          ? [] : try reader.list { reader throws(JSONFault) in try KVWire.read(&reader) }
      } else {
        _ = try reader.skipValue()
      }
    }
    try reader.checkVersion(m.v, object)
    guard let events else { throw reader.missing(object, "events") }
    var request = TurnRequest(
      turn: try reader.int(m.turn, object, "turn"),
      instance: try reader.string(m.instance, object, "instance"),
      execution: try reader.int(m.execution, object, "execution"),
      orchestration: try reader.string(m.orchestration, object, "orchestration"),
      version: try reader.string(m.version, object, "version"), from: try reader.int(m.from, object, "from"),
      replayed: try reader.int(m.replayed, object, "replayed"), events: events)
    request.patches = patches ?? []
    request.kv = kv ?? []
    request.query = try optionalQuery(m.query, reader)
    return request
  }

  private static func optionalQuery(
    _ slice: JSONSlice, _ reader: JSONReader
  ) throws(JSONFault) -> QueryRequest? {
    guard reader.hasValue(slice) else { return nil }
    var part = JSONReader(slice, of: reader)
    let m = try Members(&part)
    return QueryRequest(name: try m.name(reader), input: try m.input(reader))
  }
}

/// The members of a turn request that are no lists, as places in the text.
private struct RequestMembers {
  var v = JSONSlice.absent
  var turn = JSONSlice.absent
  var instance = JSONSlice.absent
  var execution = JSONSlice.absent
  var orchestration = JSONSlice.absent
  var version = JSONSlice.absent
  var from = JSONSlice.absent
  var replayed = JSONSlice.absent
  var query = JSONSlice.absent

  /// Takes the member if it is one of these.
  @inline(__always)
  mutating func take(_ key: JSONName, _ reader: inout JSONReader) throws(JSONFault) -> Bool {
    if key.matches("v") {
      try reader.take(&v, key)
    } else if key.matches("turn") {
      try reader.take(&turn, key)
    } else if key.matches("instance") {
      try reader.take(&instance, key)
    } else if key.matches("execution") {
      try reader.take(&execution, key)
    } else if key.matches("orchestration") {
      try reader.take(&orchestration, key)
    } else if key.matches("version") {
      try reader.take(&version, key)
    } else if key.matches("from") {
      try reader.take(&from, key)
    } else if key.matches("replayed") {
      try reader.take(&replayed, key)
    } else if key.matches("query") {
      try reader.take(&query, key)
    } else {
      return false
    }
    return true
  }
}

extension JSONReader {
  /// A whole list.
  /// - Parameter limit: more elements than this are a fault.
  @inline(__always)
  mutating func list<Element>(
    limit: Int = .max, _ read: (inout JSONReader) throws(JSONFault) -> Element
  ) throws(JSONFault) -> [Element] {
    skipSpace()
    let start = at
    try beginArray()
    var elements: [Element] = []
    var first = true
    while try nextElement(&first) {
      guard elements.count < limit else { throw JSONFault(start, "has more than \(limit) elements") }
      elements.append(try read(&self))
    }
    return elements
  }
}
