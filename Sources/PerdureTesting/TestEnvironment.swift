import Glibc
public import Perdure
import Synchronization

/// A store with virtual time, a runtime on it, and stubs in place of activities: for tests of
/// orchestrations.
///
///     let environment = try await TestEnvironment([subscription])
///     environment.stub("charge", .inTurn(.fails(CardDeclined()), .returns("paid")))
///     let months = try await environment.run(subscription, input: "ada")
///     #expect(environment.calls(of: "charge").count == 13)
///     try await environment.stop()
///
/// Time stands still while anything is at work, and skips to the next moment at which something is due while
/// the test waits: for a result, a status, the answer to a call. A year takes milliseconds. Retries, time
/// limits, timers and delayed starts follow it. An activity that runs holds it.
///
/// In a test process whose environment has `PERDURE_TEST_REPLAY` (to anything but 0), every turn is run again
/// from its history unless `options` say otherwise: slower, and code that is not deterministic shows.
///
/// An activity that is neither defined nor stubbed fails with `perdure.NotRegistered`, and is not retried.
public final class TestEnvironment: Sendable {
  /// Its store, whose time is virtual.
  public let store: Store
  /// An ordinary client of it.
  public let client: Client
  /// How long `run`, `advance` and `settle` wait, by the system's time.
  public let timeout: Duration
  private let options: RuntimeOptions
  private let stubs: Stubs
  private let state: Mutex<State>

  private struct State {
    var definitions: [any Definition]
    var runtime: Runtime
  }

  /// - Parameters:
  ///   - definitions: orchestrations, and activities that may be stubbed later.
  ///   - stubs: what runs in place of activities, by name.
  ///   - start: the time at which it begins; nil for 2026-01-01T00:00:00Z.
  ///   - url: of the store: `memory:`, or `sqlite:PATH`.
  ///   - options: of the runtime; nil: as usual, and activities of all tags are taken.
  ///   - timeout: how long `run`, `advance` and `settle` wait, by the system's time.
  /// - Throws: `DXError`, as opening a store and starting a runtime do.
  public init(
    _ definitions: [any Definition], stubs: [String: ActivityStub] = [:], start: Timestamp? = nil,
    url: String = "memory:", options: RuntimeOptions? = nil, timeout: Duration = .seconds(30)
  ) async throws {
    var standard = RuntimeOptions()
    standard.activityTags = .any
    if let replays = getenv("PERDURE_TEST_REPLAY"), String(cString: replays) != "0" {
      standard.isCaching = false
    }
    let store = try await Store(url: url, clock: .virtual(start: start))
    self.store = store
    client = try Client(store)
    self.timeout = timeout
    self.options = options ?? standard
    self.stubs = Stubs(stubs) { try store.now() }
    let runtime = try await Self.begin(definitions, store, self.options, self.stubs)
    state = Mutex(State(definitions: definitions, runtime: runtime))
  }

  private static func begin(
    _ definitions: [any Definition], _ store: Store, _ options: RuntimeOptions, _ stubs: Stubs
  ) async throws -> Runtime {
    let runtime = try Runtime(store, options) { stubs.body(of: $0, insteadOf: $1) }
    try runtime.register(definitions)
    try runtime.register(anyActivity: stubs.body)
    try await runtime.start()
    return runtime
  }

  /// The runtime that works on the store now.
  public var runtime: Runtime { state.withLock { $0.runtime } }

  /// What it serves.
  public var definitions: [any Definition] { state.withLock { $0.definitions } }

  // MARK: Stubs

  /// Puts a stub in place of an activity, defined or not, from its next attempt on; nil takes it away.
  public func stub(_ activity: String, _ stub: ActivityStub?) { stubs.set(activity, stub) }

  /// The same with a function.
  public func stub<Input: Decodable & Sendable, Output: Encodable & Sendable>(
    _ activity: String, _ body: @escaping @Sendable (ActivityContext, Input) async throws -> Output
  ) {
    stubs.set(activity, .run(body))
  }

  /// All attempts of activities so far, stubbed or not, in the order in which they began.
  public var calls: [ActivityCall] { stubs.calls }

