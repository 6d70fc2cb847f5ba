internal import PerdureModel
internal import PerdureStore

/// An activity row's identity and who may run it.
struct HeldActivity {
  let pk: Int64
  let claim: ActivityClaim?
}

extension Writer {
  /// nil if there is no such row. A row whose node is gone or gave it back has no claim.
  func activity(
    _ pk: Int64, _ execution: ExecutionID, _ action: ActionID
  ) throws(StoreError) -> HeldActivity? {
    let find = statements.findActivity
    find.bind(1, pk)
    find.bind(2, execution)
    find.bind(3, action)
    defer { find.reset() }
    guard try find.step() else { return nil }
    let claim = find.optionalInteger(1).map { ActivityClaim(node: $0, token: find.integer(2)) }
    return HeldActivity(pk: find.integer(0), claim: claim)
  }

  func claimInstances(
    node: NodeID, orchestrations: [ServedOrchestration], limit: Int, now: TimestampMS
  ) throws(StoreError) -> StoreOutcome {
    guard limit > 0, !orchestrations.isEmpty else { return .success(.instances([])) }
    let due = try Statement(
      connection,
      """
      SELECT pk, id FROM instances WHERE owner IS NULL AND wake_at <= ?1
        AND (\(Self.conditions(orchestrations)))
      ORDER BY wake_at, pk LIMIT ?2
      """, isKept: false)
    defer { due.finalize() }
    due.bind(1, now)
    due.bind(2, Int64(limit))
    let texts = orchestrations.flatMap { [$0.name] + ($0.versions ?? []) }
    for (offset, text) in texts.enumerated() { due.bind(Int32(clamping: offset + 3), text) }
    var found: [(pk: Int64, id: InstanceID)] = []
    while try due.step() { found.append((due.integer(0), due.text(1))) }
    for instance in found { try setOwner(of: instance.pk, node) }
    return .success(.instances(found.map(\.id)))
  }

  func claimInstance(node: NodeID, instance: InstanceID) throws(StoreError) -> StoreOutcome {
    guard let row = try find(instance) else { return .failure(.notFound) }
    if let owner = try live(row.owner), owner != node { return .failure(.owned(owner)) }
    try setOwner(of: row.pk, node)
    return .success(.instances([instance]))
  }

  func releaseInstances(node: NodeID, instances: [InstanceID]) throws(StoreError) -> StoreOutcome {
    for instance in instances {
      guard let row = try find(instance), row.owner == node else { continue }
      try setOwner(of: row.pk, nil)
    }
    return .success(.done)
  }

  private func setOwner(of pk: Int64, _ node: NodeID?) throws(StoreError) {
    statements.setOwner.bind(1, pk)
    statements.setOwner.bind(2, node)
    try statements.setOwner.run()
  }

  func claimActivities(
    node: NodeID, activities: [String], limit: Int, now: TimestampMS
  ) throws(StoreError) -> StoreOutcome {
    guard limit > 0, !activities.isEmpty else { return .success(.activities([])) }
    let open = try Statement(
      connection,
      """
      SELECT a.pk, i.id, a.execution, a.action, a.orchestration, a.name, a.input, a.attempt, a.visible_at,
        a.token
      FROM activities AS a JOIN instances AS i ON i.pk = a.instance
      WHERE a.node IS NULL AND a.visible_at <= ?1 AND a.name IN (\(Self.placeholders(activities.count)))
      ORDER BY a.visible_at, a.pk LIMIT ?2
      """, isKept: false)
    defer { open.finalize() }
    open.bind(1, now)
    open.bind(2, Int64(limit))
    for (offset, name) in activities.enumerated() { open.bind(Int32(clamping: offset + 3), name) }
    var found: [(pk: Int64, task: ActivityTask)] = []
    while try open.step() { found.append((open.integer(0), Self.claimed(open, by: node))) }
    for (pk, task) in found {
      statements.claimActivity.bind(1, pk)
      statements.claimActivity.bind(2, node)
      statements.claimActivity.bind(3, task.attempt)
      try statements.claimActivity.run()
    }
    return .success(.activities(found.map(\.task)))
  }

