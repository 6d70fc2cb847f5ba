internal import PerdureModel
internal import PerdureStore
internal import PerdureWire

extension Writer {
  /// Schedules the activities anew that were given up as poison, in place of the messages that say so.
  func scheduleAgain(_ instance: InstanceID, _ row: InstanceRow, now: TimestampMS) throws(StoreError) {
    guard row.inboxCount > 0 else { return }
    let waiting = try rare.rows(
      "SELECT sequence, json FROM inbox WHERE instance = ?1 ORDER BY sequence", row.pk
    ) { message in
      let kind = message.withBytes(1) { bytes in try? StoreWire.decodeMessage(bytes) }
      return (sequence: message.integer(0), poisoned: kind?.poisoned)
    }
    let given = waiting.filter { $0.poisoned?.execution == row.execution }
    guard !given.isEmpty else { return }
    let history = try rare.rows(
      "SELECT json FROM history WHERE instance = ?1 AND execution = ?2 ORDER BY event", row.pk, row.execution
    ) { event in event.withBytes(0) { bytes in try? EventWire.decode(bytes) } }
    let events = history.compactMap { $0 ?? nil }
    for (sequence, poisoned) in given {
      guard let poisoned else { continue }
      let key = ActivityKey(instance: instance, execution: poisoned.execution, action: poisoned.action)
      guard try activity(row.pk, key.execution, key.action) == nil,
        let task = ActivityTask(again: key, in: events, orchestration: row.orchestration, now: now)
      else { continue }
      try rare.run("DELETE FROM inbox WHERE sequence = ?1 AND instance = ?2", sequence, row.pk)
      try rare.run("UPDATE instances SET inbox_count = inbox_count - 1 WHERE pk = ?1", row.pk)
      try schedule(task, for: row.pk, revision: row.revision, now: now)
    }
  }
}
