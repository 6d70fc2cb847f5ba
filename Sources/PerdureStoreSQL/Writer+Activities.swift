internal import PerdureModel
internal import PerdureStore
internal import PerdureWire

/// An activity row's identity and who may run it.
struct HeldActivity {
  let pk: Int64
  let claim: ActivityClaim?
  let session: String?
}

extension Writer {
  /// nil if there is no such row. A row whose node is gone or gave it back has no claim.
  func activity(
    _ pk: Int64, _ execution: ExecutionID, _ action: ActionID
  ) throws(StoreError) -> HeldActivity? {
    if let known = foresight.activity(pk, execution, action) { return known }
    let find = statements.findActivity
    find.bind(1, pk)
    find.bind(2, execution)
    find.bind(3, action)
    defer { find.reset() }
    return try find.step() ? heldActivity(find) : nil
  }

  func heldActivity(_ find: Statement) -> HeldActivity {
    let claim = find.optionalInteger(1).map { ActivityClaim(node: $0, token: find.integer(2)) }
    return HeldActivity(pk: find.integer(0), claim: claim, session: find.optionalText(3))
  }

  /// The row and its activity, if the claim is the one it has.
  private func held(
    _ key: ActivityKey, by claim: ActivityClaim
  ) throws(StoreError) -> Result<(row: InstanceRow, activity: HeldActivity), StoreRefusal> {
    guard let row = try find(key.instance) else { return .failure(.notFound) }
    guard let held = try activity(row.pk, key.execution, key.action), held.claim == claim else {
      return .failure(.staleClaim)
    }
    return .success((row, held))
  }

  /// - revision: of the instance as it was when the task was scheduled.
  func schedule(
    _ task: ActivityTask, for pk: Int64, revision: Revision, now: TimestampMS
  ) throws(StoreError) {
    let insert = statements.insertActivity
    insert.bind(1, pk)
    insert.bind(2, task.key.execution)
    insert.bind(3, task.key.action)
    insert.bind(4, task.name)
    insert.bind(5, task.orchestration)
    insert.bind(6, task.attempt)
    insert.bind(7, task.visibleAt)
    insert.bind(8, task.claim?.node)
    insert.bind(9, task.firstToken(revision: revision))
    insert.bind(10, task.input.bytes)
    insert.bind(11, task.claim == nil ? ActivityRow.Phase.unrun.rawValue : ActivityRow.Phase.run.rawValue)
    insert.bind(12, task.scheduledAt)
    insert.bind(13, task.claim == nil ? 0 : now)
    // What most activities do not have.
    let options = task.options.isDefault ? nil : task.options
    insert.bind(14, options?.priority ?? 0)
    insert.bind(15, options.flatMap { _ in task.claim == nil ? task.expiresAt(.notStarted) : task.closeBy })
    insert.bind(16, options?.tag)
    insert.bind(17, options?.session)
    insert.bind(18, options.map { ActivityOptionsWire.encode($0) })
    insert.bind(19, task.trace?.text)
    try insert.run()
    if let claim = task.claim { try use(options?.session, by: claim.node, now: now) }
  }

  // MARK: Ends of attempts, by the node that holds them

  func activityEnded(
    _ key: ActivityKey, claim: ActivityClaim, outcome: Outcome, now: TimestampMS
  ) throws(StoreError) -> StoreOutcome {
    switch try held(key, by: claim) {
    case .failure(let refusal): return .failure(refusal)
    case .success(let (row, held)):
      try use(held.session, by: claim.node, now: now)
      return .success(.posted(try end(held.pk, key, outcome, of: row)))
    }
  }

  /// The row goes, a message to the instance comes.
  func end(
    _ pk: Int64, _ key: ActivityKey, _ outcome: Outcome, of row: InstanceRow
  ) throws(StoreError) -> Delivery {
    statements.deleteActivity.bind(1, pk)
    statements.deleteActivity.bind(2, row.pk)
    try statements.deleteActivity.run()
    foresight.ended(row.pk, key.execution, key.action)
    let message = MessageKind.activityEnded(execution: key.execution, action: key.action, outcome: outcome)
    return try insert(message, to: key.instance, row)
  }

  func activityRetry(
    _ key: ActivityKey, claim: ActivityClaim, failure: Failure, retryAt: TimestampMS, heartbeat: Payload?
  ) throws(StoreError) -> StoreOutcome {
    switch try held(key, by: claim) {
    case .failure(let refusal): return .failure(refusal)
    case .success(let (_, held)):
      guard let row = try activityRow(key, held.pk) else { return .failure(.staleClaim) }
      try retry(row, failure, at: retryAt, heartbeat: heartbeat)
      return .success(.done)
    }
  }

  func retry(
    _ row: ActivityRow, _ failure: Failure, at: TimestampMS, heartbeat: Payload? = nil
  ) throws(StoreError) {
    try rare.run(
      """
      UPDATE activities SET node = NULL, phase = 1, visible_at = ?2, failures = failures + 1,
        last_failure = ?3, heartbeat = coalesce(?4, heartbeat), expires_at = ?5
      WHERE pk = ?1
      """, row.pk, at, FailureWire.encode(failure), heartbeat?.bytes, row.task.closeBy)
  }

