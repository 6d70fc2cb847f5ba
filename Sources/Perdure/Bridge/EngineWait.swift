import CDX
import PerdureModel
import PerdureWire
import Synchronization

/// One wait for the end of an instance: answered by the engine, or given up by the task that waits.
final class EngineWait: Sendable {
  typealias Answer = Result<ClientWire.Described, any Error>

  private enum State {
    case new
    case waiting(CheckedContinuation<ClientWire.Described, any Error>)
    case answered(Answer)
  }

  private let state = Mutex(State.new)

  /// - Parameter timeout: milliseconds; negative for no limit.
  static func end(
    of instance: InstanceID, client: EngineHandle, timeout: Int64
  ) async throws -> ClientWire.Described {
    let wait = EngineWait()
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        if let answer = wait.begin(continuation) {
          continuation.resume(with: answer)
          return
        }
        let retained = Unmanaged.passRetained(wait)
        let error = Text.with(instance) {
          dx_client_wait(client.pointer, $0, timeout, EngineWait.done, retained.toOpaque())
        }
        if let error {
          retained.release()
          wait.answer(.failure(DXError(taking: error)))
        }
      }
    } onCancel: {
      wait.answer(.failure(CancellationError()))
    }
  }

  private static let done: dx_wait_fn = { error, result, wait in
    guard let wait else { return }
    let waiting = Unmanaged<EngineWait>.fromOpaque(wait).takeRetainedValue()
    if let error {
      waiting.answer(.failure(DXError(taking: error)))
    } else {
      waiting.answer(
        Answer {
          do { return try ClientWire.decodeDescription(result.bytes) } catch {
            throw DXError.unreadable("A description", error)
          }
        })
    }
  }

  /// Returns the answer if it is there already: the task was cancelled before it waited.
  private func begin(_ continuation: CheckedContinuation<ClientWire.Described, any Error>) -> Answer? {
    state.withLock { state in
      if case .answered(let answer) = state { return answer }
      state = .waiting(continuation)
      return nil
    }
  }

  private func answer(_ answer: Answer) {
    let continuation = state.withLock { state -> CheckedContinuation<ClientWire.Described, any Error>? in
      defer {
        if case .answered = state {} else { state = .answered(answer) }
      }
      if case .waiting(let continuation) = state { return continuation }
      return nil
    }
    continuation?.resume(with: answer)
  }
}
