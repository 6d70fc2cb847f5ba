import CDX
import Foundation
import PerdureABI
import Testing

typealias JSON = [String: Any]

/// What a dx_ call answered.
struct CallError: Error {
  var code: Int
  var message: String
  private var detailsText: String
  var details: JSON { parse(detailsText) }

  /// Takes the error.
  init?(_ error: OpaquePointer?) {
    guard let error else { return nil }
    code = Int(dx_error_code(error))
    message = String(cString: dx_error_message(error))
    detailsText = String(cString: dx_error_details(error))
    dx_error_free(error)
  }
}

/// Throws what is no success.
func call(_ error: OpaquePointer?) throws { if let error = CallError(error) { throw error } }

/// The code of an error, which is taken.
func code(_ error: OpaquePointer?) -> Int { CallError(error)?.code ?? 0 }

/// The text for the length of the call.
func with<Value>(_ text: String, _ body: (dx_text) throws -> Value) rethrows -> Value {
  var text = text
  return try text.withUTF8 { bytes in
    try bytes.withMemoryRebound(to: CChar.self) {
      try body(dx_text(data: $0.baseAddress, size: $0.count))
    }
  }
}

/// The same for any bytes.
func with<Value>(bytes: [UInt8], _ body: (dx_text) throws -> Value) rethrows -> Value {
  try bytes.withUnsafeBytes {
    try body(dx_text(data: $0.baseAddress?.assumingMemoryBound(to: CChar.self), size: $0.count))
  }
}

/// What a call wrote to its buffer.
func buffer(_ body: (UnsafeMutablePointer<dx_buffer>) -> OpaquePointer?) throws -> String {
  var out = dx_buffer(data: nil, size: 0)
  try call(body(&out))
  defer { dx_buffer_free(&out) }
  return String(decoding: UnsafeRawBufferPointer(start: out.data, count: out.size), as: UTF8.self)
}

func string(_ text: dx_text) -> String {
  String(decoding: UnsafeRawBufferPointer(start: text.data, count: text.size), as: UTF8.self)
}

func parse(_ text: String) -> JSON {
  (try? JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)) as? JSON ?? [:]
}

func json(_ value: Any?) -> String {
  guard let value,
    let data = try? JSONSerialization.data(withJSONObject: value, options: [.fragmentsAllowed, .sortedKeys])
  else { return "null" }
  return String(decoding: data, as: UTF8.self)
}

/// What came in from other threads, to be waited for.
final class Collected<Value>: @unchecked Sendable {
  private let condition = NSCondition()
  private var values: [Value] = []

  func add(_ value: Value) {
    condition.withLock {
      values.append(value)
      condition.broadcast()
    }
  }

  var all: [Value] { condition.withLock { values } }

  /// Waits until there are that many; what there is after half a minute.
  @discardableResult
  func wait(for count: Int) -> [Value] { wait { $0.count >= count } }

  @discardableResult
  func wait(until isEnough: ([Value]) -> Bool) -> [Value] {
    let deadline = Date(timeIntervalSinceNow: 30)
    return condition.withLock {
      while !isEnough(values), condition.wait(until: deadline) {}
      return values
    }
  }
}

/// What stands behind `user_data`: the thread of each release is kept.
final class UserBox<Body>: @unchecked Sendable {
  let body: Body
  let released: Collected<UInt>

  init(_ body: Body, released: Collected<UInt>) {
    self.body = body
    self.released = released
  }

  var pointer: UnsafeMutableRawPointer { Unmanaged.passRetained(self as AnyObject).toOpaque() }

  static func from(_ pointer: UnsafeMutableRawPointer?) -> UserBox<Body>? {
    pointer.flatMap { Unmanaged<AnyObject>.fromOpaque($0).takeUnretainedValue() as? UserBox<Body> }
  }
}

protocol Releasable: AnyObject { func release() }
extension UserBox: Releasable {
  func release() { released.add(thisThread()) }
}

let releaseBox: dx_release_fn = { pointer in
  guard let pointer else { return }
  (Unmanaged<AnyObject>.fromOpaque(pointer).takeRetainedValue() as? any Releasable)?.release()
}

func thisThread() -> UInt { UInt(pthread_self()) }
