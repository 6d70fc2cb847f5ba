import PerdureModel
import PerdureStore

extension MemoryState {
  mutating func post(_ message: OutgoingMessage) -> StoreOutcome {
    guard let order = locate(message.to), let status = records[order]?.description.status,
      let waiting = records[order]?.inbox.count
    else { return .failure(.notFound) }
    if status.isTerminal { return .failure(.wrongStatus(status)) }
    if waiting >= Limits.inboxMessages {
      return .failure(.inboxFull(limit: Limits.inboxMessages))
    }
    guard let delivery = deliver(message.kind, to: order) else { return .failure(.notFound) }
    return .success(.posted(delivery))
  }

  mutating func claimInstances(
    node: NodeID, orchestrations: [ServedOrchestration], limit: Int, now: TimestampMS
  ) -> StoreOutcome {
    var claimed: [Int64] = []
    while claimed.count < limit {
      var earliest: (due: Due, name: String)?
      for served in orchestrations {
        guard let due = firstDue(served, now) else { continue }
        if let found = earliest, found.due < due { continue }
        earliest = (due, served.name)
      }
      guard let (due, name) = earliest else { break }
      open[ExactText(name)]?.remove(due)
      claimed.append(due.order)
    }
    var instances: [InstanceID] = []
    for order in claimed {
      records[order]?.owner = node
      guard let record = records[order] else { continue }
      if let placement = record.placement { enter(placement) }
      instances.append(record.description.instance)
    }
    return .success(.instances(instances))
  }

  private func firstDue(_ served: ServedOrchestration, _ now: TimestampMS) -> Due? {
    var found: Due?
    open[ExactText(served.name)]?.walk { due in
      if due.at > now { return false }
      guard let record = records[due.order], served.runs(record.description.version) else { return true }
      found = due
      return false
    }
    return found
  }

  mutating func claimInstance(node: NodeID, instance: InstanceID) -> StoreOutcome {
    guard let order = locate(instance), let record = records[order] else { return .failure(.notFound) }
    let status = record.description.status
    if status.isTerminal { return .failure(.wrongStatus(status)) }
    if let holder = holder(of: record), holder != node { return .failure(.owned(holder)) }
    update(order) { $0.owner = node }
    return .success(.instances([instance]))
  }

  mutating func quarantine(
    _ instance: InstanceID, revision: Revision, failure: Failure, now: TimestampMS
  ) -> StoreOutcome {
    guard let order = locate(instance), let record = records[order] else { return .failure(.notFound) }
    let status = record.description.status
    guard record.description.revision == revision, !status.isTerminal, status != .quarantined else {
      return .failure(.conflict)
    }
    update(order) {
      $0.description.status = .quarantined
      $0.description.failure = failure
      $0.description.revision &+= 1
      $0.description.updatedAt = now
      $0.wakeAt = nil
      $0.owner = nil
    }
    return .success(.done)
  }

  mutating func delete(_ instance: InstanceID, force: Bool) -> StoreOutcome {
    guard let root = locate(instance), let record = records[root] else { return .failure(.notFound) }
    if let parent = record.description.parent { return .failure(.isChild(of: parent.instance)) }
    var doomed = [root]
    var next = 0
    while next < doomed.count {
      guard let row = records[doomed[next]]?.description else { break }
      if !force, !row.status.isTerminal { return .failure(.wrongStatus(row.status)) }
      children[ExactText(row.instance)]?.walk {
        doomed.append($0)
        return true
      }
      next += 1
    }
    var gone: [InstanceID] = []
    for order in doomed {
      removeActivities(of: order)
      guard let record = records.removeValue(forKey: order) else { continue }
      if let placement = record.placement { withdraw(placement) }
      created.remove(order)
      children.removeValue(forKey: ExactText(record.description.instance))
      orders.removeValue(forKey: ExactText(record.description.instance))
      gone.append(record.description.instance)
    }
    return .success(.deleted(gone))
  }
}
