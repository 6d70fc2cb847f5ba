import Dispatch
import Synchronization

/// Threads on which calls wait for the store, so that they hold up neither the caller's task nor the pool
/// that all tasks share. Several, so that the engine can make the calls of many tasks durable together.
package enum CallLanes {
  private static let lanes = (0..<8).map { DispatchQueue(label: "perdure.client.\($0)") }
  private static let next = Atomic<Int>(0)

  /// Makes a call that blocks. A task that is cancelled does not wait for its end: a call that was not begun
  /// is then not made, one that is under way goes on, and nobody hears what came of it.
  package static func perform<Value: Sendable>(
    _ call: @escaping @Sendable () throws -> Value
  ) async throws -> Value {
    try await PendingAnswer<Value>().wait { answer in
      run {
        if !answer.isAnswered { answer.give(Result { try call() }) }
      }
    }
  }

  /// The same for a call whose end has to be known.
  static func performToTheEnd<Value: Sendable>(
    _ call: @escaping @Sendable () throws -> Value
  ) async throws -> Value {
    try await withUnsafeThrowingContinuation { continuation in
      run { continuation.resume(with: Result { try call() }) }
    }
  }

  static func run(_ call: @escaping @Sendable () -> Void) {
    let turn = next.wrappingAdd(1, ordering: .relaxed).oldValue
    lanes[abs(turn % lanes.count)].async(execute: call)
  }
}
