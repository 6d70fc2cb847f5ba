import Synchronization

/// One answer that takes its time: given by whoever has it, or given up by the task that waits when that is
/// cancelled. The first answer counts.
///
///     new -> waiting -> answered
///     new -> answered                the task was cancelled before it waited
final class PendingAnswer<Value: Sendable>: Sendable {
  private enum State {
    case new
    case waiting(CheckedContinuation<Value, any Error>)
    case answered(Result<Value, any Error>)
  }

  private let state = Mutex(State.new)

  /// Nobody waits any more.
  var isAnswered: Bool {
    state.withLock { state in
      if case .answered = state { true } else { false }
    }
  }

  /// Waits for the answer, or for the cancellation of the task.
  ///
  /// - Parameter begin: sees to it that `give` is called, on whatever thread; not called for a task that is
  ///   cancelled already.
  func wait(_ begin: (PendingAnswer) -> Void) async throws -> Value {
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let early = state.withLock { state -> Result<Value, any Error>? in
          if case .answered(let answer) = state { return answer }
          state = .waiting(continuation)
          return nil
        }
        if let early { continuation.resume(with: early) } else { begin(self) }
      }
    } onCancel: {
      give(.failure(CancellationError()))
    }
  }

  func give(_ answer: Result<Value, any Error>) {
    let continuation = state.withLock { state -> CheckedContinuation<Value, any Error>? in
      defer {
        if case .answered = state {} else { state = .answered(answer) }
      }
      if case .waiting(let continuation) = state { return continuation }
      return nil
    }
    continuation?.resume(with: answer)
  }
}