  /// The first claim of a row is for the attempt it was scheduled with; each later one is a new attempt,
  /// whose number as the token makes all older claims stale.
  private static func claimed(_ row: Statement, by node: NodeID) -> ActivityTask {
    let attempt = row.integer(7) &+ (row.isNull(9) ? 0 : 1)
    return ActivityTask(
      key: ActivityKey(instance: row.text(1), execution: row.integer(2), action: row.integer(3)),
      orchestration: row.text(4), name: row.text(5), input: Payload(bytes: row.bytes(6)), attempt: attempt,
      visibleAt: row.integer(8), claim: ActivityClaim(node: node, token: attempt))
  }

  func releaseActivities(_ activities: [ClaimedActivity]) throws(StoreError) -> StoreOutcome {
    for released in activities {
      guard let row = try find(released.key.instance),
        let held = try activity(row.pk, released.key.execution, released.key.action),
        held.claim == released.claim
      else { continue }
      statements.releaseActivity.bind(1, held.pk)
      try statements.releaseActivity.run()
    }
    return .success(.done)
  }

  /// Parameters from ?3 on: each name, followed by its versions. Without a version an instance takes any.
  private static func conditions(_ orchestrations: [ServedOrchestration]) -> String {
    var next = 3
    func parameter() -> String {
      defer { next += 1 }
      return "?\(next)"
    }
    return orchestrations.map { served in
      let isNamed = "orchestration = \(parameter())"
      guard let versions = served.versions else { return isNamed }
      let list = versions.map { _ in parameter() }.joined(separator: ",")
      return "\(isNamed) AND (version IS NULL OR version IN (\(list)))"
    }.joined(separator: " OR ")
  }

  /// Rare, after a claim whose answer was lost: it looks at all pending activities.
  func releaseActivities(
    of node: NodeID, except kept: Set<ClaimedActivity>
  ) throws(StoreError) -> StoreOutcome {
    let held = try Statement(
      connection,
      """
      SELECT a.pk, i.id, a.execution, a.action, a.token
      FROM activities AS a JOIN instances AS i ON i.pk = a.instance WHERE a.node = ?1
      """, isKept: false)
    defer { held.finalize() }
    held.bind(1, node)
    var unheld: [Int64] = []
    while try held.step() {
      let key = ActivityKey(
        instance: held.text(1), execution: held.integer(2), action: held.integer(3))
      let claim = ActivityClaim(node: node, token: held.integer(4))
      if !kept.contains(ClaimedActivity(key: key, claim: claim)) { unheld.append(held.integer(0)) }
    }
    for pk in unheld {
      statements.releaseActivity.bind(1, pk)
      try statements.releaseActivity.run()
    }
    return .success(.done)
  }

  /// Names to compare with, numbered from 3.
  private static func placeholders(_ count: Int) -> String {
    (0..<count).map { "?\($0 + 3)" }.joined(separator: ", ")
  }

  // MARK: Nodes

  /// `lock` runs before the row is visible to anybody: a node is never seen without its lock.
  func join(lock: (NodeID) throws(StoreError) -> Void) throws(StoreError) -> NodeID {
    try transaction { () throws(StoreError) in
      try connection.execute("INSERT INTO nodes DEFAULT VALUES")
      let node = try connection.integer("SELECT last_insert_rowid()")
      try lock(node)
      return node
    }
  }

  /// Opens to others all that the nodes owned and held; the number of rows that went.
  func forget(_ nodes: [NodeID]) throws(StoreError) -> Int {
    try transaction { () throws(StoreError) in
      var gone = 0
      for node in nodes {
        gone += Int(try connection.integer("DELETE FROM nodes WHERE id = \(node) RETURNING 1"))
        // Rows that sleep keep the name of a node that is no more, which counts as none.
        try connection.execute(
          "UPDATE instances SET owner = NULL WHERE owner = \(node) AND wake_at IS NOT NULL")
        try connection.execute("UPDATE activities SET node = NULL WHERE node = \(node)")
      }
      return gone
    }
  }
}
