// Orders that survive being killed: reserve the stock, charge the card, wait for an approval or a deadline,
// ship. What was done is undone when a later step fails.
//
//     swift run example-order sqlite:orders.sqlite
//
// Kill it at any moment and start it again: every order goes on where it was.
import Perdure
import PerdureABI

struct Order: Codable, Sendable {
  var number: Int
  var item: String
  var price: Int
}

/// Comes back as itself where it is caught.
struct OutOfStock: DurableError {
  var item: String
}

// MARK: Activities: ordinary functions, run at least once. The key tells repeated attempts of one call.

let reserveStock = ActivityDefinition("reserveStock", errors: [OutOfStock.self]) {
  (context, order: Order) -> String in
  if order.item == "unicorn" { throw OutOfStock(item: order.item) }
  return "reservation \(context.idempotencyKey)"
}

let releaseStock = ActivityDefinition("releaseStock") { (_, reservation: String) in
  print("   released \(reservation)")
}

let chargeCard = ActivityDefinition("chargeCard") { (context, order: Order) -> String in
  try await Task.sleep(for: .milliseconds(300))
  return "payment \(context.idempotencyKey)"
}

let refundCard = ActivityDefinition("refundCard") { (_, payment: String) in
  print("   refunded \(payment)")
}

let ship = ActivityDefinition("ship") { (_, order: Order) -> String in
  guard order.item != "anvil" else { throw Failure(type: "TooHeavy", message: "nobody can lift it") }
  return "parcel \(order.number)"
}

// MARK: The orchestration

let handleOrder = OrchestrationDefinition("handleOrder") { (context, order: Order) -> String in
  try context.setCustomStatus("reserving")
  let reservation: String
  do {
    reservation = try await context.call(reserveStock, with: order)
  } catch let error as OutOfStock {
    return "refused: \(error.item) is out of stock"
  }
  do {
    try context.setCustomStatus("charging")
    let payment = try await context.call(chargeCard, with: order)
    do {
      try context.setCustomStatus("waiting for approval")
      // The event and the timer race; the loser is cancelled.
      let isApproved = try await context.withTimeout(.seconds(5)) {
        try await context.waitForEvent("approval", as: Bool.self)
      }
      guard isApproved else { throw Failure(type: "Rejected", message: "somebody said no") }
      try context.setCustomStatus("shipping")
      return "shipped: \(try await context.call(ship, with: order))"
    } catch {
      try await context.call(refundCard, with: payment)
      throw error
    }
  } catch let error as TimedOut {
    try await context.call(releaseStock, with: reservation)
    return "given up: \(error)"
  } catch {
    // A cancellation comes here too: clean-up makes durable calls like any other code.
    try await context.call(releaseStock, with: reservation)
    throw error
  }
}

@main struct Orders {
  static let orders = [
    Order(number: 1, item: "book", price: 20), Order(number: 2, item: "unicorn", price: 9_000),
    Order(number: 3, item: "anvil", price: 80), Order(number: 4, item: "lamp", price: 45),
    Order(number: 5, item: "chair", price: 120), Order(number: 6, item: "table", price: 300),
  ]

  static func main() async throws {
    guard let url = CommandLine.arguments.dropFirst().first else {
      print("usage: example-order sqlite:PATH")
      return
    }
    let store = try await Store(url: url)
    let runtime = try Runtime(store)
    try runtime.register(reserveStock)
    try runtime.register(releaseStock)
    try runtime.register(chargeCard)
    try runtime.register(refundCard)
    try runtime.register(ship)
    try runtime.register(handleOrder)
    try await runtime.start()

    let client = try Client(store)
    for order in orders { try await place(order, client) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for order in orders { group.addTask { try await follow(order, client) } }
      try await group.waitForAll()
    }
    try await runtime.stop()
  }

  /// An order that is there already, from a run that was killed, is left alone.
  static func place(_ order: Order, _ client: Client) async throws {
    let id = "order-\(order.number)"
    do {
      _ = try await client.start(handleOrder, input: order, instance: id)
    } catch let error as DXError where error.code == .alreadyExists {
      print("\(id) was placed before")
      return
    }
    // Events may come before the code waits for them. Nobody answers for order 4; order 5 is turned down.
    if order.number != 4 {
      try await client.raiseEvent("approval", to: id, data: order.number != 5)
    }
  }

  static func follow(_ order: Order, _ client: Client) async throws {
    let id = "order-\(order.number)"
    do {
      print("\(id) \(order.item): \(try await client.instance(id, returning: String.self).result())")
    } catch let error as OrchestrationFailure {
      print("\(id) \(order.item): failed with \(error.failure)")
    }
  }
}
