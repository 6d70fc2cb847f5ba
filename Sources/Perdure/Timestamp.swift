/// A moment: milliseconds since 1970-01-01 UTC, as a number in JSON.
public struct Timestamp: Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
  /// Less than 2^53 from 0.
  public var millisecondsSince1970: Int64

  /// A moment by its number.
  public init(millisecondsSince1970: Int64) { self.millisecondsSince1970 = millisecondsSince1970 }

  public init(from decoder: any Decoder) throws {
    millisecondsSince1970 = try decoder.singleValueContainer().decode(Int64.self)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(millisecondsSince1970)
  }

  public var description: String { "\(millisecondsSince1970) ms" }

  /// The moment `duration` later. A fraction of a millisecond counts as a whole one, so that nothing is ever
  /// early; the result stays within what the engine can keep.
  public func advanced(by duration: Duration) -> Timestamp {
    let (sum, overflow) = millisecondsSince1970.addingReportingOverflow(duration.millisecondsRoundedUp)
    let bound = Self.largest
    if overflow { return Timestamp(millisecondsSince1970: duration < .zero ? -bound : bound) }
    return Timestamp(millisecondsSince1970: min(max(sum, -bound), bound))
  }

  public static func < (one: Timestamp, other: Timestamp) -> Bool {
    one.millisecondsSince1970 < other.millisecondsSince1970
  }

  /// The largest number that every JSON reader keeps exactly.
  static let largest: Int64 = (1 << 53) - 1
}

extension Duration {
  /// Clamped to what a `Timestamp` can hold.
  package var millisecondsRoundedUp: Int64 {
    let (seconds, attoseconds) = components
    let bound = Timestamp.largest
    if seconds > bound / 1_000 { return bound }
    if seconds < -bound / 1_000 { return -bound }
    let perMillisecond: Int64 = 1_000_000_000_000_000
    let whole = attoseconds / perMillisecond
    return seconds * 1_000 + whole + (attoseconds > whole * perMillisecond ? 1 : 0)
  }
}
