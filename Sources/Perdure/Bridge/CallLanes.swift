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
    let turn = next.wrappingAdd(1, ordering: .relaxed).oldValue
    let lane = lanes[abs(turn % lanes.count)]
    return try await withUnsafeThrowingContinuation { continuation in
      lane.async { continuation.resume(with: Swift.Result { try call() }) }
    }
  }
}
