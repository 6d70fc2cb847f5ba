import PerdureModel
import PerdureStore

extension Watch {
  /// A turn landed: everything about it is compared with what the books say.
  mutating func turn(_ commit: TurnCommit, _ receipt: TurnReceipt, _ clock: TimestampMS, _ store: SimStore) {
    guard let life = life(commit.instance) else {
      return require(false, "A turn of '\(commit.instance)' landed, which was never started.")
    }
    let name = "'\(commit.instance)'"
    require(!life.status.isTerminal, "A turn of \(name) landed after its end.")
    require(
      life.revision == commit.revision,
      "A turn of \(name) computed from revision \(commit.revision) landed on revision \(life.revision).")
    require(
      life.histories.count == Int(commit.execution), "A turn of \(name) landed on another execution.")
    checkIDs(commit, life)
    checkMessages(commit, life)
    checkActivities(commit)
    checkTimers(commit, life, clock)
    let ends = commit.status.isTerminal || commit.nextExecution != nil
    for (index, event) in commit.events.enumerated() where event.kind.isTerminal {
      require(
        ends && index == commit.events.count - 1,
        "The end of \(name) in event \(event.id) is not the last event.")
    }
    require(
      !ends || commit.events.last?.kind.isTerminal == true, "\(name) ended without an event that says so.")
    book(commit, ends: ends)
    checkCarried(commit)
    var started = Set(receipt.started)
    for child in commit.starts where started.remove(child.start.instance) != nil { begin(child.start) }
    for delivery in receipt.deliveries { deliver(delivery, in: store) }
    checkParent(commit, receipt, life)
    if commit.status.isTerminal {
      change(commit.instance) { $0.end = store.describe(commit.instance) }
      require(
        store.describe(commit.instance)?.status == commit.status,
        "\(name) ended as \(commit.status.rawValue), but its row does not say so.")
    }
  }

  private mutating func checkIDs(_ commit: TurnCommit, _ life: Life) {
    var last = Int64(life.histories.last?.count ?? 0)
    for event in commit.events {
      require(event.id == last + 1, "'\(commit.instance)' got event \(event.id) after event \(last).")
      last += 1
    }
  }

  /// What a turn consumed is what its history says it saw; nothing is consumed twice.
  private mutating func checkMessages(_ commit: TurnCommit, _ life: Life) {
    var taken: [MessageKind] = []
    for sequence in commit.consumed {
      guard let message = life.inbox.first(where: { $0.sequence == sequence }) else {
        return require(
          false, "Message \(sequence) to '\(commit.instance)' was taken by a turn and was not in its inbox.")
      }
      if case .raised = message.kind { taken.append(message.kind) }
    }
    let seen = commit.events.compactMap { event -> MessageKind? in
      guard case .messageReceived(let channel, let name, let data) = event.kind else { return nil }
      return .raised(channel: channel, name: name, data: data)
    }
    require(
      taken == seen, "A turn of '\(commit.instance)' consumed other messages than its history has received.")
  }

  private mutating func checkActivities(_ commit: TurnCommit) {
    func key(_ action: ActionID) -> ActivityKey {
      ActivityKey(instance: commit.instance, execution: commit.execution, action: action)
    }
    for finished in commit.finished { takeRow(key(finished.action), finished.claim) }
    var expected: [ActionID] = []
    for event in commit.events {
      switch event.kind {
      case .activityScheduled(let origin, _, _): expected.append(origin.action)
      case .workCancelled(_, let target, .activity):
        expected.removeAll { $0 == target }
        dropRow(key(target))
      default: break
      }
    }
    require(
      commit.scheduled.map { $0.key.action } == expected,
      "A turn of '\(commit.instance)' schedules other activities than its history says.")
    for task in commit.scheduled { addRow(task) }
  }

  private mutating func checkTimers(_ commit: TurnCommit, _ life: Life, _ clock: TimestampMS) {
    let history = life.histories.last ?? []
    for case .timerFired(let action) in commit.events.map({ $0.kind }) {
      for event in history {
        guard case .timerCreated(let origin, let fireAt) = event.kind, origin.action == action else {
          continue
        }
        require(
          fireAt <= clock, "Timer \(action) of '\(commit.instance)' fired \(fireAt - clock) ms early.")
      }
    }
  }

  private mutating func book(_ commit: TurnCommit, ends: Bool) {
    change(commit.instance) { life in
      life.revision += 1
      life.status = commit.status
      life.histories[life.histories.count - 1].append(contentsOf: commit.events)
      life.inbox.removeAll { commit.consumed.contains($0.sequence) }
      if commit.status.isTerminal { life.inbox = [] }
      if let next = commit.nextExecution {
        life.histories.append(next)
        life.carried.append(next.count)
      }
    }
    guard ends else { return }
    for (key, _) in rows where key.instance == commit.instance && key.execution == commit.execution {
      dropRow(key)
    }
  }

  /// Continue-as-new takes along what nobody took, in order.
  private mutating func checkCarried(_ commit: TurnCommit) {
    guard let next = commit.nextExecution, let histories = life(commit.instance)?.histories else { return }
    let left = Messages.untaken(histories[histories.count - 2])
    let carried = next.compactMap { Messages.received($0) }
    require(
      left == carried,
      "Continue-as-new of '\(commit.instance)' carries \(carried.count) messages of \(left.count)."
    )
  }

  private mutating func checkParent(_ commit: TurnCommit, _ receipt: TurnReceipt, _ life: Life) {
    guard commit.status.isTerminal, let link = life.start.parent else { return }
    guard let parent = self.life(link.instance), !parent.status.isTerminal else { return }
    let isTold = receipt.deliveries.contains { delivery in
      guard delivery.instance == link.instance else { return false }
      guard case .subOrchestrationEnded(link.execution, link.action, _) = delivery.message.kind else {
        return false
      }
      return true
    }
    require(isTold, "The end of '\(commit.instance)' was not told to its parent '\(link.instance)'.")
  }
}

/// Named messages of a history, followed without the engine's own mailbox.
enum Messages {
  struct Received: Hashable {
    var channel: Channel
    var name: String
    var data: Payload
  }

  static func received(_ event: Event) -> Received? {
    guard case .messageReceived(let channel, let name, let data) = event.kind else { return nil }
    return Received(channel: channel, name: name, data: data)
  }

  /// What nobody took, in order of arrival.
  static func untaken(_ history: [Event]) -> [Received] {
    var kept: [Received] = []
    var waiting: [(action: ActionID, channel: Channel, name: String)] = []
    let made = history.filter { $0.kind.origin != nil }
    for event in history where event.kind.isDelivered {
      if let message = received(event) {
        let taker = waiting.firstIndex { $0.channel == message.channel && $0.name == message.name }
        if let taker { waiting.remove(at: taker) } else { kept.append(message) }
      }
      for action in made where action.kind.origin?.after == event.id {
        switch action.kind {
        case .subscribed(let origin, let channel, let name):
          if let index = kept.firstIndex(where: { $0.channel == channel && $0.name == name }) {
            kept.remove(at: index)
          } else {
            waiting.append((origin.action, channel, name))
          }
        case .workCancelled(_, let target, _): waiting.removeAll { $0.action == target }
        default: break
        }
      }
    }
    return kept
  }
}
