internal import PerdureModel
internal import PerdureStore

extension Writer {
  func setRetention(_ rule: RetentionRule) throws(StoreError) -> StoreOutcome {
    try rare.run(
      """
      INSERT INTO retention(orchestration, keep_ms, statuses) VALUES(?1, ?2, ?3)
      ON CONFLICT(orchestration) DO UPDATE SET keep_ms = excluded.keep_ms, statuses = excluded.statuses
      """, rule.orchestration, rule.keepMS, rule.statuses.map(\.rawValue).joined(separator: " "))
    return .success(.done)
  }

  func removeRetention(_ orchestration: String) throws(StoreError) -> StoreOutcome {
    let removed = try rare.change("DELETE FROM retention WHERE orchestration = ?1", orchestration)
    return removed == 0 ? .failure(.notFound) : .success(.done)
  }

  func sweep(limit: Int, now: TimestampMS) throws(StoreError) -> StoreOutcome {
    let limit = max(limit, 0)
    let rules = RetentionRules(try rare.retentionRules())
    var over: [Over] = []
    var upcoming: TimestampMS?
    var isBlocked = false
    for lane in try lanes(rules) {
      let cutoff = lane.rule.cutoff(now)
      let found = try ended(lane, until: cutoff, limit: limit &+ 1)
      over += found
      if found.count <= limit, let first = try firstEnd(lane, after: .min), first <= cutoff {
        let all = try count(lane, until: cutoff, atMost: found.count &+ 1)
        isBlocked = isBlocked || all > found.count
      }
      if let first = try firstEnd(lane, after: cutoff) {
        upcoming = soonest(upcoming, first &+ lane.rule.keepMS)
      }
    }
    over.sort { ($0.dueAt, $0.pk) < ($1.dueAt, $1.pk) }
    if !over.isEmpty { try mustBeAlone() }
    var deleted: [InstanceID] = []
    for root in over.prefix(limit) { deleted += try remove(try family(of: root.pk)) }
    let forgotten = try rare.change(
      "DELETE FROM audit WHERE at <= ?1 AND pk IN (SELECT pk FROM audit ORDER BY pk LIMIT ?2)",
      now &- Limits.auditKeepMS, Int64(Limits.auditsPerSweep))
    if over.count > limit || forgotten == Int64(Limits.auditsPerSweep) {
      return .success(.swept(deleted: deleted, next: now))
    }
    let oldest = try rare.first("SELECT at FROM audit ORDER BY pk LIMIT 1") { $0.integer(0) }
    let next = rules.next(
      after: now, upcoming: upcoming, isBlocked: isBlocked,
      auditDue: oldest.map { $0 &+ Limits.auditKeepMS })
    return .success(.swept(deleted: deleted, next: next))
  }

  /// Instances without a parent that ended alike, and the rule for them.
  private struct Lane {
    let orchestration: String
    let status: InstanceStatus
    let rule: RetentionRule
  }

  /// One that can go.
  private struct Over {
    let pk: Int64
    let dueAt: TimestampMS
  }

  /// The partial index leads from name to name: what has not ended is never looked at.
  private func lanes(_ rules: RetentionRules) throws(StoreError) -> [Lane] {
    guard !rules.rules.isEmpty else { return [] }
    var lanes: [Lane] = []
    var last = ""
    while let name = try rare.first(
      """
      SELECT orchestration FROM instances INDEXED BY instances_ended
      WHERE ended_at IS NOT NULL AND parent IS NULL AND orchestration > ?1 ORDER BY orchestration LIMIT 1
      """, last, read: { $0.text(0) })
    {
      last = name
      guard let rule = rules.rule(for: name) else { continue }
      lanes += rule.statuses.map { Lane(orchestration: name, status: $0, rule: rule) }
    }
    return lanes
  }

  /// The first to end come first. Those whose descendants have not all ended stay.
  private func ended(_ lane: Lane, until cutoff: TimestampMS, limit: Int) throws(StoreError) -> [Over] {
    let keepMS = lane.rule.keepMS
    return try rare.rows(
      """
      SELECT i.pk, i.ended_at FROM instances AS i INDEXED BY instances_ended
      WHERE i.orchestration = ?1 AND i.status = ?2 AND i.ended_at <= ?3
        AND i.ended_at IS NOT NULL AND i.parent IS NULL
        AND NOT EXISTS(
          WITH RECURSIVE family(id, ended_at) AS (
            SELECT id, ended_at FROM instances WHERE parent = i.id
            UNION
            SELECT child.id, child.ended_at
            FROM family JOIN instances AS child ON child.parent = family.id)
          SELECT 1 FROM family WHERE family.ended_at IS NULL)
      ORDER BY i.ended_at, i.pk LIMIT ?4
      """, lane.orchestration, lane.status.rawValue, cutoff, Int64(limit)
    ) { Over(pk: $0.integer(0), dueAt: $0.integer(1) &+ keepMS) }
  }

  private func firstEnd(_ lane: Lane, after moment: TimestampMS) throws(StoreError) -> TimestampMS? {
    try rare.first(
      """
      SELECT ended_at FROM instances INDEXED BY instances_ended
      WHERE orchestration = ?1 AND status = ?2 AND ended_at > ?3 AND ended_at IS NOT NULL AND parent IS NULL
      ORDER BY ended_at LIMIT 1
      """, lane.orchestration, lane.status.rawValue, moment
    ) { $0.integer(0) }
  }

  private func count(
    _ lane: Lane, until cutoff: TimestampMS, atMost limit: Int
  ) throws(StoreError) -> Int {
    try rare.rows(
      """
      SELECT 1 FROM instances INDEXED BY instances_ended
      WHERE orchestration = ?1 AND status = ?2 AND ended_at <= ?3 AND ended_at IS NOT NULL AND parent IS NULL
      LIMIT ?4
      """, lane.orchestration, lane.status.rawValue, cutoff, Int64(limit)
    ) { $0.integer(0) }.count
  }

  func pruneExecutions(
    _ instance: InstanceID, keep: Int64, limit: Int
  ) throws(StoreError) -> StoreOutcome {
    guard let row = try find(instance) else { return .failure(.notFound) }
    let old = try rare.rows(
      """
      SELECT DISTINCT execution FROM history WHERE instance = ?1 AND execution <= ?2
      ORDER BY execution LIMIT ?3
      """, row.pk, row.execution &- max(keep, 1), Int64(max(limit, 0))
    ) { $0.integer(0) }
    if let last = old.last {
      try rare.run("DELETE FROM history WHERE instance = ?1 AND execution <= ?2", row.pk, last)
    }
    return .success(.pruned(executions: Int64(old.count)))
  }
}

extension StatementCache {
  /// By name.
  func retentionRules() throws(StoreError) -> [RetentionRule] {
    try rows("SELECT orchestration, keep_ms, statuses FROM retention ORDER BY orchestration") { row in
      RetentionRule(
        orchestration: row.text(0), keepMS: row.integer(1),
        statuses: row.text(2).split(separator: " ").compactMap { InstanceStatus(rawValue: String($0)) })
    }
  }
}

extension Reader {
  func retentionRules() throws(StoreError) -> [RetentionRule] { try rare.retentionRules() }
}
