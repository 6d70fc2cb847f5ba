/// How an activity is to be run: what the code asked for when it scheduled it. Recorded with the schedule.
package struct ActivityOptions: Hashable, Sendable {
  private struct Fields: SeldomValue {
    var retry: RetryPolicy?
    var scheduleToStartMS: Int64?
    var startToCloseMS: Int64?
    var scheduleToCloseMS: Int64?
    var heartbeatMS: Int64?
    var tag: String?
    var session: String?
    var priority: Int64 = 0
  }

  private var fields = Seldom<Fields>()

  package static let priorityRange: ClosedRange<Int64> = -1_000...1_000
  package static let durationRangeMS: ClosedRange<Int64> = 1...(1 << 40)

  package init() {}

  package var isDefault: Bool { fields.isDefault }

  /// nil: one attempt (more only when a process dies under it).
  package var retry: RetryPolicy? {
    get { isDefault ? nil : fields.value.retry }
    set { fields.value.retry = newValue }
  }
  /// From the schedule to the first attempt. Not retried.
  package var scheduleToStartMS: Int64? {
    get { isDefault ? nil : fields.value.scheduleToStartMS }
    set { fields.value.scheduleToStartMS = newValue }
  }
  /// One attempt. Retried like any failure.
  package var startToCloseMS: Int64? {
    get { isDefault ? nil : fields.value.startToCloseMS }
    set { fields.value.startToCloseMS = newValue }
  }
  /// Everything: waiting, attempts, pauses.
  package var scheduleToCloseMS: Int64? {
    get { isDefault ? nil : fields.value.scheduleToCloseMS }
    set { fields.value.scheduleToCloseMS = newValue }
  }
  /// Between two heartbeats of an attempt. Retried like any failure.
  package var heartbeatMS: Int64? {
    get { isDefault ? nil : fields.value.heartbeatMS }
    set { fields.value.heartbeatMS = newValue }
  }
  /// Only runtimes that serve this tag run it; nil: those that serve untagged work.
  package var tag: String? {
    get { isDefault ? nil : fields.value.tag }
    set { fields.value.tag = newValue }
  }
  /// Activities of one session run on one runtime, as long as that one lives.
  package var session: String? {
    get { isDefault ? nil : fields.value.session }
    set { fields.value.session = newValue }
  }
  /// Higher ones first.
  package var priority: Int64 {
    get { isDefault ? 0 : fields.value.priority }
    set { fields.value.priority = newValue }
  }
}

/// Whether and when a failed attempt is followed by another.
package struct RetryPolicy: Hashable, Sendable {
  package enum Backoff: String, Hashable, Sendable, CaseIterable {
    case none, fixed, linear, exponential
  }

  /// All attempts, the first included; 0: no limit.
  package var maxAttempts: Int64 = 3
  package var backoff = Backoff.exponential
  package var initialIntervalMS: Int64 = 100
  /// Of exponential back-off: each pause is this part of the one before it.
  package var coefficientPercent: Int64 = 200
  package var maxIntervalMS: Int64 = 30_000
  /// Up to this part of a pause is left out, so that those who failed together do not come back together.
  package var jitterPercent: Int64 = 0
  /// Failures of these types end the activity at once.
  package var nonRetryableTypes: [String] = []

  package static let maxAttemptsRange: ClosedRange<Int64> = 0...1_000_000
  package static let coefficientRange: ClosedRange<Int64> = 100...100_000

  package init() {}

  /// The pause after the `failed`-th failed attempt, without jitter.
  ///
  ///     none 0 · fixed d · linear d * n · exponential d * c^(n - 1); never above maxIntervalMS
  package func intervalMS(after failed: Int64) -> Int64 {
    let number = max(failed, 1)
    switch backoff {
    case .none: return 0
    case .fixed: return min(initialIntervalMS, maxIntervalMS)
    case .linear:
      let (product, overflow) = initialIntervalMS.multipliedReportingOverflow(by: number)
      return overflow ? maxIntervalMS : min(product, maxIntervalMS)
    case .exponential:
      var interval = Double(initialIntervalMS)
      for _ in 1..<min(number, 10_000) where interval < Double(maxIntervalMS) {
        interval *= Double(coefficientPercent) / 100
        if coefficientPercent == 100 { break }
      }
      return interval >= Double(maxIntervalMS) ? maxIntervalMS : Int64(interval)
    }
  }
}

