import PerdureModel
import PerdureStore

/// Starts, ends and changes of instances as a whole.
extension Watch {
  mutating func started(
    _ start: InstanceStart, _ receipt: StoreReceipt, _ now: TimestampMS, _ store: SimStore
  ) {
    let name = "'\(start.instance)'"
    switch receipt {
    case .existing(let instance, let status):
      guard let other = life(instance) else {
        return require(false, "A start of \(name) came to '\(instance)', which is not there.")
      }
      let key = start.options.dedupKey
      let isMeant =
        (key != nil && other.start.options.dedupKey == key)
        || (instance == start.instance && start.options.policy == .useExisting)
      require(isMeant, "A start of \(name) came to '\(instance)', which was not asked for.")
      require(status == other.status, "A start of \(name) was told a wrong status.")
    case .restarted(let deleted, let deliveries):
      let old = life(start.instance)
      let isAllowed =
        start.options.policy == .terminateAndRestart
        || (start.options.policy == .restartIfFinished && old?.status.isTerminal == true)
      require(isAllowed, "\(name) gave way to a start that did not ask for it.")
      require(
        Set(deleted) == Set(tree(of: start.instance)), "\(name) gave way without the tree of its children.")
      for instance in deleted { end(instance) }
      for delivery in deliveries { deliver(delivery, in: store) }
      begin(start, now, store)
    default: begin(start, now, store)
    }
  }

  func tree(of root: InstanceID) -> [InstanceID] {
    var tree = [root]
    var next = 0
    while next < tree.count {
      let parent = tree[next]
      tree += lives.filter { !$0.isGone && $0.start.parent?.instance == parent }.map { $0.start.instance }
      next += 1
    }
    return tree
  }

  mutating func quarantined(_ instance: InstanceID, _ failure: Failure) {
    guard let life = life(instance) else {
      return require(false, "'\(instance)' was quarantined, which is not there.")
    }
    require(life.isServable, "'\(instance)' was quarantined while it was \(life.status.rawValue).")
    let isPoisoned = failure.type == FailureType.poison && hasPoison(life)
    let isSick =
      switch failure.type {
      case FailureType.nondeterminism: sick(life.start.orchestration)
      case FailureType.corruptHistory: damaged.contains(instance)
      case FailureType.poison: isPoisoned || hostsStumble || isDeadly(instance)
      default: false
      }
    require(
      isSick,
      "A healthy instance, '\(instance)', was quarantined: \(failure.message)")
    let now = moment.now
    change(instance) {
      if isPoisoned { $0.isPoisoned = true }
      if failure.type == FailureType.poison { $0.wasPoison = true }
      $0.status = .quarantined
      $0.touchedAt = now
      $0.revision += 1
    }
  }

  /// Its turns end their process: until that was found out once.
  func isDeadly(_ instance: InstanceID) -> Bool {
    guard let life = life(instance), life.start.parent == nil else { return false }
    return !life.wasPoison && deadly(life.start.orchestration)
  }

  /// An activity of it was begun ten times and not heard of again, or a message that says so waits.
  private func hasPoison(_ life: Life) -> Bool {
    life.inbox.contains { $0.kind.poisoned != nil }
      || rows.contains { key, row in
        key.instance == life.start.instance && row.attempt - 1 - row.failures >= Limits.activityLosses
      }
  }

  /// What was given up as poison begins anew.
  private mutating func scheduledAgain(_ instance: InstanceID, _ now: TimestampMS) {
    guard let life = life(instance), let history = life.histories.last else { return }
    for message in life.inbox {
      guard let poisoned = message.kind.poisoned, poisoned.execution == Int64(life.histories.count) else {
        continue
      }
      let key = ActivityKey(instance: instance, execution: poisoned.execution, action: poisoned.action)
      let name = life.start.orchestration
      guard rows[key] == nil,
        let task = ActivityTask(again: key, in: history, orchestration: name, now: now)
      else { continue }
      rows[key] = Row(task, now: now)
      change(instance) { life in life.inbox.removeAll { $0.sequence == message.sequence } }
    }
  }

