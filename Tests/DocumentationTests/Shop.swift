import Perdure

/// What the pages have examples of: their code stands in this folder, where it is compiled, and most of it is
/// run by `PageTests`.
struct Order: Codable, Sendable, Hashable {
  var price: Int
  var items: [String]
}

struct Declined: DurableError {
  var reason: String
}

protocol Gateway: Sendable {
  func charge(_ price: Int, key: String) async throws -> String
  func refund(_ payment: String, key: String) async throws
}

/// Charges what has a key once.
actor FakeGateway: Gateway {
  private var byKey: [String: Int] = [:]

  var payments: [Int] { byKey.values.sorted() }

  func charge(_ price: Int, key: String) throws -> String {
    if price > 1_000 { throw Declined(reason: "too much") }
    byKey[key] = price
    return "payment of \(price)"
  }

  func refund(_ payment: String, key: String) { byKey = [:] }
}

struct PaymentActivities: ActivityGroup {
  static let charge = ActivitySignature<Order, String>("charge", errors: [Declined.self])
  static let refund = ActivitySignature<String, Nothing>("refund")

  let gateway: any Gateway

  var activities: [any Definition] {
    Self.charge.implemented(concurrency: 8) { context, order in
      try await gateway.charge(order.price, key: context.idempotencyKey)
    }
    Self.refund.implemented(by: refund)
  }

  private func refund(_ context: ActivityContext, _ payment: String) async throws {
    context.logger.info("refunding", metadata: ["payment": payment])
    try await gateway.refund(payment, key: context.idempotencyKey)
  }
}

actor Warehouse {
  func pack(_ item: String, key: String) throws -> String { "a parcel with \(item)" }
}

let warehouse = Warehouse()

let pack = ActivityDefinition(
  "pack",
  options: ActivityOptions(retry: RetryPolicy(maxAttempts: 5, jitter: 0.2), startToClose: .seconds(30)),
  concurrency: 4, rate: ActivityRate(100, per: .seconds(1))
) { (context, item: String) -> String in
  try await warehouse.pack(item, key: context.idempotencyKey)
}

let order = OrchestrationDefinition("order") { (context, order: Order) -> String in
  let payment = try await context.call(PaymentActivities.charge, with: order)
  do {
    let approver = try await context.withTimeout(.seconds(86_400)) {
      try await context.waitForEvent("approval", as: String.self)
    }
    let parcels = try await context.all(order.items) { try await context.call(pack, with: $0) }
    return "approved by \(approver): \(parcels.joined(separator: ", "))"
  } catch is TimedOut {
    try await context.call(PaymentActivities.refund, with: payment)
    return "nobody approved"
  }
}

let pay = OrchestrationDefinition("pay") { (context, order: Order) -> String in
  do {
    return try await context.call(PaymentActivities.charge, with: order)
  } catch let error as Declined {
    return "declined: \(error.reason)"
  } catch let error as ActivityFailure where error.failure.engineType == .timeout {
    return "the bank did not answer"
  }
}

let patient = OrchestrationDefinition("patient") { (context, payment: String) in
  do {
    try await context.waitForEvent("delivered")
  } catch is CancellationError {
    try await context.call(PaymentActivities.refund, with: payment)
    throw CancellationError()
  }
}

let shielded = OrchestrationDefinition("shielded") { (context, payment: String) in
  try await context.race(
    {
      do { try await context.waitForEvent("delivered") } catch {
        try await context.withCancellationShield {
          try await context.call(PaymentActivities.refund, with: payment)
        }
      }
    },
    { try await context.sleep(for: .seconds(60)) })
}
