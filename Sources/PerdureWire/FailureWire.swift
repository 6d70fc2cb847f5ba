package import PerdureModel

/// Failures: answers of hosts, parts of events.
package enum FailureWire {
  package static func encode(_ failure: Failure) -> [UInt8] {
    var writer = JSONWriter()
    write(failure, to: &writer)
    return writer.finish()
  }

  package static func write(_ failure: Failure, to writer: inout JSONWriter) {
    var depth = 0
    var next: Failure? = failure
    while let failure = next {
      if depth > 0 { writer.key("cause") }
      depth += 1
      writer.beginObject()
      writer.member("type", failure.type)
      writer.member("message", failure.message)
      writer.member("details", optional: failure.details)
      writer.member("stack", optional: failure.stack)
      if failure.isNonRetryable { writer.member("nonRetryable", true) }
      writer.member("retryAfterMS", optional: failure.retryAfterMS)
      next = depth <= Limits.failureCauses ? failure.cause : nil
    }
    for _ in 0..<depth { writer.endObject() }
  }

  private static let pauses = 0...ActivityOptions.durationRangeMS.upperBound

  /// Causes below the `Limits.failureCauses`th are dropped.
  package static func decode(_ json: UnsafeRawBufferPointer) throws(WireError) -> Failure {
    try decodeWhole(json) { reader throws(JSONFault) in try read(&reader) }
  }

  static func read(_ reader: inout JSONReader, depth: Int = 0) throws(JSONFault) -> Failure {
    var type = JSONSlice.absent
    var message = JSONSlice.absent
    var details = JSONSlice.absent
    var stack = JSONSlice.absent
    var nonRetryable = JSONSlice.absent
    var retryAfter = JSONSlice.absent
    var cause = JSONSlice.absent
    var causeFailure: Failure?
    let object = try reader.beginObject()
    var first = true
    while let key = try reader.nextKey(&first) {
      if key.matches("type") {
        try reader.take(&type, key)
      } else if key.matches("message") {
        try reader.take(&message, key)
      } else if key.matches("details") {
        try reader.take(&details, key)
      } else if key.matches("stack") {
        try reader.take(&stack, key)
      } else if key.matches("nonRetryable") {
        try reader.take(&nonRetryable, key)
      } else if key.matches("retryAfterMS") {
        try reader.take(&retryAfter, key)
      } else if key.matches("cause"), depth < Limits.failureCauses, !cause.isPresent {
        // Read on the way, not kept and read again: a long chain would be walked once per link.
        reader.skipSpace()
        cause = JSONSlice(start: reader.at, end: reader.end)
        if try !reader.skipNull() { causeFailure = try read(&reader, depth: depth + 1) }
      } else if key.matches("cause") {
        try reader.take(&cause, key)
      } else {
        _ = try reader.skipValue()
      }
    }
    return Failure(
      type: try reader.string(type, object, "type"), message: try reader.string(message, object, "message"),
      details: try reader.optionalPayload(details), stack: try reader.optionalString(stack),
      isNonRetryable: try reader.optionalBool(nonRetryable) ?? false,
      retryAfterMS: try reader.optionalInt(retryAfter, in: pauses), cause: causeFailure)
  }
}
