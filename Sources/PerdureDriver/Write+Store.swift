package import PerdureDispatch
package import PerdureModel
package import PerdureStore

// What whoever drives a dispatcher says to a store for it, and tells it of the answer.

extension Write {
  /// - node: who writes.
  package func entry(node: NodeID, now: TimestampMS) -> StoreEntry {
    switch self {
    case .turn(let commit, _): .turn(commit)
    case .claimInstances(let orchestrations, let limit):
      .claimInstances(node: node, orchestrations: orchestrations, limit: limit, now: now)
    case .claimInstance(let instance): .claimInstance(node: node, instance: instance)
    case .claimActivities(let filter, let limit):
      .claimActivities(node: node, filter: filter, limit: limit, now: now)
    case .releaseInstances(let instances): .releaseInstances(node: node, instances: instances)
    case .releaseActivities(let tasks):
      .releaseActivities(
        tasks.compactMap { task in task.claim.map { ClaimedActivity(key: task.key, claim: $0) } })
    case .releaseUnheldActivities(let held):
      .releaseUnheldActivities(
        node: node, held: held.map { ClaimedActivity(key: $0.key, claim: $0.value) })
    case .activityEnded(let key, let claim, let outcome):
      .activityEnded(key, claim: claim, outcome: outcome, now: now)
    case .activityRetry(let key, let claim, let failure, let retryAt, let heartbeat):
      .activityRetry(key, claim: claim, failure: failure, retryAt: retryAt, heartbeat: heartbeat)
    case .activityHeartbeat(let key, let claim, let details):
      .activityHeartbeat(key, claim: claim, details: details)
    case .deferActivity(let key, let claim, let heartbeat):
      .deferActivity(key, claim: claim, heartbeat: heartbeat, now: now)
    case .expireActivities(let limit): .expireActivities(limit: limit, now: now)
    case .sweep(let limit): .sweep(limit: limit, now: now)
    case .quarantine(let instance, let revision, let failure):
      .quarantine(instance, revision: revision, failure: failure, now: now)
    }
  }
}

extension WriteOutcome {
  package init(_ outcome: StoreOutcome) {
    switch outcome {
    case .success(let receipt):
      switch receipt {
      // The children of a turn are told of with everybody else's.
      case .turned(let turn): self = .turned(hasWaitingMessages: turn.hasWaitingMessages)
      case .instances(let instances): self = .instances(instances)
      case .activities(let tasks, let damaged, let pausedUntil):
        self = .activities(tasks, damaged: damaged, pausedUntil: pausedUntil)
      case .delivered(let deliveries): self = .expired(deliveries.count)
      case .swept(_, let next): self = .swept(next: next)
      case .done, .posted, .deleted, .existing, .restarted, .reset, .kept, .known, .controlled, .pruned,
        .activityChanged:
        self = .done
      }
    case .failure(let refusal):
      switch refusal {
      case .notFound: self = .notFound
      case .owned: self = .owned
      case .failed(let error): self.init(error)
      case .conflict, .alreadyExists, .wrongStatus, .staleClaim, .isChild, .inboxFull: self = .conflict
      }
    }
  }

  /// The group failed as a whole. A file system that became read-only may be mounted anew: until then nothing
  /// is given up.
  package init(_ error: StoreError) {
    self = .failed(message: error.message, isTransient: error.isTransient || error.code == .readOnly)
  }
}
