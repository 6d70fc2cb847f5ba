import Perdure
// The engine in this process.
import PerdureABI
import PerdureTesting
import TestSupport
import Testing

/// Tests as users write them: virtual time, stubs, a restart; on memory and on a file.
@Suite struct TestEnvironmentTests {
  static let month = Duration.seconds(30 * 86_400)

  struct Declined: Error, Codable {}

  /// Charges each month; reminds twice, some days apart, before it gives up.
  static let subscription = OrchestrationDefinition("subscription") { (context, customer: String) in
    var paid = 0
    for _ in 0..<12 {
      try await context.activity("charge", with: customer, returning: String.self)
      paid += 1
      try await context.sleep(for: month)
    }
    return paid
  }

  static let approval = OrchestrationDefinition("approval") { (context: OrchestrationContext) -> String in
    do {
      return try await context.withTimeout(.seconds(3 * 86_400)) {
        try await context.waitForEvent("decision", as: String.self)
      }
    } catch is TimedOut { return "nobody decided" }
  }

  static let patient = ActivityOptions(
    retry: RetryPolicy(initialInterval: .seconds(86_400), coefficient: 1, maxInterval: .seconds(86_400)))

  static let patiently = OrchestrationDefinition("patiently") { (context: OrchestrationContext) in
    try await context.activity("charge", with: 5, options: patient, returning: Int.self)
  }

  static let charge = ActivityDefinition("charge") { (_, _: String) -> String in
    throw Failure(type: "Real", message: "a test must not charge anybody")
  }

  /// The URLs of a store that lives as long as the test.
  static func on(
    _ kind: String, _ definitions: [any Definition], stubs: [String: ActivityStub] = [:],
    start: Timestamp? = nil, _ body: (TestEnvironment) async throws -> Void
  ) async throws {
    let folder = try TemporaryFolder()
    let environment = try await TestEnvironment(
      definitions, stubs: stubs, start: start, url: kind == "memory" ? "memory:" : folder.store)
    try await body(environment)
    try await environment.stop()
  }

  @Test(arguments: ["memory", "sqlite"]) func aYearPasses(_ kind: String) async throws {
    let start = Timestamp(millisecondsSince1970: 1_000_000)
    try await Self.on(kind, [Self.subscription, Self.charge], start: start) { environment in
      environment.stub("charge", .returns("ok"))
      let months = try await environment.run(Self.subscription, input: "ada")
      #expect(months == 12)
      let calls = environment.calls(of: "charge")
      #expect(calls.map { $0.at } == (0..<12).map { start.advanced(by: Self.month * $0) })
      #expect(calls.map { $0.attempt } == Array(repeating: 1, count: 12))
      #expect(try calls.first?.input(as: String.self) == "ada")
      #expect(Set(calls.map { $0.idempotencyKey }).count == 12)
      #expect(try environment.now() == start.advanced(by: Self.month * 12))
    }
  }

  @Test(arguments: ["memory", "sqlite"]) func aRestartInTheMiddle(_ kind: String) async throws {
    try await Self.on(kind, [Self.subscription], stubs: ["charge": .returns("ok")]) { environment in
      let start = try environment.now()
      let handle = try await environment.client.start(Self.subscription, input: "ada")
      for done in 1...3 {
        try await environment.advance(by: Self.month)
        #expect(environment.calls.count == done + 1)
        try await environment.restart()
      }
      #expect(try environment.now() == start.advanced(by: Self.month * 3), "a restart takes no time")
      #expect(try await handle.result(timeout: .seconds(30)) == 12)
      #expect(environment.calls.map { $0.at } == (0..<12).map { start.advanced(by: Self.month * $0) })
    }
  }

  @Test func messagesComeInTime() async throws {
    try await Self.on("memory", [Self.approval]) { environment in
      let late = try await environment.run(Self.approval)
      #expect(late == "nobody decided")
      let handle = try await environment.client.start(Self.approval)
      try await environment.advance(by: .seconds(2 * 86_400))
      #expect(try await handle.describe().status == .running)
      try await handle.raiseEvent("decision", data: "yes")
      #expect(try await handle.result(timeout: .seconds(30)) == "yes")
    }
  }

