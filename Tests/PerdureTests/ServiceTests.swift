import Glibc
import TestSupport
import Testing

@testable import Perdure
import PerdureABI

/// Runtimes of programs that do nothing else, and lists that are walked.
@Suite(.serialized) struct ServiceTests {
  static let nap = OrchestrationDefinition("nap") { (context) in
    try await context.sleep(for: .milliseconds(1))
  }

  /// Until `isServing` holds, then `end`; the runtime is gone afterwards.
  private func serve(until signals: Set<TerminationSignal>, _ end: (Task<Void, any Error>) -> Void)
    async throws
  {
    let store = try await Store(url: "memory:")
    let runtime = try Runtime(store)
    try runtime.register(Self.nap)
    let task = Task.detached { try await runtime.run(grace: .zero, until: signals) }
    let client = try Client(store)
    #expect(try await client.start(Self.nap).wait(timeout: .seconds(20)).status == .completed)
    end(task)
    try await task.value
    #expect(try await client.management().nodes().isEmpty)
  }

  @Test func aCancelledTaskEndsIt() async throws { try await serve(until: []) { $0.cancel() } }

  @Test func aSignalEndsIt() async throws {
    try await serve(until: [.terminate]) { _ in kill(getpid(), SIGTERM) }
    // Again: the signal had its own effect back.
    try await serve(until: [.terminate, .interrupt]) { _ in kill(getpid(), SIGINT) }
  }

  @Test func aSignalHasItsOwnEffectBack() async throws {
    try await serve(until: [.terminate]) { $0.cancel() }
    let now = unsafeBitCast(signal(SIGTERM, SIG_DFL), to: Int.self)
    #expect(now == unsafeBitCast(SIG_DFL, to: Int.self))
  }

  @Test func aRuntimeForAWhileStopsInAnyCase() async throws {
    let store = try await Store(url: "memory:")
    let client = try Client(store)
    let status = try await withRuntime(on: store, serving: [Self.nap]) { _ in
      try await client.start(Self.nap).wait(timeout: .seconds(20)).status
    }
    #expect(status == .completed)
    await #expect(throws: TimedOut.self) {
      try await withRuntime(on: store, serving: [Self.nap]) { _ in throw TimedOut() }
    }
    #expect(try await client.management().nodes().isEmpty)
  }

  @Test func allInstancesAreWalked() async throws {
    let client = try Client(try await Store(url: "memory:"))
    for number in 1...7 { try await client.start(Self.nap, instance: "n-\(number)") }
    var filter = InstanceFilter(orchestration: "nap")
    for limit in [1, 3, 7, 100] {
      filter.limit = limit
      var found: [String] = []
      for try await each in client.instances(filter) { found.append(each.instance) }
      #expect(found == (1...7).map { "n-\($0)" }, "\(limit) at a time")
    }
    var none = 0
    for try await _ in client.instances(InstanceFilter(orchestration: "other")) { none += 1 }
    #expect(none == 0)
  }
}
