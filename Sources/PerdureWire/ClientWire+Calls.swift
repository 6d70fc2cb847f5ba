package import PerdureModel

/// What clients ask of the code and the state of an instance, and what they are told: call, query and KV.
extension ClientWire {
  // MARK: Call

  package static func encode(_ request: CallRequest) -> [UInt8] {
    var writer = JSONWriter(capacity: 256)
    writer.beginObject()
    writer.member("instance", request.instance)
    writer.member("name", request.name)
    writer.member("input", optional: request.input)
    writer.member("call", optional: request.call)
    writer.endObject()
    return writer.finish()
  }

  package static func decodeCall(_ json: UnsafeRawBufferPointer) throws(WireError) -> CallRequest {
    try decodeWhole(json) { reader throws(JSONFault) in
      let m = try RequestMembers(&reader, knowsCall: true)
      return CallRequest(
        instance: try reader.string(m.instance, m.object, "instance"),
        name: try reader.string(m.name, m.object, "name"),
        input: try reader.optionalPayload(m.input) ?? .null,
        call: try reader.optionalString(m.call))
    }
  }

  package static func encode(_ answer: CallAnswer) -> [UInt8] {
    var writer = JSONWriter(capacity: 256)
    writer.beginObject()
    writer.member("call", answer.call)
    writer.member(answer.outcome)
    writer.endObject()
    return writer.finish()
  }

  package static func decodeCallAnswer(_ json: UnsafeRawBufferPointer) throws(WireError) -> CallAnswer {
    try decodeWhole(json) { reader throws(JSONFault) in
      let m = try Members(&reader)
      return CallAnswer(call: try m.call(reader), outcome: try m.outcome(reader))
    }
  }

  // MARK: Query

  package static func encode(_ request: InstanceQuery) -> [UInt8] {
    var writer = JSONWriter(capacity: 256)
    writer.beginObject()
    writer.member("instance", request.instance)
    writer.member("name", request.query.name)
    writer.member("input", optional: request.query.input)
    writer.endObject()
    return writer.finish()
  }

  package static func decodeQuery(_ json: UnsafeRawBufferPointer) throws(WireError) -> InstanceQuery {
    try decodeWhole(json) { reader throws(JSONFault) in
      let m = try RequestMembers(&reader, knowsCall: false)
      return InstanceQuery(
        instance: try reader.string(m.instance, m.object, "instance"),
        query: QueryRequest(
          name: try reader.string(m.name, m.object, "name"),
          input: try reader.optionalPayload(m.input) ?? .null))
    }
  }

  /// {"result": payload} or {"failure": failure}
  package static func encodeQueryAnswer(_ outcome: Outcome) -> [UInt8] {
    var writer = JSONWriter(capacity: 256)
    writer.object(outcome)
    return writer.finish()
  }

  package static func decodeQueryAnswer(_ json: UnsafeRawBufferPointer) throws(WireError) -> Outcome {
    try decodeWhole(json) { reader throws(JSONFault) in try reader.outcome() }
  }

  // MARK: KV

  package static func encode(_ query: KVQuery) -> [UInt8] {
    var writer = JSONWriter(capacity: 128)
    writer.beginObject()
    writer.member("instance", query.instance)
    writer.member("key", optional: query.key)
    writer.endObject()
    return writer.finish()
  }

  package static func decodeKV(_ json: UnsafeRawBufferPointer) throws(WireError) -> KVQuery {
    try decodeWhole(json) { reader throws(JSONFault) in
      var instance = JSONSlice.absent
      var keyName = JSONSlice.absent
      let object = try reader.beginObject()
      var first = true
      while let key = try reader.nextKey(&first) {
        if key.matches("instance") {
          try reader.take(&instance, key)
        } else if key.matches("key") {
          try reader.take(&keyName, key)
        } else {
          throw reader.unknown(key)
        }
      }
      return KVQuery(
        instance: try reader.string(instance, object, "instance"), key: try reader.optionalString(keyName))
    }
  }

  /// {"entries": [...]}
  package static func encodeKVPage(_ entries: [KVEntry]) -> [UInt8] {
    var writer = JSONWriter(capacity: 1_024)
    writer.beginObject()
    writer.key("entries")
    writer.list(entries) { entry, writer in KVWire.write(entry, to: &writer) }
    writer.endObject()
    return writer.finish()
  }

  package static func decodeKVPage(_ json: UnsafeRawBufferPointer) throws(WireError) -> [KVEntry] {
    try decodeWhole(json) { reader throws(JSONFault) in
      var entries: [KVEntry]?
      let object = try reader.beginObject()
      var first = true
      while let key = try reader.nextKey(&first) {
        if key.matches("entries") {
          if entries != nil { throw reader.twice(key) }
          entries = try reader.list { reader throws(JSONFault) in try KVWire.read(&reader) }
        } else {
          _ = try reader.skipValue()
        }
      }
      guard let entries else { throw reader.missing(object, "entries") }
      return entries
    }
  }
}

/// The members of a call request or a query request, as places in the text.
private struct RequestMembers {
  var object: Int
  var instance = JSONSlice.absent
  var name = JSONSlice.absent
  var input = JSONSlice.absent
  var call = JSONSlice.absent

  init(_ reader: inout JSONReader, knowsCall: Bool) throws(JSONFault) {
    object = try reader.beginObject()
    var first = true
    while let key = try reader.nextKey(&first) {
      if key.matches("instance") {
        try reader.take(&instance, key)
      } else if key.matches("name") {
        try reader.take(&name, key)
      } else if key.matches("input") {
        try reader.take(&input, key)
      } else if knowsCall, key.matches("call") {
        try reader.take(&call, key)
      } else {
        throw reader.unknown(key)
      }
    }
  }
}
