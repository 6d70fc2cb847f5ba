import PerdureModel

/// Values that must be more than well-formed: in a range, one of a few, of one shape.
extension JSONReader {
  // MARK: Integers

  /// An optional integer with a range and a default.
  func int(
    _ slice: JSONSlice, in range: ClosedRange<Int>, default standard: Int
  ) throws(JSONFault) -> Int {
    try optionalInt(slice, in: range) ?? standard
  }

  /// An optional integer with a range.
  func optionalInt(_ slice: JSONSlice, in range: ClosedRange<Int>) throws(JSONFault) -> Int? {
    try optionalInt(slice, in: Int64(range.lowerBound)...Int64(range.upperBound)).map { Int($0) }
  }

  func optionalInt(_ slice: JSONSlice, in range: ClosedRange<Int64>) throws(JSONFault) -> Int64? {
    guard let value = try optionalInt(slice) else { return nil }
    guard range.contains(value) else {
      throw JSONFault(
        slice.start, "must be within \(range.lowerBound)...\(range.upperBound), not \(value)")
    }
    return value
  }

  // MARK: Words

  /// An optional one of the words of an enumeration.
  func optionalChoice<Choice: RawRepresentable & CaseIterable>(
    _ slice: JSONSlice, _ type: Choice.Type = Choice.self
  ) throws(JSONFault) -> Choice? where Choice.RawValue == String {
    guard hasValue(slice) else { return nil }
    guard let choice = Choice(rawValue: try string(slice)) else {
      let known = Choice.allCases.map { "\"\($0.rawValue)\"" }
      let most = known.dropLast().joined(separator: ", ")
      throw JSONFault(slice.start, "must be \(most) or \(known.last ?? "")")
    }
    return choice
  }

  // MARK: Lists

  /// An optional list of strings.
  /// - Parameter limit: more elements than this are a fault.
  func optionalStrings(_ slice: JSONSlice, limit: Int = .max) throws(JSONFault) -> [String]? {
    guard hasValue(slice) else { return nil }
    var part = JSONReader(slice, of: self)
    return try part.strings(limit: limit)
  }

  mutating func strings(limit: Int = .max) throws(JSONFault) -> [String] {
    try list(limit: limit) { reader throws(JSONFault) in try reader.string(try reader.skipValue()) }
  }

  // MARK: Payloads of a known shape

  /// An optional object of strings, as its text.
  func optionalAttributes(_ slice: JSONSlice) throws(JSONFault) -> Payload? {
    guard hasValue(slice) else { return nil }
    var part = JSONReader(slice, of: self)
    _ = try part.beginObject()
    var first = true
    while try part.nextKey(&first) != nil {
      let value = try part.skipValue()
      guard base.load(fromByteOffset: value.start, as: UInt8.self) == UInt8(ascii: "\"") else {
        throw wrongType("a string", at: value.start)
      }
    }
    return try optionalPayload(slice)
  }

  /// Any JSON number, as its text.
  func number(_ slice: JSONSlice, _ object: Int, _ name: StaticString) throws(JSONFault) -> Payload {
    let value = try payload(slice, object, name)
    switch base.load(fromByteOffset: slice.start, as: UInt8.self) {
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return value
    default: throw wrongType("a number", at: slice.start)
    }
  }

  // MARK: Outcomes

  /// Either a result (any payload, also null) or a failure.
  func outcome(_ result: JSONSlice, _ failure: JSONSlice, _ object: Int) throws(JSONFault) -> Outcome {
    let hasFailure = hasValue(failure)
    guard hasFailure != result.isPresent else {
      throw JSONFault(object, "must have either a result or a failure")
    }
    return hasFailure
      ? .failed(try self.failure(failure, object)) : .completed(try payload(result, object, "result"))
  }

  /// An object that is an outcome and nothing else.
  mutating func outcome() throws(JSONFault) -> Outcome {
    let members = try Members(&self)
    return try outcome(members.result, members.failure, members.object)
  }
}

extension JSONWriter {
  /// The member `result` or the member `failure`.
  mutating func member(_ outcome: Outcome) {
    switch outcome {
    case .completed(let result): member("result", result)
    case .failed(let failure): member("failure", failure)
    }
  }

  /// A list of strings.
  mutating func member(_ name: StaticString, _ values: [String]) {
    key(name)
    list(values) { value, writer in writer.string(value) }
  }

  mutating func object(_ outcome: Outcome) {
    beginObject()
    member(outcome)
    endObject()
  }
}