/// What an activity that nobody holds waits for.
package enum ActivityWait: Hashable, Sendable {
  case notStarted
  case betweenAttempts
  /// Somebody outside is to complete the attempt that began then and gave its last heartbeat then.
  case deferred(startedAt: TimestampMS, beatAt: TimestampMS)
}

/// What follows a failed attempt.
package enum RetryVerdict: Hashable, Sendable {
  /// Another attempt, not before this moment.
  case retry(at: TimestampMS)
  /// The failure is the result.
  case end
}

extension ActivityTask {
  /// When it must have been begun, and when it must have ended; nil: no such limit.
  package var startBy: TimestampMS? { options.scheduleToStartMS.map { scheduledAt &+ $0 } }
  package var closeBy: TimestampMS? { options.scheduleToCloseMS.map { scheduledAt &+ $0 } }

  /// When its time is over although nobody holds it; nil: never.
  package func expiresAt(_ wait: ActivityWait) -> TimestampMS? {
    switch wait {
    case .notStarted: soonest(startBy, closeBy)
    case .betweenAttempts: closeBy
    case .deferred(let startedAt, let beatAt):
      soonest(
        closeBy,
        soonest(
          options.startToCloseMS.map { startedAt &+ $0 },
          options.heartbeatMS.map { max(startedAt, beatAt) &+ $0 }))
    }
  }

  /// What is to be done at that time. nil: it is not over yet.
  ///
  /// - isServed: some living runtime takes such work.
  package func expiry(_ wait: ActivityWait, now: TimestampMS, isServed: Bool) -> (Failure, RetryVerdict)? {
    if case .notStarted = wait, let startBy, startBy <= now {
      return (.timeout(.scheduleToStart, of: self, isServed: isServed), .end)
    }
    if let closeBy, closeBy <= now { return (.timeout(.scheduleToClose, of: self), .end) }
    guard case .deferred(let startedAt, let beatAt) = wait else { return nil }
    var limit: ActivityTimeout?
    if let length = options.heartbeatMS, max(startedAt, beatAt) &+ length <= now { limit = .heartbeat }
    if let length = options.startToCloseMS, startedAt &+ length <= now { limit = .startToClose }
    guard let limit else { return nil }
    let failure = Failure.timeout(limit, of: self)
    return (failure, verdict(on: failure, now: now))
  }

  /// What follows when this attempt has failed. The rule is here so that all who apply it agree: the runtime
  /// that ran it, and the store for attempts that are completed from elsewhere.
  package func verdict(on failure: Failure, now: TimestampMS) -> RetryVerdict {
    guard let retry = options.retry, !failure.isNonRetryable, failure.type != FailureType.poison,
      !retry.nonRetryableTypes.contains(where: { ExactText($0) == ExactText(failure.type) })
    else { return .end }
    let failed = failures &+ 1
    if retry.maxAttempts != 0, failed >= retry.maxAttempts { return .end }
    let pause = failure.retryAfterMS ?? jittered(retry.intervalMS(after: failed), retry)
    let at = now &+ min(max(pause, 0), ActivityOptions.durationRangeMS.upperBound)
    if let closeBy, at >= closeBy { return .end }
    return .retry(at: at)
  }

  /// Derived from the key and the attempt: no randomness is needed to keep tasks apart.
  private func jittered(_ interval: Int64, _ retry: RetryPolicy) -> Int64 {
    guard retry.jitterPercent > 0, interval > 0 else { return interval }
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func take(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    for byte in "\(key.instance)/\(key.execution)/\(key.action)/\(attempt)".utf8 { take(byte) }
    // The last bytes hardly reach the upper bits by themselves.
    hash = (hash ^ hash >> 33) &* 0xff51_afd7_ed55_8ccd
    hash ^= hash >> 33
    let part = Double(hash >> 11) * 0x1p-53 * Double(min(retry.jitterPercent, 100)) / 100
    return interval - Int64(Double(interval) * part)
  }
}
