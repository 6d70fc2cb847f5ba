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
    try checkPrefix(recorded: recorded, actions: actions, end: end)
    try checkRest(recorded: recorded, actions: actions)
    if let end, end.after <= replayed { throw endedEarly(end) }
  }

  /// Every action of history is one of the code.
  func checkPrefix(recorded: [Event], actions: [Action], end: TurnEnd?) throws(TurnFault) {
    for (index, event) in recorded.enumerated() {
      guard index < actions.count else {
        throw fault(.actionMissing, event.id, Self.describe(event.kind), Self.nothing(end))
      }
      try match(event, actions[index])
    }
  }

  /// What the code does beyond its history follows events that no turn had seen before.
  func checkRest(recorded: [Event], actions: [Action]) throws(TurnFault) {
    if actions.count > recorded.count, actions[recorded.count].after <= replayed {
      let added = actions[recorded.count]
      throw fault(
        .actionAdded, added.after, "no further action after event \(added.after)", Self.describe(added.kind))
    }
  }

  func endedEarly(_ end: TurnEnd) -> TurnFault {
    fault(.endedEarly, end.after, "the code to go on after event \(end.after)", Self.describe(end.kind))
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

  /// Compared: kind, names, inputs, targets, explicit child ids and versions, keys and values. Not compared:
  /// fire times (they derive from the time of events), the text of a custom status, the answer to a call, and
  /// how work is to be run (retries, time limits, tags, close policies): what is recorded holds.
  private func agree(_ event: EventKind, _ action: Action) -> Bool {
    switch (event, action.kind) {
    case (.activityScheduled(_, let name, let input, _), .scheduleActivity(let itsName, let itsInput, _)):
      return Self.same(name, itsName) && input == itsInput
    case (.timerCreated, .createTimer), (.customStatusUpdated, .setCustomStatus):
      return true
    case (.subscribed(_, let channel, let name), .subscribe(let itsChannel, let itsName)):
      return channel == itsChannel && Self.same(name, itsName)
    case (
      .subOrchestrationScheduled(_, let name, let version, let instance, let input, _),
      .scheduleSubOrchestration(let itsName, let itsVersion, let itsInstance, let itsInput, _, _)
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
    default: return agreeOnState(event, action.kind)
    }
  }

  private func agreeOnState(_ event: EventKind, _ action: ActionKind) -> Bool {
    switch (event, action) {
    case (.kvChanged(_, let change), .changeKV(let itsChange)): return change == itsChange
    case (.kvReadRequested(_, let instance, let key), .readKV(let itsInstance, let itsKey)):
      return Self.same(instance, itsInstance) && Self.same(key, itsKey)
    case (.messageSendRequested(_, let message), .send(let itsMessage)): return message == itsMessage
    case (.topicSubscribed(_, let topic), .subscribeTopic(let itsTopic)),
      (.topicUnsubscribed(_, let topic), .unsubscribeTopic(let itsTopic)):
      return Self.same(topic, itsTopic)
    case (.published(_, let topic, let data), .publish(let itsTopic, let itsData)):
      return Self.same(topic, itsTopic) && data == itsData
    case (.callAnswered(_, let call, _), .answerCall(let itsCall, _)): return Self.same(call, itsCall)
    case (.patchRecorded(_, let patch), .recordPatch(let itsPatch)): return Self.same(patch, itsPatch)
    default: return false
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
