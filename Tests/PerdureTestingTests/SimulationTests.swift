import Perdure
import PerdureABI
import PerdureTesting
import Testing

/// What activities do to the world outside.
private actor Box {
  private(set) var items: [String] = []
  func add(_ item: String) { items.append(item) }
}

private let first = ActivityDefinition("first") { (_, input: String) in input }
private let second = ActivityDefinition("second") { (_, input: String) in input }

private let chain = OrchestrationDefinition("chain") { (context, input: String) -> String in
  try await context.call(second, with: try await context.call(first, with: input))
}

private let patient = OrchestrationDefinition("patient") { (context: OrchestrationContext) -> String in
  try await context.waitForEvent("go", as: String.self)
}

@Suite("Simulations run orchestrations under schedules of trouble")
struct SimulationTests {
  @Test func `What is right passes, and every kind of run is made`() async throws {
    let report = try await simulate(seeds: 50) { run in
      try run.register(chain)
      run.register(first)
      run.activity("second") { (_, input: String) in "\(input)!" }
      try run.start(chain, input: "a", instance: "c-1")
      run.check("it has its result") { end in
        try end.instance("c-1").output(as: String.self) == "a!"
      }
    }
    try report.throwIfFailed()
    #expect(report.isOK)
    // Start and three turns, before and after; two attempts.
    #expect(report.points == 10)
    #expect((report.seeds, report.runs) == (50, 62))
    #expect(report.description.hasSuffix("all is well"))
  }

  @Test func `An attempt that is repeated is found, and its schedule finds it again`() async throws {
    let scenario: @Sendable (Simulation) async throws -> Void = { run in
      let box = Box()
      try run.register(chain)
      run.activity("first") { (_, input: String) -> String in
        await box.add(input)
        return input
      }
      run.register(second)
      try run.start(chain, input: "a", instance: "c-1")
      run.check("first runs once") { _ in await box.items.count == 1 }
    }
    let report = try await simulate(seeds: 0, scenario)
    let failure = try #require(report.failure)
    #expect((failure.invariant, failure.message) == ("first runs once", "it does not hold"))
    #expect(failure.schedule.count == 1)
    #expect(failure.lines.count == 1)
    #expect(failure.histories.map(\.instance) == ["c-1"])
    #expect(throws: SimulationFailed.self) { try report.throwIfFailed() }
    let again = try await simulate(schedule: failure.schedule, scenario)
    #expect(again.failure?.invariant == "first runs once")
    #expect(again.failure?.schedule == failure.schedule)
    #expect(again.trace == report.trace || again.runs > 1)
    #expect(try await simulate(schedule: [:], scenario).isOK)
  }

  @Test func `A failure of many decisions becomes short`() async throws {
    let scenario: @Sendable (Simulation) async throws -> Void = { run in
      try run.register(patient)
      try run.start(patient, instance: "p-1")
      try run.event("go", to: "p-1", data: "x", after: .seconds(1))
      run.check("it is quick") { end in end.elapsed < .seconds(3) }
    }
    let report = try await simulate(scenario)
    let failure = try #require(report.failure)
    #expect(failure.seed != nil)
    #expect(failure.schedule.count == 1)
    // The smallest delay that fails.
    guard case .delay(let length)? = failure.schedule.values.first else {
      Issue.record("no delay is left: \(failure)")
      return
    }
    #expect(length >= .milliseconds(1_900) && length <= .milliseconds(2_100))
    #expect(failure.reproduce.contains(".delay(.milliseconds("))
  }

  @Test(arguments: [1, 7, 42]) func `One seed gives one run`(seed: Int) async throws {
    let scenario: @Sendable (Simulation) async throws -> Void = { run in
      try run.register(chain)
      run.register(first)
      run.register(second)
      try run.start(chain, input: "a", instance: "c-1")
      run.cancel("c-1", after: .milliseconds(20))
    }
    let one = try await simulate(seed: seed, failActivities: true, scenario)
    #expect(try await simulate(seed: seed, failActivities: true, scenario).trace == one.trace)
    #expect(one.runs == 1)
  }

  @Test func `An instance that waits for ever fails by itself, unless it may`() async throws {
    let scenario: @Sendable (Simulation, Bool) throws -> Void = { run, mayWait in
      try run.register(patient)
      try run.start(patient, instance: "p-1")
      if mayWait { run.mayWait("p-1") }
    }
    let failure = try #require(try await simulate { run in try scenario(run, false) }.failure)
    #expect(failure.invariant == "every instance ends")
    #expect(failure.message == "'p-1' waits for event 'go'")
    #expect(try await simulate(seeds: 5) { run in try scenario(run, true) }.isOK)
  }

  @Test func `Code that differs from its history is found by replaying`() async throws {
    let box = Box()
    let fickle = OrchestrationDefinition("fickle") { (context: OrchestrationContext) -> String in
      await box.add("turn")
      let name = await box.items.count % 2 == 0 ? first : second
      return try await context.call(name, with: "x")
    }
    let report = try await simulate(seeds: 0) { run in
      try run.register(fickle)
      run.register(first)
      run.register(second)
      try run.start(fickle, instance: "f-1")
    }
    #expect(report.failure?.invariant == "no instance is quarantined")
  }

  @Test func `Invariants see instances after every commit`() async throws {
    let report = try await simulate(seeds: 0) { run in
      try run.register(chain)
      run.register(first)
      run.register(second)
      try run.start(chain, input: "a", instance: "c-1")
      run.always("it never ends") { world in
        try world.instance("c-1").status != .completed
      }
    }
    #expect(report.failure?.invariant == "it never ends")
  }

  @Test func `An attempt sees what a real one sees, and may end elsewhere`() async throws {
    let later = ActivityDefinition("later") { (_, input: String) in input }
    let ask = OrchestrationDefinition("ask") { (context, input: String) -> String in
      try await context.call(later, with: input)
    }
    let report = try await simulate(seeds: 100) { run in
      try run.register(ask)
      run.activity("later") { (context, input: String) -> String in
        guard context.idempotencyKey == "a-1/1/1", context.attempt > 0 else {
          throw Failure(type: "Wrong", message: "")
        }
        if context.attempt > 1 {
          let last: Int? = try context.lastHeartbeat()
          guard last == nil || last == 7 else { throw Failure(type: "WrongHeartbeat", message: "") }
        }
        try context.heartbeat(7)
        try run.completeActivity(context.token, result: "\(input)!", after: .seconds(3))
        throw context.deferred()
      }
      try run.start(ask, input: "a", instance: "a-1")
      run.check("it has its result") { end in
        try end.instance("a-1").output(as: String.self) == "a!"
      }
    }
    try report.throwIfFailed()
  }

  @Test func `What a scenario may not do is said at once`() async throws {
    await #expect(throws: DXError.self) {
      try await simulate { run in
        try run.register(chain)
        try run.register(chain)
      }
    }
    await #expect(throws: DXError.self) {
      try await simulate(maxSteps: 0) { run in try run.register(chain) }
    }
    await #expect(throws: DXError.self) {
      try await simulate { run in try run.completeActivity("nonsense") }
    }
  }

  @Test func `Refused lines have a number and a reason`() async throws {
    let report = try await simulate(seeds: 0) { run in
      let number = try run.event("go", to: "nobody")
      run.check("nobody is there") { end in
        end.refused == [number: "there is no such instance"]
      }
      run.check("and cannot be looked at") { end in (try? end.instance("nobody")) == nil }
    }
    try report.throwIfFailed()
  }
}
