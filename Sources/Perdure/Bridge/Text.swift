import CDX

/// Text on its way in: borrowed for the call.
enum Text {
  static func with<Result>(_ text: String, _ body: (dx_text) throws -> Result) rethrows -> Result {
    var text = text
    return try text.withUTF8 { try body(dx_text($0)) }
  }

  static func with<Result>(_ json: [UInt8], _ body: (dx_text) throws -> Result) rethrows -> Result {
    try json.withUnsafeBufferPointer { try body(dx_text($0)) }
  }
}

extension dx_text {
  fileprivate init(_ bytes: UnsafeBufferPointer<UInt8>) {
    let start = UnsafeRawPointer(bytes.baseAddress)?.assumingMemoryBound(to: CChar.self)
    self.init(data: start, size: bytes.count)
  }

  /// What the engine lent.
  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: data, count: data == nil ? 0 : size) }
}

extension dx_buffer {
  /// Reads the bytes and frees them.
  consuming func read<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    var buffer = self
    defer { dx_buffer_free(&buffer) }
    return try body(UnsafeRawBufferPointer(start: buffer.data, count: buffer.data == nil ? 0 : buffer.size))
  }
}

extension DXError {
  /// Takes the error over.
  init(taking error: OpaquePointer) {
    defer { dx_error_free(error) }
    self.init(
      Code(rawValue: dx_error_code(error)), dx_error_message(error).map { String(cString: $0) } ?? "",
      isTransient: dx_error_is_transient(error),
      detailsJSON: dx_error_details(error).map { String(cString: $0) } ?? "{}")
  }

  /// Throws what a call returned, if it is an error.
  static func check(_ error: OpaquePointer?) throws {
    if let error { throw DXError(taking: error) }
  }

  /// The engine's JSON is not what this release of the SDK reads.
  package static func unreadable(_ what: String, _ error: any Error) -> DXError {
    DXError(.protocolViolation, "\(what) from the engine could not be read: \(error)")
  }
}