  /// - at: the operator's time.
  mutating func controlled(
    _ instance: InstanceID, _ verb: ControlVerb, _ receipt: ControlReceipt, at: TimestampMS,
    _ store: SimStore
  ) {
    guard let life = life(instance) else {
      return require(false, "'\(instance)' was changed as a whole, and is not there.")
    }
    let now = moment.now
    let working: InstanceStatus = life.histories == [[]] ? .pending : .running
    switch (verb, life.status) {
    case (.suspend, .pending), (.suspend, .running): change(instance) { $0.status = .suspended }
    case (.resume, .suspended): change(instance) { $0.status = working }
    case (.retry, .quarantined):
      scheduledAgain(instance, at)
      change(instance) { $0.status = working }
    case (.requeue, .pending), (.requeue, .running): break
    case (.terminate, _) where !life.status.isTerminal:
      for delivery in receipt.deliveries { deliver(delivery, in: store) }
      for ended in receipt.terminated { terminated(ended, store) }
      checkParent(of: life, receipt.deliveries)
    default:
      require(false, "'\(instance)' took \(verb.rawValue) while it was \(life.status.rawValue).")
    }
    if verb != .terminate {
      change(instance) { life in
        life.revision += 1
        life.touchedAt = now
      }
    }
    require(
      receipt.status == self.life(instance)?.status && receipt.status == store.describe(instance)?.status,
      "'\(instance)' is said to be \(receipt.status.rawValue) after \(verb.rawValue).")
    for ended in receipt.terminated { checkChildren(ended, nil, receipt.deliveries, receipt.terminated) }
  }

  /// Somebody ended it without its code.
  mutating func terminated(_ instance: InstanceID, _ store: SimStore) {
    guard let life = life(instance), !life.status.isTerminal else {
      return require(false, "'\(instance)' was terminated after its end.")
    }
    let execution = Int64(life.histories.count)
    let count = Int64(life.histories.last?.count ?? 0)
    let query = HistoryQuery(instance: instance, execution: execution, after: count)
    let written = store.history(query)?.events ?? []
    let isOne = written.count == 1 && written.first?.id == count + 1
    guard let event = written.first, isOne, case .orchestrationTerminated = event.kind else {
      return require(false, "'\(instance)' was terminated, and its history does not end with that.")
    }
    let end = store.describe(instance)
    change(instance) { life in
      life.histories[life.histories.count - 1].append(event)
      life.status = .terminated
      life.revision += 1
      life.dropped.formUnion(life.inbox.compactMap { $0.kind.data })
      life.inbox = []
      life.topics = []
      life.isTerminated = true
      life.end = end
    }
    for key in rows.keys where key.instance == instance { rows[key] = nil }
    require(end?.status == .terminated, "'\(instance)' was terminated, but its row does not say so.")
  }

  // MARK: Retention

  /// - now: that the sweep went by.
  mutating func swept(_ deleted: [InstanceID], _ now: TimestampMS, _ store: SimStore) {
    let rules = RetentionRules(Array(retention.values))
    var whole: Set<InstanceID> = []
    for instance in deleted {
      guard let life = life(instance) else {
        return require(false, "'\(instance)' was swept away, and is not there.")
      }
      require(life.status.isTerminal, "'\(instance)' was swept away before its end.")
      require(store.describe(instance) == nil, "'\(instance)' was swept away and is still there.")
      guard life.start.parent == nil, let endedAt = life.end?.endedAt else { continue }
      let due = rules.due(life.start.orchestration, life.status, endedAt: endedAt)
      require(due.map { $0 <= now } ?? false, "'\(instance)' was swept away before its time.")
      whole.formUnion(tree(of: instance))
    }
    require(whole == Set(deleted), "\(deleted) were swept away, which are no whole trees.")
    for instance in deleted { end(instance) }
  }

  // MARK: Children

  /// What is open when an execution ends follows its close policy.
  ///
  /// - execution: nil when the whole instance was terminated.
  mutating func checkChildren(
    _ parent: InstanceID, _ execution: ExecutionID?, _ deliveries: [Delivery], _ terminated: [InstanceID]
  ) {
    for child in lives where !child.isGone && child.start.parent?.instance == parent {
      guard let link = child.start.parent, execution.map({ $0 == link.execution }) ?? true else { continue }
      let instance = child.start.instance
      let isEnded = child.status.isTerminal && !terminated.contains(instance)
      if isEnded || isGivenUp(link) { continue }
      let isCancelled = deliveries.contains { delivery in
        if case .cancel = delivery.message.kind { delivery.instance == instance } else { false }
      }
      let isKept =
        switch child.start.options.closePolicy {
        case .cancel: isCancelled
        case .terminate: terminated.contains(instance)
        case .abandon: !isCancelled && !terminated.contains(instance)
        }
      require(
        isKept,
        "'\(instance)' does not follow its close policy, \(child.start.options.closePolicy.rawValue), "
          + "at the end of '\(parent)'.")
    }
  }

  /// The code cancelled the child, or was told of its end.
  func isGivenUp(_ link: ParentLink?) -> Bool {
    guard let link, let histories = life(link.instance)?.histories, link.execution <= histories.count else {
      return true
    }
    return histories[Int(link.execution) - 1].contains { event in
      switch event.kind {
      case .workCancelled(let origin, link.action, _): origin != nil
      case .subOrchestrationCompleted(link.action, _), .subOrchestrationFailed(link.action, _): true
      default: false
      }
    }
  }
}
