package import PerdureModel

/// One unit of writing: it lands whole or is refused whole, independent of its neighbours in the group.
package indirect enum StoreEntry: Hashable, Sendable {
  /// A new instance. `owner` is the runtime that will hold it in memory (it must be told by the caller); none
  /// for one that starts later. What a taken id means is `StartOptions.policy`; a known `dedupKey` comes
  /// first. Messages that were kept for the id are in the inbox from the beginning. An instance that gives
  /// way hands its revision on, raised by one: a turn that was computed for it is void.
  case start(InstanceStart, owner: NodeID?, now: TimestampMS)
  /// A message from outside. A call is also noted under its id, so that its answer can be found; one whose id
  /// is known is not posted again, also after the instance ended. A message to a pending instance that starts
  /// later does not wake it, unless it is a cancel.
  case post(OutgoingMessage, now: TimestampMS)
  /// To all instances that are subscribed to the topic and have not ended; full inboxes are skipped.
  case publish(Publication, now: TimestampMS)
  /// Its parts take effect in this order: the row, subscriptions, starts, messages, looks at key-value state,
  /// publications, terminations. A turn that ends its execution is not told what became of its requests. Of
  /// `terminations` only those are ended that are children of the instance.
  case turn(TurnCommit)
  /// Each adds one to the revision and leaves the instance unowned, so that a turn that is under way is void.
  ///
  ///     verb        from                      to
  ///     suspend     Pending, Running          Suspended: due to nobody, messages and results are kept
  ///     resume      Suspended                 Pending or Running as it was, due at once (or at its start)
  ///     retry       Quarantined               the same
  ///     requeue     Pending, Running          as it was, due at once (or at its start)
  ///     terminate   all that have not ended   Terminated, with an event of its own, the failure
  ///                                           `Failure.terminated`, no messages, activities or subscriptions
  ///
  /// The parent of a terminated instance gets a message, if it has not ended. Children that have not ended
  /// are sent a cancel, terminated for the same reason without their parent being told, or left alone: as
  /// `StartOptions.closePolicy` says.
  case control(InstanceID, ControlVerb, reason: String, now: TimestampMS)
  /// Marks the instance as needing a person: no more turns, messages are kept. A suspended one conflicts.
  case quarantine(InstanceID, revision: Revision, failure: Failure, now: TimestampMS)
  /// Puts instances back to earlier points of their executions: all of them, or none (`conflict`,
  /// `notFound`). Each is Running afterwards, unowned and due at once, with a revision raised by one,
  /// whatever its status was, but for Pending.
  case reset([InstanceReset])
  /// Removes a finished instance (any instance with `force`) and all its descendants, whole.
  case delete(InstanceID, force: Bool)
  /// Puts instances where they were exported elsewhere: all of them, or none if an id is taken. They have no
  /// owner, are due at once (Pending ones at their start), and begin with `now` as revision, above that of
  /// any turn computed for an earlier instance of the id. Messages that were kept for the id come last in the
  /// inbox of one that has not ended. A dedup key that another instance has is left out.
  ///
  /// - isSuspended: those that are Pending or Running become Suspended, for `importedReason`.
  case importInstances([InstanceExport], isSuspended: Bool, now: TimestampMS)
  /// Removes the histories of executions before the last `keep` ones, the oldest first, of at most `limit`
  /// executions. The last one always stays.
  case pruneExecutions(InstanceID, keep: Int64, limit: Int)
  /// In place of the rule that the orchestration has.
  case setRetention(RetentionRule)
  case removeRetention(orchestration: String)
  /// Removes what the rules let go: up to `limit` finished instances without parent, those that are due the
  /// longest first, with their descendants, if all of these have ended. Old audit records go, too.
  case sweep(limit: Int, now: TimestampMS)
  /// The entry, and if it lands, a record of who did it. The answer is that of the entry.
  case noted(StoreEntry, AuditNote)

  /// Takes up to `limit` instances that are due, are not owned by a live node, and are served by one of
  /// `orchestrations`. Highest priority first, then the earliest.
  case claimInstances(node: NodeID, orchestrations: [ServedOrchestration], limit: Int, now: TimestampMS)
  /// Takes one instance by name, if no other live node owns it.
  case claimInstance(node: NodeID, instance: InstanceID)
  /// Gives instances back: nobody holds them in memory. Those not owned by `node` are left alone.
  case releaseInstances(node: NodeID, instances: [InstanceID])

  /// Takes up to `limit` visible activities that no live node holds, that are not deferred, and that the
  /// filter takes. Highest priority first, then those that are visible the longest, then in the order of
  /// their schedules. Each gets a claim with a new token, and the next attempt number unless the last claim
  /// was given back unrun: an attempt whose node died or left counts. Work of a session goes to the node that
  /// has the session; a session without a live node, or unused for `sessionIdleMS`, is taken over (at most
  /// `sessionsMax` per node). It is used when its work is claimed, while that is held, and when it ends or is
  /// deferred.
  case claimActivities(node: NodeID, filter: ActivityFilter, limit: Int, now: TimestampMS)
  /// Gives activities back unrun. Those whose claim is no longer this one are left alone.
  case releaseActivities([ClaimedActivity])
  /// Gives back all activities that `node` has claimed but those in `held`: the answer to a claim was lost,
  /// and nobody runs what it took.
  case releaseUnheldActivities(node: NodeID, held: [ClaimedActivity])
  /// The result of an activity whose instance another node holds: the row goes, a message to the instance
  /// comes.
  case activityEnded(ActivityKey, claim: ActivityClaim, outcome: Outcome, now: TimestampMS)
  /// An attempt failed and is followed by another, not before `retryAt`. The claim is given up.
  case activityRetry(
    ActivityKey, claim: ActivityClaim, failure: Failure, retryAt: TimestampMS, heartbeat: Payload?)
  /// Progress of an attempt, for the next one to read.
  case activityHeartbeat(ActivityKey, claim: ActivityClaim, details: Payload)
  /// The attempt will be completed from elsewhere, by its token. Nobody holds it until then. It began when it
  /// was claimed, and counts as a heartbeat now.
  case deferActivity(ActivityKey, claim: ActivityClaim, heartbeat: Payload?, now: TimestampMS)
  /// The end of an attempt, from elsewhere: of a deferred one, or of one whose deferral is still on its way.
  /// A failure is followed by another attempt where the retry policy says so.
  case completeActivity(CompletionToken, outcome: Outcome, now: TimestampMS)
  /// Progress of an attempt, from elsewhere: as far as `completeActivity` would take its end.
  case heartbeatByToken(CompletionToken, details: Payload, now: TimestampMS)
  /// Does something to a pending activity, whoever holds it: a claim of it is lost.
  case actOnActivity(ActivityKey, ActivityVerb, now: TimestampMS)
  /// Looks at up to `limit` activities that no live node holds and whose time is over
  /// (`ActivityTask.expiry`), the longest first: each is tried again or ends with a message to its instance.
  case expireActivities(limit: Int, now: TimestampMS)
}

