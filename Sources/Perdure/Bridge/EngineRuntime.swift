import CDX

/// Starting and stopping a runtime of the engine.
enum EngineRuntime {
  static func start(_ runtime: EngineHandle) throws { try DXError.check(dx_runtime_start(runtime.pointer)) }

  /// Returns when the runtime has stopped.
  static func stop(_ runtime: EngineHandle, graceMilliseconds: Int64) async throws {
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
      let retained = Unmanaged.passRetained(Stop(continuation))
      if let error = dx_runtime_stop(runtime.pointer, graceMilliseconds, stopped, retained.toOpaque()) {
        retained.release()
        continuation.resume(throwing: DXError(taking: error))
      }
    }
  }

  private final class Stop: Sendable {
    let continuation: CheckedContinuation<Void, any Error>
    init(_ continuation: CheckedContinuation<Void, any Error>) { self.continuation = continuation }
  }

  private static let stopped: dx_stop_fn = { stop in
    guard let stop else { return }
    Unmanaged<Stop>.fromOpaque(stop).takeRetainedValue().continuation.resume()
  }
}
