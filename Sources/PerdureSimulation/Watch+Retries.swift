import PerdureModel
import PerdureStore

/// What follows failed attempts, and limits of time.
extension Watch {
  mutating func retried(
    _ key: ActivityKey, _ claim: ActivityClaim, _ failure: Failure, _ at: TimestampMS, _ heartbeat: Payload?,
    _ clock: TimestampMS
  ) {
    let name = Self.name(key)
    guard let row = rows[key], row.claim == claim else {
      return require(false, "A failure of \(name) was taken under a claim that is not the one of its row.")
    }
    checkTimeout(key, .failed(failure), clock)
    let began = begun[Run(key: key, claim: claim)] ?? clock
    let earliest = began + Self.pause(row, failure)
    require(at >= earliest, "\(name) is tried again at \(at), \(earliest - at) ms too early.")
    failed(key, failure, from: at)
    if let heartbeat { rows[key]?.heartbeat = heartbeat }
  }

  /// An operator wants the next attempt now.
  mutating func hurried(_ key: ActivityKey, _ lost: ActivityClaim?, _ now: TimestampMS) {
    guard var row = rows[key] else {
      return require(false, "\(Self.name(key)) is to be tried again, but is not pending.")
    }
    change(key.instance) { $0.isMeddledWith = true }
    require(lost == row.claim, "\(Self.name(key)) was taken from another one than the node that holds it.")
    if row.claim != nil || row.deferredBeatAt != nil {
      row.failures += 1
      row.claim = nil
      row.isUnrun = false
      row.deferredBeatAt = nil
      row.visibleFrom = now
    } else {
      row.visibleFrom = min(row.visibleFrom, now)
    }
    rows[key] = row
  }

  /// Another attempt follows.
  mutating func failed(_ key: ActivityKey, _ failure: Failure, from moment: TimestampMS) {
    guard var row = rows[key] else { return }
    let name = Self.name(key)
    let limit = row.task.options.retry.map { $0.maxAttempts } ?? 1
    row.failures += 1
    require(
      limit == 0 || row.failures < limit,
      "\(name) is tried again after \(row.failures) failures of at most \(limit) attempts.")
    let isFinal = row.task.options.retry?.nonRetryableTypes.contains(failure.type) == true
    require(
      !failure.isNonRetryable && !isFinal, "\(name) is tried again after a failure that is not to be retried."
    )
    row.claim = nil
    row.isUnrun = false
    row.deferredBeatAt = nil
    row.visibleFrom = moment
    rows[key] = row
  }

  /// The shortest pause that the policy lets be.
  static func pause(_ row: Row, _ failure: Failure) -> Int64 {
    if let own = failure.retryAfterMS { return own }
    guard let retry = row.task.options.retry else { return 0 }
    let number = row.failures + 1
    var pause = Double(retry.initialIntervalMS)
    switch retry.backoff {
    case .none: pause = 0
    case .fixed: break
    case .linear: pause *= Double(number)
    case .exponential:
      for _ in 1..<max(number, 1) where pause < Double(retry.maxIntervalMS) {
        pause *= Double(retry.coefficientPercent) / 100
      }
    }
    let longest = Int64(min(pause, Double(retry.maxIntervalMS)))
    return longest - longest * retry.jitterPercent / 100 - (retry.jitterPercent > 0 ? 1 : 0)
  }

  // MARK: Limits of time

  /// A failure that says that a limit has passed: by the clock of the node that writes it, it has.
  mutating func checkTimeout(_ key: ActivityKey, _ outcome: Outcome, _ clock: TimestampMS) {
    guard case .failed(let failure) = outcome, failure.type == FailureType.timeout, let row = rows[key],
      let limit = Self.limit(failure)
    else { return }
    let options = row.task.options
    let run = row.claim.map { Run(key: key, claim: $0) }
    // An activity of an older life of the instance may have had the same claim.
    if let run, goneRuns.contains(run) { return }
    let began = run.flatMap { begun[$0] }
    var due: TimestampMS?
    switch limit {
    case .scheduleToStart:
      require(began == nil, "\(Self.name(key)) ran out of time to begin after it had begun.")
      due = options.scheduleToStartMS.map { row.task.scheduledAt + $0 }
    case .scheduleToClose: due = options.scheduleToCloseMS.map { row.task.scheduledAt + $0 }
    case .startToClose: due = options.startToCloseMS.map { (began ?? .max / 2) + $0 }
    case .heartbeat:
      let last = run.flatMap { beaten[$0] } ?? began ?? .max / 2
      due = options.heartbeatMS.map { last + $0 }
    }
    checkDue(key, limit, due, clock)
  }

