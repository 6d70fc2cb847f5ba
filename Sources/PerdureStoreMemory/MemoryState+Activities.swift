import PerdureModel
import PerdureStore

extension MemoryState {
  mutating func insert(_ task: ActivityTask, of order: Int64) {
    let row = ActivityRow(task: task, sequence: nextActivitySequence(), wasClaimed: task.claim != nil)
    records[order]?.activities[task.key.action] = row
    enter(row, of: order)
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

  mutating func activityEnded(_ key: ActivityKey, claim: ActivityClaim, outcome: Outcome) -> StoreOutcome {
    guard locate(key.instance) != nil else { return .failure(.notFound) }
    guard let order = find(key), records[order]?.activities[key.action]?.task.claim == claim else {
      return .failure(.staleClaim)
    }
    removeActivity(key.action, of: order)
    let kind = MessageKind.activityEnded(execution: key.execution, action: key.action, outcome: outcome)
    guard let delivery = deliver(kind, to: order) else { return .failure(.staleClaim) }
    return .success(.posted(delivery))
  }

  mutating func claimActivities(node: NodeID, names: [String], limit: Int, now: TimestampMS) -> StoreOutcome {
    var tasks: [ActivityTask] = []
    while tasks.count < limit {
      var earliest: (due: ActivityDue, name: String)?
      for name in names {
        guard let due = unheld[ExactText(name)]?.first, due.at <= now else { continue }
        if let found = earliest, found.due < due { continue }
        earliest = (due, name)
      }
      guard let (due, name) = earliest else { break }
      unheld[ExactText(name)]?.remove(due)
      guard var row = records[due.order]?.activities[due.action] else { continue }
      if row.wasClaimed { row.task.attempt &+= 1 }
      row.wasClaimed = true
      row.task.claim = ActivityClaim(node: node, token: row.task.attempt)
      records[due.order]?.activities[due.action] = row
      tasks.append(row.task)
    }
    // Entered only now, so that a claim for a node that is not alive does not meet its own rows again.
    for task in tasks {
      guard let order = locate(task.key.instance),
        let row = records[order]?.activities[task.key.action]
      else { continue }
      enter(row, of: order)
    }
    return .success(.activities(tasks))
  }

  mutating func releaseActivities(of node: NodeID, except kept: Set<ClaimedActivity>) {
    var unheld: [ClaimedActivity] = []
    held[node]?.walk { due in
      guard let task = records[due.order]?.activities[due.action]?.task, let claim = task.claim else {
        return true
      }
      let activity = ClaimedActivity(key: task.key, claim: claim)
      if !kept.contains(activity) { unheld.append(activity) }
      return true
    }
    for activity in unheld { release(activity) }
  }

  mutating func release(_ activity: ClaimedActivity) {
    guard let order = find(activity.key), var row = records[order]?.activities[activity.key.action],
      row.task.claim == activity.claim
    else { return }
    withdraw(row, of: order)
    row.task.claim = nil
    records[order]?.activities[activity.key.action] = row
    enter(row, of: order)
  }

  private func find(_ key: ActivityKey) -> Int64? {
    guard let order = locate(key.instance), records[order]?.description.execution == key.execution else {
      return nil
    }
    return order
  }

  private mutating func enter(_ row: ActivityRow, of order: Int64) {
    if let node = row.task.claim?.node, alive.contains(node) {
      held[node, default: SortedSet()].insert(row.due(of: order))
    } else {
      unheld[ExactText(row.task.name), default: SortedSet()].insert(row.due(of: order))
    }
  }

  private mutating func withdraw(_ row: ActivityRow, of order: Int64) {
    if let node = row.task.claim?.node, alive.contains(node) {
      held[node]?.remove(row.due(of: order))
    } else {
      unheld[ExactText(row.task.name)]?.remove(row.due(of: order))
    }
  }
}
