import TestSupport
import Testing

@testable import Perdure

/// What operators look at: on a file and in memory, with restarts.
@Suite struct LookingTests {
  struct Declined: Error, Codable { var code = 51 }

  static let pay = ActivityDefinition("pay") { (_, amount: Int) in
    if amount < 0 { throw Declined() }
    return amount
  }

  static let much = OrchestrationDefinition("much") { (context) in
    try context.kv.set("key", "value")
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        let retry = RetryPolicy(
          maxAttempts: 5, backoff: .fixed, initialInterval: .seconds(300), maxInterval: .seconds(300))
        _ = try await context.call(pay, with: -1, options: ActivityOptions(retry: retry))
      }
      group.addTask { _ = try await context.activity("nobody", with: 1, returning: Int.self) }
      group.addTask { try await context.sleep(for: .seconds(3_600)) }
      group.addTask { try await context.waitForEvent("go") }
      group.addTask { _ = try await context.call(waiting, instance: "kid") }
      try await group.waitForAll()
    }
  }

  static let waiting = OrchestrationDefinition("waiting") { (context) in
    try await context.waitForEvent("go")
  }

  static let rounds = OrchestrationDefinition("rounds") { (context, left: Int) -> Int in
    try await context.waitForEvent("next")
    if left > 1 { try context.continueAsNew(left - 1) }
    return left
  }

  static func register(_ runtime: Runtime) throws {
    try runtime.register(pay)
    try runtime.register(much)
    try runtime.register(waiting)
    try runtime.register(rounds)
  }

  /// `much` with all that it opens.
  static func open(_ site: Site) async throws -> Inspection {
    try await site.client.start(much, instance: "m")
    let management = site.client.management()
    #expect(
      try await eventually {
        let found = try await management.inspect("m")
        return found.activities.map(\.state) == [.backoff, .waiting]
          && found.children.first?.status == .running
      })
    return try await management.inspect("m")
  }

  @Test(arguments: Site.Place.allCases)
  func inspectShowsAllThatIsOpen(_ place: Site.Place) async throws {
    try await Site.with(in: place, register: Self.register) { site in
      for found in [try await Self.open(site), try await Self.again(site)] {
        #expect(found.description.status == .running)
        #expect(found.activities.map(\.name) == ["pay", "nobody"])
        #expect(found.activities.first?.failures == 1)
        #expect(found.activities.first?.lastFailure?.type == "Declined")
        #expect(try found.activities.first?.lastFailure?.details(as: Declined.self).code == 51)
        #expect(found.activities.last?.startedAt == nil)
        #expect(found.timers.count == 1)
        #expect(found.waits.map(\.name) == ["go"])
        #expect(found.children.map(\.instance) == ["kid"])
        #expect(found.sizes.kvKeys == 1)
        #expect(found.sizes.historyEvents == Int(found.description.eventCount))
        #expect(found.inbox.count == 0)
      }
    }
  }

  static func again(_ site: Site) async throws -> Inspection {
    try await site.restart()
    return try await site.client.management().inspect("m")
  }

  @Test(arguments: Site.Place.allCases)
  func whySaysWhatToDo(_ place: Site.Place) async throws {
    try await Site.with(in: place, register: Self.register) { site in
      _ = try await Self.open(site)
      let management = site.client.management()
      #expect(
        try await eventually {
          try await management.why("m").waitingFor.allSatisfy { $0.kind != .turn }
        })
      let why = try await management.why("m")
      #expect(
        why.waitingFor.map(\.kind) == [.activityBackoff, .activityUnserved, .timer, .event, .child])
      #expect(why.summary.hasSuffix("and 2 more."))
      #expect(why.waitingFor[1].advice.contains("registers activity 'nobody'"))
      #expect(why.waitingFor[4].child?.summary == "Instance 'kid' waits for event 'go'.")
      try await site.client.start("unknown", instance: "u")
      let unknown = try await management.why("u")
      #expect(unknown.waitingFor.first?.kind == .noRuntime)
      #expect(unknown.waitingFor.first?.servedBy == [])
      let missing = await #expect(throws: DXError.self) { try await management.why("none") }
      #expect(missing?.code == .notFound)
    }
  }

  @Test(arguments: Site.Place.allCases)
  func executionsTreeAndStatistics(_ place: Site.Place) async throws {
    try await Site.with(in: place, register: Self.register) { site in
      _ = try await Self.open(site)
      try await site.client.start(Self.rounds, input: 2, instance: "r")
      try await site.client.raiseEvent("next", to: "r")
      #expect(try await eventually { try await site.client.describe("r").execution == 2 })
      try await site.restart()
      let management = site.client.management()
      let executions = try await management.executions("r")
      #expect(executions.map(\.status) == ["ContinuedAsNew", "Running"])
      #expect(executions.first?.endedAt != nil)
      let tree = try await management.tree("m")
      #expect(tree.root.all.map(\.instance) == ["m", "kid"])
      #expect(try await management.tree("m", depth: 0).isTruncated)
      #expect(try await management.ancestors("kid").map(\.instance) == ["m"])
      let statistics = try await management.statistics()
      #expect(statistics.counts.byStatus == [.running: 3])
      #expect(try await management.statistics(orchestration: "rounds").counts.open == 1)
      let much = try await management.statistics(instance: "m")
      #expect(much.activitiesScheduled == 2)
      #expect(much.childrenByStatus == [.running: 1])
      let queues = try await management.queues()
      #expect(queues.activities.first { $0.name == "nobody" }?.isClaimable == false)
      #expect(queues.activities.first { $0.name == "pay" }?.backoff == 1)
      let node = try #require(try await management.nodes().first)
      #expect(node.id > 0)
      #expect((node.pid == nil) == (place == .memory))
    }
  }

  @Test(arguments: Site.Place.allCases)
  func listFindsByWhatInstancesAre(_ place: Site.Place) async throws {
    try await Site.with(in: place, register: Self.register) { site in
      for index in 0..<4 {
        var options = StartOptions()
        options.attributes = ["city": index % 2 == 0 ? "Bern" : "Köln"]
        try await site.client.start(Self.waiting, instance: "w\(index)", options: options)
      }
      #expect(
        try await eventually {
          try await site.client.list().instances.allSatisfy { $0.status == .running }
        })
      try await site.client.terminate("w3")
      try await site.restart()
      func ids(_ change: (inout InstanceFilter) -> Void) async throws -> [String] {
        var filter = InstanceFilter()
        filter.limit = 1
        change(&filter)
        var ids: [String] = []
        var page: InstancePage? = try await site.client.list(filter)
        while let shown = page {
          ids += shown.instances.map(\.instance)
          page = shown.hasMore ? try await site.client.list(filter, after: shown) : nil
        }
        return ids
      }
      #expect(try await ids { $0.attributes = ["city": "Köln"] } == ["w1", "w3"])
      #expect(
        try await ids {
          $0.statuses = [.terminated, .running]
          $0.order = .newest
        } == ["w3", "w2", "w1", "w0"])
      let ended = try await site.client.describe("w3").endedAt
      #expect(try await ids { $0.endedFrom = ended } == ["w3"])
      #expect(try await ids { $0.endedTo = ended } == [])
      #expect(
        try await ids {
          $0.version = "1.0.0"
          $0.rootsOnly = true
          $0.status = .running
        } == ["w0", "w1", "w2"])
    }
  }

  @Test(arguments: Site.Place.allCases)
  func aHistoryIsFollowedOverAllExecutions(_ place: Site.Place) async throws {
    let site = try await Site(in: place, register: Self.register)
    let client = site.client
    try await client.start(Self.rounds, input: 3, instance: "r")
    var seen: [(Int64, String)] = []
    for try await event in client.followHistory("r", timeout: .seconds(20)) {
      seen.append((event.execution, try event.kind))
      if try event.kind == "EventSubscribed" { try await client.raiseEvent("next", to: "r") }
    }
    #expect(seen.map(\.0) == seen.map(\.0).sorted())
    #expect(seen.last?.1 == "OrchestrationCompleted")
    #expect(seen.count { $0.1 == "OrchestrationContinuedAsNew" } == 2)
    #expect(seen.last?.0 == 3)
    let missing = await #expect(throws: DXError.self) {
      for try await _ in client.followHistory("none") {}
    }
    #expect(missing?.code == .notFound)
    try await client.start(Self.waiting, instance: "w")
    let late = await #expect(throws: DXError.self) {
      for try await _ in client.followHistory("w", timeout: .milliseconds(50)) {}
    }
    #expect(late?.code == .timedOut)
    try await site.end()
  }
}
