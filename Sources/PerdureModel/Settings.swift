/// How a runtime works: "Runtime options" of docs/wire-format.md, with their ranges.
package struct RuntimeSettings: Hashable, Sendable {
  package static let activitySlotsRange = 1...10_000
  package static let turnThreadsRange = 1...64
  package static let cachedInstancesRange = 0...1_000_000
  package static let sessionsRange = 0...100_000
  package static let sessionIdleRange = 1...1_000_000_000
  package static let activityGraceRange = 0...1_000_000_000
  package static let tagsMax = 100

  /// Activities at once.
  package var activitySlots = 16
  /// Threads for turn callbacks.
  package var turnThreads = 2
  /// Instances stay in memory between turns; without it every turn replays its history.
  package var isCaching = true
  /// How many of them.
  package var cachedInstances = 10_000
  /// Tags whose activities are taken; nil: all tags.
  package var activityTags: [String]? = []
  /// Activities without a tag are taken.
  package var takesUntagged = true
  /// Sessions held at one time, and after which time without use one is given up.
  package var sessionsMax = 10
  package var sessionIdleMS: Int64 = 300_000
  /// How long an activity that was told to end keeps its slot.
  package var activityGraceMS: Int64 = 10_000
  /// Code that differs from its history fails its instance instead of quarantining it.
  package var failsNondeterminism = false
  /// It only replays histories: it does not join the store, takes no work and writes nothing.
  package var isReplayOnly = false
  /// Schedules go on here (unless only activities are registered).
  package var runsSchedules = true

  package init() {}
}

/// How a store works: the config of `dx_store_open`.
package struct StoreSettings: Hashable, Sendable {
  package static let busyTimeoutRange = 0...600_000

  /// How long a call waits for another process's write lock, in milliseconds.
  package var busyTimeoutMS = 5_000
  package var limits = LimitSettings()
  package var clock = ClockSettings.system

  package init() {}
}

/// Whose time a store follows.
package enum ClockSettings: Hashable, Sendable {
  case system
  /// Time that begins there, and moves when somebody waits for it: for tests.
  case virtual(startMS: TimestampMS)

  /// 1970 up to the end of the year 9999.
  package static let startRange: ClosedRange<TimestampMS> = 0...253_402_300_799_999
  /// 2026-01-01T00:00:00Z.
  package static let standardStart: TimestampMS = 1_767_225_600_000
  /// Of one advance.
  package static let advanceMax: Int64 = 1 << 50
}

/// What one runtime allows one activity: "Activity limits" of docs/wire-format.md.
package struct ActivityLimits: Hashable, Sendable {
  package static let concurrencyRange = 1...10_000
  package static let rateRange = 1...1_000_000

  /// Attempts at once; nil: as many as there are slots.
  package var concurrency: Int?
  /// Attempts begun in any `ratePeriodMS`; nil: no limit.
  package var rate: Int?
  package var ratePeriodMS: Int64 = 1_000

  package init(concurrency: Int? = nil, rate: Int? = nil, ratePeriodMS: Int64 = 1_000) {
    self.concurrency = concurrency
    self.rate = rate
    self.ratePeriodMS = ratePeriodMS
  }
}
