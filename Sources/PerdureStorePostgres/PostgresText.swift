internal import Glibc

/// Text on its way to the server and back.
///
/// PostgreSQL stores every character but U+0000. So that one becomes U+0001 U+0001, and U+0001 becomes U+0001
/// U+0002: what is stored compares as what was meant does.
enum PostgresText {
  private static let escape: UInt8 = 1

  /// nil: it can be stored as it is.
  static func escaped(_ text: UnsafeRawBufferPointer) -> [UInt8]? {
    guard let start = text.baseAddress,
      memchr(start, 0, text.count) != nil || memchr(start, Int32(escape), text.count) != nil
    else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count + 16)
    for byte in text {
      bytes.append(byte > escape ? byte : escape)
      if byte <= escape { bytes.append(byte + 1) }
    }
    return bytes
  }

  /// nil: it is what was meant.
  static func unescaped(_ text: UnsafeRawBufferPointer) -> [UInt8]? {
    guard let start = text.baseAddress, memchr(start, Int32(escape), text.count) != nil else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count)
    var isEscaped = false
    for byte in text {
      if isEscaped, byte == 1 || byte == 2 {
        bytes.append(byte - 1)
        isEscaped = false
      } else if byte == escape {
        isEscaped = true
      } else {
        bytes.append(byte)
        isEscaped = false
      }
    }
    return bytes
  }

  /// The name of something in the database, whatever is in it.
  static func quoted(_ name: String) -> String {
    "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
  }

  /// A statement of the shared code as PostgreSQL writes it: $1 for ?1, or for the first ?, and no advice
  /// about indexes.
  static func statement(_ sql: String) -> String {
    var words: [Substring] = []
    var isAdvice = false
    for word in sql.split(separator: " ", omittingEmptySubsequences: false) {
      if word == "INDEXED" {
        isAdvice = true
      } else if !isAdvice || word == "BY" {
        if !isAdvice { words.append(word) }
      } else {
        isAdvice = false
        // The name of the index; the next line may begin behind it.
        words.append(word.drop { !$0.isWhitespace })
      }
    }
    var bytes: [UInt8] = []
    var number = 0
    var rest = Array(words.joined(separator: " ").utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "?") else {
        bytes.append(byte)
        continue
      }
      bytes.append(UInt8(ascii: "$"))
      if let next = rest.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(next) { continue }
      number += 1
      bytes += Array(String(number).utf8)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// A statement about many rows, whose parameters are arrays: ?1 is a column of what stands for `{rows}`.
  static func gathered(_ sql: String) -> String {
    var bytes: [UInt8] = []
    var columns = 0
    var rest = Array(sql.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "?") else {
        bytes.append(byte)
        continue
      }
      let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      rest = rest.dropFirst(digits.count)
      let number = Int(String(decoding: digits, as: UTF8.self)) ?? 0
      columns = max(columns, number)
      bytes += Array("given.p\(number)".utf8)
    }
    let arrays = (0..<columns).map { "$\($0 + 1)" }.joined(separator: ", ")
    let names = (0..<columns).map { "p\($0 + 1), " }.joined()
    let rows = "unnest(\(arrays)) WITH ORDINALITY AS given(\(names)place)"
    return String(decoding: bytes, as: UTF8.self)
      .split(separator: "{rows}", omittingEmptySubsequences: false).joined(separator: rows)
  }
}
