import PerdureModel

/// How an activity is to be run. All of it is kept and enforced by the engine, across restarts.
public struct ActivityOptions: Hashable, Sendable {
  /// What follows a failed attempt; nil: nothing, the failure is the result.
  public var retry: RetryPolicy?
  /// From the call to the first attempt. Over it, the activity fails.
  public var scheduleToStart: Duration?
  /// One attempt. Over it, the attempt fails, and the retry policy decides.
  public var startToClose: Duration?
  /// Everything: waiting, attempts, pauses. Over it, the activity fails.
  public var scheduleToClose: Duration?
  /// Between two heartbeats of an attempt. Over it, the attempt fails, and the retry policy decides.
  public var heartbeat: Duration?
  /// Only runtimes that serve this tag run it (`RuntimeOptions.activityTags`).
  public var tag: String?
  /// Activities of one session run on one runtime, as long as that one lives.
  public var session: String?
  /// -1,000...1,000; higher ones go first.
  public var priority: Int

  /// The parameters are the properties; time limits are 1 ms or more, nil: none.
  public init(
    retry: RetryPolicy? = nil, scheduleToStart: Duration? = nil, startToClose: Duration? = nil,
    scheduleToClose: Duration? = nil, heartbeat: Duration? = nil, tag: String? = nil, session: String? = nil,
    priority: Int = 0
  ) {
    self.retry = retry
    self.scheduleToStart = scheduleToStart
    self.startToClose = startToClose
    self.scheduleToClose = scheduleToClose
    self.heartbeat = heartbeat
    self.tag = tag
    self.session = session
    self.priority = priority
  }

  /// - Throws: `DXError` (`invalidArgument`) for a value outside its range.
  func model(of activity: String) throws -> PerdureModel.ActivityOptions {
    var options = PerdureModel.ActivityOptions()
    options.retry = try retry?.model(of: activity)
    options.scheduleToStartMS = try limit(scheduleToStart, "scheduleToStart", activity)
    options.startToCloseMS = try limit(startToClose, "startToClose", activity)
    options.scheduleToCloseMS = try limit(scheduleToClose, "scheduleToClose", activity)
    options.heartbeatMS = try limit(heartbeat, "heartbeat", activity)
    options.tag = tag
    options.session = session
    options.priority = try checked(
      Int64(priority), in: PerdureModel.ActivityOptions.priorityRange, "priority", of: activity)
    return options
  }

  private func limit(_ duration: Duration?, _ option: String, _ activity: String) throws -> Int64? {
    guard let duration else { return nil }
    return try checked(
      duration.millisecondsRoundedUp, in: PerdureModel.ActivityOptions.durationRangeMS, option, of: activity,
      unit: " ms")
  }
}

/// Whether and when a failed attempt of an activity is followed by another. A failure that is not retryable
/// (`Failure.isNonRetryable`) never is; one with a `Failure.retryAfter` says itself when.
public struct RetryPolicy: Hashable, Sendable {
  /// How the pauses between attempts grow.
  public enum Backoff: String, Hashable, Sendable, CaseIterable {
    /// There are none.
    case none
    /// Each is the initial interval.
    case fixed
    /// The n-th is n times the initial interval.
    case linear
    /// Each is the one before it times the coefficient.
    case exponential
  }

  /// All attempts, the first included, 0...1,000,000; 0: no limit.
  public var maxAttempts: Int
  /// How the pauses grow.
  public var backoff: Backoff
  /// 1 ms or more.
  public var initialInterval: Duration
  /// Of exponential back-off, 1...1,000.
  public var coefficient: Double
  /// No pause is longer.
  public var maxInterval: Duration
  /// 0...1: up to this part of a pause is left out, so that those who failed together do not come back
  /// together.
  public var jitter: Double
  /// Failures of these types are not followed by another attempt.
  public var nonRetryable: [String]

  /// The parameters are the properties. Their ranges are checked at the call: `DXError`
  /// (`invalidArgument`).
  public init(
    maxAttempts: Int = 3, backoff: Backoff = .exponential, initialInterval: Duration = .milliseconds(100),
    coefficient: Double = 2, maxInterval: Duration = .seconds(30), jitter: Double = 0,
    nonRetryable: [String] = []
  ) {
    self.maxAttempts = maxAttempts
    self.backoff = backoff
    self.initialInterval = initialInterval
    self.coefficient = coefficient
    self.maxInterval = maxInterval
    self.jitter = jitter
    self.nonRetryable = nonRetryable
  }

  func model(of activity: String) throws -> PerdureModel.RetryPolicy {
    let intervals = PerdureModel.ActivityOptions.durationRangeMS
    var policy = PerdureModel.RetryPolicy()
    policy.maxAttempts = try checked(
      Int64(maxAttempts), in: PerdureModel.RetryPolicy.maxAttemptsRange, "retry.maxAttempts", of: activity)
    policy.backoff = PerdureModel.RetryPolicy.Backoff(rawValue: backoff.rawValue) ?? .exponential
    policy.initialIntervalMS = try checked(
      initialInterval.millisecondsRoundedUp, in: intervals, "retry.initialInterval", of: activity, unit: " ms"
    )
    policy.coefficientPercent = try checked(
      percent(coefficient), in: PerdureModel.RetryPolicy.coefficientRange, "retry.coefficient", of: activity,
      unit: " %")
    policy.maxIntervalMS = try checked(
      maxInterval.millisecondsRoundedUp, in: intervals, "retry.maxInterval", of: activity, unit: " ms")
    policy.jitterPercent = try checked(percent(jitter), in: 0...100, "retry.jitter", of: activity, unit: " %")
    policy.nonRetryableTypes = nonRetryable
    return policy
  }

  /// -1 for what is no percentage at all.
  private func percent(_ part: Double) -> Int64 {
    let percent = (part * 100).rounded()
    return percent >= 0 && percent <= 1e9 ? Int64(percent) : -1
  }
}

private func checked(
  _ value: Int64, in range: ClosedRange<Int64>, _ option: String, of activity: String, unit: String = ""
) throws -> Int64 {
  guard range.contains(value) else {
    throw DXError(
      .invalidArgument,
      """
      The option '\(option)' of activity '\(activity)' must be within \
      \(range.lowerBound)...\(range.upperBound)\(unit).
      """)
  }
  return value
}

/// At most so many attempts of an activity begin in any time of this length, in one runtime.
public struct ActivityRate: Hashable, Sendable {
  /// 1...1,000,000.
  public var count: Int
  /// The length of the time, 1 ms or more.
  public var period: Duration

  /// `count` attempts, 1...1,000,000, in each `period`.
  public init(_ count: Int, per period: Duration = .seconds(1)) {
    self.count = count
    self.period = period
  }
}

/// What becomes of a child that is still open when its parent ends.
public enum ClosePolicy: String, Hashable, Sendable, CaseIterable {
  /// It is asked to cancel itself.
  case cancel
  /// It ends at once.
  case terminate
  /// It goes on.
  case abandon

  var model: ParentClosePolicy { ParentClosePolicy(rawValue: rawValue) ?? .cancel }
}
