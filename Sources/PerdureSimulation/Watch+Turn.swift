import PerdureModel
import PerdureStore

extension Watch {
  /// A turn landed: everything about it is compared with what the books say.
  mutating func turn(_ commit: TurnCommit, _ receipt: TurnReceipt, _ clock: TimestampMS, _ store: SimStore) {
    guard let life = life(commit.instance) else {
      return require(false, "A turn of '\(commit.instance)' landed, which is not there.")
    }
    let name = "'\(commit.instance)'"
    require(!life.status.isTerminal, "A turn of \(name) landed after its end.")
    require(life.isServable, "A turn of \(name) landed while it was \(life.status.rawValue).")
    require(
      life.revision == commit.revision,
      "A turn of \(name) computed from revision \(commit.revision) landed on revision \(life.revision).")
    require(
      life.histories.count == Int(commit.execution), "A turn of \(name) landed on another execution.")
    checkStart(commit, life, clock)
    checkIDs(commit, life)
    checkMessages(commit, life)
    checkActivities(commit, clock)
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
    for (index, child) in commit.starts.enumerated() {
      let isFirst = commit.starts[..<index].allSatisfy { $0.start.instance != child.start.instance }
      guard isFirst, receipt.started.contains(child.start.instance) else { continue }
      begin(child.start, commit.now, store, before: receipt.deliveries)
    }
    for delivery in receipt.deliveries { deliver(delivery, in: store) }
    checkValues(commit, store)
    checkRequests(commit, receipt, ends: ends)
    checkCalls(commit, store)
    published(commit.publications, receipt.deliveries, store, of: commit)
    if ends { checkChildren(commit.instance, commit.execution, receipt.deliveries, receipt.terminated) }
    for child in receipt.terminated { terminated(child, store) }
    checkParent(commit, receipt, life)
    if commit.status.isTerminal {
      change(commit.instance) { $0.end = store.describe(commit.instance) }
      require(
        store.describe(commit.instance)?.status == commit.status,
        "\(name) ended as \(commit.status.rawValue), but its row does not say so.")
    }
  }

  /// A start that waits for a moment waits for it, unless it is cancelled before.
  private mutating func checkStart(_ commit: TurnCommit, _ life: Life, _ clock: TimestampMS) {
    let startAt = life.start.options.startAt
    guard life.status == .pending, startAt > life.startedAt, !life.isCancelAsked else { return }
    require(startAt <= clock, "'\(commit.instance)' ran \(startAt - clock) ms before its start.")
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
      if message.kind.data != nil { taken.append(message.kind) }
    }
    let seen = commit.events.compactMap { event -> MessageKind? in
      switch event.kind {
      case .messageReceived(let channel, let name, let data):
        .raised(channel: channel, name: name, data: data)
      case .callReceived(let call, let name, let input): .call(id: call, name: name, input: input)
      default: nil
      }
    }
    require(
      taken == seen, "A turn of '\(commit.instance)' consumed other messages than its history has received.")
  }

  private mutating func checkActivities(_ commit: TurnCommit, _ clock: TimestampMS) {
    func key(_ action: ActionID) -> ActivityKey {
      ActivityKey(instance: commit.instance, execution: commit.execution, action: action)
    }
    let finished = Set(commit.finished.map { $0.action })
    for case .activityFailed(let action, let failure) in commit.events.map({ $0.kind })
    where finished.contains(action) {
      checkTimeout(key(action), .failed(failure), clock)
    }
    for finished in commit.finished { takeRow(key(finished.action), finished.claim) }
    var expected: [ActionID] = []
    for event in commit.events {
      switch event.kind {
      case .activityScheduled(let origin, _, _, _): expected.append(origin.action)
      case .workCancelled(_, let target, .activity):
        expected.removeAll { $0 == target }
        rows[key(target)] = nil
      default: break
      }
    }
    require(
      commit.scheduled.map { $0.key.action } == expected,
      "A turn of '\(commit.instance)' schedules other activities than its history says.")
    for task in commit.scheduled { addRow(task, commit.now) }
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
        checkPunctuality(action, due: fireAt, clock, life)
      }
    }
  }

  /// Where all is well, a timer does not keep anybody waiting for longer than a second.
  private mutating func checkPunctuality(
    _ action: ActionID, due: TimestampMS, _ clock: TimestampMS, _ life: Life
  ) {
    guard let calmSince = moment.calmSince, due - moment.offset >= max(calmSince, life.touchedAt) else {
      return
    }
    require(
      clock - due <= 1_000 + moment.spread,
      "Timer \(action) of '\(life.start.instance)' fired \(clock - due) ms late.")
  }

  private mutating func book(_ commit: TurnCommit, ends: Bool) {
    change(commit.instance) { life in
      life.revision += 1
      life.isCut = false
      life.status = commit.status
      life.histories[life.histories.count - 1].append(contentsOf: commit.events)
      life.inbox.removeAll { commit.consumed.contains($0.sequence) }
      for event in commit.events { life.take(event.kind) }
      for change in commit.kvChanges { life.apply(change) }
      for answer in commit.callAnswers { life.apply(answer) }
      if commit.status.isTerminal {
        life.dropped.formUnion(life.inbox.compactMap { $0.kind.data })
        life.inbox = []
        life.topics = []
      }
      if let next = commit.nextExecution {
        life.histories.append(next)
        life.carried.append(next.count)
        life.bases.append(life.entries)
      }
    }
    guard ends else { return }
    for key in rows.keys where key.instance == commit.instance && key.execution == commit.execution {
      rows[key] = nil
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
    if commit.status.isTerminal { checkParent(of: life, receipt.deliveries) }
  }

  /// The end of an instance that has a parent is told to it, if that one goes on.
  mutating func checkParent(of life: Life, _ deliveries: [Delivery]) {
    guard let link = life.start.parent else { return }
    guard let parent = self.life(link.instance), !parent.status.isTerminal else { return }
    let isTold = deliveries.contains { delivery in
      guard delivery.instance == link.instance else { return false }
      guard case .subOrchestrationEnded(link.execution, link.action, _) = delivery.message.kind else {
        return false
      }
      return true
    }
    require(isTold, "The end of '\(life.start.instance)' was not told to its parent '\(link.instance)'.")
  }
}
