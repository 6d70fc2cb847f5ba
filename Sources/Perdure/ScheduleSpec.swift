/// When a schedule is due: at every moment that one of its parts names, within `start` and `end`.
public struct ScheduleSpec: Hashable, Sendable, Codable {
  /// Lines of crontab(5), in `timeZone`.
  public var cron: [String]
  /// Times at equal distances.
  public var intervals: [ScheduleInterval]
  /// Times by their fields.
  public var calendars: [ScheduleCalendar]
  /// A name of the tz database, for `cron` and `calendars`.
  public var timeZone: String
  /// Not before this moment.
  public var start: Timestamp?
  /// Not after this moment.
  public var end: Timestamp?
  /// Each run begins up to so much after its due time, always by the same amount for the same due time.
  public var jitter: Duration

  /// The parameters are the properties; it is due when any line, interval or calendar says so.
  public init(
    cron: String..., intervals: [ScheduleInterval] = [], calendars: [ScheduleCalendar] = [],
    timeZone: String = "UTC", start: Timestamp? = nil, end: Timestamp? = nil, jitter: Duration = .zero
  ) {
    self.cron = cron
    self.intervals = intervals
    self.calendars = calendars
    self.timeZone = timeZone
    self.start = start
    self.end = end
    self.jitter = jitter
  }

  private enum Key: String, CodingKey {
    case cron, interval, calendar, timeZone, start, end, jitterMS
  }

  public init(from decoder: any Decoder) throws {
    let members = try decoder.container(keyedBy: Key.self)
    cron = try members.decodeIfPresent([String].self, forKey: .cron) ?? []
    intervals = try members.decodeIfPresent([ScheduleInterval].self, forKey: .interval) ?? []
    calendars = try members.decodeIfPresent([ScheduleCalendar].self, forKey: .calendar) ?? []
    timeZone = try members.decode(String.self, forKey: .timeZone)
    start = try members.decodeIfPresent(Timestamp.self, forKey: .start)
    end = try members.decodeIfPresent(Timestamp.self, forKey: .end)
    jitter = .milliseconds(try members.decodeIfPresent(Int64.self, forKey: .jitterMS) ?? 0)
  }

  public func encode(to encoder: any Encoder) throws {
    var members = encoder.container(keyedBy: Key.self)
    try members.encode(cron, forKey: .cron)
    try members.encode(intervals, forKey: .interval)
    try members.encode(calendars, forKey: .calendar)
    try members.encode(timeZone, forKey: .timeZone)
    try members.encodeIfPresent(start, forKey: .start)
    try members.encodeIfPresent(end, forKey: .end)
    if jitter != .zero { try members.encode(jitter.millisecondsRoundedUp, forKey: .jitterMS) }
  }
}

/// Every so long, counted from `offset` after 1970-01-01T00:00:00Z.
public struct ScheduleInterval: Hashable, Sendable, Codable {
  /// The distance, 1 s or more.
  public var every: Duration
  /// From 1970-01-01T00:00:00Z to one of the times.
  public var offset: Duration

  /// The parameters are the properties.
  public init(every: Duration, offset: Duration = .zero) {
    self.every = every
    self.offset = offset
  }

  private enum Key: String, CodingKey { case everyMS, offsetMS }

  public init(from decoder: any Decoder) throws {
    let members = try decoder.container(keyedBy: Key.self)
    every = .milliseconds(try members.decode(Int64.self, forKey: .everyMS))
    offset = .milliseconds(try members.decodeIfPresent(Int64.self, forKey: .offsetMS) ?? 0)
  }

  public func encode(to encoder: any Encoder) throws {
    var members = encoder.container(keyedBy: Key.self)
    try members.encode(every.millisecondsRoundedUp, forKey: .everyMS)
    try members.encode(offset.millisecondsRoundedUp, forKey: .offsetMS)
  }
}

/// Days and times of day, field by field; all must fit. An empty year, month, day or weekday means any, an
/// empty hour, minute or second 0.
public struct ScheduleCalendar: Hashable, Sendable, Codable {
  /// Any, if it is empty.
  public var year: [ScheduleRange]
  /// 1...12; any, if it is empty.
  public var month: [ScheduleRange]
  /// 1...31; any, if it is empty.
  public var dayOfMonth: [ScheduleRange]
  /// 0 and 7 are Sunday.
  public var dayOfWeek: [ScheduleRange]
  /// 0...23; 0, if it is empty.
  public var hour: [ScheduleRange]
  /// 0...59; 0, if it is empty.
  public var minute: [ScheduleRange]
  /// 0...59; 0, if it is empty.
  public var second: [ScheduleRange]

