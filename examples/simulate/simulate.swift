import Perdure
import PerdureABI
import PerdureTesting

/// Three orchestrations with a bug that tests seldom meet, and their right versions: `simulate` finds the
/// wrong ones and passes the right ones.
@main
enum Simulate {
  static func main() async throws {
    try await check("lost compensation", "all or nothing is booked", failActivities: true) { run, isRight in
      try await LostCompensation.scenario(run, isRight ? LostCompensation.right : LostCompensation.wrong)
    }
    try await check("double charge", "nobody pays twice") { run, isRight in
      try await DoubleCharge.scenario(run, usesKey: isRight)
    }
    try await check("forgotten event", "every instance ends") { run, isRight in
      try await ForgottenEvent.scenario(run, isRight ? ForgottenEvent.right : ForgottenEvent.wrong)
    }
  }

  private static func check(
    _ name: String, _ invariant: String, failActivities: Bool = false,
    _ scenario: @escaping @Sendable (Simulation, Bool) async throws -> Void
  ) async throws {
    let wrong = try await simulate(failActivities: failActivities) { try await scenario($0, false) }
    print("\(name), wrong: \(wrong)")
    guard wrong.failure?.invariant == invariant else {
      throw Failure(type: "NotFound", message: "the bug '\(name)' was not found")
    }
    let right = try await simulate(failActivities: failActivities) { try await scenario($0, true) }
    print("\(name), right: \(right)")
    try right.throwIfFailed()
  }
}

/// A transfer takes back what it booked when a step fails - and forgets that it may be cancelled, too.
enum LostCompensation {
  /// Books what has a key once, and takes back whatever was booked for an order.
  actor Bank {
    private var booked: [String: (account: String, amount: Int)] = [:]

    func book(_ key: String, _ account: String, _ amount: Int) {
      if booked[key] == nil { booked[key] = (account, amount) }
    }

    func takeBack(_ order: String) {
      booked["\(order)/debit"] = nil
      booked["\(order)/credit"] = nil
    }

    func balance(_ account: String) -> Int {
      booked.values.filter { $0.account == account }.reduce(0) { $0 + $1.amount }
    }
  }

  static let debit = ActivityDefinition("debit") { (_, _: String) in }
  static let credit = ActivityDefinition("credit") { (_, _: String) in }
  static let takeBack = ActivityDefinition(
    "takeBack", options: ActivityOptions(retry: RetryPolicy(maxAttempts: 30))
  ) { (_, _: String) in }

  static let wrong = OrchestrationDefinition("transfer") { (context, order: String) -> String in
    do {
      try await context.call(debit, with: order)
      try await context.call(credit, with: order)
    } catch let failure as ActivityFailure {
      try await context.call(takeBack, with: order)
      throw failure
    }
    return "done"
  }

  static let right = OrchestrationDefinition("transfer") { (context, order: String) -> String in
    do {
      try await context.call(debit, with: order)
      try await context.call(credit, with: order)
    } catch {
      // Cancelled while it takes back, or before: that comes to its end first.
      _ = try await context.withCancellationShield { try await context.call(takeBack, with: order) }
      throw error
    }
    return "done"
  }

  static func scenario(_ run: Simulation, _ transfer: OrchestrationDefinition<String, String>) async throws {
    let bank = Bank()
    try run.register(transfer)
    run.activity("debit") { (_, order: String) in await bank.book("\(order)/debit", "ada", -10) }
    run.activity("credit") { (_, order: String) in await bank.book("\(order)/credit", "ben", 10) }
    run.activity("takeBack") { (_, order: String) in await bank.takeBack(order) }
    try run.start(transfer, input: "o-1", instance: "transfer-1")
    run.cancel("transfer-1", after: .seconds(5))
    run.check("all or nothing is booked") { end in
      let amount = try end.instance("transfer-1").status == .completed ? 10 : 0
      let (ada, ben) = (await bank.balance("ada"), await bank.balance("ben"))
      return ada == -amount && ben == amount
    }
  }
}

/// An order charges a card - twice, when the process dies between the charge and its record.
enum DoubleCharge {
  /// Charges again what comes again, unless it comes with a key that it knows.
  actor Gateway {
    private(set) var charges: [Int] = []
    private var receipts: [String: String] = [:]

    func charge(_ price: Int, key: String?) -> String {
      if let key, let receipt = receipts[key] { return receipt }
      charges.append(price)
      let receipt = "receipt \(charges.count)"
      if let key { receipts[key] = receipt }
      return receipt
    }
  }

  static let charge = ActivityDefinition("charge") { (_, _: Int) in "" }
  static let ship = ActivityDefinition("ship") { (_, _: String) in }

  static let order = OrchestrationDefinition("order") { (context, price: Int) -> String in
    let receipt = try await context.call(charge, with: price)
    try await context.call(ship, with: receipt)
    return receipt
  }

  static func scenario(_ run: Simulation, usesKey: Bool) async throws {
    let gateway = Gateway()
    try run.register(order)
    run.activity("charge") { (context, price: Int) in
      await gateway.charge(price, key: usesKey ? context.idempotencyKey : nil)
    }
    run.register(ship)
    try run.start(order, input: 42, instance: "order-1")
    run.always("nobody pays twice") { _ in await gateway.charges.count <= 1 }
    run.check("the order is paid") { _ in await gateway.charges == [42] }
  }
}

/// An invoice waits for its payment, and reminds now and then - and a payment that comes in just then is
/// forgotten: the time limit is around the wait AND around what follows it.
enum ForgottenEvent {
  actor Ledger {
    private(set) var payments: Set<String> = []
    func record(_ payment: String) { payments.insert(payment) }
  }

  static let record = ActivityDefinition("record") { (_, _: String) in }
  static let remind = ActivityDefinition("remind") { (_: ActivityContext) in }

  @Sendable static func paid(_ context: OrchestrationContext) async throws -> String {
    let payment = try await context.waitForEvent("payment", as: String.self)
    try await context.call(record, with: payment)
    return payment
  }

  static let wrong = OrchestrationDefinition("invoice") { (context: OrchestrationContext) -> String in
    for _ in 0..<3 {
      do {
        // The limit may end it when the payment is taken and not recorded yet.
        return try await context.withTimeout(.seconds(10)) { try await paid(context) }
      } catch is TimedOut {
        try await context.call(remind)
      }
    }
    return try await paid(context)
  }

  static let right = OrchestrationDefinition("invoice") { (context: OrchestrationContext) -> String in
    var payment: String?
    for _ in 0..<3 where payment == nil {
      do {
        payment = try await context.withTimeout(.seconds(10)) {
          try await context.waitForEvent("payment", as: String.self)
        }
      } catch is TimedOut {
        try await context.call(remind)
      }
    }
    let last = if let payment { payment } else { try await context.waitForEvent("payment", as: String.self) }
    try await context.call(record, with: last)
    return last
  }

  static func scenario(_ run: Simulation, _ invoice: OrchestrationDefinition<Nothing, String>) async throws {
    let ledger = Ledger()
    try run.register(invoice)
    run.activity("record") { (_, payment: String) in await ledger.record(payment) }
    run.register(remind)
    try run.start(invoice, instance: "invoice-1")
    try run.event("payment", to: "invoice-1", data: "p-1", after: .seconds(5))
    run.check("the payment is recorded") { _ in await ledger.payments == ["p-1"] }
  }
}
