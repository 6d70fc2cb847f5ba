package import PerdureModel
import Synchronization

/// A turn that is out at a host: to be answered exactly once.
package final class TurnTicket: Sendable {
  package let request: TurnRequest
  private let runtime: Runtime
  private let isDone = Atomic(false)

  init(_ request: TurnRequest, _ runtime: Runtime) {
    self.request = request
    self.runtime = runtime
  }

  /// false: it was answered before.
  package func answer(_ answer: TurnAnswer) -> Bool {
    guard !isDone.exchange(true, ordering: .relaxed) else { return false }
    runtime.post(.turnAnswered(request.instance, answer))
    return true
  }

  package func fail(_ failure: Failure) -> Bool {
    guard !isDone.exchange(true, ordering: .relaxed) else { return false }
    runtime.post(.turnFailed(request.instance, failure))
    return true
  }
}

/// An activity that is out at a host: to be answered exactly once.
package final class ActivityTicket: Sendable {
  package let task: ActivityTask
  private let runtime: Runtime
  private let isDone = Atomic(false)
  private let cancelled = Atomic(false)

  init(_ task: ActivityTask, _ runtime: Runtime) {
    self.task = task
    self.runtime = runtime
  }

  /// The result is no longer wanted.
  package var isCancelled: Bool { cancelled.load(ordering: .relaxed) }

  func cancel() { cancelled.store(true, ordering: .relaxed) }

  /// false: it was answered before.
  package func end(_ outcome: Outcome) -> Bool {
    guard !isDone.exchange(true, ordering: .relaxed) else { return false }
    runtime.post(.activityEnded(self, outcome))
    return true
  }
}
