import CDX
import PerdureModel
import PerdureWire

/// One registered activity: what the engine calls for each attempt. The code runs as a task on the pool of
/// all tasks; the engine's thread returns at once.
final class EngineActivity: Sendable {
  private let watch: CancellationWatch
  private let body: ActivityBody

  init(watch: CancellationWatch, body: @escaping ActivityBody) {
    self.watch = watch
    self.body = body
  }

  func register(on runtime: EngineHandle, name: String) throws {
    let retained = Unmanaged.passRetained(self)
    try Text.with(name) { name in
      try DXError.check(
        dx_register_activity(runtime.pointer, name, Self.attempt, retained.toOpaque(), Self.release))
    }
  }

  private static let release: dx_release_fn = { activity in
    if let activity { Unmanaged<EngineActivity>.fromOpaque(activity).release() }
  }

  private static let attempt: dx_activity_fn = { token, activity in
    guard let token, let activity else { return }
    Unmanaged<EngineActivity>.fromOpaque(activity).takeUnretainedValue().begin(AttemptToken(token))
  }

  private func begin(_ token: AttemptToken) {
    let attempt: ActivityTask
    do {
      attempt = try token.read()
    } catch {
      token.finish(.failure(error))
      return
    }
    let context = ActivityContext(attempt, wasCancelled: { token.isCancelled })
    let (body, watch) = (body, watch)
    watch.run(token) {
      do {
        token.finish(.success(try await body(context, attempt.input)))
      } catch {
        token.finish(.failure(error))
      }
    }
  }
}

/// The engine's token for one attempt. The engine checks it on each call, so that it may be used from any
/// thread and after its end.
struct AttemptToken: @unchecked Sendable, Hashable {
  private let pointer: OpaquePointer

  init(_ pointer: OpaquePointer) { self.pointer = pointer }

  var isCancelled: Bool { dx_activity_is_cancelled(pointer) }

  func read() throws -> ActivityTask {
    var input = dx_text()
    try DXError.check(dx_activity_input(pointer, &input))
    return try ActivityWire.decode(input.bytes)
  }

  /// A result that the engine no longer needs, or refuses, is its own affair from here on.
  func finish(_ result: Result<Payload, any Error>) {
    switch result {
    case .success(let payload):
      dx_error_free(Text.with(payload.bytes) { dx_activity_complete(pointer, $0) })
    case .failure(let error):
      let failure = FailureWire.encode(PerdureModel.Failure(error))
      dx_error_free(Text.with(failure) { dx_activity_fail(pointer, $0) })
    }
  }
}
