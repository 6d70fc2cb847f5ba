import TestSupport
import Testing

@testable import Perdure

/// What operators change: on a file and in memory, with restarts.
@Suite struct ManagementChangeTests {
  static let quick = OrchestrationDefinition("quick") { (_: OrchestrationContext) -> Int in 7 }

  static let stuck = ActivityDefinition("stuck") { (context: ActivityContext) async throws -> String in
    if context.attempt == 1 { try await Task.sleep(for: .seconds(3_600)) }
    return "attempt \(context.attempt)"
  }

  static let works = OrchestrationDefinition("works") { (context) -> String in
    do { return try await context.call(stuck) } catch let failure as ActivityFailure {
      return "failed: \(failure.failure.type)"
    }
  }

  static let rounds = OrchestrationDefinition("rounds") { (context, left: Int) -> String in
    if left > 0 { try context.continueAsNew(left - 1) }
    try await context.waitForEvent("go")
    return "done"
  }

  static func register(_ runtime: Runtime) throws {
    try runtime.register(quick)
    try runtime.register(ControlTests.waiter)
    try runtime.register(works)
    try runtime.register(stuck)
    try runtime.register(rounds)
  }

  private static func ids(_ site: Site) async throws -> [String] {
    try await site.client.list().instances.map(\.instance)
  }

  private static func finish(_ site: Site, _ instances: [String]) async throws {
    for instance in instances {
      _ = try await site.client.start(quick, instance: instance).result(timeout: .seconds(20))
    }
  }

  @Test(arguments: Site.Place.allCases)
  func bulkChangesAreReportedAndRecorded(_ place: Site.Place) async throws {
    try await Site.with(in: place, register: Self.register) { site in
      let management = site.client.management(actor: "ana")
      for instance in ["w1", "w2"] {
        let handle = try await site.client.start(ControlTests.waiter, instance: instance)
        #expect(try await eventually { try await handle.describe().status == .running })
      }
      try await Self.finish(site, ["q"])
      let waiters = InstanceSelection.matching(InstanceFilter(orchestration: "waiter"))
      let dry = try await management.bulk(.suspend, waiters, dryRun: true)
      #expect(dry.changes.map(\.instance) == ["w1", "w2"])
      #expect(try await site.client.describe("w1").status == .running)
      #expect(try await management.bulk(.suspend, waiters, reason: "night") == dry)
      try await site.restart()
      let again = site.client.management(actor: "bo")
      #expect(try await again.resume("w1") == .running)
      #expect(try await again.requeue("w1") == .running)
      let report = try await again.delete(["w1", "q", "nobody"], reason: "room")
      #expect(report.changes.map(\.outcome) == [.skipped, .done, .refused])
      #expect(report.changes[0].message?.contains("force deletes it") == true)
      #expect(report.deleted == ["q"] && !report.hasMore)
      #expect(try await again.delete(waiters, force: true).deleted == ["w1", "w2"])
      let records = try await again.audit(AuditFilter(actor: "bo")).records
      #expect(
        records.map { "\($0.operation) \($0.target)" } == [
          "delete w2", "delete w1", "delete q", "requeue w1", "resume w1",
        ])
      #expect(records.first?.detail?["force"] == .bool(true))
      let page = try await again.audit(limit: 3)
      #expect(page.hasMore)
      #expect(try await again.audit(after: page, limit: 10).records.count == 4)
    }
  }

  @Test(arguments: Site.Place.allCases)
  func pruneKeepsTheLast(_ place: Site.Place) async throws {
    try await Site.with(in: place, register: Self.register) { site in
      let management = site.client.management()
      try await Self.finish(site, ["a", "b", "c"])
      #expect(try await management.prune(olderThan: .seconds(60)).changes.isEmpty)
      let first = try await management.prune(keepLast: 1, limit: 1)
      #expect(first.deleted == ["a"] && first.hasMore)
      #expect(try await management.prune(keepLast: 1, after: first).deleted == ["b"])
      _ = try await site.client.start(Self.rounds, input: 4, instance: "r")
      #expect(try await eventually { try await site.client.describe("r").execution == 5 })
      let pruned = try await management.pruneExecutions(keepLast: 2)
      #expect(pruned.changes.map(\.executions) == [3])
      #expect(try await site.client.history("r", execution: 3).events.isEmpty)
      #expect(try await !site.client.history("r", execution: 4).events.isEmpty)
    }
  }

  @Test(arguments: Site.Place.allCases)
  func retentionIsEnforcedByRuntimes(_ place: Site.Place) async throws {
    try await Site.with(in: place, register: Self.register) { site in
      let management = site.client.management(actor: "ana")
      try await Self.finish(site, ["a"])
      try await management.setRetention("*", keep: .seconds(86_400), statuses: [.failed])
      #expect(try await management.sweep().deleted.isEmpty)
      try await management.setRetention("quick", keep: .milliseconds(1))
      #expect(try await eventually { try await Self.ids(site).isEmpty })
      try await site.restart()
      let again = site.client.management()
      let rules = try await again.retention()
      #expect(rules.map(\.orchestration) == ["*", "quick"])
      #expect(rules.map(\.keep) == [.seconds(86_400), .milliseconds(1)])
      #expect(rules.first?.statuses == [.failed])
      try await again.removeRetention("quick", reason: "by law")
      let error = await #expect(throws: DXError.self) { try await again.removeRetention("quick") }
      #expect(error?.code == .notFound)
      try await Self.finish(site, ["b"])
      #expect(try await again.sweep(dryRun: true).deleted.isEmpty)
    }
  }

  @Test(arguments: Site.Place.allCases)
  func activitiesAreMovedByHand(_ place: Site.Place) async throws {
    try await Site.with(in: place, register: Self.register) { site in
      let management = site.client.management()
      func begin(_ instance: String) async throws -> InstanceHandle<String> {
        let handle = try await site.client.start(Self.works, instance: instance)
        #expect(
          try await eventually {
            try await site.client.history(instance).events.contains { try $0.kind == "ActivityScheduled" }
          })
        return handle
      }
      let retried = try await begin("retried")
      try await management.retryActivity("retried", action: 1, reason: "it hangs")
      #expect(try await retried.result(timeout: .seconds(20)) == "attempt 2")
      let completed = try await begin("completed")
      try await management.completeActivity("completed", action: 1, result: "by hand")
      #expect(try await completed.result(timeout: .seconds(20)) == "by hand")
      let failed = try await begin("failed")
      try await management.failActivity("failed", action: 1, Failure(type: "Stuck", message: "it hangs"))
      #expect(try await failed.result(timeout: .seconds(20)) == "failed: Stuck")
      let error = await #expect(throws: DXError.self) {
        try await management.failActivity("failed", action: 1, Failure(type: "Stuck", message: ""))
      }
      #expect(error?.code == .stale)
    }
  }
}
