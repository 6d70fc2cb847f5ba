import Glibc

/// A signal that tells a process to end.
public enum TerminationSignal: Hashable, Sendable, CaseIterable {
  /// Ctrl-C.
  case interrupt
  /// What service supervisors send.
  case terminate

  fileprivate var number: Int32 {
    switch self {
    case .interrupt: SIGINT
    case .terminate: SIGTERM
    }
  }
}

extension Runtime {
  /// For programs that do nothing else: starts, serves until the task is cancelled or one of the signals
  /// comes, and stops. Returns when nothing of this runtime runs any more.
  ///
  /// - Parameters:
  ///   - grace: how long running activities may take to finish then, 0 or more.
  ///   - signals: the first of them makes it stop, a second one of its kind ends the process as usual. Empty
  ///     for services whose supervisor cancels their task, such as those of a service group.
  /// - Throws: `DXError`, as `start` and `stop` do. A cancellation is no error.
  public func run(
    grace: Duration = .seconds(10), until signals: Set<TerminationSignal> = [.interrupt, .terminate]
  ) async throws {
    let end = try SignalDesk.listen(for: signals.map(\.number))
    defer { end.end() }
    try await start()
    await end.wait()
    try await self.stop(grace: grace)
  }
}

/// Serves definitions for as long as `body` takes, and stops in any case.
///
///     try await withRuntime(on: store, serving: [order, PaymentActivities(gateway: gateway)]) { _ in
///       try await client.start(order, input: new).result()
///     }
///
/// - Parameters:
///   - store: where the instances live.
///   - definitions: orchestrations, activities and groups.
///   - options: how the runtime works.
///   - grace: how long running activities may take to finish after `body`, 0 or more.
///   - body: gets the runtime, which has been started.
/// - Returns: what `body` returns.
/// - Throws: what `body` throws; `DXError`, as registering, starting and stopping do.
@discardableResult
public nonisolated(nonsending) func withRuntime<Value>(
  on store: Store, serving definitions: [any Definition], options: RuntimeOptions = RuntimeOptions(),
  grace: Duration = .seconds(10), _ body: nonisolated(nonsending) (Runtime) async throws -> Value
) async throws -> Value {
  let runtime = try Runtime(store, options)
  try runtime.register(definitions)
  try await runtime.start()
  let value: Value
  do {
    value = try await body(runtime)
  } catch {
    // What went wrong first is what counts.
    try? await runtime.stop(grace: grace)
    throw error
  }
  try await runtime.stop(grace: grace)
  return value
}
