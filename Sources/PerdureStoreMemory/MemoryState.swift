package import PerdureModel
package import PerdureStore

/// All that a store holds, as a value: the same entries in the same order give the same state and the same
/// answers.
///
/// `MemoryStore` puts a lock around it; the simulator uses it bare. Claims and wake-ups are found through
/// sorted indexes, never by looking at every instance:
///
///     an instance with a wake-up   is in `owned[node]` if a node owns it, else in `open[orchestration]`
///     an activity that is claimed  is in `held[node]`
///     one that is deferred         is in none of them
///     any other activity           is in `unheld[name, tag]`
///     one that nobody holds and that has a time limit is in `expiring` as well
package struct MemoryState: Sendable {
  var records: [Int64: InstanceRecord] = [:]
  var orders: [ExactText: Int64] = [:]
  /// All instances in the order of creation, for listings.
  var created = SortedSet<Int64>()
  /// By the id of the parent, in the order of creation.
  var children: [ExactText: SortedSet<Int64>] = [:]
  var dedupKeys: [ExactText: Int64] = [:]
  /// In the order of creation.
  var labelled: [Attribute: SortedSet<Int64>] = [:]
  package internal(set) var tally = StatusTally()
  /// By topic, in the order of creation.
  var subscribers: [ExactText: SortedSet<Int64>] = [:]
  /// Messages for ids that nobody has yet.
  var kept: [ExactText: [MessageKind]] = [:]

  var open: [ExactText: PriorityLanes<Due>] = [:]
  var owned: [NodeID: SortedSet<Due>] = [:]
  var unheld: [ActivityRoute: PriorityLanes<ActivityDue>] = [:]
  var held: [NodeID: SortedSet<ActivityDue>] = [:]
  var expiring = SortedSet<ActivityDue>()
  var sessions: [ExactText: Session] = [:]
  /// In the order of their ids.
  var audits: [AuditRecord] = []
  /// By orchestration.
  var retention: [ExactText: RetentionRule] = [:]
  /// Instances without a parent that have ended, by their ends.
  var ended: [EndedLane: SortedSet<Due>] = [:]

  /// What the living nodes serve.
  var alive: [NodeID: NodeService] = [:]
  /// Nodes whose process is gone and that nobody has reaped.
  var fallen: Set<NodeID> = []

  let inboxLimit: Int
  let depthLimit: Int
  private var lastOrder: Int64 = 0
  private var lastSequence: MessageSequence = 0
  private var lastActivity: Int64 = 0
  private var lastAudit: Int64 = 0
  var lastNode: NodeID = 0

  /// - limits: those of messages that wait for one instance or are kept for one id, and of generations.
  package init(limits: LimitSettings = LimitSettings()) {
    inboxLimit = limits.inboxMessages
    depthLimit = limits.subOrchestrationDepth
  }

  /// Applies one entry whole, or refuses it with nothing changed.
  package mutating func apply(_ entry: StoreEntry) -> StoreOutcome {
    switch entry {
    case .start(let start, let owner, let now): return self.start(start, owner: owner, now: now)
    case .post(let message, _): return post(message)
    case .publish(let publication, _): return .success(.delivered(publish(publication)))
    case .turn(let commit): return turn(commit)
    case .control(let instance, let verb, let reason, let now):
      return control(instance, verb, reason: reason, now: now)
    case .quarantine(let instance, let revision, let failure, let now):
      return quarantine(instance, revision: revision, failure: failure, now: now)
    case .reset(let resets): return reset(resets)
    case .delete(let instance, let force): return delete(instance, force: force)
    case .importInstances(let instances, let isSuspended, let now):
      return importInstances(instances, isSuspended: isSuspended, now: now)
    case .pruneExecutions(let instance, let keep, let limit):
      return pruneExecutions(instance, keep: keep, limit: limit)
    case .setRetention(let rule): return setRetention(rule)
    case .removeRetention(let orchestration): return removeRetention(orchestration)
    case .sweep(let limit, let now): return sweep(limit: limit, now: now)
    case .noted(let entry, let note):
      let outcome = apply(entry)
      if case .success = outcome { self.note(note) }
      return outcome
    case .claimInstances(let node, let orchestrations, let limit, let now):
      return claimInstances(node: node, orchestrations: orchestrations, limit: limit, now: now)
    case .claimInstance(let node, let instance): return claimInstance(node: node, instance: instance)
    case .releaseInstances(let node, let instances):
      for case let order? in instances.map({ locate($0) }) where records[order]?.owner == node {
        update(order) {
          $0.owner = nil
          ($0.lostTurns, $0.pausedAt) = (0, 0)
        }
      }
      return .success(.done)
    default: return applyToActivity(entry)
    }
  }

  private mutating func applyToActivity(_ entry: StoreEntry) -> StoreOutcome {
    switch entry {
    case .claimActivities(let node, let filter, let limit, let now):
      return claimActivities(node: node, filter: filter, limit: limit, now: now)
    case .releaseActivities(let activities):
      for activity in activities { release(activity) }
      return .success(.done)
    case .releaseUnheldActivities(let node, let kept):
      releaseActivities(of: node, except: Set(kept))
      return .success(.done)
    case .activityEnded(let key, let claim, let outcome, let now):
      return activityEnded(key, claim: claim, outcome: outcome, now: now)
    case .activityRetry(let key, let claim, let failure, let retryAt, let heartbeat):
      return change(key, claim: claim) {
        $0.task.lastHeartbeat = heartbeat ?? $0.task.lastHeartbeat
        $0.retry(failure, at: retryAt)
      }
    case .activityHeartbeat(let key, let claim, let details):
      return change(key, claim: claim) { $0.task.lastHeartbeat = details }
    case .deferActivity(let key, let claim, let heartbeat, let now):
      return deferActivity(key, claim: claim, heartbeat: heartbeat, now: now)
    case .completeActivity(let token, let outcome, let now):
      return completeActivity(token, outcome: outcome, now: now)
    case .heartbeatByToken(let token, let details, let now):
      return heartbeat(token, details: details, now: now)
    case .actOnActivity(let key, let verb, let now): return actOnActivity(key, verb, now: now)
    case .expireActivities(let limit, let now): return expireActivities(limit: limit, now: now)
    default:
      return .failure(.failed(StoreError(.internalError, "The memory store does not know this entry.")))
    }
  }

  // MARK: Records and their indexes

  /// Who holds the instance in memory: its owner, if that one is alive.
  func holder(of record: InstanceRecord) -> NodeID? {
    guard let owner = record.owner, alive[owner] != nil else { return nil }
    return owner
  }

  func locate(_ instance: InstanceID) -> Int64? { orders[ExactText(instance)] }

  /// Puts a record where it can be found. The id must be free.
  ///
  /// - revision: that it begins with.
  mutating func insert(_ start: InstanceStart, revision: Revision, owner: NodeID?, now: TimestampMS) -> Int64
  {
    lastOrder &+= 1
    let owner = owner.flatMap { alive[$0] == nil ? nil : $0 }
    let record = InstanceRecord(start, order: lastOrder, revision: revision, owner: owner, now: now)
    records[lastOrder] = record
    orders[ExactText(start.instance)] = lastOrder
    created.insert(lastOrder)
    if let parent = start.parent?.instance {
      children[ExactText(parent), default: SortedSet()].insert(lastOrder)
    }
    if let key = start.options.dedupKey { dedupKeys[ExactText(key)] = lastOrder }
    for label in record.labels { labelled[label, default: SortedSet()].insert(lastOrder) }
    tally.add(record.kind)
    if let placement = record.placement { enter(placement) }
    return lastOrder
  }

  /// Changes a record in place and its entries in the indexes with it.
  mutating func update(_ order: Int64, _ change: (inout InstanceRecord) -> Void) {
    guard let index = records.index(forKey: order) else { return }
    let (before, ownerBefore) = (records.values[index].placement, records.values[index].owner)
    let end = records.values[index].endPlace
    let (status, version) = (
      records.values[index].description.status, records.values[index].description.version
    )
    change(&records.values[index])
    // A node that was taken for dead owns what slept under it, and nothing else.
    if let owner = records.values[index].owner, alive[owner] == nil,
      owner != ownerBefore || records.values[index].placement != nil
    {
      records.values[index].owner = nil
    }
    if end != records.values[index].endPlace { moveEnd(end, to: records.values[index].endPlace) }
    count(records.values[index].description, from: status, version)
    let after = records.values[index].placement
    guard before != after else { return }
    if let before { withdraw(before) }
    if let after { enter(after) }
  }

  private mutating func count(
    _ description: InstanceDescription, from status: InstanceStatus, _ version: String?
  ) {
    guard
      status != description.status || version.map(ExactText.init) != description.version.map(ExactText.init)
    else { return }
    let name = description.orchestration
    tally.move(
      StatusTally.Kind(name, version, status),
      to: StatusTally.Kind(name, description.version, description.status),
      lifeMS: description.status.isTerminal
        ? (description.endedAt ?? description.updatedAt) &- description.createdAt : nil)
  }

  mutating func enter(_ placement: Placement) {
    if let owner = placement.owner {
      owned[owner, default: SortedSet()].insert(placement.due)
    } else {
      let name = ExactText(placement.orchestration)
      open[name, default: PriorityLanes()].insert(placement.due, priority: placement.priority)
    }
  }

  mutating func withdraw(_ placement: Placement) {
    if let owner = placement.owner {
      owned[owner]?.remove(placement.due)
    } else {
      removeOpen(placement.due, ExactText(placement.orchestration), priority: placement.priority)
    }
  }

  mutating func removeOpen(_ due: Due, _ orchestration: ExactText, priority: Int64) {
    open[orchestration]?.remove(due, priority: priority)
    if open[orchestration]?.isEmpty == true { open.removeValue(forKey: orchestration) }
  }

  mutating func nextSequence() -> MessageSequence {
    lastSequence &+= 1
    return lastSequence
  }

  /// Adds a record by itself.
  package mutating func note(_ note: AuditNote) {
    lastAudit &+= 1
    audits.append(AuditRecord(id: lastAudit, note: note))
  }

  mutating func nextActivitySequence() -> Int64 {
    lastActivity &+= 1
    return lastActivity
  }
}
