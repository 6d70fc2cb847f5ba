internal import PerdureModel
internal import PerdureStore
internal import PerdureWire

extension Writer {
  func reset(_ resets: [InstanceReset]) throws(StoreError) -> StoreOutcome {
    var rows: [InstanceRow] = []
    for reset in resets {
      guard let row = try find(reset.instance) else { return .failure(.notFound) }
      if let refusal = try check(reset, row) { return .failure(refusal) }
      rows.append(row)
    }
    for (reset, row) in zip(resets, rows) { try apply(reset, row) }
    var deleted: [InstanceID] = []
    for reset in resets { deleted += try replaceChildren(reset) }
    return .success(.reset(deleted: deleted))
  }

  private func check(_ reset: InstanceReset, _ row: InstanceRow) throws(StoreError) -> StoreRefusal? {
    let hasRun = try rare.first("SELECT start IS NULL FROM instances WHERE pk = ?1", row.pk) { $0.integer(0) }
    guard row.revision == reset.revision, row.createdAt == reset.createdAt,
      row.execution == reset.execution, hasRun == 1
    else { return .conflict }
    guard reset.fits(row.eventCount) else {
      return .failed(
        StoreError(
          .internalError,
          "The reset of instance \(reset.instance) has events out of order: nothing of it was stored."
        ))
    }
    return nil
  }

  private func apply(_ reset: InstanceReset, _ row: InstanceRow) throws(StoreError) {
    try rare.run(
      "DELETE FROM history WHERE instance = ?1 AND execution = ?2 AND event > ?3", row.pk, row.execution,
      reset.kept)
    try append(reset.appended, to: row.pk, execution: row.execution)
    try put(reset.activities, row, now: reset.now)
    let count = try putBack(reset.returned, row)
    var used = row.used
    if row.used.contains(.keyValues) { try unchange(row.pk) }
    if !reset.kvChanges.isEmpty {
      try change(reset.kvChanges, of: row.pk)
      used.insert(.keyValues)
    }
    if row.used.contains(.topics) { try unsubscribe(row.pk) }
    if !reset.topics.isEmpty {
      try subscribe(reset.topics.map { TopicChange(topic: $0, isSubscribed: true) }, of: row.pk)
      used.insert(.topics)
    }
    try rare.run(
      """
      UPDATE instances SET status = 'Running', revision = revision + 1, event_count = ?2, inbox_count = ?3,
        wake_at = 0, owner = NULL, used = ?4, updated_at = ?5, ended_at = NULL, output = NULL, failure = NULL,
        lost_turns = 0, paused_at = 0,
        custom_status_version = custom_status_version
          + CASE WHEN custom_status IS DISTINCT FROM ?6 THEN 1 ELSE 0 END, custom_status = ?6
      WHERE pk = ?1
      """, row.pk, reset.kept &+ Int64(reset.appended.count), count, used.rawValue, reset.now,
      reset.customStatus.map { $0.text })
    recount(row, as: .running, row.version)
    if row.status == .suspended {
      try rare.run("UPDATE instance_options SET suspend_reason = NULL WHERE instance = ?1", row.pk)
    }
  }

  /// Rows of other activities go, missing ones are made.
  private func put(
    _ activities: [ActivityTask], _ row: InstanceRow, now: TimestampMS
  ) throws(StoreError) {
    let open = Set(activities.map(\.key.action))
    let there = try rare.rows("SELECT action FROM activities WHERE instance = ?1", row.pk) { $0.integer(0) }
    for action in there where !open.contains(action) {
      try rare.run("DELETE FROM activities WHERE instance = ?1 AND action = ?2", row.pk, action)
    }
    for task in activities where !there.contains(task.key.action) {
      try schedule(task, for: row.pk, revision: row.revision, now: now)
    }
  }

  /// Puts messages before those that wait, and answers how many there are then.
  private func putBack(_ messages: [MessageKind], _ row: InstanceRow) throws(StoreError) -> Int64 {
    guard !messages.isEmpty else { return row.inboxCount }
    let waiting = try rare.rows(
      "SELECT json FROM inbox WHERE instance = ?1 ORDER BY sequence", row.pk
    ) { $0.bytes(0) }
    try rare.run("DELETE FROM inbox WHERE instance = ?1", row.pk)
    for json in messages.map({ StoreWire.encode($0) }) + waiting {
      try rare.run("INSERT INTO inbox(instance, json) VALUES(?1, ?2)", row.pk, json)
    }
    return Int64(messages.count + waiting.count)
  }

  /// Answers who is gone, those that begin anew included.
  private func replaceChildren(_ reset: InstanceReset) throws(StoreError) -> [InstanceID] {
    var deleted: [InstanceID] = []
    var revisions: [ExactText: Revision] = [:]
    for child in reset.removed {
      guard let row = try find(child), let parent = row.parent,
        ExactText(parent) == ExactText(reset.instance)
      else { continue }
      revisions[ExactText(child)] = row.revision &+ 1
      deleted += try remove(try family(of: row.pk))
    }
    for start in reset.starts {
      let revision = revisions[ExactText(start.instance)] ?? 0
      if try !create(start, revision: revision, owner: nil, now: reset.now) { _ = try tellTaken(start) }
    }
    return deleted
  }
}
