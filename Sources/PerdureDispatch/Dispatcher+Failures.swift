import PerdureModel
import PerdureReplay

/// What a turn that did not come to its end leads to.
extension Dispatcher {
  mutating func turnFailed(
    _ held: Held, _ type: String, _ message: String, logged: String, _ now: TimestampMS
  ) {
    held.turnFailures += 1
    unfold(held)
    guard held.turnFailures < Limits.turnFailures else {
      let cause = Failure(type: type, message: message)
      let text = "the host failed \(held.turnFailures) turns of this instance in a row: "
      return quarantine(
        held, Failure(type: FailureType.poison, message: text + message, cause: cause), logged: text + logged,
        now)
    }
    log(.warn, "a turn failed and is tried again: \(logged)", now, held)
    wait(held, held.turnFailures, now)
  }

  /// Puts back what a turn had taken; the next one builds the code anew.
  func unfold(_ held: Held) {
    held.incoming.insert(contentsOf: held.folding, at: 0)
    held.folding = []
    held.prepared = PreparedTurn()
    held.history = nil
    held.hostEvents = 0
  }

  mutating func wait(_ held: Held, _ failures: Int, _ now: TimestampMS) {
    held.phase = .waiting
    held.retryAt = now + Self.backoffMS(failures)
    retries.insert(held.instance, at: held.retryAt)
  }

  mutating func retry(_ instance: InstanceID, _ now: TimestampMS) {
    guard let held = held[ExactText(instance)], held.phase == .waiting, held.retryAt <= now else { return }
    if let commit = held.commit {
      commitTurn(held, commit)
    } else if held.state == nil && held.start == nil {
      reload(held)
    } else {
      settle(held)
    }
  }

  mutating func quarantine(
    _ held: Held, _ failure: Failure, logged: String, _ now: TimestampMS
  ) {
    log(.error, "quarantined: \(logged)", now, held)
    unfold(held)
    held.phase = .committing
    write(.quarantine(held.instance, held.revision, failure))
  }

  /// Ends the instance without its code.
  mutating func endNow(_ held: Held, _ end: TurnEndKind, _ now: TimestampMS) {
    guard let commit = held.state?.conclude(ending: end, revision: held.revision, now: now) else {
      return reload(held)
    }
    commitTurn(held, assign(commit, held))
  }

  /// The code and its history differ.
  mutating func differs(_ held: Held, _ report: Nondeterminism, _ now: TimestampMS) {
    guard settings.failsNondeterminism else {
      return quarantine(held, report.failure, logged: report.logged, now)
    }
    log(.error, "failed: \(report.logged)", now, held)
    unfold(held)
    endNow(held, .failed(report.failure), now)
  }

  mutating func quarantined(_ instance: InstanceID, _ outcome: WriteOutcome, _ now: TimestampMS) {
    guard let held = held[ExactText(instance)], held.phase == .committing else { return }
    switch outcome {
    case .done:
      forwardResults(held)
      forget(held)
    case .notFound: forget(held)
    case .failed:
      held.failures += 1
      held.state = nil
      held.start = nil
      wait(held, held.failures, now)
    default:
      // Another runtime went on with it, or an operator changed it. Whoever finds it due takes it: to claim
      // it by name, and to find it unreadable once more, would never end.
      handBack(held)
      backlog.mayHaveInstances = true
    }
  }
}
