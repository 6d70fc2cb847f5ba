internal import PerdureModel
internal import PerdureStore
internal import PerdureWire

/// Instances with all that belongs to them.
extension Reader {
  func export(_ instance: InstanceID, children: Bool) throws(StoreError) -> [InstanceExport] {
    try connection.read { () throws(StoreError) in
      guard let root = try row(instance) else { return [] }
      var ids = [instance]
      if children {
        ids = try rare.rows(
          """
          WITH RECURSIVE family(pk, id) AS (
            SELECT pk, id FROM instances WHERE pk = ?1
            UNION ALL
            SELECT child.pk, child.id FROM family JOIN instances AS child ON child.parent = family.id)
          SELECT id FROM family
          """, root.pk
        ) { $0.text(0) }
      }
      var exports: [InstanceExport] = []
      for id in ids {
        if let row = try row(id) { exports.append(try export(row)) }
      }
      return exports
    }
  }

  private func export(_ row: Row) throws(StoreError) -> InstanceExport {
    let instance = row.description.instance
    if let damage = row.damage { throw damage }
    var export = InstanceExport(description: row.description, start: try start(of: row))
    export.executions = try executions(row)
    export.inbox = try inbox(of: instance, pk: row.pk, after: 0).map(\.kind)
    if row.used.contains(.keyValues) { export.kv = try kvRecords(row.pk) }
    export.activities = try activityRecords(row)
    if row.used.contains(.calls) { export.calls = try callRecords(row) }
    if row.used.contains(.topics) {
      export.topics = try rare.rows(
        "SELECT topic FROM subscriptions WHERE instance = ?1 ORDER BY topic", row.pk
      ) { $0.text(0) }
    }
    if row.used.contains(.options) {
      let policy = try rare.first("SELECT close_policy FROM instance_options WHERE instance = ?1", row.pk) {
        $0.optionalText(0)
      }
      export.closePolicy = (policy ?? nil).flatMap(ParentClosePolicy.init) ?? .cancel
    }
    return export
  }

  private func executions(_ row: Row) throws(StoreError) -> [ExecutionHistory] {
    let instance = row.description.instance
    var executions: [ExecutionHistory] = []
    _ = try rare.rows(
      "SELECT event, json, execution FROM history WHERE instance = ?1 ORDER BY execution, event", row.pk
    ) { line throws(StoreError) in
      let execution = line.integer(2)
      let event = try event(line, of: instance, execution)
      if executions.last?.execution != execution {
        executions.append(ExecutionHistory(execution: execution, events: []))
      }
      executions[executions.count - 1].events.append(event)
    }
    return executions
  }

  private func kvRecords(_ pk: Int64) throws(StoreError) -> [KVRecord] {
    func value(_ row: Statement, _ column: Int32, at: Int32) throws(StoreError) -> KVRecord.Value? {
      do throws(WireError) {
        return try row.optionalPayload(column).map { KVRecord.Value($0, at: row.integer(at)) }
      } catch { throw corrupt("key '\(row.text(0))'", error) }
    }
    return try rare.rows(
      """
      SELECT key, value, set_at, is_changed, base, base_set_at FROM kv WHERE instance = ?1 ORDER BY key
      """, pk
    ) { row throws(StoreError) in
      let now = try value(row, 1, at: 2)
      guard row.integer(3) != 0 else { return KVRecord(key: row.text(0), now: now, base: now) }
      let base = try value(row, 4, at: 5)
      return KVRecord(key: row.text(0), now: now, base: base)
    }
  }

  private func activityRecords(_ row: Row) throws(StoreError) -> [ActivityRecord] {
    let (instance, path) = (row.description.instance, connection.path)
    return try rare.rows(
      """
      SELECT \(ActivityRow.columns) FROM activities AS a WHERE a.instance = ?1
      ORDER BY a.execution, a.action
      """, row.pk
    ) { line throws(StoreError) in
      let found = try ActivityRow.decode(line, of: instance, path: path)
      return ActivityRecord(
        task: found.task, token: found.token, phase: found.phase.exported, claimedAt: found.claimedAt,
        beatAt: found.phase == .deferred ? found.beatAt : found.claimedAt)
    }
  }

  private func callRecords(_ row: Row) throws(StoreError) -> [CallRecord] {
    let instance = row.description.instance
    return try rare.rows(
      "SELECT result, failure, call FROM calls WHERE instance = ?1 ORDER BY call", row.pk
    ) { line throws(StoreError) in
      let call = line.text(2)
      if case .answered(let outcome) = try answer(line, to: call, of: instance) {
        return CallRecord(call: call, answer: outcome)
      }
      return CallRecord(call: call, answer: nil)
    }
  }
}

extension ActivityRow.Phase {
  fileprivate var exported: ActivityRecord.Phase {
    switch self {
    case .unrun: .unrun
    case .run: .run
    case .deferred: .deferred
    }
  }
}
