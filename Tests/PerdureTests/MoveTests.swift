import TestSupport
import Testing

@testable import Perdure

/// Instances that go from one store to another: what counts them, and the trace that they belong to.
@Suite struct MoveTests {
  static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

  static let seen = ActivityDefinition("seen") { (context) in context.traceparent ?? "" }

  static let traced = OrchestrationDefinition("traced") { (context) -> [String] in
    let before = context.traceparent ?? ""
    try await context.waitForEvent("go")
    return [before, context.traceparent ?? "", try await context.call(seen)]
  }

  static func register(_ runtime: Runtime) throws {
    try runtime.register(seen)
    try runtime.register(traced)
  }

  static func other(_ place: Site.Place) -> Site.Place { place == .file ? .memory : .file }

  static func begin(_ site: Site, _ instance: String) async throws {
    let options = StartOptions(traceparent: parent, tracestate: "vendor=1")
    try await site.client.start(traced, instance: instance, options: options)
    #expect(
      try await eventually {
        try await site.client.history(instance).events.contains { try $0.kind == "EventSubscribed" }
      })
  }

  static func finish(_ site: Site, _ instance: String) async throws -> [String] {
    try await site.client.raiseEvent("go", to: instance)
    let handle = site.client.instance(instance, returning: [String].self)
    return try await handle.result(timeout: .seconds(20))
  }

  @Test(arguments: Site.Place.allCases)
  func aTraceGoesOnWhereTheInstanceGoes(_ place: Site.Place) async throws {
    try await Site.with(in: place, register: Self.register) { here in
      try await Site.with(in: Self.other(place), register: Self.register) { there in
        try await Self.begin(here, "a")
        let exported = try await here.client.management().exportInstance("a")
        #expect(try await there.client.management().importInstances(exported) == ["a"])
        try await there.restart()
        try await there.client.resume("a")
        let moved = try await Self.finish(there, "a")
        #expect(moved == (try await Self.finish(here, "a")))
        #expect(
          Set(moved).count == 2 && moved.allSatisfy { $0.hasPrefix("00-4bf92f3577b34da6a3ce929d0e0e4736") })
        let started = try #require(try await there.client.history("a").events.first)
        #expect(started.json.contains(Self.parent) && started.json.contains("vendor=1"))
      }
    }
  }

  @Test(arguments: Site.Place.allCases)
  func countsAreRightAfterAnImport(_ place: Site.Place) async throws {
    try await Site.with(in: place, register: Self.register) { here in
      try await Site.with(in: Self.other(place), register: Self.register) { there in
        for instance in ["a", "b", "c"] { try await Self.begin(here, instance) }
        _ = try await Self.finish(here, "c")
        try await here.client.terminate("b")
        for instance in ["a", "b", "c"] {
          let exported = try await here.client.management().exportInstance(instance)
          try await there.client.management().importInstances(exported)
        }
        let management = there.client.management()
        let counts = try await management.statistics(orchestration: "traced").counts
        #expect(counts.byStatus == [.suspended: 1, .terminated: 1, .completed: 1])
        #expect(counts.total == 3 && counts.open == 1 && counts.ended == 2)
        try await there.client.resume("a")
        _ = try await Self.finish(there, "a")
        try await there.restart()
        let after = try await there.client.management().statistics()
        #expect(after.counts.byStatus == [.terminated: 1, .completed: 2])
        #expect(after.orchestrations.map(\.name) == ["traced"])
        #expect(try await there.client.management().prune(keepLast: 0).deleted.sorted() == ["a", "b", "c"])
        #expect(try await there.client.management().statistics().counts.total == 0)
      }
    }
  }
}
