internal import PerdureModel
internal import PerdureStore
internal import PerdureWire

extension Writer {
  func start(
    _ start: InstanceStart, owner: NodeID?, now: TimestampMS
  ) throws(StoreError) -> StoreOutcome {
    if try insert(start, owner: owner, now: now) { return .success(.done) }
    guard let taken = try find(start.instance) else { return .failure(.conflict) }
    return .failure(.alreadyExists(taken.status))
  }

  /// False if the id is taken.
  private func insert(
    _ start: InstanceStart, owner: NodeID?, now: TimestampMS
  ) throws(StoreError) -> Bool {
    let insert = statements.insertInstance
    insert.bind(1, start.instance)
    insert.bind(2, start.orchestration)
    insert.bind(3, start.version)
    insert.bind(4, owner)
    insert.bind(5, now)
    insert.bind(6, start.parent?.instance)
    insert.bind(7, start.parent?.execution)
    insert.bind(8, start.parent?.action)
    insert.bind(9, StoreWire.encode(start))
    try insert.run()
    return insert.changes == 1
  }

  func turn(_ commit: TurnCommit) throws(StoreError) -> StoreOutcome {
    guard let row = try find(commit.instance) else { return .failure(.notFound) }
    if let refusal = try check(commit, row) { return .failure(refusal) }
    guard try consumesInOrder(commit, row) else { return .failure(.conflict) }
    try append(commit.events, to: row.pk, execution: commit.execution)
    if let next = commit.nextExecution {
      try append(next, to: row.pk, execution: commit.execution &+ 1)
    }
    let remaining = try clear(commit, row)
    try update(commit, row, remaining: remaining)
    if let custom = commit.customStatus {
      statements.setCustomStatus.bind(1, row.pk)
      statements.setCustomStatus.bind(2, custom?.bytes)
      try statements.setCustomStatus.run()
    }
    var receipt = TurnReceipt()
    try send(commit, into: &receipt)
    receipt.hasWaitingMessages = remaining > 0
    if !receipt.deliveries.isEmpty, !receipt.hasWaitingMessages {
      receipt.hasWaitingMessages = (try find(commit.instance)?.inboxCount ?? 0) > 0
    }
    return .success(.turned(receipt))
  }

  /// nil: the commit can land. Nothing is written before every reason for a refusal was looked at.
  private func check(_ commit: TurnCommit, _ row: InstanceRow) throws(StoreError) -> StoreRefusal? {
    guard row.revision == commit.revision, !row.status.isTerminal, row.status != .quarantined else {
      return .conflict
    }
    for finished in commit.finished {
      let held = try activity(row.pk, row.execution, finished.action)
      guard let held, held.claim == finished.claim else { return .conflict }
    }
    func broken(_ what: String) -> StoreRefusal {
      .failed(
        StoreError(
          .internalError, "The turn of instance \(commit.instance) \(what): nothing of it was stored."))
    }
    guard commit.execution == row.execution else {
      return broken("is of execution \(commit.execution), the instance is at execution \(row.execution)")
    }
    if let gap = Self.gap(in: commit.events, after: row.eventCount)
      ?? Self.gap(in: commit.nextExecution ?? [], after: 0)
    {
      return broken("has event \(gap) out of order")
    }
    for task in commit.scheduled where commit.nextExecution == nil && task.key.execution != row.execution {
      return broken("schedules an activity of execution \(task.key.execution)")
    }
    return nil
  }

  /// The first event that is not the next one.
  private static func gap(in events: [Event], after last: EventID) -> EventID? {
    var last = last
    for event in events {
      guard event.id == last &+ 1 else { return event.id }
      last = event.id
    }
    return nil
  }

  /// No message older than one that the turn consumes is left.
  private func consumesInOrder(_ commit: TurnCommit, _ row: InstanceRow) throws(StoreError) -> Bool {
    guard let last = commit.consumed.max(), row.inboxCount > 0 else { return true }
    let consumed = Set(commit.consumed)
    let older = statements.messagesUpTo
    older.bind(1, row.pk)
    older.bind(2, last)
    defer { older.reset() }
    while try older.step() {
      if !consumed.contains(older.integer(0)) { return false }
    }
    return true
  }

