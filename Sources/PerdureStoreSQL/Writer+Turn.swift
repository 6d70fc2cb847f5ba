internal import PerdureModel
internal import PerdureStore
internal import PerdureWire

extension Writer {
  func turn(_ commit: TurnCommit) throws(StoreError) -> StoreOutcome {
    guard let row = try find(commit.instance) else { return .failure(.notFound) }
    var sessions: [(session: String, node: NodeID)] = []
    if let refusal = try check(commit, row, &sessions) { return .failure(refusal) }
    guard let consumed = try consumedInOrder(commit, row) else { return .failure(.conflict) }
    for used in sessions { try use(used.session, by: used.node, now: commit.now) }
    try append(commit.events, to: row.pk, execution: commit.execution)
    if let next = commit.nextExecution {
      try append(next, to: row.pk, execution: commit.execution &+ 1)
    }
    let remaining = try clear(commit, row, consumed: consumed)
    try update(commit, row, remaining: remaining)
    if !commit.kvChanges.isEmpty { try change(commit.kvChanges, of: row.pk) }
    if commit.nextExecution != nil, row.used.union(Self.uses(commit)).contains(.keyValues) {
      try rebase(row.pk)
    }
    if let custom = commit.customStatus {
      statements.setCustomStatus.bind(1, row.pk)
      statements.setCustomStatus.bind(2, custom?.bytes)
      try statements.setCustomStatus.run()
    }
    var receipt = TurnReceipt()
    try send(commit, row, into: &receipt)
    receipt.hasWaitingMessages = remaining > 0
    if !receipt.hasWaitingMessages {
      let own = ExactText(commit.instance)
      receipt.hasWaitingMessages = receipt.deliveries.contains { ExactText($0.instance) == own }
    }
    return .success(.turned(receipt))
  }

  /// nil: the commit can land. Nothing is written before every reason for a refusal was looked at.
  ///
  /// - Parameter sessions: takes the sessions of the activities that the turn finishes.
  private func check(
    _ commit: TurnCommit, _ row: InstanceRow, _ sessions: inout [(session: String, node: NodeID)]
  ) throws(StoreError) -> StoreRefusal? {
    guard row.revision == commit.revision, row.isServable else {
      return .conflict
    }
    if let createdAt = commit.createdAt, createdAt != row.createdAt { return .conflict }
    for finished in commit.finished {
      let held = try activity(row.pk, row.execution, finished.action)
      guard let held, held.claim == finished.claim else { return .conflict }
      if let session = held.session { sessions.append((session, finished.claim.node)) }
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

  /// How many of the messages that the turn consumes are there. nil: one older than these would be left.
  private func consumedInOrder(_ commit: TurnCommit, _ row: InstanceRow) throws(StoreError) -> Int64? {
    guard let last = commit.consumed.max(), row.inboxCount > 0 else { return 0 }
    let consumed = Set(commit.consumed)
    if foresight.covers(row.pk), let waiting = foresight.messages[row.pk] {
      let older = waiting.filter { $0 <= last }
      return older.allSatisfy(consumed.contains) ? Int64(older.count) : nil
    }
    let older = statements.messagesUpTo
    older.bind(1, row.pk)
    older.bind(2, last)
    defer { older.reset() }
    var count: Int64 = 0
    while try older.step() {
      if !consumed.contains(older.integer(0)) { return nil }
      count &+= 1
    }
    return count
  }

  func append(
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
  ///
  /// - Parameter consumed: how many messages go.
  private func clear(
    _ commit: TurnCommit, _ row: InstanceRow, consumed: Int64
  ) throws(StoreError) -> Int64 {
    if commit.status.isTerminal {
      try empty(row)
      return 0
    }
    if let last = commit.consumed.max() {
      statements.deleteMessagesUpTo.bind(1, row.pk)
      statements.deleteMessagesUpTo.bind(2, last)
      try statements.deleteMessagesUpTo.run()
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
    for task in commit.scheduled where task.key.execution == execution {
      try schedule(task, for: row.pk, revision: commit.revision, now: commit.now)
    }
    return row.inboxCount &- consumed
  }

  /// What goes with the end of an instance.
  func empty(_ row: InstanceRow) throws(StoreError) {
    if row.inboxCount > 0 {
      statements.deleteMessages.bind(1, row.pk)
      try statements.deleteMessages.run()
    }
    try deleteActivities(of: row.pk, upTo: .max)
    if row.used.contains(.topics) { try unsubscribe(row.pk) }
  }

  func deleteActivities(of pk: Int64, upTo execution: ExecutionID) throws(StoreError) {
    statements.deleteActivitiesUpTo.bind(1, pk)
    statements.deleteActivitiesUpTo.bind(2, execution)
    try statements.deleteActivitiesUpTo.run()
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
    update.bind(14, row.used.union(Self.uses(commit)).rawValue)
    try update.run()
    recount(row, as: commit.status, commit.orchestrationVersion, endedAt: isEnd ? commit.now : nil)
  }

  private static func uses(_ commit: TurnCommit) -> Used {
    var uses: Used = []
    if !commit.kvChanges.isEmpty { uses.insert(.keyValues) }
    if !commit.topicChanges.isEmpty { uses.insert(.topics) }
    return uses
  }
}
