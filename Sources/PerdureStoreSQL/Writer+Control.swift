internal import PerdureModel
internal import PerdureStore
internal import PerdureWire

extension Writer {
  func control(
    _ instance: InstanceID, _ verb: ControlVerb, reason: String, now: TimestampMS
  ) throws(StoreError) -> StoreOutcome {
    guard let row = try find(instance) else { return .failure(.notFound) }
    switch (verb, row.status) {
    case (.suspend, .pending), (.suspend, .running):
      try setStatus(.suspended, reason: reason, wakeAt: nil, of: row, now: now)
      return .success(.controlled(ControlReceipt(status: .suspended)))
    case (.resume, .suspended), (.retry, .quarantined):
      if verb == .retry { try scheduleAgain(instance, row, now: now) }
      return .success(.controlled(ControlReceipt(status: try wake(row, now: now))))
    case (.requeue, .pending), (.requeue, .running):
      let wakeAt = try place(of: row, now: now).wakeAt
      try rare.run(
        """
        UPDATE instances SET wake_at = ?2, owner = NULL, revision = revision + 1, updated_at = ?3
        WHERE pk = ?1
        """, row.pk, wakeAt, now)
      return .success(.controlled(ControlReceipt(status: row.status)))
    case (.terminate, let status) where !status.isTerminal:
      var receipt = ControlReceipt(status: .terminated)
      try terminate(
        instance, reason: reason, now: now, deliveries: &receipt.deliveries, gone: &receipt.terminated)
      return .success(.controlled(receipt))
    default: return .failure(.wrongStatus(row.status))
    }
  }

  func quarantine(
    _ instance: InstanceID, revision: Revision, failure: Failure, now: TimestampMS
  ) throws(StoreError) -> StoreOutcome {
    guard let row = try find(instance) else { return .failure(.notFound) }
    guard row.revision == revision, row.isServable else { return .failure(.conflict) }
    // The revision may be what cannot be read.
    try rare.run(
      """
      UPDATE instances SET status = 'Quarantined', failure = ?2, wake_at = NULL,
        revision = CASE WHEN revision < 9007199254740992 THEN revision ELSE 9007199254740992 END + 1,
        owner = NULL, updated_at = ?3 WHERE pk = ?1
      """, row.pk, FailureWire.encode(failure), now)
    recount(row, as: .quarantined, row.version)
    return .success(.done)
  }

  /// Back to where it was before it was suspended or quarantined.
  private func wake(_ row: InstanceRow, now: TimestampMS) throws(StoreError) -> InstanceStatus {
    let (status, wakeAt) = try place(of: row, now: now)
    try setStatus(status, reason: nil, wakeAt: wakeAt, of: row, now: now)
    return status
  }

  /// The status and the wake-up of an instance that goes on.
  private func place(
    of row: InstanceRow, now: TimestampMS
  ) throws(StoreError) -> (status: InstanceStatus, wakeAt: TimestampMS) {
    let startAt = try rare.first(
      """
      SELECT o.start_at FROM instances AS i LEFT JOIN instance_options AS o ON o.instance = i.pk
      WHERE i.pk = ?1 AND i.start IS NOT NULL
      """, row.pk
    ) { $0.integer(0) }
    let status: InstanceStatus = startAt == nil ? .running : .pending
    var wakeAt: TimestampMS = 0
    if let startAt, startAt > now, try !hasCancel(row) { wakeAt = startAt }
    return (status, wakeAt)
  }

  private func hasCancel(_ row: InstanceRow) throws(StoreError) -> Bool {
    guard row.inboxCount > 0 else { return false }
    return try rare.rows("SELECT json FROM inbox WHERE instance = ?1", row.pk) { message in
      let kind = message.withBytes(0) { bytes in try? StoreWire.decodeMessage(bytes) }
      if case .cancel? = kind { return true }
      return false
    }.contains(true)
  }

  private func setStatus(
    _ status: InstanceStatus, reason: String?, wakeAt: TimestampMS?, of row: InstanceRow, now: TimestampMS
  ) throws(StoreError) {
    try rare.run(
      """
      UPDATE instances SET status = ?2, wake_at = ?3, owner = NULL, failure = NULL, revision = revision + 1,
        updated_at = ?4, used = ?5, lost_turns = 0, paused_at = 0 WHERE pk = ?1
      """, row.pk, status.rawValue, wakeAt, now, row.used.union(.options).rawValue)
    recount(row, as: status, row.version)
    try rare.run(
      """
      INSERT INTO instance_options(instance, suspend_reason) VALUES(?1, ?2)
      ON CONFLICT(instance) DO UPDATE SET suspend_reason = excluded.suspend_reason
      """, row.pk, reason)
  }

  // MARK: Terminating

  /// Ends the instance, and those of its descendants whose close policy is to be terminated with it. Its
  /// parent is told, theirs are not (they are ends of the same stroke). One that has ended is left alone.
  ///
  /// - Parameter parent: set when it is the parent that terminates it; who is not its child is left alone.
  func terminate(
    _ instance: InstanceID, by parent: InstanceID? = nil, reason: String, now: TimestampMS,
    deliveries: inout [Delivery], gone: inout [InstanceID]
  ) throws(StoreError) {
    try mustBeAlone()
    // A list of its own, not recursion: trees may be deep.
    var doomed = [instance]
    while let id = doomed.popLast() {
      guard let row = try find(id), !row.status.isTerminal else { continue }
      if id == instance, let parent, row.parent.map(ExactText.init) != ExactText(parent) { return }
      try end(row, reason: reason, now: now)
      gone.append(id)
      if id == instance, parent == nil, let told = try tellParent(of: row, reason: reason) {
        deliveries.append(told)
      }
      let children = try openChildren(of: id)
      for child in children where child.policy == .cancel {
        let message = MessageKind.cancel(reason: "the parent was terminated", graceMS: nil)
        if let delivery = try deliver(message, to: child.instance) { deliveries.append(delivery) }
      }
      doomed += children.reversed().filter { $0.policy == .terminate }.map(\.instance)
    }
  }

