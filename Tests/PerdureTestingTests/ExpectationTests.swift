import Perdure
import PerdureABI
import PerdureTesting
import Testing

/// What is expected of a test environment, when it is so and when it is not.
@Suite struct ExpectationTests {
  struct Declined: DurableError, Hashable { var reason: String }

  static let charge = ActivitySignature<Int, String>("charge", errors: [Declined.self])

  static let pay = OrchestrationDefinition("pay") { (context, amount: Int) -> String in
    try await context.call(charge, with: amount)
    if amount > 10 { try await context.waitForEvent("approved") }
    return try await context.activity("ship", with: amount, returning: String.self)
  }

  static let stubs: [String: ActivityStub] = ["charge": .returns("paid"), "ship": .returns("shipped")]

  @Test func whatIsSoPasses() async throws {
    try await withTestEnvironment([Self.pay], stubs: Self.stubs) { environment in
      try await environment.client.start(Self.pay, input: 5, instance: "p-1")
      try await environment.expectOutput("shipped", of: "p-1")
      try environment.expectCalls(of: "charge", count: 1)
      try environment.expectCalls(of: "charge", inputs: [5])
      try environment.expectCalls(of: "refund", count: 0)
      try environment.expectOrder("charge", "ship")
      try await environment.expectStatus(.completed, of: "p-1")
      #expect(try await environment.expectReplay(of: "p-1").replayed == 1)

      environment.stub("charge", .fails(Declined(reason: "no money")))
      try await environment.client.start(Self.pay, input: 5, instance: "p-2")
      #expect(try await environment.expectFailure(of: "p-2", Declined.self) == Declined(reason: "no money"))
      #expect(try await environment.expectFailure(of: "p-2").type == "Declined")
      let report = await environment.report()
      #expect(report.contains("'p-1' is Completed with \"shipped\"\n'p-2' is Failed with Declined"))
      #expect(report.contains("\n  ship(5) of 'p-1', attempt 1"))
    }
  }

  @Test func whatIsNotSoSaysWhatThereIs() async throws {
    try await withTestEnvironment([Self.pay], stubs: Self.stubs) { environment in
      try await environment.client.start(Self.pay, input: 50, instance: "p-1")
      try await environment.settle()
      try await failing("'p-1' was to be Completed") {
        try await environment.expectStatus(.completed, of: "p-1")
      }
      try await failing("approved") { try await environment.expectStatus(.completed, of: "p-1") }
      try await environment.client.raiseEvent("approved", to: "p-1")
      try await failing("was to end with other") { try await environment.expectOutput("other", of: "p-1") }
      try await failing("was to fail with Declined") {
        try await environment.expectFailure(of: "p-1", Declined.self)
      }
      try await failing("was to be attempted 2 times and was 1 times\n  charge(50) of 'p-1'") {
        try environment.expectCalls(of: "charge", count: 2)
      }
      try await failing("with [5] and was with [50]") {
        try environment.expectCalls(of: "charge", inputs: [5])
      }
      try await failing("[\"charge\", \"ship\"]") { try environment.expectOrder("ship") }
      let changed = OrchestrationDefinition("pay") { (context, amount: Int) -> String in
        try await context.activity("check", with: amount, returning: String.self)
      }
      try await failing("the code does: activity 'check'") {
        try await environment.expectReplay(of: "p-1", against: [changed])
      }
    }
  }

  private func failing(_ words: String, _ body: () async throws -> Void) async throws {
    let error = await #expect(throws: ExpectationFailed.self) { try await body() }
    #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
  }

  @Test func itStopsInAnyCase() async throws {
    var kept: TestEnvironment?
    await #expect(throws: Declined.self) {
      try await withTestEnvironment([Self.pay]) { environment in
        kept = environment
        throw Declined(reason: "the test fails")
      }
    }
    #expect(try await kept?.client.management().nodes().isEmpty == true)
  }
}
