import Foundation
import PerdureModel
import PerdureWire
import TestSupport
import Testing

@testable import Perdure
// The engine in this process.
import PerdureABI

/// What a store counts is what its histories hold.
@Suite struct MetricsTests {
  struct Unlucky: Error, Codable {}

  static let work = ActivityDefinition("work") { (context, number: Int) in
    if number.isMultiple(of: 3), context.attempt == 1 { throw Unlucky() }
    return number
  }

  static let kid = OrchestrationDefinition("kid") { (context, number: Int) in
    try await context.call(work, with: number)
  }

  static let mixed = OrchestrationDefinition("mixed") { (context, number: Int) -> Int in
    if context.execution == 1, number.isMultiple(of: 2) { try context.continueAsNew(number) }
    try context.setCustomStatus(["number": number])
    try context.kv.set("number", number)
    try context.metric("mixed.steps", 1, attributes: ["odd": "\(number % 2)"])
    var options = Perdure.ActivityOptions()
    options.retry = Perdure.RetryPolicy(maxAttempts: 2, backoff: .none)
    _ = try await context.call(work, with: number, options: options)
    try await context.sleep(for: .milliseconds(1))
    _ = try await context.call(kid, with: 1)
    return try await context.dequeue("numbers", as: Int.self)
  }

  static let waits = OrchestrationDefinition("waits") { (context) in
    try await context.waitForEvent("never")
  }

  static func register(_ runtime: Runtime) throws {
    try runtime.register(work)
    try runtime.register(kid)
    try runtime.register(mixed)
    try runtime.register(waits)
  }

  static func load(_ client: Client, _ prefix: String, _ count: Int) async throws {
    for number in 0..<count {
      try await client.start(mixed, input: number, instance: "\(prefix)-\(number)")
      try await client.enqueue("numbers", to: "\(prefix)-\(number)", data: 7)
      try await client.start(waits, instance: "\(prefix)-wait-\(number)")
    }
    for number in 0..<count {
      let ended = client.instance("\(prefix)-\(number)", returning: Int.self)
      #expect(try await ended.result(timeout: .seconds(20)) == 7)
      let waiting = "\(prefix)-wait-\(number)"
      if number.isMultiple(of: 2) {
        try await client.terminate(waiting)
      } else {
        try await client.cancel(waiting)
      }
    }
  }

  /// All events of all executions, by kind.
  static func held(_ client: Client) async throws -> [String: Double] {
    var found: [String: Double] = [:]
    var page = try await client.list()
    while true {
      for row in page.instances {
        for execution in 1...row.execution {
          let history = try await client.history(row.instance, execution: execution)
          for event in history.events { found[try event.kind, default: 0] += 1 }
        }
      }
      guard page.next != nil else { return found }
      page = try await client.list(after: page)
    }
  }

  static func counted(_ all: [Metrics]) -> [String: Double] {
    var found: [String: Double] = [:]
    for metrics in all {
      for series in metrics["perdure_events"]?.series ?? [] {
        found[series.labels["kind"] ?? "", default: 0] += series.value ?? 0
      }
    }
    return found
  }