  /// The parameters are the properties.
  public init(
    year: [ScheduleRange] = [], month: [ScheduleRange] = [], dayOfMonth: [ScheduleRange] = [],
    dayOfWeek: [ScheduleRange] = [], hour: [ScheduleRange] = [], minute: [ScheduleRange] = [],
    second: [ScheduleRange] = []
  ) {
    self.year = year
    self.month = month
    self.dayOfMonth = dayOfMonth
    self.dayOfWeek = dayOfWeek
    self.hour = hour
    self.minute = minute
    self.second = second
  }

  public init(from decoder: any Decoder) throws {
    let members = try decoder.container(keyedBy: CodingKeys.self)
    func field(_ key: CodingKeys) throws -> [ScheduleRange] {
      try members.decodeIfPresent([ScheduleRange].self, forKey: key) ?? []
    }
    self.init(
      year: try field(.year), month: try field(.month), dayOfMonth: try field(.dayOfMonth),
      dayOfWeek: try field(.dayOfWeek), hour: try field(.hour), minute: try field(.minute),
      second: try field(.second))
  }
}

/// `start`, `start + step`, ... up to and with `end`. A literal is one number.
public struct ScheduleRange: Hashable, Sendable, Codable, ExpressibleByIntegerLiteral {
  /// The first number.
  public var start: Int
  /// The last that may be.
  public var end: Int
  /// From one to the next, 1 or more.
  public var step: Int

  /// The parameters are the properties.
  public init(_ start: Int, _ end: Int, step: Int = 1) {
    self.start = start
    self.end = end
    self.step = step
  }

  public init(integerLiteral value: Int) { self.init(value, value) }

  public init(from decoder: any Decoder) throws {
    let members = try decoder.container(keyedBy: CodingKeys.self)
    start = try members.decode(Int.self, forKey: .start)
    end = try members.decodeIfPresent(Int.self, forKey: .end) ?? start
    step = try members.decodeIfPresent(Int.self, forKey: .step) ?? 1
  }
}

/// What becomes of a due time while an earlier run is still open.
public enum Overlap: String, Hashable, Sendable, Codable, CaseIterable {
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

/// What each run of a schedule starts.
public struct ScheduleAction: Sendable, Encodable {
  /// Its name.
  public var orchestration: String
  /// nil: the highest that is registered when the run begins.
  public var version: String?
  /// What each run gets.
  public var input: any Encodable & Sendable
  /// -1,000...1,000; higher ones go first.
  public var priority: Int
  /// Labels of each run.
  public var attributes: [String: String]
  /// A note of each run.
  public var memo: (any Encodable & Sendable)?

  /// An orchestration by its name; the other parameters are the properties.
  public init(
    _ orchestration: String, input: any Encodable & Sendable = Nothing(), version: String? = nil,
    priority: Int = 0, attributes: [String: String] = [:], memo: (any Encodable & Sendable)? = nil
  ) {
    self.orchestration = orchestration
    self.version = version
    self.input = input
    self.priority = priority
    self.attributes = attributes
    self.memo = memo
  }

  /// The same by a definition or a signature.
  public init<Started: OrchestrationReference>(
    _ orchestration: Started, input: Started.Input, priority: Int = 0,
    attributes: [String: String] = [:], memo: (any Encodable & Sendable)? = nil
  ) {
    self.init(
      orchestration.signature.name, input: input, priority: priority, attributes: attributes, memo: memo)
  }

  private enum Key: String, CodingKey {
    case orchestration, version, input, priority, attributes, memo
  }

  public func encode(to encoder: any Encoder) throws {
    var members = encoder.container(keyedBy: Key.self)
    try members.encode(orchestration, forKey: .orchestration)
    try members.encodeIfPresent(version, forKey: .version)
    if !(input is Nothing) { try members.encode(input, forKey: .input) }
    if priority != 0 { try members.encode(priority, forKey: .priority) }
    if !attributes.isEmpty { try members.encode(attributes, forKey: .attributes) }
    if let memo { try members.encode(memo, forKey: .memo) }
  }
}
