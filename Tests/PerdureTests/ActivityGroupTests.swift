import Testing

import Perdure
import PerdureABI
import PerdureTesting

/// Activities with what they depend on, registered together.
@Suite struct ActivityGroupTests {
  protocol Gateway: Sendable {
    func charge(_ amount: Int, key: String) async throws -> String
  }

  struct FakeGateway: Gateway {
    func charge(_ amount: Int, key: String) async throws -> String { "fake \(amount)" }
  }

  struct PaymentActivities: ActivityGroup {
    static let charge = ActivitySignature<Int, String>(
      "charge", options: ActivityOptions(retry: RetryPolicy(maxAttempts: 2)))
    static let ping = ActivitySignature<Nothing, Int>("ping")
    static let forget = ActivitySignature<String, Nothing>("forget")
    static let tick = ActivitySignature<Nothing, Nothing>("tick")

    let gateway: any Gateway
    var withTicks = true

    var activities: [any Definition] {
      Self.charge.implemented(concurrency: 2) { context, amount in
        try await gateway.charge(amount, key: context.idempotencyKey)
      }
      Self.ping.implemented { _ in 7 }
      Self.forget.implemented(by: forget)
      if withTicks { Self.tick.implemented { _ in } }
    }

    private func forget(_ context: ActivityContext, _ what: String) async throws {}
  }

  /// Activities that share state.
  actor Counters: ActivityGroup {
    static let add = ActivitySignature<Int, Int>("add")
    private var sum = 0

    nonisolated var activities: [any Definition] {
      Self.add.implemented { _, number in await self.add(number) }
    }

    private func add(_ number: Int) -> Int {
      sum += number
      return sum
    }
  }

  static let flow = OrchestrationDefinition("flow") { (context) -> String in
    let charged = try await context.call(PaymentActivities.charge, with: 5)
    try await context.call(PaymentActivities.forget, with: charged)
    try await context.call(PaymentActivities.tick)
    let sums = try await context.all([1, 2, 3]) { try await context.call(Counters.add, with: $0) }
    return "\(charged), \(try await context.call(PaymentActivities.ping)), \(sums.max() ?? 0)"
  }

  @Test func aGroupBringsItsDependencies() async throws {
    let definitions: [any Definition] = [
      Self.flow, PaymentActivities(gateway: FakeGateway()), Counters(),
    ]
    try await withTestEnvironment(definitions) { environment in
      let result = try await environment.run(Self.flow)
      #expect(result == "fake 5, 7, 6")
      try environment.expectCalls(of: "charge", inputs: [5])
      environment.stub("charge", .inTurn(.fails(Failure(type: "Busy", message: "")), .returns("stubbed")))
      let stubbed = try await environment.run(Self.flow)
      #expect(stubbed == "stubbed, 7, 12", "the options are those of the signature")
    }
  }

  @Test func aRuntimeAndASimulationTakeThem() async throws {
    let group = PaymentActivities(gateway: FakeGateway(), withTicks: false)
    #expect(group.name == "PaymentActivities")
    #expect(group.activities.map(\.name) == ["charge", "ping", "forget"])
    let runtime = try Runtime(try await Store(url: "memory:"))
    try runtime.register(group)
    let twice = #expect(throws: DXError.self) { try runtime.register(group) }
    #expect(twice?.code == .alreadyExists)
    let report = try await simulate(seeds: 5) { run in
      try run.register([Self.flow, PaymentActivities(gateway: FakeGateway())])
      try run.register(Counters())
      try run.start(Self.flow, instance: "f-1")
      run.check("it charges") { end in
        try end.instance("f-1").output(as: String.self)?.hasPrefix("fake 5") == true
      }
    }
    try report.throwIfFailed()
  }

  /// Started and called by those who have no code of it.
  @Test func signaturesStandForCodeThatIsElsewhere() async throws {
    let half = OrchestrationSignature<Int, Int>("half")
    let quarter = OrchestrationSignature<Int, Int>("quarter")
    let definitions: [any Definition] = [
      half.implemented { _, number in number / 2 },
      quarter.implemented(version: "1.1.0") { context, number in
        try await context.call(half, with: try await context.call(half, with: number))
      },
    ]
    try await withTestEnvironment(definitions) { environment in
      let handle = try await environment.client.start(quarter, input: 20, instance: "q-1")
      #expect(try await handle.result() == 5)
      #expect(try await handle.describe().version == "1.1.0")
      let many = try await environment.client.startMany(half, [(instance: "h-1", input: 8)])
      #expect(try await many.first?.get().result() == 4)
    }
  }
}
