import PerdureModel
import PerdureStore

extension MemoryState {
  mutating func start(_ start: InstanceStart, owner: NodeID?, now: TimestampMS) -> StoreOutcome {
    if let key = start.options.dedupKey, let order = dedupKeys[ExactText(key)],
      let first = records[order]?.description
    {
      return .success(.existing(first.instance, first.status))
    }
    guard let order = locate(start.instance), let there = records[order]?.description else {
      create(start, owner: owner, now: now)
      return .success(.done)
    }
    switch start.options.policy {
    case .fail: return .failure(.alreadyExists(there.status))
    case .useExisting: return .success(.existing(there.instance, there.status))
    case .restartIfFinished where !there.status.isTerminal: return .failure(.alreadyExists(there.status))
    case .restartIfFinished, .terminateAndRestart:
      if let parent = there.parent { return .failure(.isChild(of: parent.instance)) }
      // All that the end of these instances could tell anybody goes with the tree.
      let deleted = remove(tree(of: order))
      create(start, revision: there.revision &+ 1, owner: owner, now: now)
      return .success(.restarted(deleted: deleted, deliveries: []))
    }
  }

  /// The id must be free. What was kept for it is waiting from the beginning.
  mutating func create(
    _ start: InstanceStart, revision: Revision = 0, owner: NodeID?, now: TimestampMS
  ) {
    let order = insert(start, revision: revision, owner: owner, now: now)
    takeKept(for: start.instance, order)
  }

  mutating func takeKept(for instance: InstanceID, _ order: Int64) {
    for kind in kept.removeValue(forKey: ExactText(instance)) ?? [] {
      if case .call(let id, _, _) = kind, records[order]?.calls[ExactText(id)] != nil { continue }
      _ = deliver(kind, to: order)
    }
  }

  /// The instance and all its descendants, each after its parent.
  func tree(of root: Int64) -> [Int64] {
    var tree = [root]
    var next = 0
    while next < tree.count {
      if let instance = records[tree[next]]?.description.instance {
        children[ExactText(instance)]?.walk {
          tree.append($0)
          return true
        }
      }
      next += 1
    }
    return tree
  }

  /// Removes the instances of a whole tree; their ids.
  mutating func remove(_ tree: [Int64]) -> [InstanceID] {
    var gone: [InstanceID] = []
    for order in tree {
      removeActivities(of: order)
      endSubscriptions(of: order)
      guard let record = records.removeValue(forKey: order) else { continue }
      if let placement = record.placement { withdraw(placement) }
      moveEnd(record.endPlace, to: nil)
      created.remove(order)
      tally.remove(record.kind)
      for label in record.labels {
        labelled[label]?.remove(order)
        if labelled[label]?.isEmpty == true { labelled.removeValue(forKey: label) }
      }
      children.removeValue(forKey: ExactText(record.description.instance))
      orders.removeValue(forKey: ExactText(record.description.instance))
      if let key = record.description.dedupKey, dedupKeys[ExactText(key)] == order {
        dedupKeys.removeValue(forKey: ExactText(key))
      }
      gone.append(record.description.instance)
    }
    return gone
  }
}
