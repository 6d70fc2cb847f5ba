internal import PerdureModel
internal import PerdureStore

extension Writer {
  func claimInstances(
    node: NodeID, orchestrations: [ServedOrchestration], limit: Int, now: TimestampMS
  ) throws(StoreError) -> StoreOutcome {
    guard limit > 0, !orchestrations.isEmpty else { return .success(.instances([])) }
    let due = try due(orchestrations, now: now, isShared ? Self.claimingInstances : "", limit)
    defer { due.finalize() }
    var found: [(pk: Int64, id: InstanceID)] = []
    var suspects = SuspectLine<Int64>(now: now, spacingMS: Limits.suspectTurnsMS)
    // Level by level: one index then serves, however many sleep or wait behind.
    var level = try rare.nextPriority(ofInstancesOwnedBy: nil, below: nil)
    while let priority = level, found.count < limit {
      due.bind(1, priority)
      while found.count < limit, try due.step() {
        let (pk, losses) = (due.integer(0), due.integer(2))
        if suspects.takes(pk, losses: losses, hasWaited: losses <= due.integer(3)) {
          found.append((pk, due.text(1)))
        }
      }
      due.reset()
      if found.count < limit {
        level = try rare.nextPriority(ofInstancesOwnedBy: nil, below: priority)
      }
    }
    for instance in found {
      foresight.forget(instance.id)
      try setOwner(of: instance.pk, node)
    }
    for (pk, until) in suspects.putOff {
      try rare.run("UPDATE instances SET wake_at = ?2, paused_at = lost_turns WHERE pk = ?1", pk, until)
    }
    try claimed(found.count, &fruitlessInstances) { () throws(StoreError) in
      let rest = try self.due(orchestrations, now: now, "", 1)
      defer { rest.finalize() }
      return try rare.isAny(rest) { bound throws(StoreError) in
        try rare.nextPriority(ofInstancesOwnedBy: nil, below: bound)
      }
    }
    return .success(.instances(found.map(\.id)))
  }

  /// Of the priority that is ?1, those that come first.
  private func due(
    _ orchestrations: [ServedOrchestration], now: TimestampMS, _ claiming: String, _ limit: Int
  ) throws(StoreError) -> Statement {
    let due = try Statement(
      connection,
      """
      SELECT pk, id, lost_turns, paused_at FROM instances
      WHERE owner IS NULL AND priority = ?1 AND wake_at <= ?2
        AND (\(Self.conditions(orchestrations)))
      ORDER BY wake_at, pk
      \(claiming)
      """, .browsed(limit))
    due.bind(2, now)
    let texts = orchestrations.flatMap { [$0.name] + ($0.versions ?? []) }
    for (offset, text) in texts.enumerated() { due.bind(Int32(clamping: offset + 3), text) }
    return due
  }

  func claimInstance(node: NodeID, instance: InstanceID) throws(StoreError) -> StoreOutcome {
    guard let row = try find(instance) else { return .failure(.notFound) }
    if row.status.isTerminal { return .failure(.wrongStatus(row.status)) }
    if let owner = try live(row.owner), owner != node { return .failure(.owned(owner)) }
    try setOwner(of: row.pk, node)
    return .success(.instances([instance]))
  }

  func releaseInstances(node: NodeID, instances: [InstanceID]) throws(StoreError) -> StoreOutcome {
    for instance in instances {
      guard let row = try find(instance), row.owner == node else { continue }
      try rare.run(
        "UPDATE instances SET owner = NULL, lost_turns = 0, paused_at = 0 WHERE pk = ?1", row.pk)
    }
    return .success(.done)
  }

