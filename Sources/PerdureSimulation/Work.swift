import PerdureModel

/// An activity as a program schedules it. What it does follows from its name, its number and its failures so
/// far, so that a host can run it, and a checker can tell what may come of it, without each other.
struct Work: Hashable, Sendable {
  enum Kind: String, CaseIterable {
    /// Answer at once, late, and on few nodes.
    case add, slow, rare
    /// Fails for good.
    case refuse
    /// Fails some times.
    case flaky
    /// Says nothing some times, or ever.
    case hang
    /// Works in steps, with a heartbeat after each.
    case beat
    /// Is completed from elsewhere.
    case later
  }

  /// Of which few nodes take work, and none.
  static let rareTag = "gpu"
  static let deadTag = "moon"
  /// `beat` has so many steps.
  static let steps = 3

  var kind: Kind
  var number: Int
  var options = ActivityOptions()

  /// Attempts of an activity with this number that fail or say nothing before one succeeds; nil: all.
  static func failures(_ kind: Kind, _ number: Int) -> Int64? {
    switch kind {
    case .add, .slow, .rare, .beat: 0
    case .refuse: nil
    case .flaky: Int64(number % 3) + 1
    case .hang: number % 2 == 0 ? 1 : nil
    case .later: Int64(number % 3)
    }
  }

  static func isNeverCompleted(_ number: Int) -> Bool { number % 3 == 2 }

  static func failure(_ number: Int) -> Failure {
    Failure(type: "Flaky", message: "not this time", retryAfterMS: number % 7 == 0 ? 150 : nil)
  }

  /// Whether it can succeed, and whether it can fail, in a world in which every attempt may also be lost.
  func prospects(round: Int) -> (succeeds: Bool, fails: Bool) {
    let attempts = options.retry.map { $0.maxAttempts } ?? 1
    let needed = Self.failures(kind, number + round)
    let isRefused = options.retry?.nonRetryableTypes.isEmpty == false && (needed ?? 0) > 0 && kind != .hang
    let isTaken = options.tag != Self.deadTag
    let succeeds = needed.map { attempts == 0 || $0 < attempts } ?? false
    let isLimited = options.scheduleToStartMS != nil || options.scheduleToCloseMS != nil
    let mayRunOut = attempts != 0 && (options.startToCloseMS != nil || options.heartbeatMS != nil)
    return (
      succeeds && isTaken && !(isRefused && kind == .flaky),
      !succeeds || isRefused || !isTaken || isLimited || mayRunOut
    )
  }
}

/// Makes activities with all kinds of options, such that each ends at some time.
struct WorkMaker {
  static func make(_ random: inout Random) -> Work {
    var work = Work(kind: kind(&random), number: random.below(50))
    switch work.kind {
    case .flaky: work.options.retry = retry(&random)
    case .hang:
      if random.chance(600) { work.options.startToCloseMS = random.delay(100...700) }
      if random.chance(300) { work.options.heartbeatMS = random.delay(100...700) }
      let isLimited = work.options.startToCloseMS != nil || work.options.heartbeatMS != nil
      if !isLimited || random.chance(300) { work.options.scheduleToCloseMS = random.delay(300...1_500) }
      if random.chance(700) { work.options.retry = retry(&random) }
      if work.options.scheduleToCloseMS == nil, work.options.retry?.maxAttempts == 0 {
        work.options.retry?.maxAttempts = 2
      }
    case .beat:
      work.options.heartbeatMS = random.delay(500...1_200)
      work.options.retry = retry(&random)
      work.options.retry?.maxAttempts = 0
    case .later:
      if random.chance(500) { work.options.heartbeatMS = random.delay(1_000...2_500) }
      if work.options.heartbeatMS == nil || random.chance(300) {
        work.options.startToCloseMS = random.delay(1_500...4_000)
      }
      work.options.retry = retry(&random)
      if random.chance(700) { work.options.retry?.maxAttempts = 0 }
    default:
      if random.chance(80) { work.options.scheduleToCloseMS = random.delay(1_000...8_000) }
      if random.chance(80) { work.options.scheduleToStartMS = random.delay(200...2_000) }
    }
    if random.chance(200) { work.options.priority = random.delay(0...4) - 2 }
    if random.chance(150) { work.options.tag = Work.rareTag }
    if random.chance(200) { work.options.session = "s\(random.below(2))" }
    if random.chance(30) {
      work.options.tag = Work.deadTag
      work.options.scheduleToStartMS = random.delay(200...1_500)
    }
    return work
  }

  private static func kind(_ random: inout Random) -> Work.Kind {
    switch random.below(100) {
    case 0..<26: .add
    case 26..<36: .slow
    case 36..<46: .rare
    case 46..<62: .flaky
    case 62..<72: .hang
    case 72..<84: .beat
    default: .later
    }
  }

  private static func retry(_ random: inout Random) -> RetryPolicy {
    var retry = RetryPolicy()
    retry.maxAttempts = random.chance(300) ? 0 : random.delay(2...5)
    retry.backoff = random.pick(RetryPolicy.Backoff.allCases) ?? .none
    retry.initialIntervalMS = random.delay(20...300)
    retry.coefficientPercent = random.delay(100...300)
    retry.maxIntervalMS = random.delay(50...1_000)
    if random.chance(300) { retry.jitterPercent = 50 }
    if random.chance(100) { retry.nonRetryableTypes = ["Flaky"] }
    return retry
  }
}
