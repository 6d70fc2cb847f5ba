/// Bytes inside JSON strings.
enum JSONText {
  private static let ones: UInt64 = 0x0101_0101_0101_0101
  private static let highs: UInt64 = 0x8080_8080_8080_8080

  /// The first byte at or after `at` that is not plain: a quote, a backslash, a control character, or not
  /// ASCII.
  @inline(__always)
  static func plainRun(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Int {
    var at = start
    while end - at >= 8 {
      let word = UInt64(littleEndian: base.loadUnaligned(fromByteOffset: at, as: UInt64.self))
      let special =
        (word | zeroBytes(word ^ (ones &* 0x22)) | zeroBytes(word ^ (ones &* 0x5C))
          | (word &- (ones &* 0x20)) & ~word) & highs
      // Borrows make false marks only above a true one, and the lowest is what counts.
      if special != 0 { return at + special.trailingZeroBitCount / 8 }
      at += 8
    }
    while at < end {
      let byte = base.load(fromByteOffset: at, as: UInt8.self)
      if byte == 0x22 || byte == 0x5C || byte < 0x20 || byte >= 0x80 { return at }
      at += 1
    }
    return at
  }

  @inline(__always)
  private static func zeroBytes(_ word: UInt64) -> UInt64 { (word &- ones) & ~word }

  /// The size of the well-formed UTF-8 sequence of two to four bytes at `at`; 0 if there is none.
  static func sequenceSize(_ base: UnsafeRawPointer, _ at: Int, _ end: Int) -> Int {
    func byte(_ offset: Int) -> UInt8 {
      at + offset < end ? base.load(fromByteOffset: at + offset, as: UInt8.self) : 0
    }
    func isTail(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }
    let first = byte(0)
    let second = byte(1)
    switch first {
    case 0xC2...0xDF: return isTail(second) ? 2 : 0
    case 0xE0...0xEF:
      // No overlong forms, no surrogates.
      let bounds: ClosedRange<UInt8> =
        first == 0xE0 ? 0xA0...0xBF : first == 0xED ? 0x80...0x9F : 0x80...0xBF
      return bounds.contains(second) && isTail(byte(2)) ? 3 : 0
    case 0xF0...0xF4:
      let bounds: ClosedRange<UInt8> =
        first == 0xF0 ? 0x90...0xBF : first == 0xF4 ? 0x80...0x8F : 0x80...0xBF
      return bounds.contains(second) && isTail(byte(2)) && isTail(byte(3)) ? 4 : 0
    default: return 0
    }
  }

  /// Four hex digits; nil if they are not there.
  static func hexUnit(_ base: UnsafeRawPointer, _ at: Int, _ end: Int) -> UInt32? {
    guard end - at >= 4 else { return nil }
    var unit: UInt32 = 0
    for offset in 0..<4 {
      let byte = base.load(fromByteOffset: at + offset, as: UInt8.self)
      let digit: UInt8
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
      default: return nil
      }
      unit = unit << 4 | UInt32(digit)
    }
    return unit
  }

  static func isEscapedLowSurrogate(_ base: UnsafeRawPointer, _ at: Int, _ end: Int) -> Bool {
    guard end - at >= 6, base.load(fromByteOffset: at, as: UInt8.self) == UInt8(ascii: "\\"),
      base.load(fromByteOffset: at + 1, as: UInt8.self) == UInt8(ascii: "u"),
      let unit = hexUnit(base, at + 2, end)
    else { return false }
    return 0xDC00...0xDFFF ~= unit
  }

  /// The string that these bytes (between the quotes, checked before) stand for.
  @inline(__always)
  static func string(_ bytes: UnsafeRawBufferPointer) -> String {
    guard let base = bytes.baseAddress else { return "" }
    var at = plainRun(base, 0, bytes.count)
    while at < bytes.count, bytes[at] != UInt8(ascii: "\\") { at += 1 }
    return at == bytes.count ? String(decoding: bytes, as: UTF8.self) : unescape(base, bytes.count)
  }

  @inline(never)
  private static func unescape(_ base: UnsafeRawPointer, _ end: Int) -> String {
    var plain: [UInt8] = []
    plain.reserveCapacity(end)
    var at = 0
    while at < end {
      let byte = base.load(fromByteOffset: at, as: UInt8.self)
      guard byte == UInt8(ascii: "\\"), at + 1 < end else {
        plain.append(byte)
        at += 1
        continue
      }
      let escape = base.load(fromByteOffset: at + 1, as: UInt8.self)
      at += 2
      guard escape == UInt8(ascii: "u") else {
        plain.append(character(of: escape))
        continue
      }
      var scalar = hexUnit(base, at, end) ?? 0xFFFD
      at += 4
      if 0xD800...0xDBFF ~= scalar, isEscapedLowSurrogate(base, at, end),
        let low = hexUnit(base, at + 2, end)
      {
        scalar = 0x10000 + (scalar & 0x3FF) << 10 + (low & 0x3FF)
        at += 6
      }
      plain.append(contentsOf: Unicode.Scalar(scalar).map { Array(String($0).utf8) } ?? [0xEF, 0xBF, 0xBD])
    }
    return String(decoding: plain, as: UTF8.self)
  }

  private static func character(of escape: UInt8) -> UInt8 {
    switch escape {
    case UInt8(ascii: "b"): 0x08
    case UInt8(ascii: "f"): 0x0C
    case UInt8(ascii: "n"): 0x0A
    case UInt8(ascii: "r"): 0x0D
    case UInt8(ascii: "t"): 0x09
    default: escape
    }
  }
}
