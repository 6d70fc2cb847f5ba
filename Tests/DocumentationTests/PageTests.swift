import Foundation
import Perdure
import PerdureABI
import PerdureTesting
import TestSupport
import Testing

let greet = ActivityDefinition("greet") { (_, name: String) in "Hello, \(name)!" }

let hello = OrchestrationDefinition("hello") { (context, name: String) in
  try await context.call(greet, with: name)
}

// The tests that the pages show.

@Test func itGreets() async throws {
  try await withTestEnvironment([hello], stubs: ["greet": .returns("Good day!")]) { environment in
    let greeting = try await environment.run(hello, input: "Ada")
    #expect(greeting == "Good day!")
    try environment.expectCalls(of: "greet", inputs: ["Ada"])
  }
}

@Test func whoDoesNotPayIsReminded() async throws {
  let stubs: [String: ActivityStub] = [
    "charge": .inTurn(.returns("paid"), .fails(Declined(reason: "no money")), .returns("paid")),
    "remind": .returns(Nothing()),
  ]
  try await withTestEnvironment([subscription], stubs: stubs) { environment in
    let start = try environment.now()
    let months = try await environment.run(subscription, input: "ada", instance: "ada")
    #expect(months == 12)
    let reminded = try environment.expectCalls(of: "remind", count: 1)
    #expect(reminded.first?.at == start.advanced(by: .seconds(30 * 86_400)))
    try await environment.expectReplay(of: "ada")
  }
}

/// What the code of the pages does.
@Suite struct PageTests {
  static let new = Order(price: 42, items: ["book", "lamp"])

  @Test func anOrder() async throws {
    let gateway = FakeGateway()
    try await withTestEnvironment([order, pack, PaymentActivities(gateway: gateway)]) { environment in
      let handle = try await environment.client.start(order, input: Self.new)
      try await handle.raiseEvent("approval", data: "Grace")
      #expect(
        try await handle.result() == "approved by Grace: a parcel with book, a parcel with lamp")
      #expect(await gateway.payments == [42])
      let late = try await environment.run(order, input: Self.new)
      #expect(late == "nobody approved")
      #expect(await gateway.payments.isEmpty)
    }
  }

  @Test func errorsComeBack() async throws {
    try await withTestEnvironment([pay, PaymentActivities(gateway: FakeGateway())]) { environment in
      let dear = Order(price: 5_000, items: [])
      let declined = try await environment.run(pay, input: dear)
      #expect(declined == "declined: too much")
      environment.stub("charge", .fails(Failure(type: "perdure.Timeout", message: "")))
      let silent = try await environment.run(pay, input: dear)
      #expect(silent == "the bank did not answer")
    }
  }

  @Test func whatIsCancelledCleansUp() async throws {
    let group = PaymentActivities(gateway: FakeGateway())
    try await withTestEnvironment([patient, shielded, group]) { environment in
      let handle = try await environment.client.start(patient, input: "payment 7", instance: "p-1")
      try await environment.settle()
      try await handle.cancel()
      #expect(try await handle.wait().status == .cancelled)
      try environment.expectCalls(of: "refund", inputs: ["payment 7"])
      try await environment.run(shielded, input: "payment 8")
      try environment.expectCalls(of: "refund", inputs: ["payment 7", "payment 8"])
    }
  }

  @Test func anAccountAnswers() async throws {
    try await withTestEnvironment([account]) { environment in
      let client = environment.client
      let handle = try await client.start(account, instance: "account-7")
      let balance = try await client.call("account-7", "deposit", input: 5, returning: Int.self)
      #expect(balance == 5)
      let refused = await #expect(throws: CallFailure.self) {
        try await handle.call("deposit", input: 0, returning: Int.self)
      }
      #expect(refused?.isRejection == true)
      #expect(try await handle.query("balance", returning: Int.self) == 5)
      try await handle.raiseEvent("close")
      #expect(try await handle.result() == 5)
    }
  }

  @Test func theFirstTwoQuotesCount() async throws {
    let prices = ["a": 9, "b": 4, "c": 1]
    let stub = ActivityStub.run { (context: ActivityContext, shop: String) -> Int in
      if shop == "c" { throw context.deferred() }
      return prices[shop] ?? 0
    }
    try await withTestEnvironment([quotes, letters], stubs: ["askPrice": stub]) { environment in
      let best = try await environment.run(quotes, input: ["a", "b", "c"])
      #expect(best == 4)
      environment.stub("secondLetter", .returns(Nothing()))
      try await environment.run(letters, input: "o-1")
      try environment.expectCalls(of: "secondLetter", count: 1)
    }
  }

  @Test func aFilmGoesOnWhereItWas() async throws {
    try await withTestEnvironment([film, transcode]) { environment in
      let first = try await environment.run(film, input: "a.mov")
      #expect(first == 39)
      #expect(await transcoder.frames.count == 101, "one frame was done twice")
    }
  }

  @Test func nobodyPaysTwice() async throws {
    let report = try await simulate { run in
      let gateway = FakeGateway()
      try run.register([shop, PaymentActivities(gateway: gateway)])
      try run.start(shop, input: 42, instance: "order-1")
      run.check("it is paid once") { _ in await gateway.payments == [42] }
    }
    try report.throwIfFailed()
  }

  @Test func histories() async throws {
    try await withTestEnvironment([shop, PaymentActivities(gateway: FakeGateway())]) { environment in
      let client = environment.client
      try await environment.run(shop, input: 1, instance: "order-1")
      let history = try await client.management().exportInstance("order-1")
      try await HistoryReplay.check(history, against: [shop]).throwIfDifferent()
    }
  }

  @Test func aRuntimeByHand() async throws {
    let gateway = FakeGateway()
    let store = try await Store(url: "memory:")
    let runtime = try Runtime(store)
    try runtime.register(PaymentActivities(gateway: gateway))
    try await runtime.start()
    try await runtime.stop()
  }

  /// Some logger of another library.
  struct OtherLogger: Sendable {
    let lines = Notes<String>()
    func log(_ level: Int, _ message: String, metadata: [String: String]) { lines.add(message) }
  }

  @Test func records() async throws {
    let lock = await LogLock()
    defer { withExtendedLifetime(lock) {} }
    let logger = OtherLogger()
    @Sendable func level(of level: LogLevel) -> Int { LogLevel.allCases.firstIndex(of: level) ?? 0 }
    let bank = "north"
    let talks = ActivityDefinition("talks") { (context) in
      context.logger.info("charged", metadata: ["bank": bank])
    }
    let calls = OrchestrationDefinition("calls") { (context) in try await context.call(talks) }
    try EngineLog.send(from: .info) { record in
      logger.log(level(of: record.level), record.message, metadata: record.metadata)
    }
    try await withTestEnvironment([calls, talks]) { try await $0.run(calls) }
    try EngineLog.turnOff()
    #expect(logger.lines.all.contains("charged"))
  }
}
