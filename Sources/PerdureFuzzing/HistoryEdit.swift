import PerdureModel

/// Damage to a history, as a script decides.
enum HistoryEdit {
  static func run(_ events: inout [Event], _ script: inout ByteScript) {
    for _ in 0..<script.pick(6) where !events.isEmpty { edit(&events, &script) }
  }

  private static func edit(_ events: inout [Event], _ script: inout ByteScript) {
    let place = script.pick(events.count)
    switch script.pick(9) {
    case 0: events.remove(at: place)
    case 1: events.insert(events[place], at: script.pick(events.count + 1))
    case 2: events.swapAt(place, script.pick(events.count))
    case 3: events[place].id = script.number()
    case 4: events[place].at = script.number()
    case 5: events[place].kind = answering(script.number(), events[place].kind)
    case 6:
      events[place].kind = moved(events[place].kind, Origin(action: script.number(), after: script.number()))
    case 7: events.removeSubrange(place...)
    default: events[place].kind = wild(&script)
    }
  }

  /// The same with the number of another action.
  private static func answering(_ action: ActionID, _ kind: EventKind) -> EventKind {
    switch kind {
    case .activityCompleted(_, let result): .activityCompleted(action: action, result: result)
    case .activityFailed(_, let failure): .activityFailed(action: action, failure: failure)
    case .timerFired: .timerFired(action: action)
    case .subOrchestrationCompleted(_, let result): .subOrchestrationCompleted(action: action, result: result)
    case .subOrchestrationFailed(_, let failure): .subOrchestrationFailed(action: action, failure: failure)
    case .requestCompleted(_, let result): .requestCompleted(action: action, result: result)
    case .requestFailed(_, let failure): .requestFailed(action: action, failure: failure)
    case .workCancelled(let origin, _, let work): .workCancelled(origin, target: action, work: work)
    case .cancelIgnored(let origin, _): .cancelIgnored(origin, target: action)
    default: kind
    }
  }

  private static func moved(_ kind: EventKind, _ origin: Origin) -> EventKind {
    switch kind {
    case .activityScheduled(_, let name, let input, let options):
      .activityScheduled(origin, name: name, input: input, options: options)
    case .timerCreated(_, let fireAt): .timerCreated(origin, fireAt: fireAt)
    case .subscribed(_, let channel, let name): .subscribed(origin, channel: channel, name: name)
    case .workCancelled(_, let target, let work): .workCancelled(origin, target: target, work: work)
    case .kvReadRequested(_, let instance, let key): .kvReadRequested(origin, instance: instance, key: key)
    case .patchRecorded(_, let patch): .patchRecorded(origin, patch: patch)
    default: kind
    }
  }

  /// Anything from anywhere, with the numbers that hurt.
  private static func wild(_ script: inout ByteScript) -> EventKind {
    let number = script.number()
    let origin = Origin(action: number, after: script.number())
    switch script.pick(14) {
    case 0: return .timerCreated(origin, fireAt: script.number())
    case 1: return .cancellationRequested(reason: "", deadline: script.number())
    case 2: return .workCancelled(nil, target: number, work: script.choose(WorkKind.allCases))
    case 3: return .workCancelled(origin, target: script.number(), work: script.choose(WorkKind.allCases))
    case 4:
      return .orchestrationStarted(name: script.text(), version: script.text(), input: .null, parent: nil)
    case 5: return .orchestrationTerminated(reason: script.text())
    case 6: return .orchestrationContinuedAsNew(version: script.text(), input: .null)
    case 7: return .callReceived(call: script.text(), name: "", input: .null)
    case 8:
      return .callAnswered(origin, call: script.text(), outcome: .failed(Failure(type: "", message: "")))
    case 9: return .kvChanged(origin, .set(key: script.text(), value: .null))
    case 10: return .subscribed(origin, channel: script.choose(Channel.allCases), name: script.text())
    case 11: return .activityFailed(action: number, failure: Failure(type: script.text(), message: ""))
    case 12: return .timerFired(action: number)
    default: return .requestCompleted(action: number, result: .null)
    }
  }
}
