package import PerdureModel
import PerdureReplay

extension Dispatcher {
  /// A host finished an activity. Answers whether the result is of use.
  ///
  /// - attempt: with the claim that the task carried.
  package mutating func activityEnded(
    _ attempt: ClaimedActivity, _ outcome: Outcome, now: TimestampMS
  ) -> Bool {
    // Also when nobody wants the result: its slot is free, and a stop may have waited for it.
    defer { pump(now) }
    guard let ended = desk.end(attempt) else { return false }
    pace.note(now)
    return attemptEnded(ended, outcome, now)
  }

  /// A host says that the attempt goes on elsewhere. Answers whether anybody waits for it.
  package mutating func activityDeferred(_ attempt: ClaimedActivity, now: TimestampMS) -> Bool {
    defer { pump(now) }
    guard let ended = desk.end(attempt) else { return false }
    let (key, claim) = (attempt.key, attempt.claim)
    desk.forward(key, claim)
    settle(key, claim, .deferActivity(key, claim, heartbeat: ended.heartbeat))
    return true
  }

  /// A host tells of progress. Answers whether the result is still wanted.
  package mutating func activityBeat(
    _ attempt: ClaimedActivity, _ details: Payload, now: TimestampMS
  ) -> Bool {
    let beat = desk.beat(attempt, details, now)
    if beat.mustWrite { write(.activityHeartbeat(attempt.key, attempt.claim, details)) }
    return beat.isWanted
  }

  mutating func heartbeatWritten(
    _ key: ActivityKey, _ claim: ActivityClaim, _ outcome: WriteOutcome, _ now: TimestampMS
  ) {
    switch outcome {
    case .conflict, .notFound: desk.lose(key, claim, now, into: &effects)
    default:
      if let details = desk.beatWritten(key, claim) { write(.activityHeartbeat(key, claim, details)) }
    }
  }

  /// An attempt ran out of time; the host has been told.
  mutating func activityTimedOut(_ ended: ActivityDesk.Ended, _ limit: ActivityTimeout, _ now: TimestampMS) {
    var failure = Failure.timeout(limit, of: ended.task)
    // Nothing follows these two, whatever the policy says.
    if limit == .scheduleToStart || limit == .scheduleToClose { failure.isNonRetryable = true }
    _ = attemptEnded(ended, .failed(failure), now)
  }

  /// The end of an attempt: another one follows, or the instance hears of it.
  private mutating func attemptEnded(
    _ ended: ActivityDesk.Ended, _ outcome: Outcome, _ now: TimestampMS
  ) -> Bool {
    let key = ended.task.key
    if ended.task.options.session != nil {
      backlog.sessionUsedAt = now
      awaitIdleSessions(now)
    }
    if case .failed(let failure) = outcome, case .retry(let at) = ended.task.verdict(on: failure, now: now) {
      log(
        .warn,
        // Its message is the user's, and may hold anything.
        "attempt \(ended.task.attempt) of activity '\(ended.task.name)' failed with \(failure.type) and is "
          + "followed by another", now, ended.task)
      desk.forward(key, ended.claim)
      settle(
        key, ended.claim,
        .activityRetry(key, ended.claim, failure, retryAt: at, heartbeat: ended.heartbeat))
      return true
    }
    return report(key, ended.claim, outcome)
  }

  /// Hands a result to its instance.
  private mutating func report(_ key: ActivityKey, _ claim: ActivityClaim, _ outcome: Outcome) -> Bool {
    guard isRunning else {
      forward(key, claim, outcome)
      return true
    }
    let finished = FinishedActivity(action: key.action, claim: claim)
    let result = Incoming.activity(finished, execution: key.execution, outcome: outcome)
    if let held = held[ExactText(key.instance)] {
      held.incoming.append(result)
      becameReady(held)
      return held.state.map { $0.execution == key.execution } ?? true
    }
    let held = Held(instance: key.instance, phase: .loading, revision: 0, start: nil)
    held.incoming.append(result)
    hold(held)
    write(.claimInstance(key.instance))
    return true
  }

  mutating func pumpActivities(_ now: TimestampMS) {
    while let task = desk.next(now) { effects.append(.runActivity(task)) }
    if backlog.mayHaveExpired, !backlog.isExpiring {
      backlog.mayHaveExpired = false
      backlog.isExpiring = true
      write(.expireActivities(limit: Limits.expiriesPerWrite))
    }
    if backlog.leftOut.contains(where: { desk.welcomes($0) }) { backlog.mayHaveActivities = true }
    guard backlog.mayHaveActivities, !backlog.isClaimingActivities,
      backlog.isCautious ? desk.freeSlots > 0 : desk.wantsMore
    else { return }
    guard !filter.names.isEmpty else { return }
    if backlog.mayHaveUnheld {
      backlog.isClaimingActivities = true
      return write(.releaseUnheldActivities(held: claimsHeld))
    }
    claimActivities(now)
  }

