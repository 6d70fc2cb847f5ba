import PerdureModel

/// Compares what code did in a replay with what history says it did.
///
/// History must be a prefix of the code's actions, action by action, each at the same place of the run. What
/// lies beyond is new, and may only follow events that no turn had seen before.
struct ActionMatcher {
  let instance: InstanceID
  let execution: ExecutionID
  /// Events up to this id were seen by earlier turns.
  let replayed: EventID

  /// - recorded: the events of history that actions made, in order.
  /// - actions: all actions of the execution, numbered from 1.
  func check(recorded: [Event], actions: [Action], end: TurnEnd?) throws(TurnFault) {
    for (index, event) in recorded.enumerated() {
      guard index < actions.count else {
        throw fault(.actionMissing, event.id, Self.describe(event.kind), Self.nothing(end))
      }
      try match(event, actions[index])
    }
    if actions.count > recorded.count, actions[recorded.count].after <= replayed {
      let added = actions[recorded.count]
      throw fault(
        .actionAdded, added.after, "no further action after event \(added.after)", Self.describe(added.kind))
    }
    if let end, end.after <= replayed {
      throw fault(
        .endedEarly, end.after, "the code to go on after event \(end.after)", Self.describe(end.kind))
    }
  }

  private func match(_ event: Event, _ action: Action) throws(TurnFault) {
    let expected = Self.describe(event.kind)
    let found = Self.describe(action.kind)
    guard agree(event.kind, action) else {
      throw fault(.actionDiffers, event.id, expected, found)
    }
    guard let origin = event.kind.origin, origin.after == action.after else {
      let place = event.kind.origin?.after ?? 0
      throw fault(
        .positionDiffers, event.id, "\(expected) after event \(place)", "\(found) after event \(action.after)"
      )
    }
  }

  /// Compared: kind, names, inputs, targets, explicit child ids and versions. Not compared: fire times (they
  /// derive from the time of events) and the text of a custom status.
  private func agree(_ event: EventKind, _ action: Action) -> Bool {
    switch (event, action.kind) {
    case (.activityScheduled(_, let name, let input), .scheduleActivity(let itsName, let itsInput)):
      return Self.same(name, itsName) && input == itsInput
    case (.timerCreated, .createTimer), (.customStatusUpdated, .setCustomStatus):
      return true
    case (.subscribed(_, let channel, let name), .subscribe(let itsChannel, let itsName)):
      return channel == itsChannel && Self.same(name, itsName)
    case (
      .subOrchestrationScheduled(_, let name, let version, let instance, let input),
      .scheduleSubOrchestration(let itsName, let itsVersion, let itsInstance, let itsInput)
    ),
      (
        .detachedOrchestrationScheduled(_, let name, let version, let instance, let input),
        .startDetached(let itsName, let itsVersion, let itsInstance, let itsInput)
      ):
      return Self.same(name, itsName) && version == itsVersion && input == itsInput
        && Self.same(instance, itsInstance ?? ExecutionState.childID(self.instance, execution, action.id))
    case (.workCancelled(_, let target, _), .cancel(let itsTarget)),
      (.cancelIgnored(_, let target), .cancel(let itsTarget)):
      return target == itsTarget
    default:
      return false
    }
  }

  /// By the bytes: `==` takes the two spellings of "é" for one.
  private static func same(_ one: String, _ other: String) -> Bool { ExactText(one) == ExactText(other) }

  private func fault(
    _ rule: Nondeterminism.Rule, _ event: EventID, _ expected: String, _ found: String
  ) -> TurnFault {
    .nondeterminism(
      Nondeterminism(
        rule: rule, instance: instance, execution: execution, event: event, expected: expected, found: found))
  }
}

extension ActionMatcher {
  private static func nothing(_ end: TurnEnd?) -> String {
    guard let end else { return "no further action" }
    return "\(describe(end.kind)) after event \(end.after)"
  }

  private static func describe(_ kind: EventKind) -> String {
    switch kind {
    case .activityScheduled(_, let name, let input): "activity '\(name)' with input \(excerpt(input))"
    case .timerCreated: "a timer"
    case .subscribed(_, .event, let name): "a wait for event '\(name)'"
    case .subscribed(_, .queue, let name): "a dequeue from '\(name)'"
    case .subOrchestrationScheduled(_, let name, let version, let instance, let input):
      "sub-orchestration '\(name)'\(versioned(version)) as '\(instance)' with input \(excerpt(input))"
    case .detachedOrchestrationScheduled(_, let name, let version, let instance, let input):
      "detached start of '\(name)'\(versioned(version)) as '\(instance)' with input \(excerpt(input))"
    case .workCancelled(_, let target, _), .cancelIgnored(_, let target): "cancellation of action \(target)"
    case .customStatusUpdated: "a custom status"
    default: "no action"
    }
  }

  private static func describe(_ kind: ActionKind) -> String {
    switch kind {
    case .scheduleActivity(let name, let input): "activity '\(name)' with input \(excerpt(input))"
    case .createTimer: "a timer"
    case .subscribe(.event, let name): "a wait for event '\(name)'"
    case .subscribe(.queue, let name): "a dequeue from '\(name)'"
    case .scheduleSubOrchestration(let name, let version, let instance, let input):
      "sub-orchestration '\(name)'\(versioned(version))\(named(instance)) with input \(excerpt(input))"
    case .startDetached(let name, let version, let instance, let input):
      "detached start of '\(name)'\(versioned(version))\(named(instance)) with input \(excerpt(input))"
    case .cancel(let target): "cancellation of action \(target)"
    case .setCustomStatus: "a custom status"
    }
  }

  private static func describe(_ kind: TurnEndKind) -> String {
    switch kind {
    case .completed: "completion"
    case .failed(let failure): "failure (\(failure.type): \(failure.message))"
    case .cancelled: "cancellation"
    case .continuedAsNew: "continue-as-new"
    }
  }

  private static func versioned(_ version: String?) -> String { version.map { " \($0)" } ?? "" }
  private static func named(_ instance: InstanceID?) -> String { instance.map { " as '\($0)'" } ?? "" }

  private static func excerpt(_ payload: Payload) -> String {
    let limit = 120
    guard payload.bytes.count > limit else { return payload.text }
    return String(decoding: payload.bytes.prefix(limit), as: UTF8.self) + "..."
  }
}
