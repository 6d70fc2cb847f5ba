/// Which instances something is to be done to.
package enum Selection: Hashable, Sendable {
  case instances([InstanceID])
  /// From its cursor on.
  case filter(ListQuery)
}

/// One verb for many instances.
package struct BulkRequest: Hashable, Sendable {
  package enum Verb: Hashable, Sendable {
    /// - graceMS: how long the code may clean up; nil: as long as it takes.
    case cancel(graceMS: Int64?)
    case control(ControlVerb)
    case delete(force: Bool)
  }

  package var verb: Verb
  package var selection: Selection
  /// Says what would be done, and does nothing.
  package var isDryRun = false
  /// Of instances that a filter finds.
  package var limit = 1_000

  package init(_ verb: Verb, _ selection: Selection) {
    self.verb = verb
    self.selection = selection
  }
}

/// Which finished instances, or which old executions, are to go.
package struct PruneRequest: Hashable, Sendable {
  package var filter: ListQuery
  /// Only what ended before this moment.
  package var endedBefore: TimestampMS?
  /// Only what ended that long ago.
  package var olderThanMS: Int64?
  /// The last that were started stay, of each orchestration; with `executions`: the last executions of each
  /// instance.
  package var keepLast: Int64?
  /// The histories of old executions go, the instances stay.
  package var executions = false
  package var isDryRun = false
  package var limit = 1_000

  package init(_ filter: ListQuery = ListQuery()) { self.filter = filter }
}

/// What became of each instance.
package struct ChangeReport: Hashable, Sendable {
  package enum Outcome: String, Hashable, Sendable {
    /// Or would be, in a dry run.
    case done
    /// The verb is not for one like this.
    case skipped
    /// It could not be done.
    case refused
  }

  package struct Row: Hashable, Sendable {
    package var instance: InstanceID
    package var outcome: Outcome
    /// Why it was skipped or refused.
    package var message: String?
    /// The ids that are gone with it, its own first.
    package var deleted: [InstanceID] = []
    /// Histories of executions that are gone.
    package var executions: Int64 = 0

    package init(_ instance: InstanceID, _ outcome: Outcome, _ message: String? = nil) {
      self.instance = instance
      self.outcome = outcome
      self.message = message
    }
  }

  package var rows: [Row] = []
  /// The cursor with which to go on; nil: the filter finds no more.
  package var next: Int64?

  package init() {}

  package func count(_ outcome: Outcome) -> Int { rows.count { $0.outcome == outcome } }
}

/// What a sweep removed.
package struct SweepReport: Hashable, Sendable {
  package var deleted: [InstanceID] = []
  /// There is more to be swept now.
  package var hasMore = false
  /// When something is due next; nil: nothing will be.
  package var next: TimestampMS?

  package init() {}
}

/// What somebody does to a pending activity, whoever holds it.
package enum ActivityVerb: Hashable, Sendable {
  /// The next attempt begins now: a pause ends, an attempt that runs or is deferred is given up.
  case retry
  /// It has ended, by hand.
  case complete(Payload)
  /// This attempt has failed, by hand: another follows where the retry policy says so.
  case fail(Failure)
}

package struct ActivityRequest: Hashable, Sendable {
  package var instance: InstanceID
  package var action: ActionID
  /// nil: the current one.
  package var execution: ExecutionID?
  package var verb: ActivityVerb

  package init(
    instance: InstanceID, action: ActionID, execution: ExecutionID? = nil, verb: ActivityVerb
  ) {
    self.instance = instance
    self.action = action
    self.execution = execution
    self.verb = verb
  }
}