  private mutating func checkDue(
    _ key: ActivityKey, _ limit: ActivityTimeout, _ due: TimestampMS?, _ clock: TimestampMS
  ) {
    guard let due else {
      return require(false, "\(Self.name(key)) ran over a limit, \(limit.rawValue), that it does not have.")
    }
    require(
      due <= clock, "The limit \(limit.rawValue) of \(Self.name(key)) was applied \(due - clock) ms early.")
  }

  static func limit(_ failure: Failure) -> ActivityTimeout? {
    ActivityTimeout.allCases.first { failure.details == .object([("timeout", $0.rawValue)]) }
  }

  /// Activities that nobody held and whose time was over: the books say which, and what follows.
  mutating func expired(_ deliveries: [Delivery], _ now: TimestampMS, _ store: SimStore) {
    for delivery in deliveries {
      deliver(delivery, in: store)
      guard case .activityEnded(let execution, let action, let outcome) = delivery.message.kind else {
        require(false, "A limit of time sent another message than an activity's end.")
        continue
      }
      let key = ActivityKey(instance: delivery.instance, execution: execution, action: action)
      guard let row = rows[key] else {
        require(false, "\(Self.name(key)) ran out of time though nobody waits for it.")
        continue
      }
      require(row.claim == nil, "\(Self.name(key)) was ended for want of time while a node holds it.")
      checkExpiry(key, row, outcome, now)
      rows[key] = nil
    }
    for (key, row) in rows.sorted(by: { $0.key.action < $1.key.action }) where row.claim == nil {
      guard let (failure, end) = dueDeferral(row, now) else { continue }
      require(now < end, "\(Self.name(key)) is over its time and was not ended.")
      failed(key, failure, from: now + Self.pause(row, failure))
    }
  }

  private mutating func checkExpiry(
    _ key: ActivityKey, _ row: Row, _ outcome: Outcome, _ now: TimestampMS
  ) {
    guard case .failed(let failure) = outcome, let limit = Self.limit(failure) else {
      return require(false, "\(Self.name(key)) ended for want of time, but its failure does not say so.")
    }
    let options = row.task.options
    var due: TimestampMS?
    switch limit {
    case .scheduleToStart:
      require(
        row.isUnrun && row.attempt == 1, "\(Self.name(key)) ran out of time to begin after it had begun.")
      due = options.scheduleToStartMS.map { row.task.scheduledAt + $0 }
    case .scheduleToClose: due = options.scheduleToCloseMS.map { row.task.scheduledAt + $0 }
    case .startToClose:
      due = row.deferredBeatAt == nil ? nil : options.startToCloseMS.map { row.claimedAt + $0 }
    case .heartbeat:
      due = row.deferredBeatAt.flatMap { beat in options.heartbeatMS.map { max(beat, row.claimedAt) + $0 } }
    }
    checkDue(key, limit, due, now)
  }

  /// An attempt at somebody outside whose time is over, and when all of the activity is.
  private func dueDeferral(_ row: Row, _ now: TimestampMS) -> (Failure, end: TimestampMS)? {
    guard let beat = row.deferredBeatAt else { return nil }
    let options = row.task.options
    var limit: ActivityTimeout?
    if let length = options.heartbeatMS, max(beat, row.claimedAt) + length <= now { limit = .heartbeat }
    if let length = options.startToCloseMS, row.claimedAt + length <= now { limit = .startToClose }
    guard let limit else { return nil }
    let end = options.scheduleToCloseMS.map { row.task.scheduledAt + $0 } ?? .max
    return (Failure.timeout(limit, of: row.task), end)
  }

  /// Somebody outside ended an attempt.
  mutating func completed(
    _ token: CompletionToken, _ outcome: Outcome, _ receipt: StoreReceipt, _ now: TimestampMS,
    _ store: SimStore
  ) {
    require(
      rows[token.key]?.isOpen(to: token.token) == true,
      "\(Self.name(token.key)) was answered under token \(token.token), which is not the one of its attempt.")
    guard let row = rows[token.key] else { return }
    if case .posted(let delivery) = receipt {
      rows[token.key] = nil
      return deliver(delivery, in: store)
    }
    guard case .failed(let failure) = outcome else {
      return require(false, "\(Self.name(token.key)) was completed and is tried again.")
    }
    failed(token.key, failure, from: now + Self.pause(row, failure))
  }
}
