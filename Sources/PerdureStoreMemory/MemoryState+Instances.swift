import PerdureModel
import PerdureStore

extension MemoryState {
  mutating func claimInstances(
    node: NodeID, orchestrations: [ServedOrchestration], limit: Int, now: TimestampMS
  ) -> StoreOutcome {
    var claimed: [Int64] = []
    var suspects = SuspectLine<Int64>(now: now, spacingMS: Limits.suspectTurnsMS)
    while claimed.count < limit {
      var best: (priority: Int64, due: Due, name: ExactText)?
      for served in orchestrations {
        guard let found = firstDue(served, now) else { continue }
        let isBetter =
          best.map { best in
            found.priority != best.priority ? found.priority > best.priority : found.element < best.due
          } ?? true
        if isBetter { best = (found.priority, found.element, ExactText(served.name)) }
      }
      guard let (priority, due, name) = best else { break }
      removeOpen(due, name, priority: priority)
      let (losses, pausedAt) = records[due.order].map { ($0.lostTurns, $0.pausedAt) } ?? (0, 0)
      if suspects.takes(due.order, losses: losses, hasWaited: losses <= pausedAt) {
        claimed.append(due.order)
      }
    }
    for (order, until) in suspects.putOff {
      guard var record = records[order] else { continue }
      record.pausedAt = record.lostTurns
      record.wakeAt = until
      records[order] = record
      if let placement = record.placement { enter(placement) }
    }
    var instances: [InstanceID] = []
    for order in claimed {
      records[order]?.owner = alive[node] == nil ? nil : node
      guard let record = records[order] else { continue }
      if let placement = record.placement { enter(placement) }
      instances.append(record.description.instance)
    }
    return .success(.instances(instances))
  }

  private func firstDue(_ served: ServedOrchestration, _ now: TimestampMS) -> (priority: Int64, element: Due)?
  {
    open[ExactText(served.name)]?.first(
      where: { $0.at <= now },
      taking: { due in records[due.order].map { served.runs($0.description.version) } ?? false })
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
    guard record.description.revision == revision, record.isServable else {
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
    guard let root = locate(instance) else { return .failure(.notFound) }
    if let parent = records[root]?.description.parent { return .failure(.isChild(of: parent.instance)) }
    let doomed = tree(of: root)
    if !force {
      for order in doomed {
        guard let status = records[order]?.description.status, !status.isTerminal else { continue }
        return .failure(.wrongStatus(status))
      }
    }
    return .success(.deleted(remove(doomed)))
  }
}
