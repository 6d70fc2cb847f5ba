internal import PerdureModel
internal import PerdureStore
internal import PerdureWire

extension Writer {
  func post(_ message: OutgoingMessage) throws(StoreError) -> StoreOutcome {
    guard let row = try find(message.to) else { return .failure(.notFound) }
    if row.status.isTerminal { return .failure(.wrongStatus(row.status)) }
    if row.inboxCount >= Int64(Limits.inboxMessages) {
      return .failure(.inboxFull(limit: Limits.inboxMessages))
    }
    return .success(.posted(try insert(message.kind, to: message.to, row)))
  }

  /// Sends on behalf of a turn: nil if the receiver is unknown or finished.
  func deliver(_ kind: MessageKind, to instance: InstanceID) throws(StoreError) -> Delivery? {
    guard let row = try find(instance), !row.status.isTerminal else { return nil }
    return try insert(kind, to: instance, row)
  }

  /// A suspended or quarantined instance keeps the message and sleeps on.
  private func insert(
    _ kind: MessageKind, to instance: InstanceID, _ row: InstanceRow
  ) throws(StoreError) -> Delivery {
    statements.insertMessage.bind(1, row.pk)
    statements.insertMessage.bind(2, StoreWire.encode(kind))
    try statements.insertMessage.run()
    let sequence = statements.insertMessage.lastInsertedRow
    let owner = try live(row.owner)
    let sleeps = row.status == .suspended || row.status == .quarantined
    statements.noteMessage.bind(1, row.pk)
    statements.noteMessage.bind(2, sleeps ? nil : 0 as TimestampMS?)
    statements.noteMessage.bind(3, owner)
    try statements.noteMessage.run()
    return Delivery(instance: instance, message: InboxMessage(sequence: sequence, kind: kind), owner: owner)
  }

  func activityEnded(
    _ key: ActivityKey, claim: ActivityClaim, outcome: Outcome
  ) throws(StoreError) -> StoreOutcome {
    guard let row = try find(key.instance) else { return .failure(.notFound) }
    guard let held = try activity(row.pk, key.execution, key.action),
      held.claim == claim
    else { return .failure(.staleClaim) }
    statements.deleteActivity.bind(1, held.pk)
    try statements.deleteActivity.run()
    let message = MessageKind.activityEnded(execution: key.execution, action: key.action, outcome: outcome)
    return .success(.posted(try insert(message, to: key.instance, row)))
  }

  func quarantine(
    _ instance: InstanceID, revision: Revision, failure: Failure, now: TimestampMS
  ) throws(StoreError) -> StoreOutcome {
    guard let row = try find(instance) else { return .failure(.notFound) }
    guard row.revision == revision, !row.status.isTerminal else { return .failure(.conflict) }
    statements.quarantine.bind(1, row.pk)
    statements.quarantine.bind(2, FailureWire.encode(failure))
    statements.quarantine.bind(3, now)
    try statements.quarantine.run()
    return .success(.done)
  }

  func delete(_ instance: InstanceID, force: Bool) throws(StoreError) -> StoreOutcome {
    guard let row = try find(instance) else { return .failure(.notFound) }
    if let parent = row.parent { return .failure(.isChild(of: parent)) }
    var family: [(pk: Int64, id: InstanceID)] = []
    do {
      statements.family.bind(1, row.pk)
      defer { statements.family.reset() }
      while try statements.family.step() {
        let id = statements.family.text(1)
        let status = try status(statements.family, 2, of: id)
        if !force, !status.isTerminal { return .failure(.wrongStatus(status)) }
        family.append((statements.family.integer(0), id))
      }
    }
    for member in family {
      for delete in [statements.deleteMessages, statements.deleteHistory, statements.deleteInstance] {
        delete.bind(1, member.pk)
        try delete.run()
      }
      statements.deleteActivitiesUpTo.bind(1, member.pk)
      statements.deleteActivitiesUpTo.bind(2, Int64.max)
      try statements.deleteActivitiesUpTo.run()
    }
    return .success(.deleted(family.map(\.id)))
  }
}
