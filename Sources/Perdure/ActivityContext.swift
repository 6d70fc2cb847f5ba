package import PerdureModel
package import PerdureWire

/// What an activity knows about the call that it serves.
public struct ActivityContext: Sendable {
  /// The instance that called, and which of its executions.
  public let instance: String
  /// Which of its executions: 1, and one more for each `continueAsNew`.
  public let execution: Int64
  /// The name of the orchestration that called.
  public let orchestration: String
  /// The name under which this activity runs.
  public let activity: String
  /// 1 for the first attempt.
  public let attempt: Int64
  /// The same in every attempt of one call, and in no other call: for services that drop duplicates.
  public let idempotencyKey: String
  /// Names this attempt, for `Client.completeActivity` and its like: see `deferred`.
  public let token: String
  /// When the first of its time limits ends this attempt; nil: there is none.
  public let deadline: Timestamp?
  /// The session that the call named, and its tag.
  public let session: String?
  /// The tag that the call named.
  public let tag: String?
  /// -1,000...1,000, as the call had it.
  public let priority: Int
  /// The span of this attempt, if the instance is part of a distributed trace: what to send as the header
  /// `traceparent` (and `tracestate`) to services that it calls.
  public let traceparent: String?
  /// What goes with `traceparent`, as it was given at the start.
  public let tracestate: String?
  /// A client of the store that the runtime works on.
  public let client: Client

  /// The logger of this attempt.
  public var logger: ContextLogger {
    ContextLogger(
      source: .activity(
        ActivityLogSource(
          instance: instance, execution: execution, orchestration: orchestration, activity: activity,
          attempt: attempt, traceparent: traceparent, store: client.store)))
  }

  let engine: any AttemptControl
  private let heartbeatDetails: Payload?

  package init(_ attempt: ActivityWire.Attempt, client: Client, engine: any AttemptControl) {
    let task = attempt.task
    instance = task.key.instance
    execution = task.key.execution
    orchestration = task.orchestration
    activity = task.name
    self.attempt = task.attempt
    idempotencyKey = ActivityWire.idempotencyKey(of: task.key)
    token = attempt.token
    deadline = attempt.deadline.map { Timestamp(millisecondsSince1970: $0) }
    session = task.options.session
    tag = task.options.tag
    priority = Int(clamping: task.options.priority)
    traceparent = attempt.trace?.parent
    tracestate = attempt.trace?.state
    heartbeatDetails = task.lastHeartbeat
    self.client = client
    self.engine = engine
  }

  /// The result is no longer wanted: the orchestration gave the call up or ended, a time limit is over, or
  /// the runtime stops. The task of the activity is cancelled at the same moment.
  public var isCancelled: Bool { Task.isCancelled || engine.isCancelled }

  /// Tells the engine that the work goes on, which begins the heartbeat time limit anew. Cheap: it does not
  /// wait for the store.
  ///
  /// - Parameter details: how far it got, for the next attempt (`lastHeartbeat`).
  /// - Throws: `CancellationError` when the result is no longer wanted, `PayloadError`, `DXError`.
  public func heartbeat(_ details: some Encodable = Nothing()) throws {
    try engine.heartbeat(PayloadCoding.encode(details, "the heartbeat of the activity '\(activity)'"))
  }

  /// What the last heartbeat of an earlier attempt said; nil: there was none, or it had nothing to say.
  ///
  /// - Throws: `PayloadError` when it is of another type.
  public func lastHeartbeat<Details: Decodable>(as type: Details.Type = Details.self) throws -> Details? {
    guard let heartbeatDetails, heartbeatDetails != .null else { return nil }
    return try PayloadCoding.decode(
      type, heartbeatDetails, "the last heartbeat of the activity '\(activity)'")
  }

  /// To be thrown by an activity whose result comes from elsewhere: somebody who was given the `token` calls
  /// `Client.completeActivity` or `Client.failActivity`, in whatever process. Time limits go on.
  ///
  ///     try await letters.send(approvalLink(context.token))
  ///     throw context.deferred()
  public func deferred() -> ActivityDeferred { ActivityDeferred() }
}

/// What an attempt says to the engine while it runs.
package protocol AttemptControl: Sendable {
  var isCancelled: Bool { get }
  func heartbeat(_ details: Payload) throws
}
