import Perdure

/// An answer long before the end: the customer hears that the payment is accepted, the bank settles later.
///
/// Whoever pays says: start it if it is not there, then call. Doing both again, after a timeout or from
/// another process, is harmless: one instance, one reservation, the same receipt. Calls that come before the
/// answer is there wait for it; calls end with the instance: after the settlement they are refused.
enum EarlyReturn: Scenario {
  struct Payment: Codable {
    var card: String
    var amount: Int
  }

  static let reserve = ActivityDefinition("reserve") { (_, payment: Payment) -> String in
    try Journal.note("reserved", payment.card, payment.amount)
    if payment.card == "expired" { throw Failure(type: "CardDeclined", message: "the card is expired") }
    return "receipt for \(payment.amount)"
  }

  static let settle = ActivityDefinition("settle") { (_, payment: Payment) in
    try Journal.note("settled", payment.card, payment.amount)
  }

  static let pay = OrchestrationDefinition("pay") { (context, payment: Payment) -> String in
    let receipt: String
    do {
      receipt = try await context.call(reserve, with: payment)
    } catch let error as ActivityFailure {
      // Who asks before long hears the reason.
      try? await context.withTimeout(.seconds(30)) { try await context.nextCall("receipt").reject(error) }
      throw error
    }
    try context.onCall("receipt") { (_: Nothing) in receipt }
    try await context.waitForEvent("bank opens")
    try await context.call(settle, with: payment)
    return "settled"
  }

  static let definitions: [any Definition] = [pay, reserve, settle]

  /// What the shop does, as often as it likes.
  static func payNow(_ client: Client, _ instance: String, _ payment: Payment) async throws -> String {
    let options = StartOptions(policy: .useExisting)
    let running = try await client.start(pay, input: payment, instance: instance, options: options)
    return try await running.call("receipt", timeout: patience, returning: String.self)
  }

  static func story(_ scene: Scene) async throws {
    let client = scene.client
    let valid = Payment(card: "valid", amount: 20)
    try await scene.run {
      let receipt = try await payNow(client, "order-7", valid)
      try expect(receipt, is: "receipt for 20")
      try expect(try await client.describe("order-7").status, is: .running, "after the answer order-7")
      try expect(try Journal.notes("settled").isEmpty, "settled before the bank opened")
      say("\(receipt), and the payment is not settled yet")
      let error = try await refusal(CallFailure.self) {
        try await payNow(client, "order-8", Payment(card: "expired", amount: 20))
      }
      try expect(error.failure.type, is: "CardDeclined")
      say("the other one: \(error.failure.message)")
      try expect(try await scene.failure(of: "order-8").type, is: "CardDeclined")
    }

    try await scene.run {
      try expect(try await payNow(client, "order-7", valid), is: "receipt for 20")
      try await client.raiseEvent("bank opens", to: "order-7")
      try expect(try await scene.result(of: "order-7"), is: "settled")
    }

    let error = try await refusal(DXError.self) { try await payNow(client, "order-7", valid) }
    try expect(error.code, is: .wrongStatus)
    say("after the end: \(error.message)")
    try expect(try Journal.notes("reserved", "valid"), is: [["reserved", "valid", "20"]])
    try expect(try Journal.notes("settled"), is: [["settled", "valid", "20"]])
  }
}
