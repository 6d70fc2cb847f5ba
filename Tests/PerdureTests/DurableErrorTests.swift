import Testing

@testable import Perdure
import PerdureABI
import PerdureTesting

/// Errors that come back as what they were, through activities, children and clients.
@Suite struct DurableErrorTests {
  struct Declined: DurableError, Hashable {
    var reason: String
    var amount: Int
  }

  /// Another name in the store than in the code.
  struct OutOfStock: DurableError, Hashable {
    static let failureType = "shop.OutOfStock"
    var item: String
  }

  static let charge = ActivityDefinition("charge", errors: [Declined.self, OutOfStock.self]) {
    (_, amount: Int) -> Int in
    if amount > 100 { throw Declined(reason: "too much", amount: amount) }
    if amount < 0 { throw OutOfStock(item: "money") }
    if amount == 0 { throw Failure(type: "Declined", message: "has no members of its own") }
    return amount
  }

  static let pay = OrchestrationDefinition("pay", errors: [OutOfStock.self]) {
    (context, amount: Int) -> String in
    do {
      return "paid \(try await context.call(charge, with: amount))"
    } catch let error as Declined {
      return "declined: \(error.reason), \(error.amount)"
    } catch let error as ActivityFailure {
      return "failed: \(error.failure.message)"
    }
  }

  static let parent = OrchestrationDefinition("parent") { (context, amount: Int) -> String in
    do {
      return try await context.call(pay, with: amount)
    } catch let error as OutOfStock { return "no \(error.item)" }
  }

  @Test func anErrorComesBackAsItself() async throws {
    try await withTestEnvironment([Self.charge, Self.pay, Self.parent]) { environment in
      let paid = try await environment.run(Self.pay, input: 5)
      #expect(paid == "paid 5")
      let declined = try await environment.run(Self.pay, input: 500)
      #expect(declined == "declined: too much, 500")
      #expect(
        try await environment.run(Self.pay, input: 0) == "failed: has no members of its own",
        "details that do not fit leave the failure as it is")
      let none = try await environment.run(Self.parent, input: -1)
      #expect(none == "no money")
    }
  }

  @Test func aClientGetsItToo() async throws {
    try await withTestEnvironment([Self.charge, Self.pay]) { environment in
      let handle = try await environment.client.start(Self.pay, input: -1, instance: "p-1")
      await #expect(throws: OutOfStock(item: "money")) { try await handle.result() }
      let known = environment.client.instance("p-1", of: Self.pay.signature)
      await #expect(throws: OutOfStock(item: "money")) { try await known.result() }
      // By the type of its output alone nobody knows what it may fail with.
      let other = environment.client.instance("p-1", returning: String.self)
      let failure = await #expect(throws: OrchestrationFailure.self) { try await other.result() }
      #expect(failure?.failure.type == "shop.OutOfStock")
      #expect(failure?.failure.error(as: OutOfStock.self) == OutOfStock(item: "money"))
      #expect(failure?.failure.error(as: Declined.self) == nil)
      let end = try await handle.wait()
      #expect(end.status == .failed && end.failure?.type == "shop.OutOfStock")
    }
  }

  @Test func whatIsNotDeclaredIsAnActivityFailure() async throws {
    let signature = ActivitySignature<Int, Int>("charge")
    let careless = OrchestrationDefinition("careless") { (context, amount: Int) -> String in
      do {
        return "\(try await context.call(signature, with: amount))"
      } catch let error as ActivityFailure { return "\(error.activity): \(error.failure.type)" }
    }
    try await withTestEnvironment([Self.charge, careless]) { environment in
      let other = try await environment.run(careless, input: 500)
      #expect(other == "charge: Declined")
    }
  }

  @Test func anyErrorMakesAFailure() {
    let failure = Failure(Declined(reason: "no", amount: 1))
    #expect(failure.type == "Declined" && failure.detailsJSON == #"{"amount":1,"reason":"no"}"#)
    #expect(Failure(OutOfStock(item: "x")).type == "shop.OutOfStock")
    #expect(Failure(CancellationError()).type == "CancellationError")
  }
}