  /// How many activities are worth holding. What waits here waits while other processes may be idle, and
  /// counts as lost if this one dies: beside others that is no more than what was done in a twentieth of a
  /// second of late.
  mutating func share(_ now: TimestampMS) -> Int {
    guard isShared else { return Limits.activitiesHeld }
    return min(Limits.activitiesHeld, max(settings.activitySlots * 2, pace.recent(now) / 5))
  }

  /// What a turn makes goes to the store and waits its turn there, as long as older work does.
  func isBehind(_ now: TimestampMS) -> Bool {
    backlog.isBehind || backlog.openSince.map { now - $0 >= Self.patienceMS } ?? false
  }

  private static let patienceMS: Int64 = 1_000

  /// Names of which enough are held already are left to others, and asked for when there is room again.
  private mutating func claimActivities(_ now: TimestampMS) {
    backlog.mayHaveActivities = false
    backlog.openSince = nil
    var welcome = filter
    if !registry.limits.isEmpty {
      welcome.names = filter.names.filter { desk.welcomes($0) }
      backlog.leftOut = filter.names.filter { !desk.welcomes($0) }
    }
    guard !welcome.names.isEmpty else { return }
    backlog.isClaimingActivities = true
    let most = isShared ? share(now) - desk.count : max(settings.activitySlots * 4, 64)
    let many = max(1, min(Limits.activitiesHeld, most))
    write(.claimActivities(welcome, limit: backlog.isCautious ? min(desk.freeSlots, many) : many))
  }

  mutating func activitiesClaimed(_ outcome: WriteOutcome, limit: Int, _ now: TimestampMS) {
    backlog.isClaimingActivities = false
    switch outcome {
    case .activities(let tasks, let damaged, let pausedUntil):
      backlog.isCautious = tasks.contains { $0.losses > 0 }
      for task in tasks { take(task, now) }
      for found in damaged { quarantined(found, now) }
      awaitIdleSessions(now)
      if let pausedUntil { awaitDue(at: pausedUntil) }
      // Behind rows that cannot be read there may be others.
      backlog.isBehind = tasks.count >= limit
      if tasks.count >= limit || !damaged.isEmpty { backlog.mayHaveActivities = true }
      if !isRunning {
        let unrun = desk.takeQueue()
        if !unrun.isEmpty { write(.releaseActivities(unrun)) }
      }
    case .failed:
      backlog.mayHaveUnheld = true
      claimActivitiesLater(now)
    default: break
    }
  }

  /// The store quarantined it; what we hold of it is void.
  private mutating func quarantined(_ found: DamagedInstance, _ now: TimestampMS) {
    effects.append(
      .log(
        LogRecord(
          at: now, level: .error, message: "quarantined: \(found.message)", instance: found.instance,
          node: settings.node)))
    guard let held = held[ExactText(found.instance)] else { return }
    forwardResults(held)
    giveBackUncertain(held)
    forget(held)
  }

  /// An activity under which process after process died is not tried for ever.
  private mutating func take(_ task: ActivityTask, _ now: TimestampMS) {
    if task.options.session != nil { backlog.sessionUsedAt = now }
    guard task.losses >= Limits.activityLosses, let claim = task.claim else {
      return desk.enqueue(task, now, into: &effects)
    }
    let message =
      "activity '\(task.name)' was begun \(task.attempt - 1) times, and \(task.losses) times its process died"
    log(.error, message, now, task)
    _ = report(
      task.key, claim, .failed(Failure(type: FailureType.poison, message: message, isNonRetryable: true)))
  }

  /// A session that is not used any more makes room for another one, and nobody tells: work that a claim
  /// passed over is asked for again when that may have happened.
  private mutating func awaitIdleSessions(_ now: TimestampMS) {
    guard let usedAt = backlog.sessionUsedAt else { return }
    let idle = filter.sessionIdleMS
    if now &- usedAt > 2 &* idle { return backlog.sessionUsedAt = nil }
    // The store counts from the commit of its last work, a little later than we do.
    awaitDue(at: now &+ max(idle / 4, 1))
  }

  mutating func activitiesExpired(_ outcome: WriteOutcome, limit: Int, _ now: TimestampMS) {
    backlog.isExpiring = false
    // Where instances are claimed, that follows the claim.
    if isRunning, registry.orchestrations.isEmpty || !hasRoom { findNextDue() }
    switch outcome {
    case .expired(let count) where count > 0:
      // Some may be open again.
      backlog.mayHaveActivities = true
      if count >= limit { backlog.mayHaveExpired = true }
    case .failed: awaitDue(at: now + 1_000)
    default: break
    }
  }

  /// Another process, or another runtime, may have cancelled what runs here.
  package mutating func checkClaims() {
    let running = desk.running
    if isRunning, !running.isEmpty {
      effects.append(.checkClaims(Dictionary(uniqueKeysWithValues: running.map { ($0.key, $0.claim) })))
    }
  }

