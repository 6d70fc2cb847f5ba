import PerdureModel

/// What every history must look like, whatever happened. Written from docs/wire-format.md, not from the
/// engine.
enum HistoryGrammar {
  /// The rules that one execution breaks.
  ///
  /// - isOver: it must have a last event.
  static func faults(_ events: [Event], isOver: Bool) -> [String] {
    var faults: [String] = []
    if events.map(\.id) != Array(1...EventID(max(events.count, 1))) {
      faults.append("the ids are \(events.map(\.id))")
    }
    if zip(events, events.dropFirst()).contains(where: { $0.at > $1.at }) { faults.append("time goes back") }
    if case .orchestrationStarted? = events.first?.kind {} else { faults.append("no start at its beginning") }
    let starts = events.count { if case .orchestrationStarted = $0.kind { true } else { false } }
    if starts != 1 { faults.append("\(starts) starts") }
    let ends = events.filter { $0.kind.isTerminal }
    if ends.count > 1 || (ends.count == 1 && ends.first?.id != events.last?.id) {
      faults.append("an end that is not its last event")
    }
    if isOver, ends.isEmpty { faults.append("no end") }
    return faults + answers(events)
  }

  private enum Kind { case activity, timer, child, request, other }

  /// Each answer is to something of its kind that was asked for before, and is the only one.
  private static func answers(_ events: [Event]) -> [String] {
    var open: [ActionID: Kind] = [:]
    var faults: [String] = []
    var actions: ActionID = 0
    for event in events {
      if let origin = event.kind.origin {
        if origin.action <= actions { faults.append("action \(origin.action) at event \(event.id)") }
        actions = origin.action
        if origin.after >= event.id { faults.append("event \(event.id) comes before its cause") }
        open[origin.action] = kind(event.kind)
      }
      guard let (action, wanted) = answered(event.kind) else { continue }
      let found = open.removeValue(forKey: action)
      if found != wanted { faults.append("event \(event.id) answers \(action), which is \(found as Any)") }
    }
    return faults
  }

  private static func kind(_ kind: EventKind) -> Kind {
    switch kind {
    case .activityScheduled: .activity
    case .timerCreated: .timer
    case .subOrchestrationScheduled: .child
    case .messageSendRequested, .kvReadRequested: .request
    default: .other
    }
  }

  private static func answered(_ kind: EventKind) -> (ActionID, Kind)? {
    switch kind {
    case .activityCompleted(let action, _), .activityFailed(let action, _): (action, .activity)
    case .timerFired(let action): (action, .timer)
    case .subOrchestrationCompleted(let action, _), .subOrchestrationFailed(let action, _): (action, .child)
    case .requestCompleted(let action, _), .requestFailed(let action, _): (action, .request)
    default: nil
    }
  }
}
