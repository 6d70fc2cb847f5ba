/// When a schedule is due: at every moment that one of its parts names, within `start` and `end`.
package struct ScheduleSpec: Hashable, Sendable {
  /// Lines of crontab(5), in `timeZone`.
  package var cron: [String]
  package var intervals: [ScheduleInterval]
  package var calendars: [ScheduleCalendar]
  /// A name of the tz database, for `cron` and `calendars`.
  package var timeZone: String
  /// Not before this moment.
  package var start: TimestampMS?
  /// Not after this moment.
  package var end: TimestampMS?
  /// Each run begins up to so much after its due time, always by the same amount for the same due time.
  package var jitterMS: Int64

  package init(
    cron: [String] = [], intervals: [ScheduleInterval] = [], calendars: [ScheduleCalendar] = [],
    timeZone: String = "UTC", start: TimestampMS? = nil, end: TimestampMS? = nil, jitterMS: Int64 = 0
  ) {
    self.cron = cron
    self.intervals = intervals
    self.calendars = calendars
    self.timeZone = timeZone
    self.start = start
    self.end = end
    self.jitterMS = jitterMS
  }
}

/// Every `everyMS`, counted from `offsetMS` after 1970-01-01T00:00:00Z.
package struct ScheduleInterval: Hashable, Sendable {
  package var everyMS: Int64
  package var offsetMS: Int64

  package init(everyMS: Int64, offsetMS: Int64 = 0) {
    self.everyMS = everyMS
    self.offsetMS = offsetMS
  }
}

/// Days and times of day, field by field; all must fit. An empty year, month, day or weekday means any, an
/// empty hour, minute or second 0.
package struct ScheduleCalendar: Hashable, Sendable {
  package var year: [ScheduleRange] = []
  package var month: [ScheduleRange] = []
  package var dayOfMonth: [ScheduleRange] = []
  /// 0 and 7 are Sunday.
  package var dayOfWeek: [ScheduleRange] = []
  package var hour: [ScheduleRange] = []
  package var minute: [ScheduleRange] = []
  package var second: [ScheduleRange] = []

  package init() {}
}

/// `start`, `start + step`, ... up to and with `end`.
package struct ScheduleRange: Hashable, Sendable {
  package var start: Int64
  package var end: Int64
  package var step: Int64

  package init(_ start: Int64, _ end: Int64? = nil, step: Int64 = 1) {
    self.start = start
    self.end = end ?? start
    self.step = step
  }
}

/// What a schedule starts.
package struct ScheduleAction: Hashable, Sendable {
  package var orchestration: String
  /// nil: the highest registered at the first turn of each run.
  package var version: String?
  package var input: Payload
  package var priority: Int64
  package var attributes: Payload?
  package var memo: Payload?

  package init(
    orchestration: String, version: String? = nil, input: Payload = .null, priority: Int64 = 0,
    attributes: Payload? = nil, memo: Payload? = nil
  ) {
    self.orchestration = orchestration
    self.version = version
    self.input = input
    self.priority = priority
    self.attributes = attributes
    self.memo = memo
  }
}

/// What becomes of a due time while an earlier run is still open.
package enum ScheduleOverlap: String, Hashable, Sendable, CaseIterable {
  /// Nothing is started for it.
  case skip
  /// One waits for the end of the open run; those that are due meanwhile are skipped.
  case bufferOne
  /// All wait, and run one after the other.
  case bufferAll
  /// The open run is asked to cancel itself; the new one begins when it has ended.
  case cancelOther
  /// They run side by side.
  case allow
}

package struct ScheduleDefinition: Hashable, Sendable {
  package var spec: ScheduleSpec
  package var action: ScheduleAction
  package var overlap: ScheduleOverlap
  /// A due time that is noticed later than this is not run, but counted as missed; nil: all are run.
  package var catchUpMS: Int64?

  package init(
    spec: ScheduleSpec, action: ScheduleAction, overlap: ScheduleOverlap = .skip, catchUpMS: Int64? = nil
  ) {
    self.spec = spec
    self.action = action
    self.overlap = overlap
    self.catchUpMS = catchUpMS
  }
}

/// Names that belong to the engine.
package enum Reserved {
  /// Orchestrations, activities, instances and queues of the engine itself begin with this.
  package static let prefix = "perdure."
  package static let schedule = "perdure.schedule"
  package static let scheduleNext = "perdure.schedule.next"
  package static let scheduleLook = "perdure.schedule.look"

  /// Registered by hosts for all activities that have no function of their own.
  package static let anyActivity = "perdure.any"

  package static func isReserved(_ name: String) -> Bool { name.utf8.starts(with: prefix.utf8) }

  /// The instance that a schedule is.
  package static func instance(ofSchedule name: String) -> InstanceID { "\(schedule)/\(name)" }

  /// The schedule that an instance is; nil if it is none.
  package static func schedule(of instance: InstanceID) -> String? {
    let start = schedule + "/"
    return instance.utf8.starts(with: start.utf8) ? String(instance.utf8.dropFirst(start.utf8.count)) : nil
  }
}
