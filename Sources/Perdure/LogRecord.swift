import PerdureModel
import PerdureWire

/// How much a log line matters.
public enum LogLevel: String, Hashable, Sendable, CaseIterable, Comparable {
  /// For those who mend the code.
  case debug
  /// For those who look on.
  case info
  /// Something is not as it should be, and goes on.
  case warn
  /// Something has failed.
  case error

  public static func < (one: LogLevel, other: LogLevel) -> Bool { one.model < other.model }

  var model: PerdureModel.LogLevel { PerdureModel.LogLevel(rawValue: rawValue) ?? .info }
}

/// One line of the log: of the engine, of an orchestration or of an activity.
public struct LogRecord: Sendable, CustomStringConvertible {
  /// By the time of the store.
  public let at: Timestamp
  /// How much it matters.
  public let level: LogLevel
  /// What is said.
  public let message: String
  /// The instance that it is about.
  public let instance: String?
  /// Which of its executions.
  public let execution: Int64?
  /// The name of its orchestration.
  public let orchestration: String?
  /// The activity that it is about.
  public let activity: String?
  /// Which attempt of it.
  public let attempt: Int64?
  /// The number of the runtime (`Node.id`).
  public let node: Int64?
  /// The span of the execution or the attempt, if there is a trace.
  public let traceparent: String?
  /// What a measurement of orchestration code measured; the message is then its name.
  public let metric: Metric?
  /// What the code of an activity said beside the message.
  public private(set) var extra: [String: String] = [:]

  /// A measurement (`OrchestrationContext.metric`).
  public struct Metric: Hashable, Sendable {
    /// How values of this name are put together.
    public let kind: MetricKind
    /// What was measured.
    public let value: Double
    /// What tells it apart from others of its name.
    public let attributes: [String: String]
  }

  /// All that says where the record comes from, and `extra`, by name: what other loggers take as metadata.
  public var metadata: [String: String] {
    var all = extra
    all["instance"] = instance
    all["execution"] = execution.map { "\($0)" }
    all["orchestration"] = orchestration
    all["activity"] = activity
    all["attempt"] = attempt.map { "\($0)" }
    all["node"] = node.map { "\($0)" }
    all["traceparent"] = traceparent
    if let metric {
      all["value"] = "\(metric.value)"
      all.merge(metric.attributes) { own, _ in own }
    }
    return all
  }

  /// `info order-7: charged {attempt=2}`.
  public var description: String {
    let rest = metadata.filter { $0.key != "instance" }
    let words = rest.isEmpty ? "" : " {\(Self.words(rest))}"
    return "\(level.rawValue) \(instance.map { "\($0): " } ?? "")\(message)\(words)"
  }

  static func words(_ metadata: [String: String]) -> String {
    metadata.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
  }

  init(_ record: PerdureModel.LogRecord) {
    at = Timestamp(millisecondsSince1970: record.at)
    level = LogLevel(rawValue: record.level.rawValue) ?? .info
    message = record.message
    instance = record.instance
    execution = record.execution
    orchestration = record.orchestration
    activity = record.activity
    attempt = record.attempt
    node = record.node
    traceparent = record.trace?.parent
    metric = record.metric.map { Metric($0) }
  }

  /// Of the code of an activity.
  init(
    _ level: LogLevel, _ message: String, _ extra: [String: String], from source: ActivityLogSource,
    at: Timestamp
  ) {
    self.at = at
    self.level = level
    self.message = message
    instance = source.instance
    execution = source.execution
    orchestration = source.orchestration
    activity = source.activity
    attempt = source.attempt
    node = nil
    traceparent = source.traceparent
    metric = nil
    self.extra = extra
  }
}

extension LogRecord.Metric {
  init(_ line: MetricLine) {
    kind = MetricKind(rawValue: line.kind.rawValue) ?? .counter
    // The SDK or another host has written it as a number, and its attributes as texts.
    value = (try? PayloadCoding.decode(Double.self, line.value, "")) ?? .nan
    let labels = line.attributes.flatMap { try? PayloadCoding.decode([String: String].self, $0, "") }
    attributes = labels ?? [:]
  }
}