  /// Those of one activity.
  public func calls(of activity: String) -> [ActivityCall] { calls.filter { $0.activity == activity } }

  // MARK: Time

  /// The virtual time.
  public func now() throws -> Timestamp { try store.now() }

  /// Moves time, stopping at each moment on the way at which something is due, until nothing is at work.
  ///
  /// - Returns: the time that it is then.
  /// - Throws: `DXError` (`timedOut`) when something goes on, such as an activity that does not answer.
  @discardableResult
  public func advance(by duration: Duration) async throws -> Timestamp {
    try await store.advance(by: duration, timeout: timeout)
  }

  /// The same to a moment; one that has passed is as good as now.
  @discardableResult
  public func advance(to time: Timestamp) async throws -> Timestamp {
    let left = time.millisecondsSince1970 - (try now().millisecondsSince1970)
    return try await advance(by: .milliseconds(max(0, left)))
  }

  /// Waits until nothing is at work, without moving time.
  public func settle() async throws { try await advance(by: .zero) }

  // MARK: Instances

  /// Starts an instance and returns its output, however long that takes in virtual time.
  ///
  /// - Throws: what the signature of the orchestration names in `errors`, as it was; `OrchestrationFailure`;
  ///   `DXError` (`timedOut`) after `timeout`, with what it waits for, if
  ///   that is known.
  @discardableResult
  public func run<Started: OrchestrationReference>(
    _ orchestration: Started, input: Started.Input, instance: String? = nil, version: String? = nil,
    options: StartOptions = StartOptions()
  ) async throws -> Started.Output {
    let handle = try await client.start(
      orchestration, input: input, instance: instance, version: version, options: options)
    do { return try await handle.result(timeout: timeout) } catch let error as DXError
      where error.code == .timedOut
    {
      guard let reason = try? await handle.describe().pendingReason else { throw error }
      throw DXError(.timedOut, "\(error.message): \(reason)", detailsJSON: error.detailsJSON)
    }
  }

  /// The same of an orchestration without input.
  @discardableResult
  public func run<Started: OrchestrationReference>(
    _ orchestration: Started, instance: String? = nil, version: String? = nil,
    options: StartOptions = StartOptions()
  ) async throws -> Started.Output where Started.Input == Nothing {
    try await run(
      orchestration, input: Nothing(), instance: instance, version: version, options: options)
  }

  // MARK: Life

  /// Stops the runtime and starts another one on the same store, as a deployment does. Stubs and the record
  /// of calls stay.
  ///
  /// - Parameter definitions: of the new one; nil for the same.
  public func restart(_ definitions: [any Definition]? = nil) async throws {
    try await stop()
    let definitions = definitions ?? state.withLock { $0.definitions }
    let runtime = try await Self.begin(definitions, store, options, stubs)
    state.withLock { $0 = State(definitions: definitions, runtime: runtime) }
  }

  /// Ends the runtime. Instances stay where they are.
  public func stop() async throws { try await runtime.stop(grace: .zero) }
}

/// A test environment for as long as `body` takes; stopped in any case.
///
///     try await withTestEnvironment([order], stubs: ["charge": .returns("paid")]) { environment in
///       let receipt = try await environment.run(order, input: new)
///       ...
///     }
///
/// - Parameters: those of `TestEnvironment`.
/// - Throws: what `body` throws; `DXError`, as `TestEnvironment` does.
@discardableResult
public nonisolated(nonsending) func withTestEnvironment<Value>(
  _ definitions: [any Definition], stubs: [String: ActivityStub] = [:], start: Timestamp? = nil,
  url: String = "memory:", options: RuntimeOptions? = nil, timeout: Duration = .seconds(30),
  _ body: nonisolated(nonsending) (TestEnvironment) async throws -> Value
) async throws -> Value {
  let environment = try await TestEnvironment(
    definitions, stubs: stubs, start: start, url: url, options: options, timeout: timeout)
  let value: Value
  do {
    value = try await body(environment)
  } catch {
    // What went wrong first is what counts.
    try? await environment.stop()
    throw error
  }
  try await environment.stop()
  return value
}
