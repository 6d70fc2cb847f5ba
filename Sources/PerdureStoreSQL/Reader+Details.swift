internal import PerdureModel
internal import PerdureStore
internal import PerdureWire

/// What operators look at: one instance with all that is open.
extension Reader {
  func details(of instance: InstanceID) throws(StoreError) -> InstanceDetails? {
    try connection.read { () throws(StoreError) in
      guard let row = try row(instance) else { return nil }
      var details = InstanceDetails(row.description)
      details.owner = row.owner
      do throws(StoreError) {
        details.history = try history(row)
      } catch {
        guard error.code == .corrupt else { throw error }
        details.historyFault = error.message
      }
      do throws(StoreError) {
        details.activities = try pendingActivities(of: row)
      } catch {
        guard error.code == .corrupt else { throw error }
        details.historyFault = details.historyFault ?? error.message
      }
      details.inboxCount =
        try rare.first("SELECT inbox_count FROM instances WHERE pk = ?1", row.pk) { $0.integer(0) } ?? 0
      let oldest = try rare.first(
        "SELECT json FROM inbox WHERE instance = ?1 ORDER BY sequence LIMIT 1", row.pk
      ) { message in message.withBytes(0) { bytes in try? StoreWire.decodeMessage(bytes) } }
      details.oldestMessage = oldest ?? nil
      if row.used.contains(.keyValues) {
        let dialect = connection.dialect
        let sizes = try rare.first(
          """
          SELECT count(*), \(dialect.total("\(dialect.size("key")) + \(dialect.size("value"))")) FROM kv
          WHERE instance = ?1 AND value IS NOT NULL
          """, row.pk
        ) { ($0.integer(0), $0.integer(1)) }
        (details.kvKeys, details.kvBytes) = sizes ?? (0, 0)
      }
      if row.used.contains(.topics) {
        details.topics = try rare.rows(
          "SELECT topic FROM subscriptions WHERE instance = ?1 ORDER BY topic", row.pk
        ) { $0.text(0) }
      }
      return details
    }
  }

  private func pendingActivities(of row: Row) throws(StoreError) -> [PendingActivity] {
    let instance = row.description.instance
    let path = connection.path
    let rows = try rare.rows(
      """
      SELECT \(ActivityRow.columns), (SELECT n.id FROM sessions AS s JOIN nodes AS n ON n.id = s.node
        WHERE s.session = a.session)
      FROM activities AS a WHERE a.instance = ?1 ORDER BY a.execution, a.action
      """, row.pk
    ) { found throws(StoreError) in
      (
        try ActivityRow.decode(found, of: instance, path: path),
        found.optionalInteger(ActivityRow.columnCount)
      )
    }
    return rows.map { activity, sessionNode in
      let isDeferred = activity.phase == .deferred
      return PendingActivity(
        task: activity.task, isDeferred: isDeferred,
        startedAt: activity.phase == .unrun || activity.claimedAt == 0 ? nil : activity.claimedAt,
        beatAt: isDeferred ? activity.beatAt : nil, sessionNode: sessionNode)
    }
  }

  func executions(_ query: ExecutionsQuery) throws(StoreError) -> [ExecutionSummary]? {
    try connection.read { () throws(StoreError) in
      guard let row = try row(query.instance) else { return nil }
      let current = row.description
      let counts = try rare.rows(
        """
        SELECT execution, count(*) FROM history WHERE instance = ?1 AND execution > ?2
        GROUP BY execution ORDER BY execution LIMIT ?3
        """, row.pk, query.after, Int64(max(0, query.limit))
      ) { (execution: $0.integer(0), events: $0.integer(1)) }
      var summaries: [ExecutionSummary] = []
      for count in counts {
        let isCurrent = count.execution == current.execution
        let first = try edge(of: row.pk, count.execution, "ASC")
        let endedAt = isCurrent ? current.endedAt : try edge(of: row.pk, count.execution, "DESC")
        summaries.append(
          ExecutionSummary(
            execution: count.execution, status: isCurrent ? current.status : .continuedAsNew,
            startedAt: first, endedAt: endedAt, eventCount: count.events))
      }
      let isMissing = summaries.last?.execution != current.execution && current.execution > query.after
      if isMissing, summaries.count < query.limit {
        summaries.append(
          ExecutionSummary(
            execution: current.execution, status: current.status, startedAt: nil, endedAt: current.endedAt,
            eventCount: 0))
      }
      return summaries
    }
  }

  /// When the first or the last event of an execution was; nil if that cannot be read.
  private func edge(
    of pk: Int64, _ execution: ExecutionID, _ direction: String
  ) throws(StoreError) -> TimestampMS? {
    let event = try rare.first(
      """
      SELECT json FROM history WHERE instance = ?1 AND execution = ?2 ORDER BY event \(direction) LIMIT 1
      """, pk, execution
    ) { row in row.withBytes(0) { bytes in try? EventWire.decode(bytes) } }
    return (event ?? nil)?.at
  }
}