  private func setOwner(of pk: Int64, _ node: NodeID?) throws(StoreError) {
    statements.setOwner.bind(1, pk)
    statements.setOwner.bind(2, node)
    try statements.setOwner.run()
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
      // Not every database knows an empty list.
      if versions.isEmpty { return "\(isNamed) AND version IS NULL" }
      let list = versions.map { _ in parameter() }.joined(separator: ",")
      return "\(isNamed) AND (version IS NULL OR version IN (\(list)))"
    }.joined(separator: " OR ")
  }

  // MARK: Activities

  func claimActivities(
    node: NodeID, filter: ActivityFilter, limit: Int, now: TimestampMS
  ) throws(StoreError) -> StoreOutcome {
    guard limit > 0, !filter.names.isEmpty else { return .success(.activities([])) }
    let open = try open(filter, now: now, isShared ? Self.claimingActivities : "", limit)
    defer { open.finalize() }
    var sessions = SessionDesk(node: node, filter: filter, now: now)
    var found: [ActivityRow] = []
    var suspects = SuspectLine<Int64>(
      now: now, spacingMS: Limits.suspectActivitiesMS, delayMS: Limits.suspectActivitiesDelayMS)
    var unreadable: [UnreadableActivity] = []
    var level = try rare.nextPriorityOfActivities(below: nil)
    while let priority = level, found.count < limit {
      open.bind(1, priority)
      while found.count < limit, try open.step() {
        let instance = open.text(ActivityRow.columnCount)
        let row: ActivityRow
        do throws(StoreError) {
          row = try ActivityRow.decode(open, of: instance, path: connection.path)
        } catch {
          unreadable.append(UnreadableActivity(pk: open.integer(0), instance: instance, error: error))
          if unreadable.count >= limit { break }
          continue
        }
        if let session = row.task.options.session, try !takes(session, &sessions) { continue }
        let losses = row.phase == .run ? row.task.lossesToWaitFor : 0
        let hasWaited = row.task.visibleAt > row.claimedAt
        guard suspects.takes(row.pk, losses: losses, hasWaited: hasWaited) else { continue }
        found.append(row)
      }
      open.reset()
      if found.count < limit { level = try rare.nextPriorityOfActivities(below: priority) }
    }
    let putOff = suspects.putOff
    for (pk, until) in putOff {
      try rare.run("UPDATE activities SET visible_at = ?2 WHERE pk = ?1", pk, until)
    }
    var tasks: [ActivityTask] = []
    for row in found {
      foresight.forget(row.task.key.instance)
      tasks.append(try claim(row, node: node, now: now))
    }
    let damaged = try self.putOff(unreadable, now: now)
    try claimed(found.count, &fruitlessActivities) { () throws(StoreError) in
      let rest = try self.open(filter, now: now, "", 1)
      defer { rest.finalize() }
      return try rare.isAny(rest) { bound throws(StoreError) in
        try rare.nextPriorityOfActivities(below: bound)
      }
    }
    return .success(.activities(tasks, damaged: damaged, pausedUntil: putOff.map(\.until).min()))
  }

  /// Of the priority that is ?1, those that come first.
  private func open(
    _ filter: ActivityFilter, now: TimestampMS, _ claiming: String, _ limit: Int
  ) throws(StoreError) -> Statement {
    let open = try Statement(
      connection,
      """
      SELECT \(ActivityRow.columns), i.id
      FROM activities AS a JOIN instances AS i ON i.pk = a.instance
      WHERE a.node IS NULL AND a.phase <> 2 AND a.priority = ?1 AND a.visible_at <= ?2
        AND (\(Self.conditions(filter)))
      ORDER BY a.visible_at, a.pk
      \(claiming)
      """, .browsed(limit))
    open.bind(2, now)
    let texts = filter.names + (filter.tags ?? [])
    for (offset, text) in texts.enumerated() { open.bind(Int32(clamping: offset + 3), text) }
    return open
  }

  private func claim(_ row: ActivityRow, node: NodeID, now: TimestampMS) throws(StoreError) -> ActivityTask {
    var task = row.task
    task.attempt &+= row.phase == .unrun ? 0 : 1
    task.claim = ActivityClaim(node: node, token: row.token &+ 1)
    let claim = statements.claimActivity
    claim.bind(1, row.pk)
    claim.bind(2, node)
    claim.bind(3, row.token &+ 1)
    claim.bind(4, task.attempt)
    claim.bind(5, now)
    claim.bind(6, task.closeBy)
    claim.bind(7, row.instance)
    try claim.run()
    try use(task.options.session, by: node, now: now)
    return task
  }

  /// Parameters from ?3 on: the names, then the tags.
  private static func conditions(_ filter: ActivityFilter) -> String {
    func list(_ count: Int, from first: Int) -> String {
      (0..<count).map { "?\(first + $0)" }.joined(separator: ",")
    }
    let named = "a.name IN (\(list(filter.names.count, from: 3)))"
    guard let tags = filter.tags else {
      return filter.takesUntagged ? named : "\(named) AND a.tag IS NOT NULL"
    }
    if tags.isEmpty { return filter.takesUntagged ? "\(named) AND a.tag IS NULL" : "\(named) AND 1 = 0" }
    let tagged = "a.tag IN (\(list(tags.count, from: filter.names.count + 3)))"
    return "\(named) AND (\(filter.takesUntagged ? "a.tag IS NULL OR " : "")\(tagged))"
  }

  func releaseActivities(_ activities: [ClaimedActivity]) throws(StoreError) -> StoreOutcome {
    for released in activities {
      guard let row = try find(released.key.instance),
        let held = try activity(row.pk, released.key.execution, released.key.action),
        held.claim == released.claim
      else { continue }
      try release(held.pk, released.key)
    }
    return .success(.done)
  }

  private func release(_ pk: Int64, _ key: ActivityKey) throws(StoreError) {
    guard let row = try activityRow(key, pk) else { return }
    let wait: ActivityWait = row.task.attempt == 1 ? .notStarted : .betweenAttempts
    try rare.run(
      "UPDATE activities SET node = NULL, phase = 0, expires_at = ?2 WHERE pk = ?1", pk,
      row.task.expiresAt(wait))
  }

  /// Rare, after a claim whose answer was lost: it looks at all pending activities.
  func releaseActivities(
    of node: NodeID, except kept: Set<ClaimedActivity>
  ) throws(StoreError) -> StoreOutcome {
    let held = try rare.rows(
      """
      SELECT a.pk, i.id, a.execution, a.action, a.token
      FROM activities AS a JOIN instances AS i ON i.pk = a.instance WHERE a.node = ?1
      """, node
    ) { row in
      let key = ActivityKey(instance: row.text(1), execution: row.integer(2), action: row.integer(3))
      let claim = ActivityClaim(node: node, token: row.integer(4))
      return (pk: row.integer(0), activity: ClaimedActivity(key: key, claim: claim))
    }
    for row in held where !kept.contains(row.activity) { try release(row.pk, row.activity.key) }
    return .success(.done)
  }
}

