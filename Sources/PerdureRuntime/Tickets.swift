package import PerdureModel
import PerdureReplay
import Synchronization

/// What became of an answer to a ticket.
package enum TicketAnswer: Sendable {
  case taken
  /// It breaks the rules of docs/wire-format.md; the turn counts as failed.
  case refused(String)
  /// It was answered before.
  case isGone
  /// The runtime has ended, or the work was given up: the answer is of no use.
  case stale
}

/// A turn that is out at a host: to be answered exactly once.
package final class TurnTicket: Sendable {
  package let request: TurnRequest
  private let runtime: Runtime
  private let isDone = Atomic(false)

  init(_ request: TurnRequest, _ runtime: Runtime) {
    self.request = request
    self.runtime = runtime
  }

  package func answer(_ answer: TurnAnswer) -> TicketAnswer {
    do throws(TurnFault) {
      try AnswerCheck.run(answer, of: request)
    } catch {
      guard case .protocolViolation(let message) = error else { return .stale }
      let failed = fail(Failure(type: FailureType.protocolViolation, message: message))
      return if case .taken = failed { .refused(message) } else { failed }
    }
    return post(.turnAnswered(request, answer))
  }

  package func fail(_ failure: Failure) -> TicketAnswer { post(.turnFailed(request, failure)) }

  private func post(_ input: RuntimeInput) -> TicketAnswer {
    guard !isDone.exchange(true, ordering: .relaxed) else { return .isGone }
    return runtime.post(input) ? .taken : .stale
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

  package func end(_ outcome: Outcome) -> TicketAnswer {
    guard !isDone.exchange(true, ordering: .relaxed) else { return .isGone }
    let isWanted = !isCancelled
    return runtime.post(.activityEnded(self, outcome)) && isWanted ? .taken : .stale
  }
}
