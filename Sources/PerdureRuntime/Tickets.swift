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

/// What a host made of something that is not a step of its instance: a query, a replay.
enum HostReply: Sendable {
  /// It has passed `AnswerCheck`.
  case answered(TurnAnswer)
  case failed(Failure)
}

/// A turn that is out at a host: to be answered exactly once.
package final class TurnTicket: Sendable {
  package let request: TurnRequest
  private let runtime: Runtime
  private let isDone = Atomic(false)
  private let handedOutNS = monotonicNowNS()
  /// Of a query or a replay: who asks. nil: the engine.
  private let asker: (@Sendable (HostReply) -> Void)?

  init(_ request: TurnRequest, _ runtime: Runtime, asker: (@Sendable (HostReply) -> Void)? = nil) {
    self.request = request
    self.runtime = runtime
    self.asker = asker
    runtime.account?.hold()
  }

  package func answer(_ answer: TurnAnswer) -> TicketAnswer {
    do throws(TurnFault) {
      try AnswerCheck.run(answer, of: request)
    } catch {
      guard case .protocolViolation(let message) = error else { return .stale }
      let failed = fail(Failure(type: FailureType.protocolViolation, message: message))
      return if case .taken = failed { .refused(message) } else { failed }
    }
    guard let asker else { return post(.turnAnswered(self, answer, tookNS: tookNS)) }
    return tell(asker, .answered(answer))
  }

  package func fail(_ failure: Failure) -> TicketAnswer {
    guard let asker else { return post(.turnFailed(self, failure, tookNS: tookNS)) }
    return tell(asker, .failed(failure))
  }

  private var tookNS: Int64 { monotonicNowNS() - handedOutNS }

  private func tell(_ asker: @Sendable (HostReply) -> Void, _ reply: HostReply) -> TicketAnswer {
    guard !isDone.exchange(true, ordering: .relaxed) else { return .isGone }
    asker(reply)
    runtime.account?.release()
    return .taken
  }

  private func post(_ input: RuntimeInput) -> TicketAnswer {
    guard !isDone.exchange(true, ordering: .relaxed) else { return .isGone }
    defer { runtime.account?.release() }
    return runtime.post(input) ? .taken : .stale
  }
}

/// An activity that is out at a host: to be answered exactly once.
package final class ActivityTicket: Sendable {
  package let task: ActivityTask
  /// When the first of its time limits ends the attempt.
  package let deadline: TimestampMS?
  private let runtime: Runtime
  private let isDone = Atomic(false)
  private let cancelled = Atomic(false)
  private let handedOutNS = monotonicNowNS()
  private let answeredNS = Atomic<Int64>(0)
  private let listener = Mutex<(@Sendable () -> Void)?>(nil)

  init(_ task: ActivityTask, _ runtime: Runtime, now: TimestampMS) {
    self.task = task
    self.runtime = runtime
    deadline = soonest(task.closeBy, task.options.startToCloseMS.map { now &+ $0 })
    runtime.account?.hold()
  }

  package var limits: LimitSettings { runtime.limits }

  /// From handing it out to the answer; nil: there is none yet.
  var tookNS: Int64? {
    let answered = answeredNS.load(ordering: .relaxed)
    return answered == 0 ? nil : answered - handedOutNS
  }

  /// The result is no longer wanted.
  package var isCancelled: Bool { cancelled.load(ordering: .acquiring) }

  func cancel() {
    guard !cancelled.exchange(true, ordering: .acquiringAndReleasing) else { return }
    take()?()
  }

  /// Calls `listener` once, when the result is no longer wanted; now if that is so already. It must not
  /// block. false: there is one already, or the ticket is answered.
  package func onCancel(_ listener: @escaping @Sendable () -> Void) -> Bool {
    let isTaken = self.listener.withLock { place in
      guard place == nil, !isDone.load(ordering: .acquiring) else { return false }
      place = listener
      return true
    }
    if isTaken, isCancelled { take()?() }
    return isTaken
  }

  /// Lets go of the listener; the caller may call it.
  private func take() -> (@Sendable () -> Void)? {
    listener.withLock { place in
      defer { place = nil }
      return place
    }
  }

  package func end(_ outcome: Outcome) -> TicketAnswer { post(.activityEnded(self, outcome)) }

  /// The attempt goes on elsewhere.
  package func `defer`() -> TicketAnswer { post(.activityDeferred(self)) }

  /// Progress. `.stale`: the result is no longer wanted.
  package func beat(_ details: Payload) -> TicketAnswer {
    if isDone.load(ordering: .relaxed) { return .isGone }
    return !isCancelled && runtime.post(.activityBeat(self, details)) ? .taken : .stale
  }

  private func post(_ input: RuntimeInput) -> TicketAnswer {
    guard !isDone.exchange(true, ordering: .acquiringAndReleasing) else { return .isGone }
    answeredNS.store(monotonicNowNS(), ordering: .relaxed)
    defer { runtime.account?.release() }
    _ = take()
    let isWanted = !isCancelled
    return runtime.post(input) && isWanted ? .taken : .stale
  }
}
