import PerdureDispatch
import PerdureModel

/// Attempts at activities: when they do their work, and when they are heard of again.
///
///     fate       the host runs it     its end
///     (none)     at the begin         recorded when its time is over
///     late       at the end           recorded then
///     lost       at the begin         the process dies when its time is over
///     fails      never                a failure of type perdure.Injected
///     failsLate  at the begin         the same failure
///
/// One that is cancelled before the host has run it never does its work; one that has done it has done it.
extension Rehearsal {
  static let injectedType = "perdure.Injected"

  func begin(_ task: ActivityTask, _ process: Process) {
    guard let claimed = task.claimed else { return }
    let name = Self.name(of: task.name, task.key) + ", attempt \(task.attempt)"
    let fate = decider.attempt(name)
    let length = decider.delay(
      "\(name) takes", neutral: Self.workMS, untilNext: untilNext(), isSlow: true)
    let attempt = Attempt(
      task, claimed, name: name, fate: fate, token: nextToken(), endsAt: now &+ length)
    process.attempts[claimed] = attempt
    switch fate {
    case .fails: after(length, .end(attempt))
    case .late: after(length, .work(attempt))
    default: work(attempt)
    }
  }

  /// `charge 1 of order-7`: the same in every run.
  static func name(of activity: String, _ key: ActivityKey) -> String {
    let execution = key.execution == 1 ? "" : " (execution \(key.execution))"
    return "\(activity) \(key.action) of \(key.instance)\(execution)"
  }

  /// Lets the host run it, if anybody still wants it.
  func work(_ attempt: Attempt) {
    guard !attempt.isCancelled else { return }
    let deadline = soonest(attempt.task.closeBy, attempt.task.options.startToCloseMS.map { now &+ $0 })
    works.append(.activity(attempt.token, attempt.task, deadline: deadline))
  }

  /// The host has run it.
  func worked(_ attempt: Attempt, _ outcome: Outcome?, _ heartbeat: Payload?) {
    attempt.hasWorked = true
    attempt.outcome = outcome
    if let heartbeat, let process {
      _ = process.dispatcher.activityBeat(attempt.claimed, heartbeat, now: now)
      settle()
    }
    after(attempt.endsAt &- now, .end(attempt))
  }

  /// Its time is over.
  func end(_ attempt: Attempt) {
    guard let process, process.attempts.removeValue(forKey: attempt.claimed) != nil else { return }
    note("end", attempt.name)
    switch attempt.fate {
    case .lost: return crash()
    case .fails, .failsLate:
      let failure = Failure(
        type: Self.injectedType, message: "the simulation lets this attempt of '\(attempt.task.name)' fail")
      _ = process.dispatcher.activityEnded(attempt.claimed, .failed(failure), now: now)
    default:
      if let outcome = attempt.outcome {
        _ = process.dispatcher.activityEnded(attempt.claimed, outcome, now: now)
      } else {
        _ = process.dispatcher.activityDeferred(attempt.claimed, now: now)
      }
    }
    settle()
  }

  /// Nobody wants its result any more. What has not done its work never will.
  func cancel(_ claimed: ClaimedActivity, _ process: Process) {
    guard let attempt = process.attempts[claimed], !attempt.isCancelled else { return }
    attempt.isCancelled = true
    guard !attempt.hasWorked else { return }
    process.attempts[claimed] = nil
    works.removeAll { work in
      if case .activity(let token, _, _) = work { token == attempt.token } else { false }
    }
    let failure = Failure(type: FailureType.cancelled, message: "nobody wants the result")
    _ = process.dispatcher.activityEnded(claimed, .failed(failure), now: now)
  }
}
