package import PerdureModel
package import PerdureStore

/// All that a store holds, as a value: the same entries in the same order give the same state and the same
/// answers.
///
/// `MemoryStore` puts a lock around it; the simulator uses it bare. Claims and wake-ups are found through
/// sorted indexes, never by looking at every instance:
///
///     an instance with a wake-up   is in `owned[node]` if a live node owns it, else in `open[orchestration]`
///     an activity                  is in `held[node]` if a live node claims it, else in `unheld[name]`
package struct MemoryState: Sendable {
  var records: [Int64: InstanceRecord] = [:]
  var orders: [ExactText: Int64] = [:]
  /// All instances in the order of creation, for listings.
  var created = SortedSet<Int64>()
  /// By the id of the parent, in the order of creation.
  var children: [ExactText: SortedSet<Int64>] = [:]

  var open: [ExactText: SortedSet<Due>] = [:]
  var owned: [NodeID: SortedSet<Due>] = [:]
  var unheld: [ExactText: SortedSet<ActivityDue>] = [:]
  var held: [NodeID: SortedSet<ActivityDue>] = [:]

  var alive: Set<NodeID> = []
  /// Nodes whose process is gone and that nobody has reaped.
  var fallen: Set<NodeID> = []

  private var lastOrder: Int64 = 0
  private var lastSequence: MessageSequence = 0
  private var lastActivity: Int64 = 0
  private var lastNode: NodeID = 0

  package init() {}

  /// Applies one entry whole, or refuses it with nothing changed.
  package mutating func apply(_ entry: StoreEntry) -> StoreOutcome {
    switch entry {
    case .start(let start, let owner, let now):
      if let order = locate(start.instance), let record = records[order] {
        return .failure(.alreadyExists(record.description.status))
      }
      create(start, owner: owner, now: now)
      return .success(.done)
    case .post(let message, _): return post(message)
    case .turn(let commit): return turn(commit)
    case .activityEnded(let key, let claim, let outcome, _):
      return activityEnded(key, claim: claim, outcome: outcome)
    case .claimInstances(let node, let orchestrations, let limit, let now):
      return claimInstances(node: node, orchestrations: orchestrations, limit: limit, now: now)
    case .claimInstance(let node, let instance): return claimInstance(node: node, instance: instance)
    case .claimActivities(let node, let activities, let limit, let now):
      return claimActivities(node: node, names: activities, limit: limit, now: now)
    case .releaseInstances(let node, let instances):
      for case let order? in instances.map({ locate($0) }) where records[order]?.owner == node {
        update(order) { $0.owner = nil }
      }
      return .success(.done)
    case .releaseActivities(let activities):
      for activity in activities { release(activity) }
      return .success(.done)
    case .releaseUnheldActivities(let node, let kept):
      releaseActivities(of: node, except: Set(kept))
      return .success(.done)
    case .delete(let instance, let force): return delete(instance, force: force)
    case .quarantine(let instance, let revision, let failure, let now):
      return quarantine(instance, revision: revision, failure: failure, now: now)
    }
  }

  // MARK: Nodes

  package mutating func join() -> NodeID {
    lastNode &+= 1
    alive.insert(lastNode)
    return lastNode
  }

  package mutating func leave(_ node: NodeID) {
    fallen.remove(node)
    bury(node)
  }

  /// As if the process of the node died: what it owned and held is open to others at once.
  package mutating func kill(_ node: NodeID) {
    guard alive.contains(node) else { return }
    fallen.insert(node)
    bury(node)
  }

  /// Forgets the nodes that were killed; their number.
  package mutating func reap() -> Int {
    defer { fallen = [] }
    return fallen.count
  }

  private mutating func bury(_ node: NodeID) {
    guard alive.remove(node) != nil else { return }
    var instances: [Due] = []
    owned.removeValue(forKey: node)?.walk {
      instances.append($0)
      return true
    }
    for due in instances {
      guard let name = records[due.order]?.description.orchestration else { continue }
      open[ExactText(name), default: SortedSet()].insert(due)
    }
    var activities: [ActivityDue] = []
    held.removeValue(forKey: node)?.walk {
      activities.append($0)
      return true
    }
    for due in activities {
      guard let name = records[due.order]?.activities[due.action]?.task.name else { continue }
      unheld[ExactText(name), default: SortedSet()].insert(due)
    }
  }

  /// Who holds the instance in memory: its owner, if that one is alive.
  func holder(of record: InstanceRecord) -> NodeID? {
    guard let owner = record.owner, alive.contains(owner) else { return nil }
    return owner
  }

  // MARK: Instances

  func locate(_ instance: InstanceID) -> Int64? { orders[ExactText(instance)] }

  /// The id must be free.
  mutating func create(_ start: InstanceStart, owner: NodeID?, now: TimestampMS) {
    lastOrder &+= 1
    let record = InstanceRecord(start, order: lastOrder, owner: owner, now: now)
    records[lastOrder] = record
    orders[ExactText(start.instance)] = lastOrder
    created.insert(lastOrder)
    if let parent = start.parent?.instance {
      children[ExactText(parent), default: SortedSet()].insert(lastOrder)
    }
    if let placement = record.placement { enter(placement) }
  }

  /// Changes a record in place and its entries in the indexes with it.
  mutating func update(_ order: Int64, _ change: (inout InstanceRecord) -> Void) {
    guard let index = records.index(forKey: order) else { return }
    let before = records.values[index].placement
    change(&records.values[index])
    let after = records.values[index].placement
    guard before != after else { return }
    if let before { withdraw(before) }
    if let after { enter(after) }
  }

  mutating func enter(_ placement: Placement) {
    if let owner = placement.owner, alive.contains(owner) {
      owned[owner, default: SortedSet()].insert(placement.due)
    } else {
      open[ExactText(placement.orchestration), default: SortedSet()].insert(placement.due)
    }
  }

  mutating func withdraw(_ placement: Placement) {
    if let owner = placement.owner, alive.contains(owner) {
      owned[owner]?.remove(placement.due)
    } else {
      open[ExactText(placement.orchestration)]?.remove(placement.due)
    }
  }

  /// Puts a message into the inbox of an instance that exists and can take one.
  mutating func deliver(_ kind: MessageKind, to order: Int64) -> Delivery? {
    lastSequence &+= 1
    let message = InboxMessage(sequence: lastSequence, kind: kind)
    update(order) { $0.receive(message) }
    return records[order].map {
      Delivery(instance: $0.description.instance, message: message, owner: holder(of: $0))
    }
  }

  mutating func nextActivitySequence() -> Int64 {
    lastActivity &+= 1
    return lastActivity
  }
}
