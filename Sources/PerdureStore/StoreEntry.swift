package import PerdureModel

/// One unit of writing: it lands whole or is refused whole, independent of its neighbours in the group.
package enum StoreEntry: Hashable, Sendable {
  /// A new instance. `owner` is the runtime that will hold it in memory (it must be told by the caller).
  case start(InstanceStart, owner: NodeID?, now: TimestampMS)
  /// A message from outside.
  case post(OutgoingMessage, now: TimestampMS)
  case turn(TurnCommit)
  /// The result of an activity whose instance another node holds: the row goes, a message to the instance
  /// comes.
  case activityEnded(ActivityKey, claim: ActivityClaim, outcome: Outcome, now: TimestampMS)
  /// Takes up to `limit` instances that are due, are not owned by a live node, and are served by one of
  /// `orchestrations`. Earliest first.
  case claimInstances(node: NodeID, orchestrations: [ServedOrchestration], limit: Int, now: TimestampMS)
  /// Takes one instance by name, if no other live node owns it.
  case claimInstance(node: NodeID, instance: InstanceID)
  /// Takes up to `limit` visible activities that no live node holds and whose name is in `activities`. Oldest
  /// first. Each gets `attempt + 1` (unless it was never claimed) and a claim with that attempt as its token.
  case claimActivities(node: NodeID, activities: [String], limit: Int, now: TimestampMS)
  /// Gives instances back: nobody holds them in memory. Those not owned by `node` are left alone.
  case releaseInstances(node: NodeID, instances: [InstanceID])
  /// Gives activities back unrun. Those whose claim is no longer this one are left alone.
  case releaseActivities([ClaimedActivity])
  /// Gives back all activities that `node` has claimed but those in `held`: the answer to a claim was lost,
  /// and nobody runs what it took.
  case releaseUnheldActivities(node: NodeID, held: [ClaimedActivity])
  /// Removes a finished instance (any instance with `force`) and all its descendants, whole.
  case delete(InstanceID, force: Bool)
  /// Marks the instance as needing a person: no more turns, messages are kept.
  case quarantine(InstanceID, revision: Revision, failure: Failure, now: TimestampMS)
}

package struct ClaimedActivity: Hashable, Sendable {
  package var key: ActivityKey
  package var claim: ActivityClaim

  package init(key: ActivityKey, claim: ActivityClaim) {
    self.key = key
    self.claim = claim
  }
}

/// What became of an entry.
package typealias StoreOutcome = Result<StoreReceipt, StoreRefusal>

package enum StoreReceipt: Hashable, Sendable {
  /// start, releaseInstances, releaseActivities, releaseUnheldActivities, quarantine
  case done
  /// post, activityEnded: the message as it stands in the inbox.
  case posted(Delivery)
  /// turn
  case turned(TurnReceipt)
  /// claimInstances, claimInstance
  case instances([InstanceID])
  /// claimActivities
  case activities([ActivityTask])
  /// delete: the ids that are gone, the named one first.
  case deleted([InstanceID])
}

package struct TurnReceipt: Hashable, Sendable {
  /// Messages that went into inboxes, in the order of the commit.
  package var deliveries: [Delivery]
  /// Instances that were created. One whose id was taken is missing here; the parent then gets a message that
  /// says so (in `deliveries`).
  package var started: [InstanceID]
  /// Messages wait in the inbox of the instance that the commit did not consume.
  package var hasWaitingMessages: Bool

  package init(deliveries: [Delivery] = [], started: [InstanceID] = [], hasWaitingMessages: Bool = false) {
    self.deliveries = deliveries
    self.started = started
    self.hasWaitingMessages = hasWaitingMessages
  }
}

/// A message in an inbox, and who holds its instance in memory.
package struct Delivery: Hashable, Sendable {
  package var instance: InstanceID
  package var message: InboxMessage
  package var owner: NodeID?

  package init(instance: InstanceID, message: InboxMessage, owner: NodeID?) {
    self.instance = instance
    self.message = message
    self.owner = owner
  }
}

/// Why an entry did not land. The others of its group did.
package enum StoreRefusal: Error, Hashable, Sendable {
  /// turn, quarantine: the row has another revision, a claim of `finished` is stale, or the turn consumes a
  /// message while an older one waits (another process wrote it: code must see them in order).
  case conflict
  /// start
  case alreadyExists(InstanceStatus)
  /// Any entry that names an instance.
  case notFound
  /// post to a finished instance; delete without force of an unfinished one.
  case wrongStatus(InstanceStatus)
  /// claimInstance: a live node owns it.
  case owned(NodeID)
  /// activityEnded: the claim is no longer the one of the row, or the row is gone.
  case staleClaim
  /// delete: the instance has a parent; delete that one.
  case isChild(of: InstanceID)
  /// post: the inbox is full.
  case inboxFull(limit: Int)
  /// The entry alone could not be stored (for instance a row that is damaged).
  case failed(StoreError)
}

extension Failure {
  /// What a parent is told when the id of its child is taken: history, so the same on every store.
  package static func alreadyExists(_ instance: InstanceID, _ status: InstanceStatus) -> Failure {
    Failure(
      type: FailureType.alreadyExists,
      message: "An instance '\(instance)' exists already and is \(status.rawValue).")
  }
}
