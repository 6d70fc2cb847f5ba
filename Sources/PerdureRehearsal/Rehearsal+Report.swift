import PerdureModel
import PerdureStoreMemory

/// Instances as the report shows them.
extension Rehearsal {
  /// - isWhole: with what they wait for, their history and their key-value state.
  func instances(isWhole: Bool) -> [RehearsedInstance] {
    var all: [RehearsedInstance] = []
    var cursor: Int64? = 0
    while let from = cursor {
      let page = store.list(ListQuery(cursor: from, limit: Limits.pageRows))
      for description in page.instances {
        var instance = RehearsedInstance(description: description)
        if isWhole {
          instance.history = history(of: description.instance)
          instance.kv = store.keyValues(KVQuery(instance: description.instance)) ?? []
          instance.waits = waits(of: description, instance.history)
        }
        all.append(instance)
      }
      cursor = page.next
    }
    return all
  }

  private func history(of instance: InstanceID) -> [Event] {
    var events: [Event] = []
    while let page = store.history(HistoryQuery(instance: instance, after: events.last?.id ?? 0)) {
      events += page.events
      if !page.hasMore || page.events.isEmpty { break }
    }
    return events
  }

  private func waits(of description: InstanceDescription, _ history: [Event]) -> [String] {
    switch description.status {
    case .pending:
      let version = description.version.map { " version \($0)" } ?? ""
      return ["to be run: '\(description.orchestration)'\(version) is not registered, or is yet to start"]
    case .suspended: return ["to be resumed"]
    case .quarantined: return ["to be looked after: \(description.failure?.message ?? "it is quarantined")"]
    case let status where status.isTerminal: return []
    default: break
    }
    var open: [(action: ActionID, what: String)] = []
    // Messages that came before anybody waited for them.
    var kept: [String: Int] = [:]
    for event in history {
      if let (action, what) = event.kind.opened {
        if let count = kept[what], count > 0 { kept[what] = count - 1 } else { open.append((action, what)) }
      }
      if let action = event.kind.closed { open.removeAll { $0.action == action } }
      guard case .messageReceived(let channel, let name, _) = event.kind else { continue }
      let what = "\(channel.rawValue) '\(name)'"
      if let index = open.firstIndex(where: { $0.what == what }) {
        open.remove(at: index)
      } else {
        kept[what, default: 0] += 1
      }
    }
    return open.map(\.what)
  }
}

extension EventKind {
  /// The work that it leaves open, in words.
  fileprivate var opened: (ActionID, String)? {
    switch self {
    case .activityScheduled(let origin, let name, _, _): (origin.action, "activity '\(name)'")
    case .timerCreated(let origin, _): (origin.action, "a timer")
    case .subscribed(let origin, let channel, let name): (origin.action, "\(channel.rawValue) '\(name)'")
    case .subOrchestrationScheduled(let origin, let name, _, let instance, _, _):
      (origin.action, "sub-orchestration '\(name)' (\(instance))")
    case .messageSendRequested(let origin, let message): (origin.action, "a message to '\(message.to)'")
    case .kvReadRequested(let origin, let instance, _): (origin.action, "the state of '\(instance)'")
    default: nil
    }
  }

  fileprivate var closed: ActionID? {
    switch self {
    case .activityCompleted(let action, _), .activityFailed(let action, _), .timerFired(let action),
      .subOrchestrationCompleted(let action, _), .subOrchestrationFailed(let action, _),
      .requestCompleted(let action, _), .requestFailed(let action, _):
      action
    case .workCancelled(_, let target, _): target
    default: nil
    }
  }
}