  func activityHeartbeat(
    _ key: ActivityKey, claim: ActivityClaim, details: Payload
  ) throws(StoreError) -> StoreOutcome {
    switch try held(key, by: claim) {
    case .failure(let refusal): return .failure(refusal)
    case .success(let (_, held)):
      try rare.run("UPDATE activities SET heartbeat = ?2 WHERE pk = ?1", held.pk, details.bytes)
      return .success(.done)
    }
  }

  func deferActivity(
    _ key: ActivityKey, claim: ActivityClaim, heartbeat: Payload?, now: TimestampMS
  ) throws(StoreError) -> StoreOutcome {
    switch try held(key, by: claim) {
    case .failure(let refusal): return .failure(refusal)
    case .success(let (_, held)):
      guard let row = try activityRow(key, held.pk) else { return .failure(.staleClaim) }
      let expiresAt = row.task.expiresAt(.deferred(startedAt: row.claimedAt, beatAt: now))
      try rare.run(
        """
        UPDATE activities SET node = NULL, phase = 2, beat_at = ?2, expires_at = ?3,
          heartbeat = coalesce(?4, heartbeat) WHERE pk = ?1
        """, held.pk, now, expiresAt, heartbeat?.bytes)
      try use(held.session, by: claim.node, now: now)
      return .success(.done)
    }
  }

  // MARK: From elsewhere, by token

  func activityRow(_ key: ActivityKey, _ pk: Int64) throws(StoreError) -> ActivityRow? {
    try rare.first("SELECT \(ActivityRow.columns) FROM activities AS a WHERE a.pk = ?1", pk) {
      row throws(StoreError) in
      try ActivityRow.decode(row, of: key.instance, path: connection.path)
    }
  }

  private func open(
    _ token: CompletionToken
  ) throws(StoreError) -> Result<(row: InstanceRow, activity: ActivityRow), StoreRefusal> {
    guard let row = try find(token.key.instance) else { return .failure(.notFound) }
    guard let known = try activity(row.pk, token.key.execution, token.key.action),
      let activity = try activityRow(token.key, known.pk), activity.isOpen(to: token)
    else { return .failure(.staleClaim) }
    return .success((row, activity))
  }

  func completeActivity(
    _ token: CompletionToken, outcome: Outcome, now: TimestampMS
  ) throws(StoreError) -> StoreOutcome {
    switch try open(token) {
    case .failure(let refusal): return .failure(refusal)
    case .success(let (row, activity)):
      if let node = activity.task.claim?.node {
        try use(activity.task.options.session, by: node, now: now)
      }
      if case .failed(let failure) = outcome,
        case .retry(let at) = activity.task.verdict(on: failure, now: now)
      {
        try retry(activity, failure, at: at)
        return .success(.done)
      }
      return .success(.posted(try end(activity.pk, token.key, outcome, of: row)))
    }
  }

  func heartbeatByToken(
    _ token: CompletionToken, details: Payload, now: TimestampMS
  ) throws(StoreError) -> StoreOutcome {
    switch try open(token) {
    case .failure(let refusal): return .failure(refusal)
    case .success(let (_, activity)):
      let wait = ActivityWait.deferred(startedAt: activity.claimedAt, beatAt: now)
      let expiresAt = activity.phase == .deferred ? activity.task.expiresAt(wait) : activity.task.closeBy
      try rare.run(
        "UPDATE activities SET heartbeat = ?2, beat_at = ?3, expires_at = ?4 WHERE pk = ?1", activity.pk,
        details.bytes, now, expiresAt)
      return .success(.done)
    }
  }

  // MARK: Time

  func expireActivities(limit: Int, now: TimestampMS) throws(StoreError) -> StoreOutcome {
    let path = connection.path
    let column = ActivityRow.columnCount
    var expired: [ActivityRow] = []
    var unreadable: [UnreadableActivity] = []
    repeat {
      _ = try putOff(unreadable, now: now)
      unreadable = []
      expired = try rare.rows(
        """
        SELECT \(ActivityRow.columns), i.id FROM activities AS a JOIN instances AS i ON i.pk = a.instance
        WHERE a.node IS NULL AND a.expires_at <= ?1 ORDER BY a.expires_at, a.pk LIMIT ?2
        """, now, Int64(max(0, limit))
      ) { row -> ActivityRow? in
        do throws(StoreError) {
          return try ActivityRow.decode(row, of: row.text(column), path: path)
        } catch {
          unreadable.append(
            UnreadableActivity(pk: row.integer(0), instance: row.text(column), error: error))
          return nil
        }
      }.compactMap { $0 }
      if !expired.isEmpty { try mustBeAlone() }
      // A page of nothing but these would hide those behind it.
    } while expired.isEmpty && !unreadable.isEmpty
    _ = try putOff(unreadable, now: now)
    guard !expired.isEmpty else { return .success(.delivered([])) }
    let services = try nodeServices()
    var deliveries: [Delivery] = []
    for activity in expired {
      let task = activity.task
      let isServed = services.contains { $0.takes(task.name, tag: task.options.tag) }
      guard let row = try find(task.key.instance),
        let (failure, verdict) = task.expiry(activity.wait, now: now, isServed: isServed)
      else { continue }
      switch verdict {
      case .retry(let at): try retry(activity, failure, at: at)
      case .end: deliveries.append(try end(activity.pk, task.key, .failed(failure), of: row))
      }
    }
    return .success(.delivered(deliveries))
  }
}
