package import PerdureModel
import PerdureReplay

extension Dispatcher {
  /// A host finished an activity. Answers whether the result is of use.
  ///
  /// - token: of the claim that the task carried.
  package mutating func activityEnded(
    _ key: ActivityKey, token: Int64, _ outcome: Outcome, now: TimestampMS
  ) -> Bool {
    // Also when nobody wants the result: its slot is free, and a stop may have waited for it.
    defer { pump(now) }
    guard let claim = desk.end(key, token: token) else { return false }
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

  mutating func pumpActivities() {
    while let task = desk.next() { effects.append(.runActivity(task)) }
    guard backlog.mayHaveActivities, !backlog.isClaimingActivities, desk.wantsMore else { return }
    let names = registry.activities
    guard !names.isEmpty else { return }
    backlog.isClaimingActivities = true
    if backlog.mayHaveUnheld { return write(.releaseUnheldActivities(held: claimsHeld)) }
    backlog.mayHaveActivities = false
    write(
      .claimActivities(
        activities: names, limit: min(Limits.activitiesHeld, max(settings.activitySlots * 4, 64))))
  }

  mutating func activitiesClaimed(_ outcome: WriteOutcome, limit: Int, _ now: TimestampMS) {
    backlog.isClaimingActivities = false
    switch outcome {
    case .activities(let tasks):
      for task in tasks { desk.enqueue(task) }
      if tasks.count >= limit { backlog.mayHaveActivities = true }
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

  mutating func unheldReleased(_ outcome: WriteOutcome, _ now: TimestampMS) {
    backlog.isClaimingActivities = false
    if case .failed = outcome { return claimActivitiesLater(now) }
    backlog.mayHaveUnheld = false
    backlog.mayHaveActivities = true
  }

  /// The tick at that moment looks at activities too.
  private mutating func claimActivitiesLater(_ now: TimestampMS) {
    backlog.mayHaveActivities = false
    backlog.instancesDueAt = min(backlog.instancesDueAt ?? .max, now + 1_000)
  }

  /// All claims that are ours, with those of turns that are on the way to the store.
  private var claimsHeld: [ActivityKey: ActivityClaim] {
    var claims = desk.held
    for case let commit? in held.values.map({ $0.commit }) {
      for task in commit.scheduled { claims[task.key] = task.claim ?? claims[task.key] }
    }
    return claims
  }

  /// The instance is another node's: what ran here goes to it as messages.
  mutating func forwardResults(_ held: Held) {
    for case .activity(let finished, let execution, let outcome) in held.results {
      let key = ActivityKey(instance: held.instance, execution: execution, action: finished.action)
      forward(key, finished.claim, outcome)
    }
  }

  private mutating func forward(_ key: ActivityKey, _ claim: ActivityClaim, _ outcome: Outcome) {
    desk.forward(key)
    write(.activityEnded(key, claim, outcome))
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
    } else if case .activityEnded(let key, _, _) = write {
      desk.free(key)
    } else if case .releaseActivities = write {
      // Others may take them, and so may we.
      backlog.mayHaveActivities = true
    }
  }

  /// Instances that came back to us in the meantime are not given up.
  mutating func rewrite(_ late: Write) {
    guard case .releaseInstances(let instances) = late else { return write(late) }
    let gone = instances.filter { held[ExactText($0)] == nil }
    if !gone.isEmpty { write(.releaseInstances(gone)) }
  }
}