/// Why an imported instance is suspended.
package let importedReason = "imported"

/// What became of an entry.
package typealias StoreOutcome = Result<StoreReceipt, StoreRefusal>

package enum StoreReceipt: Hashable, Sendable {
  /// start of a free id, releaseInstances, releaseActivities, releaseUnheldActivities, quarantine,
  /// activityRetry, activityHeartbeat, deferActivity, heartbeatByToken, setRetention, removeRetention;
  /// completeActivity that is tried again
  case done
  /// start: this one is there already, and is what was wanted.
  case existing(InstanceID, InstanceStatus)
  /// start: what had the id is gone, with its descendants (the named one first). Parents and waiting senders
  /// of what was terminated got `deliveries`.
  case restarted(deleted: [InstanceID], deliveries: [Delivery])
  /// post, activityEnded, completeActivity: the message as it stands in the inbox.
  case posted(Delivery)
  /// post: nobody has that id; the message waits for a start of it.
  case kept
  /// post of a call whose id is known.
  case known
  /// publish, expireActivities
  case delivered([Delivery])
  /// turn
  case turned(TurnReceipt)
  /// control: the instance as it is now, and what followed from it.
  case controlled(ControlReceipt)
  /// claimInstances, claimInstance, importInstances
  case instances([InstanceID])
  /// claimActivities; instances that were quarantined because an activity of theirs cannot be read.
  /// `pausedUntil`: when the first of those comes back that the claim put off (`SuspectLine`).
  case activities([ActivityTask], damaged: [DamagedInstance] = [], pausedUntil: TimestampMS? = nil)
  /// delete: the ids that are gone, the named one first.
  case deleted([InstanceID])
  /// pruneExecutions: how many lost their history.
  case pruned(executions: Int64)
  /// sweep: the ids that are gone, and when to sweep again: now if there is more, else when the next instance
  /// or record is due, if only by what ends from now on. nil: there are neither rules nor records.
  case swept(deleted: [InstanceID], next: TimestampMS?)
  /// actOnActivity: the claim that is lost, and the message if that was its end.
  case activityChanged(lost: ActivityClaim?, delivery: Delivery?)
  /// reset: the instances that are gone (those that began anew as well).
  case reset(deleted: [InstanceID])
}

package struct TurnReceipt: Hashable, Sendable {
  /// Messages that went into inboxes, in the order of the commit.
  package var deliveries: [Delivery]
  /// Instances that were created. One whose id was taken is missing here; the parent then gets a message that
  /// says so (in `deliveries`).
  package var started: [InstanceID]
  /// Messages wait in the inbox of the instance that the commit did not consume.
  package var hasWaitingMessages: Bool
  /// Descendants that were terminated.
  package var terminated: [InstanceID]

  package init(
    deliveries: [Delivery] = [], started: [InstanceID] = [], hasWaitingMessages: Bool = false,
    terminated: [InstanceID] = []
  ) {
    self.deliveries = deliveries
    self.started = started
    self.hasWaitingMessages = hasWaitingMessages
    self.terminated = terminated
  }
}

package struct ControlReceipt: Hashable, Sendable {
  package var status: InstanceStatus
  /// To the parent, and to children that are to cancel themselves.
  package var deliveries: [Delivery]
  /// terminate: the instance, and descendants that were terminated with it.
  package var terminated: [InstanceID]

  package init(status: InstanceStatus, deliveries: [Delivery] = [], terminated: [InstanceID] = []) {
    self.status = status
    self.deliveries = deliveries
    self.terminated = terminated
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
  /// turn, quarantine: the row has another revision or takes no turns, a claim of `finished` is stale, or the
  /// turn consumes a message while an older one waits (another process wrote it: code must see them in
  /// order).
  case conflict
  /// start, importInstances
  case alreadyExists(InstanceStatus)
  /// Any entry that names an instance; removeRetention.
  case notFound
  /// post to a finished instance; delete without force of an unfinished one; control that does not fit.
  case wrongStatus(InstanceStatus)
  /// claimInstance: a live node owns it.
  case owned(NodeID)
  /// The claim is no longer the one of the row, or the row is gone. actOnActivity: there is no such row.
  case staleClaim
  /// delete, start that restarts: the instance has a parent; delete that one.
  case isChild(of: InstanceID)
  /// post: the inbox is full, or too much is kept for this id.
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
