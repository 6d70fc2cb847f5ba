package import PerdureModel

/// Builds JSON text: members in the order in which they are written, no white space.
///
/// Commas come by themselves: `key` and `element` look at the byte before them.
package struct JSONWriter {
  /// Zeroes stand after `count`: writing into them in place is cheaper than appending piece by piece.
  private var storage: [UInt8]
  private(set) package var count: Int

  /// - Parameter capacity: bytes to begin with; it grows as needed.
  package init(capacity: Int = 512) {
    storage = [UInt8](repeating: 0, count: max(16, capacity))
    count = 0
  }

  /// The text so far. Ends the use of the writer.
  package consuming func finish() -> [UInt8] {
    storage.removeLast(storage.count - count)
    return storage
  }

  // MARK: Structure

  package mutating func beginObject() { byte(UInt8(ascii: "{")) }
  package mutating func endObject() { byte(UInt8(ascii: "}")) }
  package mutating func beginArray() { byte(UInt8(ascii: "[")) }
  package mutating func endArray() { byte(UInt8(ascii: "]")) }

  /// Before each element of a list.
  package mutating func element() {
    if count > 0, storage[count - 1] != UInt8(ascii: "[") { byte(UInt8(ascii: ",")) }
  }

  /// - Parameter name: plain ASCII, nothing to escape.
  package mutating func key(_ name: StaticString) {
    let size = name.utf8CodeUnitCount
    reserve(size + 4)
    let start = count
    count = storage.withUnsafeMutableBytes { room in
      var at = start
      if at > 0, room[at - 1] != UInt8(ascii: "{") {
        room[at] = UInt8(ascii: ",")
        at += 1
      }
      room[at] = UInt8(ascii: "\"")
      at += 1
      Self.copy(UnsafeRawPointer(name.utf8Start), size, to: room, at)
      at += size
      room[at] = UInt8(ascii: "\"")
      room[at + 1] = UInt8(ascii: ":")
      return at + 2
    }
  }

  /// A member name that a user gave.
  package mutating func key(text name: String) {
    if count > 0, storage[count - 1] != UInt8(ascii: "{") { byte(UInt8(ascii: ",")) }
    string(name)
    byte(UInt8(ascii: ":"))
  }

  // MARK: Values

  package mutating func null() { raw("null") }
  package mutating func bool(_ value: Bool) { raw(value ? "true" : "false") }

  package mutating func int(_ value: Int64) {
    reserve(20)
    let start = count
    count = storage.withUnsafeMutableBytes { room in
      var at = start
      if value < 0 {
        room[at] = UInt8(ascii: "-")
        at += 1
      }
      var rest = value.magnitude
      var digits = 1
      var bound: UInt64 = 10
      while digits < 19, rest >= bound {
        digits += 1
        bound = bound &* 10
      }
      at += digits
      for offset in 1...digits {
        room[at - offset] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
        rest /= 10
      }
      return at
    }
  }

  /// Escapes what JSON demands and nothing else. NUL, which the format excludes, becomes U+FFFD.
  package mutating func string(_ value: String) {
    let done: Void? = value.utf8.withContiguousStorageIfAvailable { string(UnsafeRawBufferPointer($0)) }
    if done == nil { Array(value.utf8).withUnsafeBytes { string($0) } }
  }

  /// For names out of tables: plain ASCII.
  package mutating func string(_ value: StaticString) {
    byte(UInt8(ascii: "\""))
    raw(value)
    byte(UInt8(ascii: "\""))
  }

  /// Spliced byte for byte.
  package mutating func payload(_ value: Payload) { raw(value.bytes) }

  /// Text that is JSON already.
  package mutating func raw(_ json: [UInt8]) { json.withUnsafeBytes { append($0) } }

  private mutating func raw(_ text: StaticString) {
    append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  // MARK: Bytes

  private mutating func string(_ bytes: UnsafeRawBufferPointer) {
    let size = bytes.count
    reserve(size + 2)
    byte(UInt8(ascii: "\""))
    if let base = bytes.baseAddress {
      var start = 0
      while start < size {
        var at = JSONText.plainRun(base, start, size)
        while at < size, bytes[at] >= 0x80 { at = JSONText.plainRun(base, at + 1, size) }
        append(UnsafeRawBufferPointer(start: base + start, count: at - start))
        if at < size { escape(bytes[at]) }
        start = at + 1
      }
    }
    byte(UInt8(ascii: "\""))
  }

  private mutating func escape(_ byte: UInt8) {
    switch byte {
    case 0x22: raw(#"\""#)
    case 0x5C: raw(#"\\"#)
    case 0x08: raw(#"\b"#)
    case 0x0C: raw(#"\f"#)
    case 0x0A: raw(#"\n"#)
    case 0x0D: raw(#"\r"#)
    case 0x09: raw(#"\t"#)
    case 0x00: raw("\u{FFFD}")
    default:
      raw(#"\u00"#)
      for digit in [byte >> 4, byte & 15] {
        self.byte(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
      }
    }
  }

  @inline(__always)
  private mutating func byte(_ byte: UInt8) {
    reserve(1)
    storage[count] = byte
    count += 1
  }

  @inline(__always)
  private mutating func append(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress else { return }
    reserve(bytes.count)
    let start = count
    storage.withUnsafeMutableBytes { room in Self.copy(base, bytes.count, to: room, start) }
    count += bytes.count
  }

  /// Callers have reserved the room.
  @inline(__always)
  private static func copy(
    _ from: UnsafeRawPointer, _ size: Int, to room: UnsafeMutableRawBufferPointer, _ at: Int
  ) {
    guard let base = room.baseAddress, size <= room.count - at else { return }
    (base + at).copyMemory(from: from, byteCount: size)
  }

  @inline(__always)
  private mutating func reserve(_ size: Int) {
    if storage.count - count < size { grow(size) }
  }

  @inline(never)
  private mutating func grow(_ size: Int) {
    storage.append(contentsOf: repeatElement(0, count: max(size, storage.count)))
  }
}

/// Members: a key and its value. Optional ones are left out when they are nil.
extension JSONWriter {
  package mutating func member(_ name: StaticString, _ value: Int64) {
    key(name)
    int(value)
  }

  package mutating func member(_ name: StaticString, _ value: String) {
    key(name)
    string(value)
  }

  package mutating func member(_ name: StaticString, _ value: Bool) {
    key(name)
    bool(value)
  }

  package mutating func member(_ name: StaticString, _ value: Payload) {
    key(name)
    payload(value)
  }

  package mutating func member(_ name: StaticString, literal value: StaticString) {
    key(name)
    string(value)
  }

  package mutating func member(_ name: StaticString, optional value: Int64?) {
    if let value { member(name, value) }
  }

  package mutating func member(_ name: StaticString, optional value: String?) {
    if let value { member(name, value) }
  }

  /// null is the same as absent.
  package mutating func member(_ name: StaticString, optional value: Payload?) {
    if let value, value != .null { member(name, value) }
  }

  /// A list, each element written by `write`.
  package mutating func list<Element>(
    _ elements: [Element], _ write: (Element, inout JSONWriter) -> Void
  ) {
    beginArray()
    for element in elements {
      self.element()
      write(element, &self)
    }
    endArray()
  }
}
