package import PerdureModel

/// The answers of start and delete.
extension ClientWire {
  /// What became of a start.
  package struct Started: Hashable, Sendable {
    package var instance: InstanceID
    /// It was there already, and is what was wanted.
    package var isExisting: Bool

    package init(_ instance: InstanceID, isExisting: Bool = false) {
      self.instance = instance
      self.isExisting = isExisting
    }
  }

  /// Why one request of a batch failed: what a `dx_error` would say.
  package struct Refusal: Error, Hashable, Sendable {
    /// A `dx_code`.
    package var code: Int64
    package var message: String
    /// A JSON object.
    package var details: Payload

    package init(code: Int64, message: String, details: Payload = Payload("{}")) {
      self.code = code
      self.message = message
      self.details = details
    }
  }

  /// A start answer.
  package static func encodeStarted(_ started: Started) -> [UInt8] {
    var writer = JSONWriter(capacity: 128)
    writeStarted(.success(started), to: &writer)
    return writer.finish()
  }

  package static func decodeStarted(_ json: UnsafeRawBufferPointer) throws(WireError) -> Started {
    try decodeWhole(json) { reader throws(JSONFault) in
      let start = reader.at
      guard case .success(let started) = try readStarted(&reader) else {
        throw reader.missing(start, "instance")
      }
      return started
    }
  }

  /// A list of start answers and {"error": {...}}, in the order of the requests.
  package static func encodeStarted(_ results: [Result<Started, Refusal>]) -> [UInt8] {
    var writer = JSONWriter(capacity: 1_024)
    writer.list(results) { result, writer in writeStarted(result, to: &writer) }
    return writer.finish()
  }

  private static func writeStarted(_ result: Result<Started, Refusal>, to writer: inout JSONWriter) {
    writer.beginObject()
    switch result {
    case .success(let started):
      writer.member("instance", started.instance)
      if started.isExisting { writer.member("existing", true) }
    case .failure(let refusal):
      writer.key("error")
      writer.beginObject()
      writer.member("code", refusal.code)
      writer.member("message", refusal.message)
      writer.member("details", refusal.details)
      writer.endObject()
    }
    writer.endObject()
  }

  package static func decodeStartedList(
    _ json: UnsafeRawBufferPointer
  ) throws(WireError) -> [Result<Started, Refusal>] {
    try decodeWhole(json) { reader throws(JSONFault) in
      try reader.list { reader throws(JSONFault) in try readStarted(&reader) }
    }
  }

  private static func readStarted(
    _ reader: inout JSONReader
  ) throws(JSONFault) -> Result<Started, Refusal> {
    var instance = JSONSlice.absent
    var existing = JSONSlice.absent
    var refusal: Refusal?
    let object = try reader.beginObject()
    var first = true
    while let key = try reader.nextKey(&first) {
      if key.matches("instance") {
        try reader.take(&instance, key)
      } else if key.matches("existing") {
        try reader.take(&existing, key)
      } else if key.matches("error") {
        if refusal != nil { throw reader.twice(key) }
        refusal = try readRefusal(&reader)
      } else {
        _ = try reader.skipValue()
      }
    }
    if let refusal { return .failure(refusal) }
    return .success(
      Started(
        try reader.string(instance, object, "instance"),
        isExisting: try reader.optionalBool(existing) ?? false))
  }

  private static func readRefusal(_ reader: inout JSONReader) throws(JSONFault) -> Refusal {
    var code = JSONSlice.absent
    var message = JSONSlice.absent
    var details = JSONSlice.absent
    let object = try reader.beginObject()
    var first = true
    while let key = try reader.nextKey(&first) {
      if key.matches("code") {
        try reader.take(&code, key)
      } else if key.matches("message") {
        try reader.take(&message, key)
      } else if key.matches("details") {
        try reader.take(&details, key)
      } else {
        _ = try reader.skipValue()
      }
    }
    return Refusal(
      code: try reader.int(code, object, "code"), message: try reader.string(message, object, "message"),
      details: try reader.optionalPayload(details) ?? Payload("{}"))
  }

  /// {"deleted": [ID...]}
  package static func encodeDeleted(_ instances: [InstanceID]) -> [UInt8] {
    var writer = JSONWriter(capacity: 256)
    writer.beginObject()
    writer.key("deleted")
    writer.list(instances) { instance, writer in writer.string(instance) }
    writer.endObject()
    return writer.finish()
  }

  package static func decodeDeleted(_ json: UnsafeRawBufferPointer) throws(WireError) -> [InstanceID] {
    try decodeWhole(json) { reader throws(JSONFault) in
      var deleted: [InstanceID]?
      let object = try reader.beginObject()
      var first = true
      while let key = try reader.nextKey(&first) {
        if key.matches("deleted") {
          if deleted != nil { throw reader.twice(key) }
          deleted = try reader.list { reader throws(JSONFault) in
            try reader.string(try reader.skipValue())
          }
        } else {
          _ = try reader.skipValue()
        }
      }
      guard let deleted else { throw reader.missing(object, "deleted") }
      return deleted
    }
  }
}
