/// Every bound of the engine, in one place. Those in `LimitSettings` are defaults.
package enum Limits {
  package static let nameBytes = 256
  package static let instanceIDBytes = 512
  package static let payloadBytes = 2 * 1024 * 1024
  package static let customStatusBytes = 256 * 1024
  package static let reasonBytes = 16 * 1024
  package static let actorBytes = 256
  package static let tagBytes = 256
  package static let attributesBytes = 16 * 1024
  package static let kvKeys = 1_000
  package static let kvKeyBytes = 256
  package static let kvValueBytes = 256 * 1024
  package static let failureBytes = 2 * 1024 * 1024
  package static let historyEvents: Int64 = 50_000
  /// What JSON numbers carry in every language. No instance comes so far: only damage does.
  package static let executions: ExecutionID = 0x1f_ffff_ffff_ffff
  package static let historyBytes: Int64 = 64 * 1024 * 1024
  package static let pendingActions = 10_000
  package static let inboxMessages = 100_000
  /// Generations of children below an instance that has no parent.
  package static let subOrchestrationDepth = 64

  /// Actions in one answer, which has those of the whole execution when the code was built anew: far more
  /// than a history takes, whose limit is the one that code meets.
  package static let actionsPerTurn = 1_000_000
  /// Messages folded into one turn; the rest waits for the next.
  package static let messagesPerTurn = 1_000
  /// Turns of one instance that may fail at the host in a row before the instance is quarantined.
  package static let turnFailures = 10
  /// Activities that one runtime claims for itself, running and queued; the rest is open to others.
  package static let activitiesHeld = 2_000
  /// Claims of one row of an activity whose tokens are surely not those of a later row of its key.
  package static let claimsPerRow: Int64 = 1_024
  /// Attempts of one activity that nobody heard of again (their processes died) before it fails as poison.
  package static let activityLosses: Int64 = 10
  /// Times in a row that a process may die under an instance that is due, before the instance is quarantined
  /// as poison.
  package static let turnLosses: Int64 = 10
  /// After so many losses of an instance, or of an activity, each further try waits.
  package static let lossesUnpaused: Int64 = 2
  /// Between two instances, and two activities, that have waited for that: an activity takes longer to come
  /// to what ends its process.
  package static let suspectTurnsMS: Int64 = 50
  package static let suspectActivitiesMS: Int64 = 250
  /// Beyond its pause, so that turns that were lost with an activity land before it runs again.
  package static let suspectActivitiesDelayMS: Int64 = 500
  /// Activities that one write moves out of the way because their time is over.
  package static let expiriesPerWrite = 256
  /// Bytes of one JSON text: the scanner keeps places in 32 bits.
  package static let jsonBytes = Int(Int32.max)
  /// Nesting of a payload.
  package static let jsonDepth = 512
  /// Levels that messages put around a payload: a failure with all its causes has the most.
  package static let jsonAround = 128
  /// Causes below a failure; those further down are dropped.
  package static let failureCauses = 64
  /// Bytes of the message of an error that a caller gets.
  package static let errorBytes = 8 * 1024
  /// Instances, with their descendants, that one write of a sweep removes.
  package static let sweptPerWrite = 50
  /// Between two writes of a sweep.
  package static let sweepBreakMS: Int64 = 20
  /// After a sweep that could not be written.
  package static let failedSweepMS: Int64 = 60_000
  /// From a failure after which something may have been missed to the look for it.
  package static let missedPauseMS: Int64 = 1_000
  /// Between two sweeps that leave nothing over.
  package static let sweepPauseMS: Int64 = 1_000
  /// When instances that are due wait for their descendants to end.
  package static let blockedSweepMS: Int64 = 60_000
  /// How soon a runtime looks at rules that another process may have made.
  package static let foreignSweepMS: Int64 = 60_000
  /// How long records of changes are kept.
  package static let auditKeepMS: Int64 = 400 * 86_400_000
  /// Records that one write of a sweep removes.
  package static let auditsPerSweep = 1_000
  /// Entries of one change of many instances that are written together.
  package static let managedPerWrite = 50
  /// The pause between two such writes, at most.
  package static let managedPauseNS: Int64 = 100_000_000
  /// Instances of one change of many.
  package static let managedInstances = 10_000
  /// Old executions whose histories one write removes.
  package static let prunedExecutionsPerWrite = 10
  /// Entries in one group commit.
  package static let entriesPerCommit = 1_024
  /// Rows in one page of a listing or a history.
  package static let pageRows = 1_000
  /// Names of orchestrations, and of activities, that metrics tell apart; the rest share one series.
  package static let metricNames = 1_000
  /// Metrics of orchestration code by name, and the combinations of attributes that each tells apart.
  package static let userMetrics = 500
  package static let userMetricSeries = 200
  /// The name of a schedule, from which the ids of its runs are made.
  package static let scheduleNameBytes = 200
  /// The JSON of what a schedule is to do.
  package static let scheduleBytes = 32 * 1024
  /// Parts of one kind in the times of a schedule, and elements of a field.
  package static let scheduleParts = 64
  /// Runs of one schedule that are open at one time, and that wait: beyond them, due times wait where they
  /// are.
  package static let scheduleRuns = 500
  package static let scheduleBuffer = 500
  /// Runs that have ended, in the description of a schedule; and open ones.
  package static let scheduleRecent = 10
  package static let scheduleShown = 20
  /// Bytes of a result, or of a failure, that are kept there.
  package static let scheduleResultBytes = 1_024
  /// Due times that are worked out at one time, and how far they reach beyond the first of them.
  package static let scheduleTimes = 50
  package static let scheduleReachMS: Int64 = 7 * 86_400_000
  /// Events after which a schedule continues as new when nothing is open, and in any case.
  package static let scheduleEvents: Int64 = 300
  package static let scheduleEventsMax: Int64 = 5_000
  /// Due times in one preview.
  package static let schedulePreview = 10_000
  /// Backfills of one schedule at one time.
  package static let scheduleBackfills = 20
  /// Requests in one batch call through the ABI.
  package static let batchRequests = 10_000
  /// Failed descendants that a rewind takes with it.
  package static let resetInstances = 1_000
  /// How often a reset is planned anew because somebody else wrote.
  package static let resetTries = 10
}

/// The limits that whoever opens a store may change: "Store config" of docs/wire-format.md.
package struct LimitSettings: Hashable, Sendable {
  package var payloadBytes = Limits.payloadBytes
  package var customStatusBytes = Limits.customStatusBytes
  package var kvKeys = Limits.kvKeys
  package var kvValueBytes = Limits.kvValueBytes
  package var historyEvents = Limits.historyEvents
  package var historyBytes = Limits.historyBytes
  package var pendingActions = Limits.pendingActions
  package var inboxMessages = Limits.inboxMessages
  package var subOrchestrationDepth = Limits.subOrchestrationDepth

  package init() {}

  /// From this event on, and from these bytes on, code is told that it does well to continue as new.
  package var lateEvents: Int64 { historyEvents / 5 &* 4 }
  package var lateBytes: Int64 { historyBytes / 5 &* 4 }
}

extension Limits {
  /// How long an instance, or an activity, waits after process after process died under it: 0 the first
  /// times, then one second, doubled with each time, at most 5 seconds.
  package static func pauseMS(afterLosses losses: Int64) -> Int64 {
    guard losses > lossesUnpaused else { return 0 }
    return min(1_000 << min(losses - lossesUnpaused - 1, 3), 5_000)
  }
}
