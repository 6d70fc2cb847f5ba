public import CDX
import Glibc
import PerdureModel

/// C strings that are never freed.
struct StaticText: @unchecked Sendable {
  let pointer: UnsafePointer<CChar>?

  private init(_ text: StaticString) {
    pointer = UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
  }

  static let version = StaticText(EngineFormat.release)
  static let noError = StaticText("no error")
  static let emptyObject = StaticText("{}")
}

extension dx_text {
  /// The bytes for the length of the call. `what` names the argument in errors.
  func bytes(_ what: String) throws(ABIError) -> UnsafeRawBufferPointer {
    // size_t comes as Int here: DX_NUL_TERMINATED is -1.
    guard let data else {
      guard size == 0 else {
        throw ABIError(.invalidArgument, "\(what): data is NULL and size is \(UInt(bitPattern: size))")
      }
      return UnsafeRawBufferPointer(start: nil, count: 0)
    }
    let count = size == -1 ? Int(clamping: strlen(data)) : size
    guard count >= 0, count <= Int(Int32.max) else {
      throw ABIError(
        .limitExceeded, "\(what) has \(UInt(bitPattern: count)) bytes; the limit is \(Int32.max)")
    }
    return UnsafeRawBufferPointer(start: data, count: count)
  }

  /// Text: UTF-8 without NUL.
  func string(_ what: String) throws(ABIError) -> String {
    let bytes = try bytes(what)
    guard let text = String(validating: bytes.assumingMemoryBound(to: UInt8.self), as: UTF8.self) else {
      throw ABIError(.invalidArgument, "\(what) is not UTF-8")
    }
    guard !bytes.contains(0) else { throw ABIError(.invalidArgument, "\(what) contains a NUL byte") }
    return text
  }
}

extension dx_buffer {
  /// An owned copy with a NUL byte behind it.
  init(copying bytes: [UInt8]) throws(ABIError) {
    guard let data = malloc(bytes.count + 1) else {
      throw ABIError(.internalError, "out of memory: \(bytes.count) bytes", isTransient: true)
    }
    bytes.withUnsafeBytes { source in
      if let base = source.baseAddress { memcpy(data, base, source.count) }
    }
    data.storeBytes(of: 0, toByteOffset: bytes.count, as: UInt8.self)
    self.init(data: data.assumingMemoryBound(to: CChar.self), size: bytes.count)
  }
}

@c @implementation
public func dx_buffer_free(_ buffer: UnsafeMutablePointer<dx_buffer>?) {
  guard let buffer else { return }
  free(buffer.pointee.data)
  buffer.pointee = dx_buffer(data: nil, size: 0)
}

/// An `out` argument: checked before anything is done, written on success only.
struct Out<Value> {
  private let pointer: UnsafeMutablePointer<Value>

  init(_ pointer: UnsafeMutablePointer<Value>?) throws(ABIError) {
    guard let pointer else { throw ABIError(.invalidArgument, "out is NULL") }
    self.pointer = pointer
  }

  func set(_ value: Value) { pointer.pointee = value }
}

extension Out<dx_buffer> {
  func set(json: [UInt8]) throws(ABIError) { set(try dx_buffer(copying: json)) }
}

/// Text that we lend: lives as long as this object.
final class LentText: @unchecked Sendable {
  private let bytes: UnsafeMutableBufferPointer<CChar>

  init(_ json: [UInt8]) {
    bytes = .allocate(capacity: json.count + 1)
    for (index, byte) in json.enumerated() { bytes[index] = CChar(bitPattern: byte) }
    bytes[json.count] = 0
  }

  deinit { bytes.deallocate() }

  var text: dx_text { dx_text(data: UnsafePointer(bytes.baseAddress), size: bytes.count - 1) }
}

/// Option structs: `struct_size` says how much of it the caller knows. Shorter means zeros, longer must be
/// zeros.
func options<Options>(
  _ pointer: UnsafePointer<Options>, empty: Options, size: Int
) throws(ABIError) -> Options {
  let limit = 4_096
  let known = MemoryLayout<Options>.size
  // Half a member would be half a pointer.
  guard size >= MemoryLayout<Int>.size, size <= limit, size % MemoryLayout<Int>.size == 0 else {
    throw ABIError(.invalidArgument, "struct_size is \(size); set it to sizeof of the options")
  }
  let raw = UnsafeRawBufferPointer(start: pointer, count: size)
  guard raw.dropFirst(known).allSatisfy({ $0 == 0 }) else {
    throw ABIError(.unsupported, "the options have members that this release (\(known) bytes) does not know")
  }
  var result = empty
  withUnsafeMutableBytes(of: &result) {
    $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: raw.prefix(known)))
  }
  return result
}
