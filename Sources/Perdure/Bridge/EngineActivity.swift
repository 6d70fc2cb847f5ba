import CDX
import PerdureModel
import PerdureWire
import Synchronization

/// One registered activity: what the engine calls for each attempt. The code runs as a task on the pool of
/// all tasks; the engine's thread returns at once.
final class EngineActivity: Sendable {
  private let client: Client
  private let body: ActivityBody

  init(client: Client, body: @escaping ActivityBody) {
    self.client = client
    self.body = body
  }

  func register(on runtime: EngineHandle, name: String, limits: PerdureModel.ActivityLimits?) throws {
    let retained = Unmanaged.passRetained(self)
    try Text.with(name) { name in
      try DXError.check(
        dx_register_activity(runtime.pointer, name, Self.attempt, retained.toOpaque(), Self.release))
      guard let limits else { return }
      try Text.with(OptionsWire.encode(limits)) { limits in
        try DXError.check(dx_runtime_limit_activity(runtime.pointer, name, limits))
      }
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
    let attempt: ActivityWire.Attempt
    do {
      attempt = try token.read()
    } catch {
      token.finish(.failure(error))
      return
    }
    let context = ActivityContext(attempt, client: client, engine: token)
    let running = RunningAttempt()
    // Before the code runs: it may end the token at once.
    token.onCancel(running)
    let body = body
    running.begin(
      Task.detached {
        do {
          token.finish(.success(try await body(context, attempt.task.input)))
        } catch {
          token.finish(.failure(error))
        }
      })
  }
}

/// The task of one attempt, which the engine cancels when its result is no longer wanted.
private final class RunningAttempt: Sendable {
  private struct State {
    var task: Task<Void, Never>?
    var isCancelled = false
  }

  private let state = Mutex(State())

  func begin(_ task: Task<Void, Never>) {
    let isCancelled = state.withLock { state in
      state.task = task
      return state.isCancelled
    }
    if isCancelled { task.cancel() }
  }

  func cancel() {
    let task = state.withLock { state in
      state.isCancelled = true
      return state.task
    }
    task?.cancel()
  }
}

/// The engine's token for one attempt. The engine checks it on each call, so that it may be used from any
/// thread and after its end.
struct AttemptToken: @unchecked Sendable, AttemptControl {
  private let pointer: OpaquePointer

  init(_ pointer: OpaquePointer) { self.pointer = pointer }

  var isCancelled: Bool { dx_activity_is_cancelled(pointer) }

  func read() throws -> ActivityWire.Attempt {
    var input = dx_text()
    try DXError.check(dx_activity_input(pointer, &input))
    return try ActivityWire.decode(input.bytes)
  }

  func heartbeat(_ details: Payload) throws {
    do {
      try Text.with(details.bytes) { try DXError.check(dx_activity_heartbeat(pointer, $0)) }
    } catch let error as DXError where error.code == .stale || error.code == .invalidHandle {
      throw CancellationError()
    }
  }

  /// A token that is gone already has nothing to cancel.
  fileprivate func onCancel(_ attempt: RunningAttempt) {
    let retained = Unmanaged.passRetained(attempt)
    dx_error_free(dx_activity_on_cancel(pointer, Self.cancelled, retained.toOpaque(), Self.release))
  }

  private static let cancelled: dx_stop_fn = { attempt in
    if let attempt { Unmanaged<RunningAttempt>.fromOpaque(attempt).takeUnretainedValue().cancel() }
  }

  private static let release: dx_release_fn = { attempt in
    if let attempt { Unmanaged<RunningAttempt>.fromOpaque(attempt).release() }
  }

  /// A result that the engine no longer needs, or refuses, is its own affair from here on.
  func finish(_ result: Result<Payload, any Error>) {
    switch result {
    case .success(let payload):
      dx_error_free(Text.with(payload.bytes) { dx_activity_complete(pointer, $0) })
    case .failure(is ActivityDeferred):
      dx_error_free(dx_activity_defer(pointer))
    case .failure(let error):
      let failure = FailureWire.encode(PerdureModel.Failure(error))
      dx_error_free(Text.with(failure) { dx_activity_fail(pointer, $0) })
    }
  }
}
