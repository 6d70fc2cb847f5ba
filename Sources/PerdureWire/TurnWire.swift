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
    writer.members(request.trace)
    if let query = request.query {
      writer.key("query")
      writer.beginObject()
      writer.member("name", query.name)
      writer.member("input", query.input)
      writer.endObject()
    }
    if request.isReplay { writer.member("replay", true) }
    writer.endObject()
  }

  package static func decodeRequest(_ json: UnsafeRawBufferPointer) throws(WireError) -> TurnRequest {
    try decodeWhole(json) { reader throws(JSONFault) in try readRequest(&reader) }
  }

  static func readRequest(_ reader: inout JSONReader) throws(JSONFault) -> TurnRequest {
    var v = JSONSlice.absent
    var turn = JSONSlice.absent
    var instance = JSONSlice.absent
    var execution = JSONSlice.absent
    var orchestration = JSONSlice.absent
    var version = JSONSlice.absent
    var from = JSONSlice.absent
    var replayed = JSONSlice.absent
    var events: [Event]?
    var rarer = RarerMembers()
    let object = try reader.beginObject()
    var first = true
    while let key = try reader.nextKey(&first) {
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
      } else if key.matches("events") {
        if events != nil { throw reader.twice(key) }
        events = try reader.list { reader throws(JSONFault) in try EventWire.read(&reader) }
      } else {
        try rarer.take(key, &reader)
      }
    }
    try reader.checkVersion(v, object)
    guard let events else { throw reader.missing(object, "events") }
    var request = TurnRequest(
      turn: try reader.int(turn, object, "turn"), instance: try reader.string(instance, object, "instance"),
      execution: try reader.int(execution, object, "execution"),
      orchestration: try reader.string(orchestration, object, "orchestration"),
      version: try reader.string(version, object, "version"), from: try reader.int(from, object, "from"),
      replayed: try reader.int(replayed, object, "replayed"), events: events)
    if rarer.isPresent { try rarer.read(into: &request, reader) }
    return request
  }

  /// What only a turn from the beginning has, and only some of those.
  private struct RarerMembers {
    private var patches = JSONSlice.absent
    private var kv = JSONSlice.absent
    private var query = JSONSlice.absent
    private var replay = JSONSlice.absent
    private var traceparent = JSONSlice.absent
    private var tracestate = JSONSlice.absent

    var isPresent: Bool {
      patches.isPresent || kv.isPresent || query.isPresent || replay.isPresent || traceparent.isPresent
        || tracestate.isPresent
    }

    mutating func take(_ key: JSONName, _ reader: inout JSONReader) throws(JSONFault) {
      if key.matches("patches") {
        try reader.take(&patches, key)
      } else if key.matches("kv") {
        try reader.take(&kv, key)
      } else if key.matches("query") {
        try reader.take(&query, key)
      } else if key.matches("traceparent") {
        try reader.take(&traceparent, key)
      } else if key.matches("tracestate") {
        try reader.take(&tracestate, key)
      } else if key.matches("replay") {
        try reader.take(&replay, key)
      } else {
        _ = try reader.skipValue()
      }
    }

    func read(into request: inout TurnRequest, _ reader: JSONReader) throws(JSONFault) {
      request.trace = try reader.optionalTrace(traceparent, tracestate)
      request.patches = try reader.optionalStrings(patches) ?? []
      request.isReplay = try reader.optionalBool(replay) ?? false
      if reader.hasValue(kv) {
        var part = JSONReader(kv, of: reader)
        request.kv = try part.list { reader throws(JSONFault) in try KVWire.read(&reader) }
      }
      if reader.hasValue(query) {
        var part = JSONReader(query, of: reader)
        let m = try Members(&part)
        request.query = QueryRequest(name: try m.name(reader), input: try m.input(reader))
      }
    }
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
