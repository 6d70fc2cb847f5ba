package import PerdureModel

/// A history that no correct engine wrote.
package struct HistoryFault: Error, Hashable, Sendable {
  /// The first event that is wrong; 0 for an empty history.
  package var event: EventID
  package var message: String

  package init(event: EventID, message: String) {
    self.event = event
    self.message = message
  }
}

extension ExecutionState {
  /// Checks a history and folds it; `kv` is the state that the execution began with. The history of a running
  /// execution: a terminal event may only be the last.
  package static func folding(
    _ history: [Event], instance: InstanceID, execution: ExecutionID, kv: [KVEntry] = []
  ) throws(HistoryFault) -> ExecutionState {
    guard (1...Limits.executions).contains(execution) else {
      throw HistoryFault(event: 0, message: "there is no execution \(execution)")
    }
    guard let first = history.first else {
      throw HistoryFault(event: 0, message: "the history is empty")
    }
    guard first.id == 1,
      case .orchestrationStarted(let name, let version, _, let parent, let trace) = first.kind
    else {
      throw HistoryFault(event: first.id, message: "the first event is not OrchestrationStarted with id 1")
    }
    try HistoryCheck.run(history)
    var state = ExecutionState(
      instance: instance, execution: execution, orchestration: name, version: version, parent: parent,
      trace: trace, at: first.at)
    state.kvKeys = Set(kv.map { ExactText($0.key) })
    if history.allSatisfy({ $0.kind.isDelivered }) {
      // Every turn leaves an action or an end, so none has run.
      state.initial = history
    } else {
      state.foldInOrderOfRun(history)
    }
    return state
  }

  /// Rows are ordered "events of the turn, then its actions"; code ran "event, its actions, next event". The
  /// second order decides who took which message, so that is the one to fold in.
  private mutating func foldInOrderOfRun(_ history: [Event]) {
    let made = history.filter { $0.kind.origin != nil }
    var next = 0
    for event in history where event.kind.origin == nil {
      apply(event)
      while next < made.count, let origin = made[next].kind.origin, origin.after == event.id {
        apply(made[next])
        next += 1
      }
    }
  }
}

/// The grammar of a history: dense ids, time that does not go back, one start, actions numbered in order,
/// each answer to open work of its kind and once, nothing after the end.
private struct HistoryCheck {
  private var work: [ActionID: WorkKind] = [:]
  private var answered: Set<ActionID> = []
  private var delivered: Set<EventID> = []
  private var lastAction: ActionID = 0
  private var lastAfter: EventID = 0
  private var lastAt: TimestampMS = .min

  static func run(_ history: [Event]) throws(HistoryFault) {
    var check = HistoryCheck()
    for (index, event) in history.enumerated() {
      guard event.id == Int64(index) + 1 else {
        throw HistoryFault(
          event: event.id, message: "event \(index + 1) is missing; \(event.id) stands in its place")
      }
      if event.kind.isTerminal && index != history.count - 1 {
        throw HistoryFault(event: event.id, message: "events follow the end of the execution")
      }
      try check.next(event)
    }
  }

  private mutating func next(_ event: Event) throws(HistoryFault) {
    guard event.at >= lastAt else {
      throw HistoryFault(event: event.id, message: "its time is before that of the event before it")
    }
    lastAt = event.at
    if event.kind.isDelivered { delivered.insert(event.id) }
    if let origin = event.kind.origin { try number(origin, of: event) }
    switch event.kind {
    case .orchestrationStarted:
      if event.id != 1 { throw HistoryFault(event: event.id, message: "a second OrchestrationStarted") }
    case .activityScheduled(let origin, _, _, _): work[origin.action] = .activity
    case .timerCreated(let origin, _): work[origin.action] = .timer
    case .subscribed(let origin, .event, _): work[origin.action] = .eventWait
    case .subscribed(let origin, .queue, _): work[origin.action] = .queueWait
    case .subscribed(let origin, .topic, _): work[origin.action] = .topicWait
    case .subscribed(let origin, .call, _): work[origin.action] = .callWait
    case .messageSendRequested(let origin, _), .kvReadRequested(let origin, _, _):
      work[origin.action] = .request
    case .subOrchestrationScheduled(let origin, _, _, _, _, _): work[origin.action] = .subOrchestration
    case .activityCompleted(let action, _), .activityFailed(let action, _):
      try answer(action, .activity, by: event)
    case .timerFired(let action): try answer(action, .timer, by: event)
    case .subOrchestrationCompleted(let action, _), .subOrchestrationFailed(let action, _):
      try answer(action, .subOrchestration, by: event)
    case .requestCompleted(let action, _), .requestFailed(let action, _):
      try answer(action, .request, by: event)
    case .workCancelled(_, let target, let kind):
      guard work[target] == kind else {
        throw HistoryFault(event: event.id, message: "it cancels action \(target), which is no such work")
      }
    default: break
    }
  }

  private mutating func number(_ origin: Origin, of event: Event) throws(HistoryFault) {
    guard origin.action == lastAction + 1 else {
      throw HistoryFault(
        event: event.id, message: "action \(lastAction + 1) is missing; \(origin.action) stands in its place")
    }
    guard origin.after >= lastAfter, delivered.contains(origin.after) else {
      throw HistoryFault(
        event: event.id, message: "it comes after event \(origin.after), which code did not see then")
    }
    lastAction = origin.action
    lastAfter = origin.after
  }

  private mutating func answer(_ action: ActionID, _ kind: WorkKind, by event: Event) throws(HistoryFault) {
    guard work[action] == kind else {
      throw HistoryFault(event: event.id, message: "it answers action \(action), which is no such work")
    }
    guard answered.insert(action).inserted else {
      throw HistoryFault(event: event.id, message: "action \(action) is answered a second time")
    }
  }
}
