/// All that a schedule remembers: the input of its orchestration, and (shortened) its custom status.
package struct ScheduleRecord: Hashable, Sendable {
  package var definition: ScheduleDefinition
  package var isPaused = false
  package var note = ""
  /// Due times up to this one are done with.
  package var last: TimestampMS
  package var counts = ScheduleCounts()
  /// Runs that wait for the end of others, in order.
  package var buffered: [ScheduledRun] = []
  /// Runs that have not ended, in the order of their start.
  package var running: [ScheduleRun] = []
  /// Runs that have ended, the latest first.
  package var recent: [ScheduleRun] = []
  package var backfills: [ScheduleBackfill] = []
  /// Why it cannot go on, if so: it is paused then.
  package var problem: String?

  /// - last: only later times are due.
  package init(_ definition: ScheduleDefinition, last: TimestampMS) {
    self.definition = definition
    self.last = last
  }
}

package struct ScheduleCounts: Hashable, Sendable {
  /// Runs that were started, whatever for.
  package var runs: Int64 = 0
  /// Due times without a run because of the overlap policy.
  package var skipped: Int64 = 0
  /// Due times that were noticed too late (`ScheduleDefinition.catchUpMS`).
  package var missed: Int64 = 0

  package init() {}
}

/// A run that is to be started.
package struct ScheduledRun: Hashable, Sendable {
  /// The nominal time.
  package var dueAt: TimestampMS
  /// What sets the run of a trigger or a backfill apart from that of the schedule itself (nil).
  package var suffix: String?
  package var overlap: ScheduleOverlap

  package init(dueAt: TimestampMS, suffix: String? = nil, overlap: ScheduleOverlap) {
    self.dueAt = dueAt
    self.suffix = suffix
    self.overlap = overlap
  }
}

/// A run that was started.
package struct ScheduleRun: Hashable, Sendable {
  package enum Status: String, Hashable, Sendable, CaseIterable {
    case running = "Running"
    case completed = "Completed"
    case failed = "Failed"
    case cancelled = "Cancelled"
    case terminated = "Terminated"
    /// An instance of that id was there already, or has been deleted since.
    case unknown = "Unknown"
  }

  package var instance: InstanceID
  package var dueAt: TimestampMS
  package var startedAt: TimestampMS
  package var endedAt: TimestampMS?
  package var status = Status.running
  /// Left out when it is large.
  package var result: Payload?
  /// Why it failed: its type and message, shortened.
  package var failure: String?
  /// It was asked to cancel itself.
  package var isCancelling = false

  package init(instance: InstanceID, dueAt: TimestampMS, startedAt: TimestampMS) {
    self.instance = instance
    self.dueAt = dueAt
    self.startedAt = startedAt
  }
}

/// Due times of the past that are to be run.
package struct ScheduleBackfill: Hashable, Sendable {
  /// The suffix of its runs.
  package var id: String
  /// Those up to this one are done with.
  package var after: TimestampMS
  package var to: TimestampMS
  package var overlap: ScheduleOverlap

  package init(id: String, after: TimestampMS, to: TimestampMS, overlap: ScheduleOverlap) {
    self.id = id
    self.after = after
    self.to = to
    self.overlap = overlap
  }
}

/// What is sent to a schedule.
package enum ScheduleMessage: Hashable, Sendable {
  case update(ScheduleUpdate)
  case pause(note: String?)
  case resume(note: String?)
  case trigger(ScheduledRun)
  case backfill(ScheduleBackfill)
  case delete
}

/// What is nil stays as it is.
package struct ScheduleUpdate: Hashable, Sendable {
  package var spec: ScheduleSpec?
  package var action: ScheduleAction?
  package var overlap: ScheduleOverlap?
  /// -1: no limit.
  package var catchUpMS: Int64?
  package var isPaused: Bool?
  package var note: String?

  package init() {}
}

/// What a schedule asks the clockwork: the due times after a moment.
package struct ScheduleQuestion: Hashable, Sendable {
  package var schedule: String
  package var spec: ScheduleSpec
  package var after: TimestampMS
  /// Of a backfill: no later than this.
  package var to: TimestampMS?

  package init(schedule: String, spec: ScheduleSpec, after: TimestampMS, to: TimestampMS? = nil) {
    self.schedule = schedule
    self.spec = spec
    self.after = after
    self.to = to
  }
}

/// The answer.
package struct ScheduleTimes: Hashable, Sendable {
  package struct Time: Hashable, Sendable {
    /// The nominal time.
    package var due: TimestampMS
    /// With jitter.
    package var at: TimestampMS

    package init(due: TimestampMS, at: TimestampMS) {
      self.due = due
      self.at = at
    }
  }

  package var times: [Time]
  /// There are none after these.
  package var isComplete: Bool

  package init(times: [Time], isComplete: Bool) {
    self.times = times
    self.isComplete = isComplete
  }
}

/// How the runs stand that a schedule asked about; those that are still open are left out.
package struct ScheduleLook: Hashable, Sendable {
  package var ended: [ScheduleRun]

  package init(ended: [ScheduleRun]) { self.ended = ended }
}
