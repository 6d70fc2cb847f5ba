import CDX
import PerdureModel
import PerdureWire

/// All metrics of one open store at one moment: what this process has committed to it, and what its runtimes
/// hold. docs/operations.md has the names.
public struct Metrics: Hashable, Sendable, Decodable {
  /// How values of a family come about.
  public enum Kind: String, Hashable, Sendable, Decodable {
    /// It only grows.
    case counter
    /// It is what it is now.
    case gauge
    /// Values, sorted into buckets.
    case histogram
  }

  /// The series of one name.
  public struct Family: Hashable, Sendable, Decodable {
    /// `perdure_turns`: without the `_total` that the text form gives to counters.
    public let name: String
    /// How its values come about.
    public let type: Kind
    /// Such as `seconds`.
    public let unit: String?
    /// What is counted, in words.
    public let help: String
    /// Of a metric of orchestration code: the name that the code gave it.
    public let source: String?
    /// Its values.
    public let series: [Series]
  }

  /// One value of a family, told apart from the others by its labels.
  public struct Series: Hashable, Sendable, Decodable {
    /// What tells it apart.
    public let labels: [String: String]
    /// Of a counter or a gauge.
    public let value: Double?
    /// Of a histogram: how many values, their sum, and how many of them were at most so large.
    public let count: Int?
    /// Of a histogram: all values together.
    public let sum: Double?
    /// Of a histogram: in the order of their upper ends.
    public let buckets: [Bucket]?
  }

  /// How many values were at most so large.
  public struct Bucket: Hashable, Sendable, Decodable {
    /// The upper end.
    public let le: Double
    /// All values up to it.
    public let count: Int
  }

  /// When they were read.
  public let at: Timestamp
  /// When the store was opened: counters begin there.
  public let since: Timestamp
  /// One for each name.
  public let families: [Family]

  private enum CodingKeys: CodingKey { case at, since, families }

  public init(from decoder: any Decoder) throws {
    let members = try decoder.container(keyedBy: CodingKeys.self)
    at = Timestamp(millisecondsSince1970: try members.decode(Int64.self, forKey: .at))
    since = Timestamp(millisecondsSince1970: try members.decode(Int64.self, forKey: .since))
    families = try members.decode([Family].self, forKey: .families)
  }

  /// The family of a name; nil: there is none.
  public subscript(name: String) -> Family? { families.first { $0.name == name } }

  /// The sum of a counter or gauge over all series that have these labels; 0 if there is none.
  public func value(_ name: String, _ labels: [String: String] = [:]) -> Double {
    let series = self[name]?.series ?? []
    return series.reduce(0) { sum, each in
      labels.allSatisfy { each.labels[$0.key] == $0.value } ? sum + (each.value ?? 0) : sum
    }
  }
}

extension Store {
  /// The metrics of this store in this process. Does not touch the store.
  ///
  /// - Throws: `DXError`.
  public func metrics() throws -> Metrics {
    try PayloadCoding.decode(Metrics.self, Payload(bytes: try measure("json")), "the metrics")
  }

  /// The same as OpenMetrics 1.0 text (`application/openmetrics-text; version=1.0.0; charset=utf-8`), for
  /// Prometheus and its like.
  public func openMetrics() throws -> String { String(decoding: try measure("openmetrics"), as: UTF8.self) }

  private func measure(_ format: String) throws -> [UInt8] {
    var out = dx_buffer()
    try Text.with(#"{"format":"\#(format)"}"#) {
      try DXError.check(dx_store_metrics(handle.pointer, $0, &out))
    }
    return out.read { Array($0) }
  }
}
