internal import PerdureModel
internal import PerdureStore

/// What is counted over many instances.
extension Reader {
  func statusCounts(of orchestration: String?) throws(StoreError) -> [StatusCount] {
    let (path, dialect) = (connection.path, connection.dialect)
    return try rare.rows(
      """
      SELECT orchestration, version, status, instances, lives, total_ms, least_ms, most_ms
      FROM \(dialect.statusCounts)
      WHERE (instances <> 0 OR lives <> 0) AND (?1 IS NULL OR orchestration = ?1)
      ORDER BY orchestration, version, status
      """, orchestration
    ) { row throws(StoreError) in
      guard let status = InstanceStatus(rawValue: row.text(2)) else {
        throw StoreError(.corrupt, "The store \(path) counts instances of the unknown status \(row.text(2)).")
      }
      let version = row.text(1)
      var count = StatusCount(
        orchestration: row.text(0), version: version.isEmpty ? nil : version, status: status,
        count: row.integer(3))
      count.lives = StatusCount.Lives(
        count: row.integer(4), totalMS: row.integer(5), leastMS: row.integer(6), mostMS: row.integer(7))
      return count
    }
  }

  func workload(now: TimestampMS) throws(StoreError) -> Workload {
    try connection.read { () throws(StoreError) in
      var workload = Workload()
      try addReady(to: &workload, now)
      try addActivities(to: &workload, now)
      workload.inboxMessages = try rare.first("SELECT count(*) FROM inbox") { $0.integer(0) } ?? 0
      workload.keptMessages = try rare.first("SELECT count(*) FROM kept") { $0.integer(0) } ?? 0
      return workload
    }
  }

  /// Level by level of priority, through the index of what is due.
  private func addReady(to workload: inout Workload, _ now: TimestampMS) throws(StoreError) {
    var level = try rare.nextPriority(ofInstancesOwnedBy: nil, below: nil)
    while let priority = level {
      workload.readyInstances &+=
        try rare.first(
          "SELECT count(*) FROM instances WHERE owner IS NULL AND priority = ?1 AND wake_at <= ?2", priority,
          now
        ) { $0.integer(0) } ?? 0
      // Those that were woken do not say when: of the first of them, their last change.
      let since = try rare.first(
        """
        SELECT min(CASE WHEN wake_at > 0 THEN wake_at ELSE updated_at END) FROM (
          SELECT wake_at, updated_at FROM instances
          WHERE owner IS NULL AND priority = ?1 AND wake_at <= ?2 ORDER BY wake_at, pk LIMIT 100) AS first
        """, priority, now
      ) { $0.optionalInteger(0) }
      if let since, let since { workload.readySince = min(workload.readySince ?? since, since) }
      level = try rare.nextPriority(ofInstancesOwnedBy: nil, below: priority)
    }
  }

  private func addActivities(to workload: inout Workload, _ now: TimestampMS) throws(StoreError) {
    // As `PendingActivity.state`.
    let groups = try rare.rows(
      """
      SELECT name, tag, CASE WHEN phase = 2 THEN 'deferred'
          WHEN node IS NOT NULL AND EXISTS(SELECT 1 FROM nodes WHERE id = node) THEN 'running'
          WHEN visible_at > ?1 THEN 'backoff' ELSE 'waiting' END AS state,
        count(*), min(CASE WHEN scheduled_at > visible_at THEN scheduled_at ELSE visible_at END)
      FROM activities GROUP BY name, tag, state ORDER BY name, tag
      """, now
    ) { ($0.text(0), $0.optionalText(1), $0.text(2), $0.integer(3), $0.integer(4)) }
    for (name, tag, word, count, since) in groups {
      guard let state = PendingActivity.State(rawValue: word) else { continue }
      let last = workload.activities.last
      if last.map({ ExactText($0.name) }) != ExactText(name)
        || last?.tag.map(ExactText.init) != tag.map(ExactText.init)
      {
        workload.activities.append(Workload.Activities(name: name, tag: tag))
      }
      workload.activities[workload.activities.count - 1].add(state, count, since: since)
    }
    workload.sort()
  }

  func holdings() throws(StoreError) -> [NodeID: NodeHoldings] {
    try connection.read { () throws(StoreError) in
      var holdings: [NodeID: NodeHoldings] = [:]
      // The last condition is for the index.
      let owned = try rare.rows(
        """
        SELECT owner, count(*) FROM instances
        WHERE status IN ('Pending', 'Running') AND owner IN (SELECT id FROM nodes) AND status <> 'Completed'
        GROUP BY owner
        """
      ) { ($0.integer(0), $0.integer(1)) }
      for (node, count) in owned { holdings[node, default: NodeHoldings()].instances = count }
      let held = try rare.rows(
        "SELECT node, count(*) FROM activities WHERE node IN (SELECT id FROM nodes) GROUP BY node"
      ) { ($0.integer(0), $0.integer(1)) }
      for (node, count) in held { holdings[node, default: NodeHoldings()].activities = count }
      return holdings
    }
  }
}
