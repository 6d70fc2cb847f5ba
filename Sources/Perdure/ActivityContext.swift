import PerdureModel

/// What an activity knows about the call that it serves.
public struct ActivityContext: Sendable {
  /// The instance that called, and which of its executions.
  public let instance: String
  public let execution: Int64
  /// The name of the orchestration that called.
  public let orchestration: String
  /// The name under which this activity runs.
  public let activity: String
  /// 1 for the first attempt.
  public let attempt: Int64
  /// The same in every attempt of one call, and in no other call: for services that drop duplicates.
  public let idempotencyKey: String
  let wasCancelled: @Sendable () -> Bool

  /// The result is no longer wanted: the orchestration gave the call up or ended, or the runtime stops. The
  /// task of the activity is cancelled too, shortly after.
  public var isCancelled: Bool { Task.isCancelled || wasCancelled() }

  init(_ task: ActivityTask, wasCancelled: @escaping @Sendable () -> Bool) {
    instance = task.key.instance
    execution = task.key.execution
    orchestration = task.orchestration
    activity = task.name
    attempt = task.attempt
    idempotencyKey = "\(task.key.instance)/\(task.key.execution)/\(task.key.action)"
    self.wasCancelled = wasCancelled
  }
}
