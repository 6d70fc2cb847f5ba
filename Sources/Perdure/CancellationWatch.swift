import PerdureModel
import Synchronization

/// Turns the engine's "this result is no longer wanted" into the cancellation of the activity's task.
///
/// The engine is asked at intervals, by one task that exists only while activities run.
final class CancellationWatch: Sendable {
  private static let interval = Duration.milliseconds(100)

  private struct State {
    var lastNumber: UInt64 = 0
    var running: [UInt64: (token: AttemptToken, task: Task<Void, Never>)] = [:]
    /// Ended before `run` had noted its task.
    var ended: Set<UInt64> = []
    var isWatching = false
  }

  private let state = Mutex(State())

  /// Runs `body`, which finishes the token, as a task of its own.
  func run(_ token: AttemptToken, _ body: @escaping @Sendable () async -> Void) {
    let number = state.withLock { state in
      state.lastNumber &+= 1
      return state.lastNumber
    }
    let task = Task.detached { [self] in
      await body()
      end(number)
    }
    let begins = state.withLock { state in
      if state.ended.remove(number) != nil { return false }
      state.running[number] = (token, task)
      defer { state.isWatching = true }
      return !state.isWatching
    }
    if begins { Task.detached(priority: .utility) { await self.watch() } }
  }

  private func end(_ number: UInt64) {
    state.withLock { state in
      if state.running.removeValue(forKey: number) == nil { state.ended.insert(number) }
    }
  }

  private func watch() async {
    while true {
      try? await Task.sleep(for: Self.interval)
      let running = state.withLock { state in
        if state.running.isEmpty { state.isWatching = false }
        return state.running
      }
      if running.isEmpty { return }
      for (token, task) in running.values where token.isCancelled { task.cancel() }
    }
  }
}
