package import PerdureModel

/// What the driver is to do, in order.
package indirect enum Effect: Hashable, Sendable {
  /// Hand a turn to a host; the answer comes back as `turnAnswered` or `turnFailed`.
  case runTurn(TurnRequest)
  /// Hand an activity to a host; it holds a slot until `activityEnded`.
  case runActivity(ActivityTask)
  /// Tell a running activity that its result is no longer wanted.
  case cancelActivity(ClaimedActivity)
  /// Write; the outcome comes back as `wrote` with the same ticket.
  case write(Write)
  /// Ask which of these claims are no longer valid; comes back as `claimsLost`.
  case checkClaims([ActivityKey: ActivityClaim])
  /// Read everything about an instance; comes back as `loaded`.
  case load(InstanceID)
  /// Read messages that another process posted; comes back as `foundMessages`.
  case loadInbox(InstanceID, after: MessageSequence)
  /// Ask which of our own instances are due by their rows; comes back as `foundDue`.
  case findDue
  /// Ask when work that nobody holds is due next; comes back as `nextDueFound`.
  case findNextDue
  /// Whoever waits for an instance is to look at it again: nobody may have told them.
  case lookAgain
  case log(LogRecord)
  /// Nothing is running or being written any more.
  case stopped
}

package indirect enum Write: Hashable, Sendable {
  /// - told: what the code logged and measured, which goes out once the turn has landed, even if the instance
  ///   is not held any more.
  case turn(TurnCommit, told: [LogRecord] = [])
  case claimInstances(orchestrations: [ServedOrchestration], limit: Int)
  case claimInstance(InstanceID)
  case claimActivities(ActivityFilter, limit: Int)
  case releaseInstances([InstanceID])
  case releaseActivities([ActivityTask])
  /// Gives back what the store has claimed for us but these.
  case releaseUnheldActivities(held: [ActivityKey: ActivityClaim])
  /// The result of an activity whose instance another node holds.
  case activityEnded(ActivityKey, ActivityClaim, Outcome)
  /// An attempt failed and is followed by another.
  case activityRetry(ActivityKey, ActivityClaim, Failure, retryAt: TimestampMS, heartbeat: Payload?)
  case activityHeartbeat(ActivityKey, ActivityClaim, Payload)
  /// An attempt goes on elsewhere.
  case deferActivity(ActivityKey, ActivityClaim, heartbeat: Payload?)
  /// Looks after activities that nobody holds and whose time is over.
  case expireActivities(limit: Int)
  /// Removes what the retention rules let go.
  case sweep(limit: Int)
  case quarantine(InstanceID, Revision, Failure)
}

/// How a write came back. The store's own words, reduced to what decisions need.
package enum WriteOutcome: Hashable, Sendable {
  case turned(hasWaitingMessages: Bool)
  case instances([InstanceID])
  /// And instances that the store quarantined in passing.
  case activities([ActivityTask], damaged: [DamagedInstance] = [], pausedUntil: TimestampMS? = nil)
  /// How many activities were looked after.
  case expired(Int)
  /// When to sweep again; nil: there is nothing to wait for.
  case swept(next: TimestampMS?)
  case done
  /// Another runtime was faster, or the row is of a later revision.
  case conflict
  case notFound
  /// A live node owns the instance.
  case owned
  /// The store could not; trying again may help (transient) or may not.
  case failed(message: String, isTransient: Bool)
}