extension StatementCache {
  /// Whether a statement that looks at the priority that is its ?1 finds anything.
  ///
  /// - Parameter next: the highest priority below another (nil: of all).
  fileprivate func isAny(
    _ statement: Statement, _ next: (Int64?) throws(StoreError) -> Int64?
  ) throws(StoreError) -> Bool {
    var level = try next(nil)
    while let priority = level {
      statement.bind(1, priority)
      let isAny = try statement.step()
      statement.reset()
      if isAny { return true }
      level = try next(priority)
    }
    return false
  }

  /// The highest priority below another (nil: of all) of those that have a wake-up.
  func nextPriority(
    ofInstancesOwnedBy node: NodeID?, below bound: Int64?
  ) throws(StoreError) -> Int64? {
    guard bound != .min else { return nil }
    let bound = bound.map { $0 &- 1 } ?? .max
    guard let node else {
      return try first(
        """
        SELECT priority FROM instances WHERE owner IS NULL AND wake_at IS NOT NULL AND priority <= ?1
        ORDER BY priority DESC LIMIT 1
        """, bound
      ) { $0.exactInteger(0) }
    }
    return try first(
      """
      SELECT priority FROM instances WHERE owner = ?1 AND wake_at IS NOT NULL AND priority <= ?2
      ORDER BY priority DESC LIMIT 1
      """, node, bound
    ) { $0.exactInteger(0) }
  }

  /// The highest priority below another of those that nobody holds.
  func nextPriorityOfActivities(below bound: Int64?) throws(StoreError) -> Int64? {
    guard bound != .min else { return nil }
    return try first(
      """
      SELECT priority FROM activities WHERE node IS NULL AND phase <> 2 AND priority <= ?1
      ORDER BY priority DESC LIMIT 1
      """, bound.map { $0 &- 1 } ?? .max
    ) { $0.exactInteger(0) }
  }
}
