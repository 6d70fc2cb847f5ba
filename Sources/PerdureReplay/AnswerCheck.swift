import PerdureModel

/// The rules of a turn answer that need no history: numbering, places, targets.
struct AnswerCheck {
  private let firstAction: ActionID
  private let known: (EventID) -> Bool
  private let lastEvent: EventID

  init(state: ExecutionState, prepared: PreparedTurn, isCold: Bool) {
    firstAction = isCold ? 1 : state.lastAction + 1
    let lastStored = state.lastDelivered
    let fresh = prepared.lines
    let isFresh = state.isFresh
    let firstNew = fresh.first?.event.id
    known = { event in
      if let firstNew, event >= firstNew { return event < firstNew + Int64(fresh.count) }
      return (isCold || isFresh) && event >= 1 && event <= lastStored
    }
    lastEvent = fresh.last?.event.id ?? lastStored
  }

  func run(_ result: TurnResult) throws(TurnFault) {
    guard result.actions.count <= Limits.actionsPerTurn else {
      throw .protocolViolation(
        "\(result.actions.count) actions in one turn; the limit is \(Limits.actionsPerTurn)")
    }
    var lastAfter: EventID = 0
    for (offset, action) in result.actions.enumerated() {
      let number = firstAction + Int64(offset)
      guard action.id == number else {
        throw .protocolViolation("action \(action.id) stands where action \(number) is due")
      }
      guard action.after >= lastAfter, known(action.after) else {
        throw .protocolViolation("action \(number) comes after event \(action.after), which is not of this turn")
      }
      lastAfter = action.after
      if case .cancel(let target) = action.kind, target < 1 || target >= number {
        throw .protocolViolation("action \(number) cancels action \(target), which is not an earlier one")
      }
    }
    if let end = result.end {
      guard end.after >= lastAfter, known(end.after) else {
        throw .protocolViolation("the code ends after event \(end.after), which is not of this turn")
      }
    }
  }
}

/// Limits that an action can break by itself.
enum LimitCheck {
  static func breach(of action: Action, open: Int, child: InstanceID) -> Failure? {
    if open >= Limits.pendingActions {
      return failure("\(open) actions are pending; the limit is \(Limits.pendingActions) per instance")
    }
    switch action.kind {
    case .scheduleActivity(let name, let input):
      return self.name(name, "activity") ?? payload(input, "the input of activity '\(name)'")
    case .subscribe(.event, let name): return self.name(name, "event")
    case .subscribe(.queue, let name): return self.name(name, "queue")
    case .scheduleSubOrchestration(let name, _, let instance, let input),
      .startDetached(let name, _, let instance, let input):
      return self.name(name, "orchestration") ?? id(instance ?? child)
        ?? payload(input, "the input of orchestration '\(name)'")
    case .setCustomStatus(let status):
      guard let size = status?.bytes.count, size > Limits.customStatusBytes else { return nil }
      return failure("the custom status has \(size) bytes; the limit is \(Limits.customStatusBytes)")
    case .createTimer, .cancel: return nil
    }
  }

  private static func name(_ name: String, _ what: String) -> Failure? {
    let size = name.utf8.count
    if size == 0 { return failure("the \(what) name is empty") }
    guard size > Limits.nameBytes else { return nil }
    return failure("the \(what) name has \(size) bytes; the limit is \(Limits.nameBytes)")
  }

  private static func id(_ instance: InstanceID) -> Failure? {
    let size = instance.utf8.count
    if size == 0 { return failure("the instance id of a child is empty") }
    guard size > Limits.instanceIDBytes else { return nil }
    return failure("the instance id of a child has \(size) bytes; the limit is \(Limits.instanceIDBytes)")
  }

  private static func payload(_ payload: Payload, _ what: String) -> Failure? {
    guard payload.bytes.count > Limits.payloadBytes else { return nil }
    return failure("\(what) has \(payload.bytes.count) bytes; the limit is \(Limits.payloadBytes)")
  }

  private static func failure(_ message: String) -> Failure {
    Failure(type: FailureType.limitExceeded, message: message, isNonRetryable: true)
  }
}
