package import PerdureModel

/// What clients send: requests and queries, written by users. An unknown member is an error.
package enum ClientWire {
  static let pauses = 0...ActivityOptions.durationRangeMS.upperBound

  // MARK: Start request

  package static func encode(_ request: StartRequest) -> [UInt8] {
    var writer = JSONWriter(capacity: 256)
    write(request, to: &writer)
    return writer.finish()
  }

  package static func write(_ request: StartRequest, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("orchestration", request.orchestration)
    writer.member("instance", optional: request.instance)
    writer.member("version", optional: request.version)
    writer.member("input", optional: request.input)
    // The close policy is of children only: a request has none.
    var options = request.options
    options.closePolicy = .cancel
    writer.members(options, delayMS: request.delayMS)
    writer.endObject()
  }

  package static func decodeStart(_ json: UnsafeRawBufferPointer) throws(WireError) -> StartRequest {
    try decodeWhole(json) { reader throws(JSONFault) in try readStart(&reader) }
  }

  private static func readStart(_ reader: inout JSONReader) throws(JSONFault) -> StartRequest {
    var orchestration = JSONSlice.absent
    var instance = JSONSlice.absent
    var version = JSONSlice.absent
    var input = JSONSlice.absent
    var delay = JSONSlice.absent
    var options = StartOptionMembers()
    let object = try reader.beginObject()
    var first = true
    while let key = try reader.nextKey(&first) {
      if key.matches("orchestration") {
        try reader.take(&orchestration, key)
      } else if key.matches("instance") {
        try reader.take(&instance, key)
      } else if key.matches("version") {
        try reader.take(&version, key)
      } else if key.matches("input") {
        try reader.take(&input, key)
      } else if key.matches("delayMS") {
        try reader.take(&delay, key)
      } else if try !options.take(key, &reader) {
        throw reader.unknown(key)
      }
    }
    if reader.hasValue(delay), reader.hasValue(options.startAt) {
      throw JSONFault(delay.start, "cannot be given together with startAt")
    }
    return StartRequest(
      orchestration: try reader.string(orchestration, object, "orchestration"),
      instance: try reader.optionalString(instance), version: try reader.optionalString(version),
      input: try reader.optionalPayload(input) ?? .null, options: try options.options(reader),
      delayMS: try reader.optionalInt(delay, in: Self.pauses))
  }

  package static func encode(_ requests: [StartRequest]) -> [UInt8] {
    var writer = JSONWriter(capacity: 512)
    writer.list(requests) { request, writer in write(request, to: &writer) }
    return writer.finish()
  }

  /// A list of at most `Limits.batchRequests` requests, each with its own error. Throws when it is no such
  /// list.
  package static func decodeStarts(
    _ json: UnsafeRawBufferPointer
  ) throws(WireError) -> [Result<StartRequest, WireError>] {
    let slices = try decodeWhole(json) { reader throws(JSONFault) in
      try reader.list(limit: Limits.batchRequests) { reader throws(JSONFault) in try reader.skipRoughly() }
    }
    let whole = JSONReader(json)
    return slices.map { slice in
      readPart(slice, of: whole, json) { reader throws(JSONFault) in try readStart(&reader) }
    }
  }

  // MARK: Delete query

  package static func encode(_ query: DeleteQuery) -> [UInt8] {
    var writer = JSONWriter(capacity: 128)
    writer.beginObject()
    writer.member("instance", query.instance)
    if query.force { writer.member("force", true) }
    writer.endObject()
    return writer.finish()
  }

  package static func decodeDelete(_ json: UnsafeRawBufferPointer) throws(WireError) -> DeleteQuery {
    try decodeWhole(json) { reader throws(JSONFault) in
      var instance = JSONSlice.absent
      var force = JSONSlice.absent
      let object = try reader.beginObject()
      var first = true
      while let key = try reader.nextKey(&first) {
        if key.matches("instance") {
          try reader.take(&instance, key)
        } else if key.matches("force") {
          try reader.take(&force, key)
        } else {
          throw reader.unknown(key)
        }
      }
      return DeleteQuery(
        instance: try reader.string(instance, object, "instance"),
        force: try reader.optionalBool(force) ?? false)
    }
  }
}

/// One element of a batch, read strictly and by itself. The error names its path in the whole.
func readPart<Value>(
  _ slice: JSONSlice, of whole: JSONReader, _ json: UnsafeRawBufferPointer,
  _ read: (inout JSONReader) throws(JSONFault) -> Value
) -> Result<Value, WireError> {
  var part = JSONReader(slice, of: whole)
  do throws(JSONFault) {
    let value = try read(&part)
    try part.finishPart(slice)
    return .success(value)
  } catch {
    return .failure(WireError(error, in: json))
  }
}

extension JSONReader {
  mutating func finishPart(_ slice: JSONSlice) throws(JSONFault) {
    skipSpace()
    if at < end { throw JSONFault(slice.start, "has something after its end, at byte \(at)") }
  }
}
