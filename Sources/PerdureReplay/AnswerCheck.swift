package import PerdureModel

/// The rules of a turn answer that need no history: numbering, places, targets, ends.
package enum AnswerCheck {
  package static func run(_ answer: TurnAnswer, of request: TurnRequest) throws(TurnFault) {
    switch answer {
    case .miss:
      if request.from == 0 {
        throw .protocolViolation("the host missed a turn that builds the code anew")
      }
      if request.query != nil {
        throw .protocolViolation("the host missed a query, which builds the code anew")
      }
    case .query:
      if request.query == nil { throw .protocolViolation("the host answers a query that nobody made") }
    case .ran(let result):
      if request.query != nil { throw .protocolViolation("the host answers a query with a turn") }
      if request.isReplay, result.retained { throw .protocolViolation("the host keeps the code of a replay") }
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