  private func end(_ row: InstanceRow, reason: String, now: TimestampMS) throws(StoreError) {
    let last = try rare.first(
      "SELECT json FROM history WHERE instance = ?1 AND execution = ?2 AND event = ?3", row.pk, row.execution,
      row.eventCount
    ) { event in event.withBytes(0) { bytes in try? EventWire.decode(bytes) } }
    // Times of events never go back.
    let at = max(now, (last ?? nil)?.at ?? now)
    let event = Event(id: row.eventCount &+ 1, at: at, kind: .orchestrationTerminated(reason: reason))
    try append([event], to: row.pk, execution: row.execution)
    try rare.run(
      """
      UPDATE instances SET status = 'Terminated', revision = revision + 1, event_count = event_count + 1,
        inbox_count = 0, wake_at = NULL, owner = NULL, failure = ?2,
        updated_at = ?3, ended_at = ?3 WHERE pk = ?1
      """, row.pk, FailureWire.encode(.terminated(reason)), now)
    recount(row, as: .terminated, row.version, endedAt: now)
    if row.status == .suspended {
      try rare.run("UPDATE instance_options SET suspend_reason = NULL WHERE instance = ?1", row.pk)
    }
    try empty(row)
  }

  private func tellParent(of row: InstanceRow, reason: String) throws(StoreError) -> Delivery? {
    guard let parent = row.parent else { return nil }
    let link = try rare.first("SELECT parent_execution, parent_action FROM instances WHERE pk = ?1", row.pk) {
      ParentLink(instance: parent, execution: $0.integer(0), action: $0.integer(1))
    }
    return try link.flatMap { link throws(StoreError) in try tell(link, .terminated(reason)) }
  }

  private func openChildren(
    of instance: InstanceID
  ) throws(StoreError) -> [(instance: InstanceID, policy: ParentClosePolicy)] {
    try rare.rows(
      """
      SELECT i.id, o.close_policy
      FROM instances AS i LEFT JOIN instance_options AS o ON o.instance = i.pk
      WHERE i.parent = ?1 AND i.status NOT IN ('Completed', 'Failed', 'Cancelled', 'Terminated') ORDER BY i.pk
      """, instance
    ) { ($0.text(0), $0.optionalText(1).flatMap(ParentClosePolicy.init) ?? .cancel) }
  }

  // MARK: Removing

  /// A row of a tree that goes.
  struct Member {
    let pk: Int64
    let id: InstanceID
    let status: InstanceStatus
    let used: Used
    let orchestration: String
    let version: String?
  }

  /// The instance and all its descendants.
  func family(of pk: Int64) throws(StoreError) -> [Member] {
    try rare.rows(
      """
      WITH RECURSIVE family(pk, id, status, used, orchestration, version) AS (
        SELECT pk, id, status, used, orchestration, version FROM instances WHERE pk = ?1
        UNION
        SELECT child.pk, child.id, child.status, child.used, child.orchestration, child.version
        FROM family JOIN instances AS child ON child.parent = family.id)
      SELECT pk, id, status, used, orchestration, version FROM family
      """, pk
    ) { row throws(StoreError) in
      let id = row.text(1)
      return Member(
        pk: row.integer(0), id: id, status: status(row, 2), used: Used(rawValue: row.integer(3)),
        orchestration: row.text(4), version: row.optionalText(5))
    }
  }

  func delete(_ instance: InstanceID, force: Bool) throws(StoreError) -> StoreOutcome {
    guard let row = try find(instance) else { return .failure(.notFound) }
    if let parent = row.parent { return .failure(.isChild(of: parent)) }
    let family = try family(of: row.pk)
    if !force, let open = family.first(where: { !$0.status.isTerminal }) {
      return .failure(.wrongStatus(open.status))
    }
    return .success(.deleted(try remove(family)))
  }

  /// Removes all rows of these; their ids.
  func remove(_ family: [Member]) throws(StoreError) -> [InstanceID] {
    try mustBeAlone()
    foresight = Foresight()
    for member in family {
      statements.deleteMessages.bind(1, member.pk)
      try statements.deleteMessages.run()
      try deleteActivities(of: member.pk, upTo: .max)
      if member.used.contains(.topics) { try unsubscribe(member.pk) }
      if member.used.contains(.calls) { try rare.run("DELETE FROM calls WHERE instance = ?1", member.pk) }
      if member.used.contains(.options) {
        try rare.run("DELETE FROM instance_options WHERE instance = ?1", member.pk)
        try rare.run("DELETE FROM attributes WHERE instance = ?1", member.pk)
      }
      if member.used.contains(.keyValues) { try rare.run("DELETE FROM kv WHERE instance = ?1", member.pk) }
      try rare.run("DELETE FROM history WHERE instance = ?1", member.pk)
      try rare.run("DELETE FROM instances WHERE pk = ?1", member.pk)
      tally.remove(StatusTally.Kind(member.orchestration, member.version, member.status))
    }
    return family.map(\.id)
  }
}