  @Test func theCountsAreThoseOfTheHistoriesAlsoOverARestart() async throws {
    try await Site.with(register: { try Self.register($0) }) { site in
      try await Self.load(site.client, "a", 6)
      try await site.runtime.stop(grace: .seconds(5))
      let before = try site.store.metrics()
      #expect(Self.counted([before]) == (try await Self.held(site.client)))
      #expect(before.value("perdure_instances_terminated") == 3)
      #expect(before.value("perdure_executions_continued", ["orchestration": "mixed"]) == 3)
      #expect(before.value("perdure_instances_started") == 18)
      #expect(before.value("user_mixed_steps", ["odd": "1"]) == 3)
      #expect(before["user_mixed_steps"]?.source == "mixed.steps")
      try await site.restart()
      #expect(try site.store.metrics().value("perdure_turns") == 0)
      try await Self.load(site.client, "b", 4)
      #expect(
        try await eventually {
          Self.counted([before, try site.store.metrics()]) == (try await Self.held(site.client))
        })
    }
  }

  @Test func inMemory() async throws {
    let store = try await Store(url: "memory:")
    let runtime = try Runtime(store)
    try Self.register(runtime)
    try await runtime.start()
    let client = try Client(store)
    try await Self.load(client, "a", 4)
    #expect(
      try await eventually { Self.counted([try store.metrics()]) == (try await Self.held(client)) })
    let metrics = try store.metrics()
    #expect(metrics.value("perdure_activities_completed", ["activity": "work"]) == 8)
    #expect(metrics.value("perdure_activity_attempts_retried") == 2)
    #expect((metrics["perdure_commit_duration_seconds"]?.series.first?.count ?? 0) > 0)
    #expect(metrics["perdure_commit_duration_seconds"]?.unit == "seconds")
    #expect(metrics["nothing"] == nil)
    #expect(metrics.at >= metrics.since)
    let text = try store.openMetrics()
    #expect(text.hasSuffix("# EOF\n"))
    #expect(text.contains("\nperdure_executions_continued_total{orchestration=\"mixed\"} 2\n"))
    try await runtime.stop(grace: .zero)
  }
}

/// Trace context, from a start to where it goes.
@Suite struct TraceFlowTests {
  struct Seen: Codable, Hashable, Sendable {
    var execution: String?
    var attempt: String?
    var state: String?
    var child: String?
  }

  static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

  static let look = ActivityDefinition("look") { (context) -> String? in
    context.traceparent.map { "\($0) \(context.tracestate ?? "")" }
  }

  static let kid = OrchestrationDefinition("kid") { (context) -> String? in context.traceparent }

  static let traced = OrchestrationDefinition("traced") { (context) -> Seen in
    let attempt = try await context.call(look)
    try await context.waitForEvent("go")
    return Seen(
      execution: context.traceparent, attempt: attempt, state: context.tracestate,
      child: try await context.call(kid))
  }

  static func register(_ runtime: Runtime) throws {
    try runtime.register(look)
    try runtime.register(kid)
    try runtime.register(traced)
  }

  @Test func everythingHasASpanOfItsOwn() async throws {
    try await Site.with(register: { try Self.register($0) }) { site in
      let options = Perdure.StartOptions(traceparent: Self.parent, tracestate: "v=1")
      try await site.client.start(Self.traced, instance: "a", options: options)
      #expect(
        try await eventually {
          try await site.client.history("a").events.contains { try $0.kind == "EventSubscribed" }
        })
      try await site.restart()
      try await site.client.raiseEvent("go", to: "a")
      let seen = try await site.client.instance("a", returning: Seen.self).result(timeout: .seconds(20))
      let own = try #require(TraceContext(parent: Self.parent, state: "v=1")).span(of: "a", 1)
      let key = ActivityKey(instance: "a", execution: 1, action: 1)
      #expect(seen.execution == own.parent)
      #expect(seen.state == "v=1")
      #expect(seen.attempt == "\(own.span(of: key, attempt: 1).parent) v=1")
      #expect(seen.child == own.span(of: "a.1.3", 1).parent)
      #expect(try await site.client.start(Self.kid).result(timeout: .seconds(20)) == nil)
    }
  }

  @Test(
    arguments: [
      ("00-1", nil), (parent.uppercased(), nil), (nil, "v=1"), (parent, ""), (parent, "a\nb"),
    ] as [(String?, String?)])
  func whatIsNoTraceIsRefused(_ parent: String?, _ state: String?) async throws {
    let client = try Client(try await Store(url: "memory:"))
    let error = await #expect(throws: DXError.self) {
      try await client.start(
        "any", instance: "a", options: Perdure.StartOptions(traceparent: parent, tracestate: state))
    }
    #expect(error?.code == .invalidArgument)
    #expect(error?.message.contains("trace") == true)
  }
}
