package import PerdureModel

extension MemoryState {
  package mutating func join(serving service: NodeService) -> NodeID {
    lastNode &+= 1
    alive[lastNode] = service
    return lastNode
  }

  /// In the order in which they joined.
  package func nodes() -> [RuntimeNode] {
    alive.sorted { $0.key < $1.key }.map { RuntimeNode(id: $0.key, service: $0.value) }
  }

  package mutating func leave(_ node: NodeID) {
    fallen.remove(node)
    bury(node)
  }

  /// As if the process of the node died: what it owned and held is open to others at once.
  package mutating func kill(_ node: NodeID) {
    guard alive[node] != nil else { return }
    fallen.insert(node)
    bury(node)
  }

  /// Forgets the nodes that were killed; their number.
  package mutating func reap() -> Int {
    defer { fallen = [] }
    return fallen.count
  }

  private mutating func bury(_ node: NodeID) {
    guard alive.removeValue(forKey: node) != nil else { return }
    var instances: [Due] = []
    owned.removeValue(forKey: node)?.walk {
      instances.append($0)
      return true
    }
    for due in instances {
      guard let placement = records[due.order]?.placement else { continue }
      enter(placement)
    }
    var activities: [ActivityDue] = []
    held.removeValue(forKey: node)?.walk {
      activities.append($0)
      return true
    }
    for due in activities {
      guard var row = records[due.order]?.activities[due.action] else { continue }
      row.task.claim = nil
      records[due.order]?.activities[due.action] = row
      enter(row, of: due.order)
    }
    sessions = sessions.filter { $0.value.node != node }
  }
}
