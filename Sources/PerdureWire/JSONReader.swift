import PerdureModel

/// A strict, bounds-checked cursor over JSON text (RFC 8259, UTF-8). Allocates nothing by itself.
///
/// Objects and lists are walked from outside:
///
///     let object = try reader.beginObject()
///     var first = true
///     while let key = try reader.nextKey(&first) { ... read or skip one value ... }
struct JSONReader {
  let base: UnsafeRawPointer
  let end: Int
  var at: Int
  /// Something that was stepped over nests deeper than a payload may.
  var isDeep: Bool

  init(_ json: UnsafeRawBufferPointer) {
    // The empty buffer may have no address; it is never read from, but a pointer is needed.
    base = json.baseAddress ?? UnsafeRawPointer(StaticString("").utf8Start)
    end = json.count
    at = 0
    isDeep = false
  }

  /// A cursor over a part of the same text, so that offsets keep their meaning.
  init(_ slice: JSONSlice, of reader: JSONReader) {
    base = reader.base
    at = max(0, slice.start)
    end = min(reader.end, slice.end)
    isDeep = reader.isDeep
  }

  /// The byte under the cursor; 0 at the end, which is legal nowhere in JSON.
  @inline(__always)
  var current: UInt8 { at < end ? base.load(fromByteOffset: at, as: UInt8.self) : 0 }

  @inline(__always)
  mutating func skipSpace() {
    while at < end {
      let byte = base.load(fromByteOffset: at, as: UInt8.self)
      guard byte <= 0x20, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
      at += 1
    }
  }

  /// The text must end here.
  mutating func finish() throws(JSONFault) {
    skipSpace()
    if at < end { throw JSONFault(0, "has something after its end, at byte \(at)") }
  }

  // MARK: Objects

  /// Enters an object. Returns its offset, for `missing`.
  @inline(__always)
  mutating func beginObject() throws(JSONFault) -> Int {
    skipSpace()
    let start = at
    guard current == UInt8(ascii: "{") else { throw wrongType("an object") }
    at += 1
    return start
  }

  /// Steps to the next member and past its colon; nil past the end of the object. `first` starts as true.
  @inline(__always)
  mutating func nextKey(_ first: inout Bool) throws(JSONFault) -> JSONName? {
    skipSpace()
    if current == UInt8(ascii: "}") {
      at += 1
      return nil
    }
    if first {
      first = false
    } else {
      guard current == UInt8(ascii: ",") else { throw malformed("a comma or } is missing") }
      at += 1
      skipSpace()
    }
    guard current == UInt8(ascii: "\"") else { throw malformed("a member name is missing") }
    let start = at + 1
    let isEscaped = try skipString()
    let count = at - 1 - start
    try skipColon()
    return JSONName(base: base, start: start, count: count, isEscaped: isEscaped)
  }

  /// Past a key and its colon.
  @inline(__always)
  mutating func skipKey() throws(JSONFault) {
    guard current == UInt8(ascii: "\"") else { throw malformed("a member name is missing") }
    try skipString()
    try skipColon()
  }

  @inline(__always)
  private mutating func skipColon() throws(JSONFault) {
    skipSpace()
    guard current == UInt8(ascii: ":") else { throw malformed("a colon is missing") }
    at += 1
  }

  // MARK: Lists

  @inline(__always)
  mutating func beginArray() throws(JSONFault) {
    skipSpace()
    guard current == UInt8(ascii: "[") else { throw wrongType("a list") }
    at += 1
  }

  /// Steps to the next element; false past the end of the list. `first` starts as true.
  @inline(__always)
  mutating func nextElement(_ first: inout Bool) throws(JSONFault) -> Bool {
    skipSpace()
    if current == UInt8(ascii: "]") {
      at += 1
      return false
    }
    if first {
      first = false
    } else {
      guard current == UInt8(ascii: ",") else { throw malformed("a comma or ] is missing") }
      at += 1
      skipSpace()
    }
    return true
  }

  // MARK: Members

  /// Keeps the place of a member's value, after checking its syntax.
  @inline(__always)
  mutating func take(_ slot: inout JSONSlice, _ key: JSONName) throws(JSONFault) {
    if slot.isPresent { throw twice(key) }
    slot = try skipValue()
  }

  /// Past a null, if there is one.
  mutating func skipNull() throws(JSONFault) -> Bool {
    skipSpace()
    guard current == UInt8(ascii: "n") else { return false }
    _ = try skipValue()
    return true
  }

  // MARK: Faults

  @inline(never)
  func twice(_ key: JSONName) -> JSONFault { JSONFault(key.start - 1, "is given twice") }

  @inline(never)
  func unknown(_ key: JSONName) -> JSONFault { JSONFault(key.start - 1, "is not a member known here") }

  @inline(never)
  func malformed(_ what: StaticString) -> JSONFault {
    JSONFault(at, at < end ? "is not well-formed: \(what) at byte \(at)" : "ends too early")
  }

  @inline(never)
  func wrongType(_ wanted: StaticString, at offset: Int? = nil) -> JSONFault {
    let offset = offset ?? at
    guard offset < end else { return JSONFault(offset, "ends too early") }
    return JSONFault(offset, "must be \(wanted), not \(typeName(at: offset))")
  }

  private func typeName(at offset: Int) -> String {
    switch base.load(fromByteOffset: offset, as: UInt8.self) {
    case UInt8(ascii: "{"): "an object"
    case UInt8(ascii: "["): "a list"
    case UInt8(ascii: "\""): "a string"
    case UInt8(ascii: "t"), UInt8(ascii: "f"): "a boolean"
    case UInt8(ascii: "n"): "null"
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): "a number"
    default: "something that is not JSON"
    }
  }
}
