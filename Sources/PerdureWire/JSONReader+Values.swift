import PerdureModel

/// From slices to values. `object` is the offset of the object that the member belongs to, `name` its name:
/// they say where something is missing.
extension JSONReader {
  /// Whether an optional member has a value: null is the same as absent.
  @inline(__always)
  func hasValue(_ slice: JSONSlice) -> Bool {
    slice.isPresent && base.load(fromByteOffset: slice.start, as: UInt8.self) != UInt8(ascii: "n")
  }

  @inline(__always)
  func int(_ slice: JSONSlice, _ object: Int, _ name: StaticString) throws(JSONFault) -> Int64 {
    guard slice.isPresent else { throw missing(object, name) }
    return try int(slice)
  }

  func optionalInt(_ slice: JSONSlice) throws(JSONFault) -> Int64? {
    hasValue(slice) ? try int(slice) : nil
  }

  /// An integer within ±(2^53 - 1).
  func int(_ slice: JSONSlice) throws(JSONFault) -> Int64 {
    var at = slice.start
    let isNegative = base.load(fromByteOffset: at, as: UInt8.self) == UInt8(ascii: "-")
    if isNegative { at += 1 }
    var value: Int64 = 0
    var digits = 0
    while at < slice.end {
      let digit = base.load(fromByteOffset: at, as: UInt8.self) &- UInt8(ascii: "0")
      guard digit < 10 else { throw notAnInteger(slice) }
      digits += 1
      // 16 digits fit; more cannot be within the bound, since no leading zeros came through.
      if digits <= 16 { value = value &* 10 &+ Int64(digit) }
      at += 1
    }
    guard digits > 0 else { throw notAnInteger(slice) }
    guard digits <= 16, value <= 9_007_199_254_740_991 else {
      throw JSONFault(slice.start, "must be within ±9007199254740991")
    }
    return isNegative ? -value : value
  }

  @inline(never)
  private func notAnInteger(_ slice: JSONSlice) -> JSONFault {
    switch base.load(fromByteOffset: slice.start, as: UInt8.self) {
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
      JSONFault(slice.start, "must be an integer, without fraction and exponent")
    default: wrongType("an integer", at: slice.start)
    }
  }

  @inline(__always)
  func string(_ slice: JSONSlice, _ object: Int, _ name: StaticString) throws(JSONFault) -> String {
    guard slice.isPresent else { throw missing(object, name) }
    return try string(slice)
  }

  func optionalString(_ slice: JSONSlice) throws(JSONFault) -> String? {
    hasValue(slice) ? try string(slice) : nil
  }

  func string(_ slice: JSONSlice) throws(JSONFault) -> String {
    JSONText.string(try quoted(slice))
  }

  /// A string to be compared in place.
  @inline(__always)
  func name(_ slice: JSONSlice, _ object: Int, _ name: StaticString) throws(JSONFault) -> JSONName {
    guard slice.isPresent else { throw missing(object, name) }
    let bytes = try quoted(slice)
    return JSONName(
      base: base, start: slice.start + 1, count: bytes.count, isEscaped: bytes.contains(UInt8(ascii: "\\")))
  }

  @inline(__always)
  private func quoted(_ slice: JSONSlice) throws(JSONFault) -> UnsafeRawBufferPointer {
    guard base.load(fromByteOffset: slice.start, as: UInt8.self) == UInt8(ascii: "\"") else {
      throw wrongType("a string", at: slice.start)
    }
    return UnsafeRawBufferPointer(start: base + slice.start + 1, count: slice.end - slice.start - 2)
  }

  func bool(_ slice: JSONSlice, _ object: Int, _ name: StaticString) throws(JSONFault) -> Bool {
    guard slice.isPresent else { throw missing(object, name) }
    switch base.load(fromByteOffset: slice.start, as: UInt8.self) {
    case UInt8(ascii: "t"): return true
    case UInt8(ascii: "f"): return false
    default: throw wrongType("a boolean", at: slice.start)
    }
  }

  func optionalBool(_ slice: JSONSlice) throws(JSONFault) -> Bool? {
    hasValue(slice) ? try bool(slice, slice.start, "") : nil
  }

  @inline(__always)
  func payload(_ slice: JSONSlice, _ object: Int, _ name: StaticString) throws(JSONFault) -> Payload {
    guard slice.isPresent else { throw missing(object, name) }
    return try payload(slice)
  }

  func optionalPayload(_ slice: JSONSlice) throws(JSONFault) -> Payload? {
    hasValue(slice) ? try payload(slice) : nil
  }

  @inline(__always)
  private func payload(_ slice: JSONSlice) throws(JSONFault) -> Payload {
    if isDeep { try checkDepth(slice) }
    return Payload(
      bytes: Array(UnsafeRawBufferPointer(start: base + slice.start, count: slice.end - slice.start)))
  }

  /// Every message of this version says so.
  func checkVersion(_ slice: JSONSlice, _ object: Int) throws(JSONFault) {
    let version = try int(slice, object, "v")
    if version != 1 { throw JSONFault(slice.start, "must be 1, the version spoken here, not \(version)") }
  }

  @inline(never)
  func missing(_ object: Int, _ name: StaticString) -> JSONFault {
    JSONFault(object, member: name, "is missing")
  }
}
