import PerdureModel
import Testing

/// Whether and when a failed attempt is followed by another.
@Suite struct RetryTests {
  static func policy(_ change: (inout RetryPolicy) -> Void = { _ in }) -> RetryPolicy {
    var policy = RetryPolicy()
    change(&policy)
    return policy
  }

  static func task(failures: Int64 = 0, _ change: (inout ActivityOptions) -> Void) -> ActivityTask {
    var options = ActivityOptions()
    change(&options)
    var task = ActivityTask(
      key: ActivityKey(instance: "order-7", execution: 1, action: 4), orchestration: "order", name: "work",
      input: .null, attempt: failures + 1, visibleAt: 0, claim: nil, options: options, scheduledAt: 1_000)
    task.failures = failures
    return task
  }

  // MARK: Pauses

  struct Pauses: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var policy: RetryPolicy
    /// After the first, second... failed attempt.
    var pauses: [Int64]
  }

  static let pauses: [Pauses] = [
    Pauses(testDescription: "default", policy: policy(), pauses: [100, 200, 400, 800, 1_600]),
    Pauses(testDescription: "none", policy: policy { $0.backoff = .none }, pauses: [0, 0, 0]),
    Pauses(testDescription: "fixed", policy: policy { $0.backoff = .fixed }, pauses: [100, 100, 100]),
    Pauses(testDescription: "linear", policy: policy { $0.backoff = .linear }, pauses: [100, 200, 300, 400]),
    Pauses(
      testDescription: "fixed above the most",
      policy: policy {
        $0.backoff = .fixed
        $0.maxIntervalMS = 60
      }, pauses: [60, 60]),
    Pauses(
      testDescription: "linear up to the most",
      policy: policy {
        $0.backoff = .linear
        $0.maxIntervalMS = 250
      }, pauses: [100, 200, 250, 250]),
    Pauses(
      testDescription: "exponential up to the most", policy: policy { $0.maxIntervalMS = 500 },
      pauses: [100, 200, 400, 500, 500]),
    Pauses(
      testDescription: "half as much again", policy: policy { $0.coefficientPercent = 150 },
      pauses: [100, 150, 225, 337, 506]),
    Pauses(
      testDescription: "the same again", policy: policy { $0.coefficientPercent = 100 },
      pauses: [100, 100, 100]),
    Pauses(
      testDescription: "as steep as it gets",
      policy: policy {
        $0.coefficientPercent = 100_000
        $0.maxIntervalMS = ActivityOptions.durationRangeMS.upperBound
      }, pauses: [100, 100_000, 100_000_000, 100_000_000_000, 1 << 40]),
  ]

  @Test(arguments: pauses)
  func intervals(_ given: Pauses) {
    let count = Int64(given.pauses.count)
    #expect((1...count).map { given.policy.intervalMS(after: $0) } == given.pauses)
  }

  @Test(arguments: RetryPolicy.Backoff.allCases)
  func farOutNothingBreaks(_ backoff: RetryPolicy.Backoff) {
    let policy = Self.policy {
      $0.backoff = backoff
      $0.initialIntervalMS = 1 << 40
      $0.maxIntervalMS = 1 << 40
    }
    for number in [Int64.min, -1, 0, 1, 2, 1_000_000, .max] {
      #expect((0...(1 << 40)).contains(policy.intervalMS(after: number)), "after \(number)")
    }
  }

  // MARK: Verdicts

  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var task: ActivityTask
    var failure = Failure(type: "Boom", message: "it broke")
    var verdict: RetryVerdict

    init(
      _ name: String, failures: Int64 = 0, _ verdict: RetryVerdict, failure: Failure? = nil,
      _ options: (inout ActivityOptions) -> Void
    ) {
      testDescription = name
      task = RetryTests.task(failures: failures, options)
      if let failure { self.failure = failure }
      self.verdict = verdict
    }
  }

  /// Decided at 10_000; scheduled at 1_000.
  static let verdicts: [Case] = [
    Case("no policy", .end) { _ in },
    Case("the first of three", .retry(at: 10_100)) { $0.retry = policy() },
    Case("the second of three", failures: 1, .retry(at: 10_200)) { $0.retry = policy() },
    Case("the last of three", failures: 2, .end) { $0.retry = policy() },
    Case("one attempt only", .end) { $0.retry = policy { $0.maxAttempts = 1 } },
    Case("no end of attempts", failures: 1_000_000, .retry(at: 40_000)) {
      $0.retry = policy { $0.maxAttempts = 0 }
    },
    Case(
      "not retryable", .end, failure: Failure(type: "Boom", message: "m", isNonRetryable: true)
    ) { $0.retry = policy() },
    Case("of a type that is not retried", .end) {
      $0.retry = policy { $0.nonRetryableTypes = ["A", "Boom"] }
    },
    Case("of another type", .retry(at: 10_100)) {
      $0.retry = policy { $0.nonRetryableTypes = ["boom", "Boo"] }
    },
    Case("poison", .end, failure: Failure(type: FailureType.poison, message: "m")) {
      $0.retry = policy { $0.maxAttempts = 0 }
    },
    Case("a limit of one attempt", .retry(at: 10_100), failure: .timeout(.startToClose, of: task { _ in })) {
      $0.retry = policy()
    },
    Case("a limit that is not to be retried", .end, failure: .timeout(.heartbeat, of: task { _ in })) {
      $0.retry = policy { $0.nonRetryableTypes = [FailureType.timeout] }
    },
    Case("its own pause", .retry(at: 17_000), failure: Failure(type: "B", message: "m", retryAfterMS: 7_000))
    {
      $0.retry = policy()
    },
    Case(
      "its own pause is above the most of the policy", .retry(at: 100_000),
      failure: Failure(type: "B", message: "m", retryAfterMS: 90_000)
    ) { $0.retry = policy() },
    Case(
      "no pause of its own", .retry(at: 10_000), failure: Failure(type: "B", message: "m", retryAfterMS: 0)
    ) {
      $0.retry = policy()
    },
    Case(
      "its own pause does not make it retryable", failures: 2, .end,
      failure: Failure(type: "B", message: "m", retryAfterMS: 0)
    ) { $0.retry = policy() },
    Case(
      "a pause out of range", .retry(at: 10_000 + (1 << 40)),
      failure: Failure(type: "B", message: "m", retryAfterMS: .max)
    ) { $0.retry = policy() },
    Case("within its time", .retry(at: 10_100)) {
      $0.retry = policy()
      $0.scheduleToCloseMS = 9_101
    },
    Case("a pause that reaches the end of its time", .end) {
      $0.retry = policy()
      $0.scheduleToCloseMS = 9_100
    },
  ]

  @Test(arguments: verdicts)
  func verdict(_ given: Case) {
    #expect(given.task.verdict(on: given.failure, now: 10_000) == given.verdict)
  }

  @Test func jitterShortensAndIsTheSameForAll() {
    func pause(_ percent: Int64, _ action: ActionID, _ failures: Int64 = 0) -> Int64? {
      var task = Self.task(failures: failures) {
        $0.retry = Self.policy {
          $0.jitterPercent = percent
          $0.initialIntervalMS = 10_000
          $0.maxAttempts = 0
          $0.backoff = .fixed
        }
      }
      task.key.action = action
      let verdict = task.verdict(on: Failure(type: "T", message: "m"), now: 0)
      return if case .retry(let at) = verdict { at } else { nil }
    }
    #expect(pause(0, 1) == 10_000)
    let half = (1...Int64(200)).compactMap { pause(50, $0) }
    #expect(half.count == 200 && half.allSatisfy { (5_000...10_000).contains($0) })
    #expect(Set(half).count > 150, "tasks that failed together are kept apart")
    #expect(half == (1...Int64(200)).compactMap { pause(50, $0) }, "whoever applies the rule")
    #expect(Set((0...20).compactMap { pause(100, 1, $0) }).count > 15, "and so are attempts")
  }

  // MARK: Time limits

  struct Expiry: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var task: ActivityTask
    var wait: ActivityWait
    var isServed = true
    /// The moment at which it is over; nil: never.
    var at: TimestampMS?
    var limit: ActivityTimeout?
    var retryAfter: Int64?

    init(
      _ name: String, _ wait: ActivityWait, at: TimestampMS? = nil, _ limit: ActivityTimeout? = nil,
      isServed: Bool = true, retryAfter: Int64? = nil, _ options: (inout ActivityOptions) -> Void
    ) {
      testDescription = name
      task = RetryTests.task(options)
      self.wait = wait
      self.at = at
      self.limit = limit
      self.isServed = isServed
      self.retryAfter = retryAfter
    }
  }

  static let deferred = ActivityWait.deferred(startedAt: 3_000, beatAt: 3_500)
  /// Scheduled at 1_000.
  static let expiries: [Expiry] = [
    Expiry("no limits", .notStarted) { _ in },
    Expiry("no limits, deferred", deferred) { _ in },
    Expiry("not begun in time", .notStarted, at: 1_500, .scheduleToStart) { $0.scheduleToStartMS = 500 },
    Expiry("not begun in time, nobody there", .notStarted, at: 1_500, .scheduleToStart, isServed: false) {
      $0.scheduleToStartMS = 500
    },
    Expiry("begun once: no limit any more", .betweenAttempts) { $0.scheduleToStartMS = 500 },
    Expiry("never begun, and all its time is over", .notStarted, at: 1_400, .scheduleToClose) {
      $0.scheduleToStartMS = 500
      $0.scheduleToCloseMS = 400
    },
    Expiry("between two attempts", .betweenAttempts, at: 1_400, .scheduleToClose) {
      $0.scheduleToCloseMS = 400
    },
    Expiry("a limit of attempts does not hold between them", .betweenAttempts) {
      $0.startToCloseMS = 5
      $0.heartbeatMS = 5
    },
    Expiry("deferred for too long", deferred, at: 3_200, .startToClose) { $0.startToCloseMS = 200 },
    Expiry("deferred for too long, tried again", deferred, at: 3_200, .startToClose, retryAfter: 100) {
      $0.startToCloseMS = 200
      $0.retry = policy()
    },
    Expiry("deferred, without heartbeats", deferred, at: 3_700, .heartbeat) { $0.heartbeatMS = 200 },
    Expiry(
      "deferred, a heartbeat of an earlier attempt", .deferred(startedAt: 3_000, beatAt: 2_000), at: 3_200,
      .heartbeat
    ) { $0.heartbeatMS = 200 },
    Expiry("deferred, all its time is over", deferred, at: 3_100, .scheduleToClose) {
      $0.startToCloseMS = 200
      $0.scheduleToCloseMS = 2_100
      $0.retry = policy()
    },
    Expiry("deferred: it has begun", deferred) { $0.scheduleToStartMS = 5 },
  ]

  @Test(arguments: expiries)
  func expiry(_ given: Expiry) throws {
    #expect(given.task.expiresAt(given.wait) == given.at)
    guard let at = given.at else {
      #expect(given.task.expiry(given.wait, now: 1 << 50, isServed: true) == nil)
      return
    }
    #expect(given.task.expiry(given.wait, now: at - 1, isServed: given.isServed) == nil, "not before")
    let (failure, verdict) = try #require(given.task.expiry(given.wait, now: at, isServed: given.isServed))
    #expect(failure.type == FailureType.timeout)
    #expect(failure.details == given.limit.map { Payload(#"{"timeout":"\#($0.rawValue)"}"#) })
    #expect(failure.cause?.type == (given.isServed ? nil : FailureType.notRegistered))
    #expect(verdict == given.retryAfter.map { .retry(at: at + $0) } ?? .end)
  }

  @Test func aTimeoutNamesTheActivityTheLimitAndTheCause() {
    var task = Self.task {
      $0.tag = "gpu"
      $0.scheduleToStartMS = 70
    }
    task.lastFailure = Failure(type: "Boom", message: "it broke")
    let timeout = Failure.timeout(.scheduleToStart, of: task)
    #expect(timeout.message == "activity 'work' ran over its scheduleToStart limit of 70 ms")
    #expect(timeout.cause?.message == "it broke")
    let unserved = Failure.timeout(.scheduleToStart, of: task, isServed: false)
    #expect(unserved.cause?.message == "no runtime takes activity 'work' with tag 'gpu'")
  }

  // MARK: Names

  @Test(arguments: ["a", "order-7", "a.b.c", "7.1.1.x", "\u{E9} /"])
  func completionTokensNameTheirAttempt(_ instance: InstanceID) {
    let key = ActivityKey(instance: instance, execution: 3, action: 9)
    let token = CompletionToken(key: key, token: 12)
    #expect(token.text == "12.3.9.\(instance)")
    #expect(CompletionToken(text: token.text) == token)
  }

  @Test(arguments: [
    "", ".", "...", "1.1.1", "1.1.1.", "0.1.1.a", "1.0.1.a", "1.1.0.a", "-1.1.1.a", "x.1.1.a", "1.1.1e0.a",
    "99999999999999999999.1.1.a", " 1.1.1.a",
  ])
  func isNoCompletionToken(_ text: String) { #expect(CompletionToken(text: text) == nil) }

  @Test func lossesAreAttemptsThatNobodyHeardOf() {
    var task = Self.task { _ in }
    #expect(task.losses == 0)
    task.attempt = 5
    task.failures = 3
    #expect(task.losses == 1)
  }

  struct Filter: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var tags: [String]?
    var takesUntagged: Bool
    /// Of no tag, "gpu", "\u{E9}" and "e\u{301}".
    var takes: [Bool]
  }

  static let filters: [Filter] = [
    Filter(testDescription: "default", tags: [], takesUntagged: true, takes: [true, false, false, false]),
    Filter(testDescription: "any", tags: nil, takesUntagged: true, takes: [true, true, true, true]),
    Filter(testDescription: "any tag", tags: nil, takesUntagged: false, takes: [false, true, true, true]),
    Filter(testDescription: "one", tags: ["gpu"], takesUntagged: false, takes: [false, true, false, false]),
    Filter(
      testDescription: "by its bytes", tags: ["\u{E9}"], takesUntagged: false,
      takes: [false, false, true, false]),
    Filter(testDescription: "nothing", tags: [], takesUntagged: false, takes: [false, false, false, false]),
  ]

  @Test(arguments: filters)
  func filter(_ given: Filter) {
    let tags: [String?] = [nil, "gpu", "\u{E9}", "e\u{301}"]
    let filter = ActivityFilter(names: [], tags: given.tags, takesUntagged: given.takesUntagged)
    #expect(tags.map { filter.takes(tag: $0) } == given.takes)
    let service = NodeService(
      activities: ["work"], tags: given.tags, takesUntagged: given.takesUntagged)
    #expect(tags.map { service.takes("work", tag: $0) } == given.takes)
    #expect(tags.allSatisfy { !service.takes("play", tag: $0) })
  }
}
