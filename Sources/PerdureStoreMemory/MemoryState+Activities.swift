import PerdureModel
import PerdureStore

extension MemoryState {
  mutating func schedule(_ task: ActivityTask, of order: Int64, revision: Revision, now: TimestampMS) {
    var row = ActivityRow(task, sequence: nextActivitySequence(), revision: revision, now: now)
    loseUnknownClaim(&row)
    records[order]?.activities[task.key.action] = row
    enter(row, of: order)
    if let claim = task.claim { use(task.options.session, by: claim.node, now: now) }
  }

  mutating func removeActivity(_ action: ActionID, of order: Int64) {
    guard let row = records[order]?.activities.removeValue(forKey: action) else { return }
    withdraw(row, of: order)
  }

  mutating func removeActivities(of order: Int64) {
    guard let rows = records[order]?.activities, !rows.isEmpty else { return }
    records[order]?.activities = [:]
    for row in rows.values { withdraw(row, of: order) }
  }

  func find(_ key: ActivityKey) -> (order: Int64, row: ActivityRow)? {
    guard let order = locate(key.instance), records[order]?.description.execution == key.execution,
      let row = records[order]?.activities[key.action]
    else { return nil }
    return (order, row)
  }

  mutating func replace(_ row: ActivityRow, with changed: ActivityRow, of order: Int64) {
    withdraw(row, of: order)
    records[order]?.activities[row.task.key.action] = changed
    enter(changed, of: order)
  }

  /// A node that was taken for dead and claims all the same holds nothing.
  func loseUnknownClaim(_ row: inout ActivityRow) {
    if let claim = row.task.claim, alive[claim.node] == nil { row.task.claim = nil }
  }

  mutating func enter(_ row: ActivityRow, of order: Int64) {
    if let node = row.task.claim?.node {
      held[node, default: SortedSet()].insert(row.due(of: order))
      return
    }
    if let expiry = row.expiry(of: order) { expiring.insert(expiry) }
    guard row.deferredBeatAt == nil else { return }
    let route = ActivityRoute(row.task)
    unheld[route, default: PriorityLanes()].insert(row.due(of: order), priority: row.task.options.priority)
  }

  mutating func withdraw(_ row: ActivityRow, of order: Int64) {
    if let node = row.task.claim?.node {
      held[node]?.remove(row.due(of: order))
      return
    }
    if let expiry = row.expiry(of: order) { expiring.remove(expiry) }
    guard row.deferredBeatAt == nil else { return }
    let route = ActivityRoute(row.task)
    unheld[route]?.remove(row.due(of: order), priority: row.task.options.priority)
    if unheld[route]?.isEmpty == true { unheld.removeValue(forKey: route) }
  }

  // MARK: By whoever holds the claim

  /// Changes a row that still has this claim.
  mutating func change(
    _ key: ActivityKey, claim: ActivityClaim, _ change: (inout ActivityRow) -> Void
  ) -> StoreOutcome {
    guard locate(key.instance) != nil else { return .failure(.notFound) }
    guard let (order, row) = find(key), row.task.claim == claim else { return .failure(.staleClaim) }
    var changed = row
    change(&changed)
    replace(row, with: changed, of: order)
    return .success(.done)
  }

  mutating func activityEnded(
    _ key: ActivityKey, claim: ActivityClaim, outcome: Outcome, now: TimestampMS
  ) -> StoreOutcome {
    guard locate(key.instance) != nil else { return .failure(.notFound) }
    guard let (order, row) = find(key), row.task.claim == claim, let delivery = end(row, outcome, of: order)
    else { return .failure(.staleClaim) }
    use(row.task.options.session, by: claim.node, now: now)
    return .success(.posted(delivery))
  }

  mutating func deferActivity(
    _ key: ActivityKey, claim: ActivityClaim, heartbeat: Payload?, now: TimestampMS
  ) -> StoreOutcome {
    let outcome = change(key, claim: claim) {
      $0.task.lastHeartbeat = heartbeat ?? $0.task.lastHeartbeat
      $0.task.claim = nil
      $0.deferredBeatAt = now
    }
    if case .success = outcome {
      use(find(key)?.row.task.options.session, by: claim.node, now: now)
    }
    return outcome
  }

  /// The row goes, a message to the instance comes.
  mutating func end(_ row: ActivityRow, _ outcome: Outcome, of order: Int64) -> Delivery? {
    let key = row.task.key
    removeActivity(key.action, of: order)
    let kind = MessageKind.activityEnded(execution: key.execution, action: key.action, outcome: outcome)
    return deliver(kind, to: order)
  }

  // MARK: From elsewhere

  mutating func completeActivity(
    _ token: CompletionToken, outcome: Outcome, now: TimestampMS
  ) -> StoreOutcome {
    guard locate(token.key.instance) != nil else { return .failure(.notFound) }
    guard let (order, row) = find(token.key), row.isOpen(to: token.token) else {
      return .failure(.staleClaim)
    }
    if let node = row.task.claim?.node { use(row.task.options.session, by: node, now: now) }
    if case .failed(let failure) = outcome, case .retry(let at) = row.task.verdict(on: failure, now: now) {
      var changed = row
      changed.retry(failure, at: at)
      replace(row, with: changed, of: order)
      return .success(.done)
    }
    guard let delivery = end(row, outcome, of: order) else { return .failure(.staleClaim) }
    return .success(.posted(delivery))
  }

  mutating func heartbeat(_ token: CompletionToken, details: Payload, now: TimestampMS) -> StoreOutcome {
    guard locate(token.key.instance) != nil else { return .failure(.notFound) }
    guard let (order, row) = find(token.key), row.isOpen(to: token.token) else {
      return .failure(.staleClaim)
    }
    var changed = row
    changed.task.lastHeartbeat = details
    if row.deferredBeatAt != nil { changed.deferredBeatAt = now }
    replace(row, with: changed, of: order)
    return .success(.done)
  }

  // MARK: Time

  mutating func expireActivities(limit: Int, now: TimestampMS) -> StoreOutcome {
    var over: [ActivityDue] = []
    expiring.walk {
      guard $0.at <= now, over.count < limit else { return false }
      over.append($0)
      return true
    }
    var deliveries: [Delivery] = []
    for due in over {
      guard let row = records[due.order]?.activities[due.action] else { continue }
      let isServed = alive.values.contains { $0.takes(row.task.name, tag: row.task.options.tag) }
      guard let (failure, verdict) = row.task.expiry(row.wait, now: now, isServed: isServed) else { continue }
      switch verdict {
      case .retry(let at):
        var changed = row
        changed.retry(failure, at: at)
        replace(row, with: changed, of: due.order)
      case .end:
        if let delivery = end(row, .failed(failure), of: due.order) { deliveries.append(delivery) }
      }
    }
    return .success(.delivered(deliveries))
  }
}
