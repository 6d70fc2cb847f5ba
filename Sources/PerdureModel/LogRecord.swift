/// One line for the log callback.
package struct LogRecord: Hashable, Sendable {
  package var at: TimestampMS
  package var level: LogLevel
  package var message: String
  package var instance: InstanceID?
  package var execution: ExecutionID?
  package var orchestration: String?
  package var activity: String?
  /// Of the activity.
  package var attempt: Int64?
  package var node: NodeID?
  /// A measurement of orchestration code; the message is then its name.
  package var metric: MetricLine?
  /// The span of the execution, or of the attempt.
  package var trace: TraceContext?

  package init(
    at: TimestampMS, level: LogLevel, message: String, instance: InstanceID? = nil,
    execution: ExecutionID? = nil, orchestration: String? = nil, activity: String? = nil, node: NodeID? = nil
  ) {
    self.at = at
    self.level = level
    self.message = message
    self.instance = instance
    self.execution = execution
    self.orchestration = orchestration
    self.activity = activity
    self.node = node
  }
}
