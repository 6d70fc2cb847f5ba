package import PerdureModel
import PerdureReplay

extension Dispatcher {
  /// A host finished an activity. Answers whether the result is of use.
  ///
  /// - token: of the claim that the task carried.
  package mutating func activityEnded(
    _ key: ActivityKey, token: Int64, _ outcome: Outcome, now: TimestampMS
  ) -> Bool {
    guard let claim = desk.end(key, token: token) else { return false }
    defer { pump(now) }
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
    backlog.mayHaveActivities = false
    backlog.isClaimingActivities = true
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
    case .failed: backlog.instancesDueAt = min(backlog.instancesDueAt ?? .max, now + 1_000)
    default: break
    }
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
    }
  }

  /// Instances that came back to us in the meantime are not given up.
  mutating func rewrite(_ late: Write) {
    guard case .releaseInstances(let instances) = late else { return write(late) }
    let gone = instances.filter { held[ExactText($0)] == nil }
    if !gone.isEmpty { write(.releaseInstances(gone)) }
  }
}
