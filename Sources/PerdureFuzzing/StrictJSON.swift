import PerdureModel

/// What a payload may be, said a second time and as plainly as possible: RFC 8259 without U+0000, without
/// half surrogate pairs and with bounded nesting. The scanner of the engine must agree with it on every
/// input.
struct StrictJSON {
  private let bytes: [UInt8]
  private var at = 0

  /// One value with nothing but white space around it.
  static func accepts(_ bytes: [UInt8]) -> Bool {
    var parser = StrictJSON(bytes: bytes)
    parser.space()
    guard parser.value(depth: 0) else { return false }
    parser.space()
    return parser.at == bytes.count
  }

  static func isSpace(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0A, 0x0D].contains(byte) }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  private var next: UInt8? { at < bytes.count ? bytes[at] : nil }

  private mutating func space() {
    while let byte = next, Self.isSpace(byte) { at += 1 }
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard next == UInt8(ascii: character) else { return false }
    at += 1
    return true
  }

  private mutating func take(word: String) -> Bool {
    guard bytes[at...].starts(with: word.utf8) else { return false }
    at += word.utf8.count
    return true
  }

  private mutating func value(depth: Int) -> Bool {
    switch next {
    case UInt8(ascii: "{"): object(depth: depth + 1)
    case UInt8(ascii: "["): list(depth: depth + 1)
    case UInt8(ascii: "\""): string()
    case UInt8(ascii: "t"): take(word: "true")
    case UInt8(ascii: "f"): take(word: "false")
    case UInt8(ascii: "n"): take(word: "null")
    default: number()
    }
  }

  private mutating func object(depth: Int) -> Bool {
    guard depth <= Limits.jsonDepth, take("{") else { return false }
    space()
    if take("}") { return true }
    while true {
      space()
      guard string() else { return false }
      space()
      guard take(":") else { return false }
      space()
      guard value(depth: depth) else { return false }
      space()
      if take("}") { return true }
      guard take(",") else { return false }
    }
  }

  private mutating func list(depth: Int) -> Bool {
    guard depth <= Limits.jsonDepth, take("[") else { return false }
    space()
    if take("]") { return true }
    while true {
      space()
      guard value(depth: depth) else { return false }
      space()
      if take("]") { return true }
      guard take(",") else { return false }
    }
  }

  private mutating func digits() -> Bool {
    let start = at
    while let byte = next, (0x30...0x39).contains(byte) { at += 1 }
    return at > start
  }

  private mutating func number() -> Bool {
    _ = take("-")
    if !take("0") { guard digits() else { return false } }
    if take(".") { guard digits() else { return false } }
    if take("e") || take("E") {
      if !take("+") { _ = take("-") }
      return digits()
    }
    return true
  }

  private mutating func string() -> Bool {
    guard take("\"") else { return false }
    var raw: [UInt8] = []
    while let byte = next {
      if byte == UInt8(ascii: "\"") {
        at += 1
        return String(validating: raw, as: UTF8.self) != nil
      }
      guard byte >= 0x20 else { return false }
      at += 1
      guard byte == UInt8(ascii: "\\") else {
        raw.append(byte)
        continue
      }
      raw.append(UInt8(ascii: "?"))
      guard escape() else { return false }
    }
    return false
  }

  private mutating func escape() -> Bool {
    guard let byte = next else { return false }
    at += 1
    if byte != UInt8(ascii: "u") { return "\"\\/bfnrt".utf8.contains(byte) }
    guard let unit = hexUnit(), unit != 0 else { return false }
    guard (0xD800...0xDFFF).contains(unit) else { return true }
    guard unit < 0xDC00, take("\\"), take("u"), let low = hexUnit() else { return false }
    return (0xDC00...0xDFFF).contains(low)
  }

  private mutating func hexUnit() -> UInt32? {
    guard bytes.count - at >= 4 else { return nil }
    var unit: UInt32 = 0
    for _ in 0..<4 {
      guard let digit = Character(Unicode.Scalar(bytes[at])).hexDigitValue else { return nil }
      unit = unit << 4 | UInt32(digit)
      at += 1
    }
    return unit
  }
}
