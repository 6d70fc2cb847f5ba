package import PerdureModel

/// The rules of a turn answer that need no history: numbering, places, targets, ends.
package enum AnswerCheck {
  package static func run(_ answer: TurnAnswer, of request: TurnRequest) throws(TurnFault) {
    switch answer {
    case .miss:
      if request.from == 0 {
        throw .protocolViolation("the host missed a turn that builds the code anew")
      }
    case .ran(let result):
      try check(result, request)
    }
  }

  private static func check(_ result: TurnResult, _ request: TurnRequest) throws(TurnFault) {
    guard result.actions.count <= Limits.actionsPerTurn else {
      throw .protocolViolation(
        "\(result.actions.count) actions in one turn; the limit is \(Limits.actionsPerTurn)")
    }
    var place = request.events.startIndex
    func isDelivered(_ event: EventID) -> Bool {
      while place < request.events.endIndex, request.events[place].id < event { place += 1 }
      return place < request.events.endIndex && request.events[place].id == event
    }
    for (offset, action) in result.actions.enumerated() {
      let number = request.firstAction + Int64(offset)
      guard action.id == number else {
        throw .protocolViolation("action \(action.id) stands where action \(number) is due")
      }
      guard isDelivered(action.after) else {
        throw .protocolViolation(
          "action \(number) comes after event \(action.after), which is not due in this turn")
      }
      if case .cancel(let target) = action.kind, target < 1 || target >= number {
        throw .protocolViolation("action \(number) cancels action \(target), which is not an earlier one")
      }
    }
    guard let end = result.end else { return }
    guard isDelivered(end.after) else {
      throw .protocolViolation("the code ends after event \(end.after), which is not due in this turn")
    }
    let isAsked =
      request.isCancelling || request.events.contains { $0.id <= end.after && $0.kind.isCancellation }
    if case .cancelled = end.kind, !isAsked {
      throw .protocolViolation("the code ends as cancelled, but nobody asked it to cancel")
    }
  }
}

/// Limits that an action can break by itself.
enum LimitCheck {
  static func breach(of action: Action, open: Int, child: InstanceID) -> Failure? {
    if action.kind.leavesWorkOpen, open >= Limits.pendingActions {
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

  /// Limits that an end can break.
  static func breach(of end: TurnEndKind) -> Failure? {
    switch end {
    case .completed(let output): payload(output, "the output")
    case .continuedAsNew(_, let input): payload(input, "the input of continue-as-new")
    case .failed, .cancelled: nil
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

extension ActionKind {
  fileprivate var leavesWorkOpen: Bool {
    switch self {
    case .scheduleActivity, .createTimer, .subscribe, .scheduleSubOrchestration: true
    case .startDetached, .cancel, .setCustomStatus: false
    }
  }
}
