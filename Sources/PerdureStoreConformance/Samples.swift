import PerdureModel

/// `count` events that go on after `last`.
func numbered(_ count: Int, after last: EventID, at: TimestampMS = 2_000) -> [Event] {
  (0..<max(count, 0)).map { index in
    let id = last &+ EventID(index) &+ 1
    return Event(id: id, at: at, kind: .timerFired(action: id))
  }
}

extension MessageKind {
  static func named(_ name: String) -> MessageKind {
    .raised(channel: .event, name: name, data: Payload("1"))
  }
}

extension ActivityTask {
  /// Activity `action` of execution 1, scheduled at 2,000 and visible from then on.
  static func sample(
    _ instance: InstanceID, _ action: ActionID, _ name: String = "pay", execution: ExecutionID = 1,
    visibleAt: TimestampMS = 2_000, claim: ActivityClaim? = nil,
    _ change: (inout ActivityOptions) -> Void = { _ in }
  ) -> ActivityTask {
    var options = ActivityOptions()
    change(&options)
    return ActivityTask(
      key: ActivityKey(instance: instance, execution: execution, action: action), orchestration: "order",
      name: name, input: Payload("[\(action)]"), attempt: 1, visibleAt: visibleAt, claim: claim,
      options: options, scheduledAt: sampleScheduledAt)
  }
}

extension ChildStart {
  /// A child of action `action` of execution 1.
  static func child(
    _ instance: InstanceID, of parent: InstanceID, action: ActionID = 1, owner: NodeID? = nil,
    _ change: (inout StartOptions) -> Void = { _ in }
  ) -> ChildStart {
    let link = ParentLink(instance: parent, execution: 1, action: action)
    var start = InstanceStart(instance: instance, orchestration: "ship", input: Payload("2"), parent: link)
    change(&start.options)
    return ChildStart(start: start, owner: owner)
  }

  static func detached(_ instance: InstanceID) -> ChildStart {
    ChildStart(
      start: InstanceStart(instance: instance, orchestration: "audit", input: Payload("3")), owner: nil)
  }
}

extension ActivityOptions {
  /// Every option set.
  static let sample: ActivityOptions = {
    var options = ActivityOptions()
    options.retry = .fixed(7, 1_500)
    options.retry?.jitterPercent = 20
    options.retry?.nonRetryableTypes = ["PaymentDeclined", "é"]
    options.scheduleToStartMS = 60_000
    options.startToCloseMS = 5_000
    options.scheduleToCloseMS = 120_000
    options.heartbeatMS = 1_000
    options.tag = "gpu"
    options.session = "s-1"
    options.priority = -3
    return options
  }()
}

extension RetryPolicy {
  /// Up to `attempts`, a pause of `pauseMS` after each that failed.
  static func fixed(_ attempts: Int64, _ pauseMS: Int64) -> RetryPolicy {
    var policy = RetryPolicy()
    policy.maxAttempts = attempts
    policy.backoff = .fixed
    policy.initialIntervalMS = pauseMS
    return policy
  }
}

extension Failure {
  /// Another attempt may help.
  static let passing = Failure(type: "Timeout", message: "no answer", details: Payload("[1]"))

  /// Every field set, two causes deep.
  static let sample = Failure(
    type: "PaymentDeclined", message: "card 'x' \"declined\"", details: Payload("{\"code\":51}"),
    stack: "a.py:1\nb.py:2", isNonRetryable: true,
    cause: Failure(type: "Timeout", message: "no answer", cause: Failure(type: "io", message: "ÿ")))
}

private let sampleScheduledAt: TimestampMS = 2_000

extension Int64 {
  /// The token of the n-th claim of `ActivityTask.sample` when it was scheduled without one: they begin at
  /// the time of the schedule, so that an activity of the same key in a later instance of the id gets others.
  static func sample(_ number: Int64) -> Int64 { sampleScheduledAt + number }
}
