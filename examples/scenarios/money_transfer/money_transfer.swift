import Perdure

/// A saga: every step that was done is undone, in reverse order, when a later one fails for good.
///
/// The money is withdrawn and deposited, then the audit fails three times. The deposit is taken back; while
/// the withdrawal is being given back the worker process is killed. A second process goes on right there. The
/// booking that was cut off is asked for again under the same idempotency key, so the bank books it once.
///
/// Expect: a failure that names its cause and what was undone, three attempts of the audit, both balances as
/// at the beginning.
enum MoneyTransfer: Scenario {
  struct Transfer: Codable {
    var source: String
    var target: String
    var amount: Int
  }

  // MARK: The bank: its books are lines of the journal

  /// A key that is booked already is not booked again: what makes it safe to run a step twice.
  static func book(_ context: ActivityContext, _ account: String, _ amount: Int) throws {
    try Journal.note("asked", context.activity, context.idempotencyKey)
    if try Journal.notes("booked", context.idempotencyKey).isEmpty {
      try Journal.note("booked", context.idempotencyKey, account, amount)
    }
  }

  static func balance(_ account: String) throws -> Int {
    try Journal.notes("booked").filter { $0[2] == account }.compactMap { Int($0[3]) }.reduce(0, +)
  }

  static let withdraw = ActivityDefinition("withdraw") { (context, transfer: Transfer) in
    try book(context, transfer.source, -transfer.amount)
  }

  static let deposit = ActivityDefinition("deposit") { (context, transfer: Transfer) in
    try book(context, transfer.target, transfer.amount)
  }

  static let audit = ActivityDefinition(
    "audit",
    options: ActivityOptions(retry: RetryPolicy(maxAttempts: 3, initialInterval: .milliseconds(20)))
  ) { (context, transfer: Transfer) -> Void in
    try Journal.note("audit", context.attempt)
    throw Failure(type: "AuditRefused", message: "nobody knows \(transfer.target)")
  }

  static let takeBackDeposit = ActivityDefinition("takeBackDeposit") { (context, transfer: Transfer) in
    try book(context, transfer.target, -transfer.amount)
  }

  static let giveBackWithdrawal = ActivityDefinition("giveBackWithdrawal") { (context, transfer: Transfer) in
    try book(context, transfer.source, transfer.amount)
    try await Task.sleep(for: .milliseconds(300))  // The bank has booked, and its answer is on the way.
  }

  // MARK: The saga

  static let transferMoney = OrchestrationDefinition("transferMoney") {
    (context, transfer: Transfer) -> String in
    var undo: [ActivityDefinition<Transfer, Nothing>] = []
    do {
      try await context.call(withdraw, with: transfer)
      undo.append(giveBackWithdrawal)
      try await context.call(deposit, with: transfer)
      undo.append(takeBackDeposit)
      try await context.call(audit, with: transfer)
      return "transferred"
    } catch let error as ActivityFailure {
      var undone: [String] = []
      for step in undo.reversed() {
        try await context.call(step, with: transfer)
        undone.append(step.name)
      }
      throw Failure(
        type: "TransferFailed",
        message: "\(error.activity) failed; undone by \(undone.joined(separator: ", "))", cause: error.failure
      )
    }
  }

  static let definitions: [any Definition] = [
    transferMoney, withdraw, deposit, audit, takeBackDeposit, giveBackWithdrawal,
  ]

  static func story(_ scene: Scene) async throws {
    try Journal.note("booked", "opening", "Ada", 100)
    let transfer = Transfer(source: "Ada", target: "Grace", amount: 40)
    try await scene.client.start(transferMoney, input: transfer, instance: "transfer-1")
    let first = try await scene.worker()
    try await Journal.wait("booked", count: 5)
    try await first.kill()
    say("worker \(first.pid) killed while the withdrawal was being given back")

    try await scene.worker()
    let failure = try await scene.failure(of: "transfer-1")
    say("transfer-1 failed: \(failure.message); the cause: \(failure.cause?.description ?? "-")")
    try expect(failure.type, is: "TransferFailed")
    try expect(failure.message, is: "audit failed; undone by takeBackDeposit, giveBackWithdrawal")
    try expect(failure.cause?.type, is: "AuditRefused")
    try expect(try Journal.notes("audit").map { $0[1] }, is: ["1", "2", "3"], "the attempts")

    let steps = try await scene.events("transfer-1", "ActivityScheduled").map(\.name)
    try expect(steps, is: ["withdraw", "deposit", "audit", "takeBackDeposit", "giveBackWithdrawal"])
    // The step that was cut off ran twice with one key; everything was booked once.
    let asked = try Journal.notes("asked", "giveBackWithdrawal")
    try expect(asked.count == 2 && asked[0] == asked[1], "\(asked)")
    try expect(try Journal.notes("booked").count, is: 5, "the number of bookings")
    try expect(try [balance("Ada"), balance("Grace")], is: [100, 0], "the balances")
    say("Ada has \(try balance("Ada")), Grace has \(try balance("Grace"))")
  }
}
