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
  /// Activity `action` of execution 1, visible from 2,000 on.
  static func sample(
    _ instance: InstanceID, _ action: ActionID, _ name: String = "pay", execution: ExecutionID = 1,
    visibleAt: TimestampMS = 2_000, claim: ActivityClaim? = nil
  ) -> ActivityTask {
    ActivityTask(
      key: ActivityKey(instance: instance, execution: execution, action: action), orchestration: "order",
      name: name, input: Payload("[\(action)]"), attempt: 1, visibleAt: visibleAt, claim: claim)
  }
}

extension ChildStart {
  /// A child of action `action` of execution 1.
  static func child(
    _ instance: InstanceID, of parent: InstanceID, action: ActionID = 1, owner: NodeID? = nil
  ) -> ChildStart {
    let link = ParentLink(instance: parent, execution: 1, action: action)
    return ChildStart(
      start: InstanceStart(instance: instance, orchestration: "ship", input: Payload("2"), parent: link),
      owner: owner)
  }

  static func detached(_ instance: InstanceID) -> ChildStart {
    ChildStart(
      start: InstanceStart(instance: instance, orchestration: "audit", input: Payload("3")), owner: nil)
  }
}

extension Failure {
  /// Every field set, two causes deep.
  static let sample = Failure(
    type: "PaymentDeclined", message: "card 'x' \"declined\"", details: Payload("{\"code\":51}"),
    stack: "a.py:1\nb.py:2", isNonRetryable: true,
    cause: Failure(type: "Timeout", message: "no answer", cause: Failure(type: "io", message: "ÿ")))
}