  private func append(
    _ events: [Event], to pk: Int64, execution: ExecutionID
  ) throws(StoreError) {
    let insert = statements.insertEvent
    insert.bind(1, pk)
    insert.bind(2, execution)
    for event in events {
      insert.bind(3, event.id)
      insert.bind(4, EventWire.encode(event))
      try insert.run()
    }
  }

  /// Removes the messages and activities that the turn is done with, adds the new activities; answers how
  /// many messages remain.
  private func clear(_ commit: TurnCommit, _ row: InstanceRow) throws(StoreError) -> Int64 {
    if commit.status.isTerminal {
      if row.inboxCount > 0 {
        statements.deleteMessages.bind(1, row.pk)
        try statements.deleteMessages.run()
      }
      try deleteActivities(of: row.pk, upTo: .max)
      return 0
    }
    var remaining = row.inboxCount
    for sequence in commit.consumed {
      statements.deleteMessage.bind(1, sequence)
      statements.deleteMessage.bind(2, row.pk)
      try statements.deleteMessage.run()
      remaining &-= statements.deleteMessage.changes
    }
    if commit.nextExecution != nil {
      try deleteActivities(of: row.pk, upTo: commit.execution)
    } else {
      for action in commit.finished.map(\.action) + commit.cancelled {
        let delete = statements.deleteActivityByKey
        delete.bind(1, row.pk)
        delete.bind(2, commit.execution)
        delete.bind(3, action)
        try delete.run()
      }
    }
    let execution = commit.nextExecution == nil ? commit.execution : commit.execution &+ 1
    for task in commit.scheduled where task.key.execution == execution { try schedule(task, for: row.pk) }
    return remaining
  }

  private func deleteActivities(of pk: Int64, upTo execution: ExecutionID) throws(StoreError) {
    statements.deleteActivitiesUpTo.bind(1, pk)
    statements.deleteActivitiesUpTo.bind(2, execution)
    try statements.deleteActivitiesUpTo.run()
  }

  private func schedule(_ task: ActivityTask, for pk: Int64) throws(StoreError) {
    let insert = statements.insertActivity
    insert.bind(1, pk)
    insert.bind(2, task.key.execution)
    insert.bind(3, task.key.action)
    insert.bind(4, task.name)
    insert.bind(5, task.orchestration)
    insert.bind(6, task.attempt)
    insert.bind(7, task.visibleAt)
    insert.bind(8, task.claim?.node)
    insert.bind(9, task.claim?.token)
    insert.bind(10, task.input.bytes)
    try insert.run()
  }

  private func update(
    _ commit: TurnCommit, _ row: InstanceRow, remaining: Int64
  ) throws(StoreError) {
    let isEnd = commit.status.isTerminal
    let isAwake = !isEnd && commit.status != .quarantined && commit.status != .suspended
    let update = statements.updateInstance
    update.bind(1, row.pk)
    update.bind(2, commit.orchestrationVersion)
    update.bind(3, commit.status.rawValue)
    update.bind(4, commit.nextExecution == nil ? commit.execution : commit.execution &+ 1)
    update.bind(5, commit.revision &+ 1)
    let count = commit.nextExecution.map(\.count) ?? commit.events.count
    update.bind(6, (commit.nextExecution == nil ? row.eventCount : 0) &+ Int64(count))
    update.bind(7, remaining)
    update.bind(8, !isAwake ? nil : remaining > 0 ? 0 : commit.wakeAt)
    update.bind(9, isEnd ? nil : commit.owner)
    update.bind(10, commit.now)
    update.bind(11, isEnd ? commit.now : nil as TimestampMS?)
    update.bind(12, commit.output?.bytes)
    update.bind(13, commit.failure.map { FailureWire.encode($0) })
    try update.run()
  }

  private func send(_ commit: TurnCommit, into receipt: inout TurnReceipt) throws(StoreError) {
    for child in commit.starts {
      if try insert(child.start, owner: child.owner, now: commit.now) {
        receipt.started.append(child.start.instance)
      } else if let parent = child.start.parent, let taken = try find(child.start.instance) {
        let failure = Failure.alreadyExists(child.start.instance, taken.status)
        let ended = MessageKind.subOrchestrationEnded(
          execution: parent.execution, action: parent.action, outcome: .failed(failure))
        try deliver(ended, to: parent.instance).map { receipt.deliveries.append($0) }
      }
    }
    for message in commit.messages {
      try deliver(message.kind, to: message.to).map { receipt.deliveries.append($0) }
    }
  }
}
