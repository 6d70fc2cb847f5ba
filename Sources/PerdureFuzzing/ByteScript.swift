/// Bytes read as the decisions of a program. At its end everything is 0 and empty, so that any prefix of a
/// script is a script.
struct ByteScript {
  private let bytes: [UInt8]
  private var at = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { at >= bytes.count }

  mutating func byte() -> UInt8 {
    guard at < bytes.count else { return 0 }
    defer { at += 1 }
    return bytes[at]
  }

  mutating func flag() -> Bool { byte() & 1 == 1 }

  /// 0 ..< count, which must be positive.
  mutating func pick(_ count: Int) -> Int { Int(byte()) % count }

  mutating func choose<Element>(_ elements: [Element]) -> Element { elements[pick(elements.count)] }

  /// A small number mostly, at times one from the edges of its type or any at all.
  mutating func number() -> Int64 {
    let first = byte()
    switch first {
    case 0..<200: return Int64(first)
    case 200..<208: return Int64(first) - 208
    case 208..<240: return Self.edges[Int(first) % Self.edges.count]
    default:
      var value: UInt64 = 0
      for _ in 0..<8 { value = value << 8 | UInt64(byte()) }
      return Int64(bitPattern: value)
    }
  }

  private static let edges: [Int64] = [
    .min, .min + 1, .max, .max - 1, 9_007_199_254_740_991, -9_007_199_254_740_991, 1 << 32, 1 << 31, 1 << 62,
    -(1 << 62), 1_767_225_600_000, 253_402_300_800_000, 1 << 50,
  ]

  /// Up to so many bytes; how many there are is the first byte.
  mutating func chunk(limit: Int = 255) -> [UInt8] {
    let size = min(Int(byte()), limit, bytes.count - at)
    defer { at += size }
    return Array(bytes[at..<at + size])
  }

  /// All that is left.
  mutating func rest() -> [UInt8] {
    defer { at = bytes.count }
    return Array(bytes[min(at, bytes.count)...])
  }

  /// Whatever the bytes are, as text.
  /// Without NUL, as every text that has passed the wall.
  mutating func text(limit: Int = 32) -> String {
    String(decoding: chunk(limit: limit).filter { $0 != 0 }, as: UTF8.self)
  }
}

extension [UInt8] {
  /// The bytes in a block of memory of exactly their size, so that a sanitizer sees one byte read too many.
  func alone<Value, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Value
  ) throws(Failure) -> Value {
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
    defer { block.deallocate() }
    block.copyBytes(from: self)
    return try body(UnsafeRawBufferPointer(block))
  }

  /// For messages.
  var shown: String {
    let text = String(decoding: prefix(400), as: UTF8.self)
    return count > 400 ? "\(text)... (\(count) bytes)" : text
  }
}
