import Dispatch
import Synchronization

/// Threads on which calls wait for the store, so that they hold up neither the caller's task nor the pool
/// that all tasks share. Several, so that the engine can make the calls of many tasks durable together.
enum CallLanes {
  private static let lanes = (0..<8).map { DispatchQueue(label: "perdure.client.\($0)") }
  private static let next = Atomic<Int>(0)

  static func perform<Result: Sendable>(
    _ call: @escaping @Sendable () throws -> Result
  ) async throws -> Result {
    try await withUnsafeThrowingContinuation { continuation in
      run { continuation.resume(with: Swift.Result { try call() }) }
    }
  }

  static func run(_ call: @escaping @Sendable () -> Void) {
    let turn = next.wrappingAdd(1, ordering: .relaxed).oldValue
    lanes[abs(turn % lanes.count)].async(execute: call)
  }
}