  /// Answer to `.checkClaims`: those that are no longer valid.
  package mutating func claimsLost(_ claims: [ActivityKey: ActivityClaim], now: TimestampMS) {
    desk.lose(claims, now, into: &effects)
    pump(now)
  }

  mutating func unheldReleased(_ outcome: WriteOutcome, _ now: TimestampMS) {
    backlog.isClaimingActivities = false
    if case .failed = outcome { return claimActivitiesLater(now) }
    backlog.mayHaveUnheld = false
    backlog.mayHaveActivities = true
  }

  /// The tick at that moment looks at activities too.
  private mutating func claimActivitiesLater(_ now: TimestampMS) {
    backlog.mayHaveActivities = false
    awaitDue(at: now + 1_000)
  }

  /// All claims that are ours, with those of turns that are on the way to the store, and of results that no
  /// turn has taken: the desk does not have those that ran out of time.
  private var claimsHeld: [ActivityKey: ActivityClaim] {
    var claims = desk.held
    for held in held.values {
      for task in held.commit?.scheduled ?? [] { claims[task.key] = task.claim ?? claims[task.key] }
      for case .activity(let finished, let execution, _) in held.results {
        let key = ActivityKey(instance: held.instance, execution: execution, action: finished.action)
        claims[key] = claims[key] ?? finished.claim
      }
    }
    return claims.merging(unsettled) { ours, _ in ours }
  }

  /// The instance is another node's: what ran here goes to it as messages.
  mutating func forwardResults(_ held: Held) {
    for case .activity(let finished, let execution, let outcome) in held.results {
      let key = ActivityKey(instance: held.instance, execution: execution, action: finished.action)
      forward(key, finished.claim, outcome)
    }
  }

  mutating func forward(_ key: ActivityKey, _ claim: ActivityClaim, _ outcome: Outcome) {
    desk.forward(key, claim)
    settle(key, claim, .activityEnded(key, claim, outcome))
  }

  /// Writes what becomes of an attempt that is over. Until that is on disk the claim is ours.
  private mutating func settle(_ key: ActivityKey, _ claim: ActivityClaim, _ end: Write) {
    unsettled[key] = claim
    write(end)
  }

  /// For others to run: of these, what was scheduled as ours.
  mutating func giveBack(_ tasks: [ActivityTask]) {
    let claimed = tasks.filter { $0.claim != nil }
    if !claimed.isEmpty { write(.releaseActivities(claimed)) }
  }

  /// A turn of ours may have landed though the store said that it failed. Then activities are claimed for us
  /// that we have never held, and never will where its instance is forgotten.
  mutating func giveBackUncertain(_ held: Held) {
    if held.failures > 0, let commit = held.commit { giveBack(commit.scheduled) }
  }

  /// Frees the slots of results that are no longer on the way.
  mutating func freeSlots(of held: Held) {
    let onTheWay = held.results.compactMap { item -> ActivityKey? in
      guard case .activity(let finished, let execution, _) = item else { return nil }
      return ActivityKey(instance: held.instance, execution: execution, action: finished.action)
    }
    desk.recorded(held.instance, except: onTheWay)
  }

  /// These must not be lost. A stale claim or an instance that is gone ends them.
  mutating func rewriteIfFailed(_ write: Write, _ outcome: WriteOutcome, _ now: TimestampMS) {
    if case .failed(_, isTransient: true) = outcome {
      deferred.insert(write, at: now + 1_000)
      return
    }
    switch write {
    case .activityEnded(let key, let claim, _): settled(key, claim)
    case .activityRetry(let key, let claim, _, let at, _):
      settled(key, claim)
      awaitDue(at: at)
    case .deferActivity(let key, let claim, _):
      settled(key, claim)
      // It may have a time limit, which is the store's to keep from here on.
      findNextDue()
    case .releaseActivities:
      // Others may take them, and so may we.
      backlog.mayHaveActivities = true
    default: break
    }
  }

  private mutating func settled(_ key: ActivityKey, _ claim: ActivityClaim) {
    desk.free(key, claim)
    if unsettled[key] == claim { unsettled[key] = nil }
  }

  /// What came back to us in the meantime is not given up.
  mutating func rewrite(_ late: Write) {
    switch late {
    case .releaseInstances(let instances):
      let gone = instances.filter { held[ExactText($0)] == nil }
      if !gone.isEmpty { write(.releaseInstances(gone)) }
    case .releaseActivities(let tasks):
      // A turn that is run again claims what it makes under the same tokens.
      let ours = claimsHeld
      let gone = tasks.filter { ours[$0.key] != $0.claim }
      if !gone.isEmpty { write(.releaseActivities(gone)) }
    default: write(late)
    }
  }
}
