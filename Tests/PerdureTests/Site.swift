import Foundation
import Synchronization

@testable import Perdure
// The engine in this process.
import PerdureABI

/// A store file, and a runtime on it that can be stopped and begun anew. The file is gone when the test ends.
final class Site {
  private let folder: EndToEndTests.TemporaryFolder
  private let limits: StoreLimits
  private let clock: StoreClock
  private let options: RuntimeOptions
  private let register: (Runtime) throws -> Void
  private(set) var store: Store
  private(set) var client: Client
  private(set) var runtime: Runtime

  var url: String { folder.store }

  /// - Parameters:
  ///   - options, limits, clock: of each runtime and each opening of the store.
  ///   - register: what each runtime serves.
  init(
    _ options: RuntimeOptions = RuntimeOptions(), limits: StoreLimits = StoreLimits(),
    clock: StoreClock = .system, register: @escaping (Runtime) throws -> Void
  ) async throws {
    folder = try EndToEndTests.TemporaryFolder()
    self.options = options
    self.limits = limits
    self.clock = clock
    self.register = register
    (store, client, runtime) = try await Self.open(folder.store, options, limits, clock, register)
  }

  private static func open(
    _ url: String, _ options: RuntimeOptions, _ limits: StoreLimits, _ clock: StoreClock,
    _ register: (Runtime) throws -> Void
  ) async throws -> (Store, Client, Runtime) {
    let store = try await Store(url: url, limits: limits, clock: clock)
    let runtime = try Runtime(store, options)
    try register(runtime)
    try await runtime.start()
    return (store, try Client(store), runtime)
  }

  /// Ends the runtime, and begins again from what the file has.
  ///
  /// - Parameter register: what the new one serves; nil for the same.
  func restart(register: ((Runtime) throws -> Void)? = nil) async throws {
    try await runtime.stop(grace: .zero)
    (store, client, runtime) = try await Self.open(
      folder.store, options, limits, clock, register ?? self.register)
  }

  func end() async throws { try await runtime.stop(grace: .zero) }

  /// One site, from beginning to end.
  static func with(
    _ options: RuntimeOptions = RuntimeOptions(), limits: StoreLimits = StoreLimits(),
    clock: StoreClock = .system, register: @escaping (Runtime) throws -> Void,
    _ body: (Site) async throws -> Void
  ) async throws {
    let site = try await Site(options, limits: limits, clock: clock, register: register)
    try await body(site)
    try await site.end()
  }
}

/// What several tasks of a test put down.
final class Notes<Value: Sendable>: Sendable {
  private let state: Mutex<[Value]> = Mutex([])

  var all: [Value] { state.withLock { $0 } }

  /// Returns how many there are now.
  @discardableResult
  func add(_ value: Value) -> Int {
    state.withLock { notes in
      notes.append(value)
      return notes.count
    }
  }
}

/// Opened once; whoever waits then goes on.
final class Gate: Sendable {
  private let (stream, continuation) = AsyncStream.makeStream(of: Void.self)

  func open() { continuation.finish() }

  /// Returns at once when the task is cancelled.
  func wait() async { for await _ in stream {} }
}

/// Waits until something is so, for at most 20 seconds.
func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
  for _ in 0..<2_000 {
    if try await condition() { return true }
    try await Task.sleep(for: .milliseconds(10))
  }
  return false
}
