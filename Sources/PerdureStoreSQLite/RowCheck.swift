internal import PerdureModel
internal import PerdureWire

/// Values of rows as the engine writes them. Another program may have written others: numbers that leave no
/// room to count, or user JSON that is none, which hosts get unparsed.
extension Statement {
  /// Ids, counts and revisions: far from where adding overflows.
  static let counts: ClosedRange<Int64> = 0...(1 << 53)
  static let ids: ClosedRange<Int64> = 1...(1 << 53)
  static let times: ClosedRange<Int64> = -(1 << 53)...(1 << 53)

  func integer(
    _ column: Int32, in range: ClosedRange<Int64>, _ name: StaticString
  ) throws(WireError) -> Int64 {
    let value = integer(column)
    guard range.contains(value) else { throw WireError("\(name) is \(value)") }
    return value
  }

  func payload(_ column: Int32, _ name: StaticString) throws(WireError) -> Payload {
    do {
      return try withBytes(column) { bytes throws(WireError) in try PayloadWire.decode(bytes) }
    } catch { throw WireError("\(name) is no JSON (\(error.message))") }
  }

  func optionalPayload(_ column: Int32, _ name: StaticString) throws(WireError) -> Payload? {
    isNull(column) ? nil : try payload(column, name)
  }
}