  @Test(arguments: ["memory", "sqlite"]) func retriesWaitForDays(_ kind: String) async throws {
    try await Self.on(kind, [Self.patiently]) { environment in
      let start = try environment.now()
      environment.stub("charge", .inTurn(.fails(Declined()), .fails(Declined()), .returns(7)))
      #expect(try await environment.run(Self.patiently) == 7)
      let days = environment.calls.map { $0.at.millisecondsSince1970 - start.millisecondsSince1970 }
      #expect(days == [0, 86_400_000, 2 * 86_400_000])
      #expect(environment.calls.map { $0.attempt } == [1, 2, 3])
      #expect(Set(environment.calls.map { $0.idempotencyKey }).count == 1)
    }
  }

  @Test func whatIsNeitherDefinedNorStubbedFails() async throws {
    try await Self.on("memory", [Self.patiently]) { environment in
      let failure = await #expect(throws: OrchestrationFailure.self) {
        try await environment.run(Self.patiently)
      }
      #expect(failure?.failure.engineType == .notRegistered)
      #expect(environment.calls.count == 1, "another attempt cannot help")
    }
  }

  @Test func oneThatNeverAnswersRunsIntoItsLimit() async throws {
    let limited = OrchestrationDefinition("limited") { (context: OrchestrationContext) -> String in
      do {
        return try await context.activity(
          "slow", with: 1,
          options: ActivityOptions(retry: RetryPolicy(maxAttempts: 2), startToClose: .seconds(3_600)),
          returning: String.self)
      } catch let error as ActivityFailure { return "\(error.failure.timeout?.rawValue ?? "?")" }
    }
    try await Self.on("memory", [limited]) { environment in
      let start = try environment.now()
      environment.stub("slow", .never)
      #expect(try await environment.run(limited) == "startToClose")
      #expect(environment.calls.count == 2)
      let now = try environment.now()
      #expect(now >= start.advanced(by: .seconds(7_200)) && now < start.advanced(by: .seconds(7_300)))
      // Completed from elsewhere.
      let handle = try await environment.client.start(limited)
      try await environment.settle()
      let token = try #require(environment.calls.last?.token)
      try await environment.client.completeActivity(token, result: "done")
      #expect(try await handle.result(timeout: .seconds(30)) == "done")
    }
  }

  @Test func aStubMayBeTakenAwayAndBeAFunction() async throws {
    let once = OrchestrationDefinition("once") { (context, customer: String) in
      try await context.call(Self.charge, with: customer)
    }
    try await Self.on("memory", [once, Self.charge]) { environment in
      environment.stub("charge") { (context: ActivityContext, name: String) in "\(name) \(context.attempt)" }
      let stubbed = try await environment.run(once, input: "ada")
      #expect(stubbed == "ada 1")
      environment.stub("charge", nil)
      let failure = await #expect(throws: OrchestrationFailure.self) {
        try await environment.run(once, input: "ada")
      }
      #expect(failure?.failure.type == "Real")
    }
  }

  @Test func timeIsMovedToAMomentAndHeldByWhatRuns() async throws {
    let once = OrchestrationDefinition("once") { (context, customer: String) in
      try await context.call(Self.charge, with: customer)
    }
    let environment = try await TestEnvironment([once, Self.charge], timeout: .milliseconds(100))
    let start = try environment.now()
    #expect(start.millisecondsSince1970 == 1_767_225_600_000)
    #expect(
      try await environment.advance(to: start.advanced(by: .seconds(9))) == start.advanced(by: .seconds(9)))
    #expect(try await environment.advance(to: start) == start.advanced(by: .seconds(9)))
    let gate = Gate()
    environment.stub("charge") { (_: ActivityContext, name: String) in
      await gate.wait()
      return name
    }
    let handle = try await environment.client.start(once, input: "ada")
    let stuck = await #expect(throws: DXError.self) { try await environment.advance(by: .seconds(1)) }
    #expect(stuck?.code == .timedOut)
    #expect(try environment.now() == start.advanced(by: .seconds(9)))
    gate.open()
    #expect(try await handle.result(timeout: .seconds(30)) == "ada")
    let unmoved = try await Store(url: "memory:")
    let refused = await #expect(throws: DXError.self) { try await unmoved.advance(by: .seconds(1)) }
    #expect(refused?.code == .unsupported)
    try await environment.stop()
  }
}
