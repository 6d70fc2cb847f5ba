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
  package mutating func kill(_ node: NodeID, now: TimestampMS) {
    guard alive[node] != nil else { return }
    fallen.insert(node)
    countLostTurns(node, now)
    bury(node)
  }

  /// A node that was taken for dead lives: what it owned and held then is open to others, and stays so. What
  /// slept under it is its own from here on.
  package mutating func comeBack(_ node: NodeID, serving service: NodeService) {
    guard alive[node] == nil else { return }
    fallen.remove(node)
    alive[node] = service
  }

  /// Forgets the nodes that were killed; their number.
  package mutating func reap() -> Int {
    defer { fallen = [] }
    return fallen.count
  }

  /// Of what was due under it one may be the cause: due by its row, or by the result of an activity that is
  /// not run any more, as its processes died, and that no turn survives either.
  private mutating func countLostTurns(_ node: NodeID, _ now: TimestampMS) {
    var lost: Set<Int64> = []
    owned[node]?.walk { due in
      guard due.at <= now else { return false }
      lost.insert(due.order)
      return true
    }
    held[node]?.walk { due in
      let losses = records[due.order]?.activities[due.action]?.task.losses ?? 0
      if losses >= Limits.activityLosses { lost.insert(due.order) }
      return true
    }
    for order in lost { records[order]?.lostTurns &+= 1 }
  }

  private mutating func bury(_ node: NodeID) {
    guard alive.removeValue(forKey: node) != nil else { return }
    var instances: [Due] = []
    owned.removeValue(forKey: node)?.walk {
      instances.append($0)
      return true
    }
    for due in instances {
      records[due.order]?.owner = nil
      if let placement = records[due.order]?.placement { enter(placement) }
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
