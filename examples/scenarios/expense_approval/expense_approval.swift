import Perdure

/// An activity that a person completes: it ends with `deferred`, and its token is the key to it.
///
/// The activity files the expense with an approval system and is done with its part; it holds no thread and
/// no slot while the decision takes days. Whoever has the token ends it, from any process, also when no
/// worker runs.
///
/// Expect: the approved expense is paid, the rejected one is not, the withdrawn one fails as the approver
/// said; a token works once.
enum ExpenseApproval: Scenario {
  struct Expense: Codable {
    var number: String
    var amount: Int
  }

  /// The result, "approved" or "rejected", comes from the approval system.
  static let askApprover = ActivityDefinition("askApprover") { (context, expense: Expense) -> String in
    try Journal.note("filed", expense.number, context.token)
    throw context.deferred()
  }

  static let pay = ActivityDefinition("pay") { (_, expense: Expense) -> String in
    try Journal.note("paid", expense.number, expense.amount)
    return "paid \(expense.amount)"
  }

  static let reimburse = OrchestrationDefinition("reimburse") { (context, expense: Expense) -> String in
    let decision = try await context.call(askApprover, with: expense)
    guard decision == "approved" else { return decision }
    return try await context.call(pay, with: expense)
  }

  static let definitions: [any Definition] = [reimburse, askApprover, pay]

  static func story(_ scene: Scene) async throws {
    let client = scene.client
    for (number, amount) in [("taxi", 30), ("yacht", 90_000), ("lunch", 12)] {
      try await client.start(
        reimburse, input: Expense(number: number, amount: amount), instance: number)
    }
    let filed = try await scene.run { try await Journal.wait("filed", count: 3) }
    let token = Dictionary(uniqueKeysWithValues: filed.map { ($0[1], $0[2]) })
    say("three expenses are filed; the worker is stopped")

    // Nobody runs anything: the decisions are on disk all the same.
    try await client.completeActivity(token["taxi", default: ""], result: "approved")
    try await client.completeActivity(token["yacht", default: ""], result: "rejected")
    let withdrawn = Failure(type: "Withdrawn", message: "it was on the house")
    try await client.failActivity(token["lunch", default: ""], error: withdrawn)
    try expect(try await client.describe("taxi").status, is: .running, "without a worker taxi")

    try await scene.run {
      try expect(try await scene.result(of: "taxi"), is: "paid 30")
      try expect(try await scene.result(of: "yacht"), is: "rejected")
      try expect("\(try await scene.failure(of: "lunch"))", is: "Withdrawn: it was on the house")
      say("taxi is paid, yacht is rejected, lunch was withdrawn")
      let error = try await refusal(DXError.self) {
        try await client.completeActivity(token["taxi", default: ""], result: "rejected")
      }
      try expect(error.code, is: .stale)
      say("a second decision is refused: \(error.message)")
    }
    try expect(try Journal.notes("paid"), is: [["paid", "taxi", "30"]])
    try expect(try Journal.notes("filed").count, is: 3, "after the restart the number of filings")
  }
}
