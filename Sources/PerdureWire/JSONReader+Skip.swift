import PerdureModel

/// Syntax: stepping over values. Everything else relies on what is checked here.
extension JSONReader {
  private static var quote: UInt8 { UInt8(ascii: "\"") }

  /// Checks one value of any kind and steps past it. It may nest as deep as a payload in the deepest message
  /// around it; `payload` asks for more. Not recursive: the text cannot exhaust the stack of a thread that is
  /// not ours.
  mutating func skipValue() throws(JSONFault) -> JSONSlice {
    skipSpace()
    let start = at
    switch current {
    case Self.quote: try skipString()
    case UInt8(ascii: "{"), UInt8(ascii: "["): try skipNested()
    default: try skipScalar()
    }
    return JSONSlice(start: start, end: at)
  }

  private mutating func skipNested() throws(JSONFault) {
    let start = at
    // One bit per open level: set for an object.
    var levels = [10 of UInt64](repeating: 0)
    let limit = min(Limits.jsonDepth + Limits.jsonAround, 640)
    var depth = 0
    var inObject = false
    while true {
      skipSpace()
      let byte = current
      if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
        if depth >= Limits.jsonDepth {
          guard depth < limit else { throw tooDeep(start) }
          isDeep = true
        }
        inObject = byte == UInt8(ascii: "{")
        let bit: UInt64 = 1 << UInt64(depth & 63)
        levels[depth >> 6] = inObject ? levels[depth >> 6] | bit : levels[depth >> 6] & ~bit
        depth += 1
        at += 1
        skipSpace()
        if current != (inObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
          if inObject { try skipKey() }
          continue
        }
      } else if byte == Self.quote {
        try skipString()
      } else {
        try skipScalar()
      }
      // A value has ended, or an empty list or object is about to: close what closes here.
      while true {
        skipSpace()
        let next = current
        if next == UInt8(ascii: ",") {
          at += 1
          if inObject {
            skipSpace()
            try skipKey()
          }
          break
        }
        guard next == (inObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
          throw malformed(inObject ? "a comma or } is missing" : "a comma or ] is missing")
        }
        at += 1
        depth -= 1
        if depth == 0 { return }
        inObject = levels[(depth - 1) >> 6] & (1 << UInt64((depth - 1) & 63)) != 0
      }
    }
  }

  private func tooDeep(_ start: Int) -> JSONFault {
    JSONFault(start, "nests deeper than \(Limits.jsonDepth) levels")
  }

  /// Of a value that was stepped over: whether it nests too deep for a payload.
  @inline(never)
  func checkDepth(_ slice: JSONSlice) throws(JSONFault) {
    var part = JSONReader(slice, of: self)
    var depth = 0
    while part.at < part.end {
      switch part.current {
      case Self.quote:
        part.skipStringRoughly()
        continue
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        depth += 1
        if depth > Limits.jsonDepth { throw tooDeep(slice.start) }
      case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
      default: break
      }
      part.at += 1
    }
  }

  private mutating func skipScalar() throws(JSONFault) {
    switch current {
    case UInt8(ascii: "t"): try skipWord("true")
    case UInt8(ascii: "f"): try skipWord("false")
    case UInt8(ascii: "n"): try skipWord("null")
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try skipNumber()
    default: throw malformed("a value is missing")
    }
  }

  private mutating func skipWord(_ word: StaticString) throws(JSONFault) {
    let size = word.utf8CodeUnitCount
    guard end - at >= size, JSONName(base: base, start: at, count: size, isEscaped: false).matches(word)
    else {
      throw malformed("a value is missing")
    }
    at += size
  }

  private mutating func skipNumber() throws(JSONFault) {
    if current == UInt8(ascii: "-") { at += 1 }
    if current == UInt8(ascii: "0") {
      at += 1
      if isDigit(current) { throw malformed("a number begins with 0") }
    } else {
      try skipDigits()
    }
    if current == UInt8(ascii: ".") {
      at += 1
      try skipDigits()
    }
    if current | 0x20 == UInt8(ascii: "e") {
      at += 1
      if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { at += 1 }
      try skipDigits()
    }
  }

  @inline(__always)
  private func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

  @inline(__always)
  private mutating func skipDigits() throws(JSONFault) {
    guard isDigit(current) else { throw malformed("a digit is missing") }
    repeat { at += 1 } while isDigit(current)
  }

  // MARK: Strings

  /// Past a string; the cursor is on its first quote. Returns whether it has escapes.
  @discardableResult
  mutating func skipString() throws(JSONFault) -> Bool {
    let start = at
    var isEscaped = false
    at += 1
    while true {
      at = JSONText.plainRun(base, at, end)
      let byte = current
      if byte == Self.quote {
        at += 1
        return isEscaped
      }
      guard at < end else { throw JSONFault(start, "ends too early") }
      if byte == UInt8(ascii: "\\") {
        isEscaped = true
        try skipEscape()
      } else if byte >= 0x80 {
        let size = JSONText.sequenceSize(base, at, end)
        guard size > 0 else { throw malformed("a string is not UTF-8") }
        at += size
      } else {
        throw malformed("a string has a raw control character")
      }
    }
  }

  private mutating func skipEscape() throws(JSONFault) {
    guard end - at >= 2 else { throw malformed("an escape is cut off") }
    switch base.load(fromByteOffset: at + 1, as: UInt8.self) {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
      UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      at += 2
    case UInt8(ascii: "u"):
      guard let unit = JSONText.hexUnit(base, at + 2, end) else {
        throw malformed("an escape lacks hex digits")
      }
      if unit == 0 { throw malformed("a string has the character U+0000, which not every store can keep,") }
      guard unit & 0xF800 == 0xD800 else {
        at += 6
        return
      }
      guard unit < 0xDC00, JSONText.isEscapedLowSurrogate(base, at + 6, end) else {
        throw malformed("a string has half a surrogate pair")
      }
      at += 12
    default: throw malformed("an unknown escape stands")
    }
  }

  // MARK: Splitting a batch

  /// Steps past a value by its brackets and quotes alone, so that one bad element does not spoil a batch:
  /// each is then read strictly, by itself.
  mutating func skipRoughly() throws(JSONFault) -> JSONSlice {
    skipSpace()
    let start = at
    var depth = 0
    while at < end {
      let byte = current
      if byte == Self.quote {
        skipStringRoughly()
      } else if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
        depth += 1
        at += 1
      } else if byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") {
        if depth == 0 { break }
        depth -= 1
        at += 1
        if depth == 0 { break }
      } else if depth == 0, byte == UInt8(ascii: ",") {
        break
      } else {
        at += 1
      }
    }
    guard depth == 0 else { throw JSONFault(start, "ends too early") }
    guard at > start else { throw malformed("a value is missing") }
    return JSONSlice(start: start, end: at)
  }

  private mutating func skipStringRoughly() {
    at += 1
    while at < end {
      let byte = current
      if byte == Self.quote {
        at += 1
        return
      }
      at = min(end, at + (byte == UInt8(ascii: "\\") ? 2 : 1))
    }
  }
}
