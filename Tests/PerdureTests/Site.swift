import Foundation
import Synchronization

import TestSupport

@testable import Perdure
// The engine in this process.
import PerdureABI

/// A store, and a runtime on it that can be stopped and begun anew. A file is gone when the test ends.
final class Site {
  /// Where the store is.
  enum Place: CaseIterable { case file, memory }

  let place: Place
  private let folder: TemporaryFolder
  private let limits: StoreLimits
  private let clock: StoreClock
  private let options: RuntimeOptions
  private let register: (Runtime) throws -> Void
  private(set) var store: Store
  private(set) var client: Client
  private(set) var runtime: Runtime

  var url: String { place == .file ? folder.store : "memory:" }

  /// - Parameters:
  ///   - options, limits, clock: of each runtime and each opening of the store.
  ///   - register: what each runtime serves.
  init(
    _ options: RuntimeOptions = RuntimeOptions(), in place: Place = .file,
    limits: StoreLimits = StoreLimits(), clock: StoreClock = .system,
    register: @escaping (Runtime) throws -> Void
  ) async throws {
    self.place = place
    folder = try TemporaryFolder()
    self.options = options
    self.limits = limits
    self.clock = clock
    self.register = register
    store = try await Store(
      url: place == .file ? folder.store : "memory:", limits: limits, clock: clock)
    runtime = try await Self.begin(store, options, register)
    client = try Client(store)
  }

  private static func begin(
    _ store: Store, _ options: RuntimeOptions, _ register: (Runtime) throws -> Void
  ) async throws -> Runtime {
    let runtime = try Runtime(store, options)
    try register(runtime)
    try await runtime.start()
    return runtime
  }

  /// Ends the runtime, and begins again: from what the file has, or on the same store in memory, which has no
  /// life after its process. Virtual time goes on where it was.
  ///
  /// - Parameter register: what the new one serves; nil for the same.
  func restart(register: ((Runtime) throws -> Void)? = nil) async throws {
    try await runtime.stop(grace: .zero)
    if place == .file {
      let clock: StoreClock = clock == .system ? .system : .virtual(start: try store.now())
      store = try await Store(url: url, limits: limits, clock: clock)
    }
    runtime = try await Self.begin(store, options, register ?? self.register)
    client = try Client(store)
  }

  func end() async throws { try await runtime.stop(grace: .zero) }

  /// One site, from beginning to end.
  static func with(
    _ options: RuntimeOptions = RuntimeOptions(), in place: Place = .file,
    limits: StoreLimits = StoreLimits(), clock: StoreClock = .system,
    register: @escaping (Runtime) throws -> Void, _ body: (Site) async throws -> Void
  ) async throws {
    let site = try await Site(options, in: place, limits: limits, clock: clock, register: register)
    try await body(site)
    try await site.end()
  }
}
