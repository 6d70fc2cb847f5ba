import Perdure

/// An order with a child for each of its items: they are reserved side by side, and together or not at all.
///
/// An item that is out of stock is no accident: the order gives the others back and ends as it should, with
/// an answer for the customer. An order above a limit waits for an approval before anything is reserved; the
/// worker is restarted while it waits.
enum OrderItems: Scenario {
  static let large = 1_000

  struct Item: Codable {
    var name: String
    var count: Int
    var price: Int
  }

  static let retrying = ActivityOptions(retry: RetryPolicy())

  static let reserve = ActivityDefinition("reserve", options: retrying) { (_, item: Item) in
    if item.name == "unicorn" {
      throw Failure(type: "OutOfStock", message: item.name, isNonRetryable: true)
    }
    try Journal.note("reserved", item.count, item.name)
  }

  static let release = ActivityDefinition("release", options: retrying) { (_, item: Item) in
    try Journal.note("released", item.count, item.name)
  }

  static let charge = ActivityDefinition("charge") { (_, amount: Int) in
    try Journal.note("charged", amount)
  }

  static let lineItem = OrchestrationDefinition("lineItem") { (context, item: Item) -> String in
    try await context.call(reserve, with: item)
    return "\(item.count) \(item.name)"
  }

  static let order = OrchestrationDefinition("order") { (context, items: [Item]) -> String in
    let total = items.map { $0.count * $0.price }.reduce(0, +)
    if total > large {
      try context.setCustomStatus("waiting for approval")
      guard try await context.waitForEvent("approval", as: Bool.self) else { return "refused" }
    }
    // All of them end, whatever becomes of the others.
    let ends = try await context.all(items) { item -> Result<String, OrchestrationFailure> in
      do {
        return .success(try await context.call(lineItem, with: item))
      } catch let error as OrchestrationFailure where error.failure.type == "OutOfStock" {
        return .failure(error)
      }
    }
    var (reserved, shipped, missing): ([Item], [String], [String]) = ([], [], [])
    for (item, end) in zip(items, ends) {
      switch end {
      case .success(let line):
        reserved.append(item)
        shipped.append(line)
      case .failure(let error): missing.append(error.failure.message)
      }
    }
    guard missing.isEmpty else {
      try await context.all(reserved) { try await context.call(release, with: $0) }
      return "cancelled: no \(missing.joined(separator: " and no "))"
    }
    try await context.call(charge, with: total)
    return "shipped: \(shipped.joined(separator: ", "))"
  }

  static let definitions: [any Definition] = [order, lineItem, reserve, release, charge]

  static func story(_ scene: Scene) async throws {
    let client = scene.client
    let (book, lamp) = (Item(name: "book", count: 2, price: 20), Item(name: "lamp", count: 1, price: 45))
    let piano = Item(name: "piano", count: 1, price: 1_900)
    let unicorn = Item(name: "unicorn", count: 1, price: 10)
    let orders = [
      ("small", [book, lamp]), ("large", [book, piano]), ("too-large", [piano]),
      ("impossible", [lamp, unicorn, book]),
    ]
    for (name, items) in orders { try await client.start(order, input: items, instance: name) }
    try await scene.run {
      try expect(try await scene.result(of: "small"), is: "shipped: 2 book, 1 lamp")
      // A clean end: the order is Completed, only the child for the missing item has failed.
      try expect(try await scene.result(of: "impossible"), is: "cancelled: no unicorn")
      try await scene.status(of: "large", is: "waiting for approval")
      try await scene.status(of: "too-large", is: "waiting for approval")
    }
    try expect(try Journal.notes("reserved", 1, "piano").isEmpty, "reserved without approval")
    say("small is shipped, for impossible there is no unicorn; the worker is restarted")
    try await client.raiseEvent("approval", to: "large", data: true)
    try await client.raiseEvent("approval", to: "too-large", data: false)
    try await scene.run {
      try expect(try await scene.result(of: "large"), is: "shipped: 2 book, 1 piano")
      try expect(try await scene.result(of: "too-large"), is: "refused")
    }
    say("large is approved and shipped, too-large is refused")

    let children = try await client.list(InstanceFilter(parent: "impossible")).instances
    let ends = try children.map { "\($0.status) \(try $0.output(as: String.self) ?? "-")" }.sorted()
    try expect(ends, is: ["completed 1 lamp", "completed 2 book", "failed -"], "the ends of the children")
    try expect(try Journal.notes("released").map { $0[2] }.sorted(), is: ["book", "lamp"], "released")
    let reserved = try Journal.notes("reserved").map { $0[2] }.sorted()
    try expect(reserved, is: ["book", "book", "book", "lamp", "lamp", "piano"], "reserved")
    try expect(try Journal.notes("charged").map { $0[1] }, is: ["85", "1940"], "charged")
    // The children were begun together.
    let kinds = try await scene.events("impossible").map(\.kind).dropFirst().prefix(3)
    try expect(Array(kinds), is: [String](repeating: "SubOrchestrationScheduled", count: 3), "the beginning")
  }
}
