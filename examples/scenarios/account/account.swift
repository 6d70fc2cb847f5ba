import Perdure

/// An account is an instance: calls change it, one after the other, and return what came of it.
///
/// A validator refuses an overdraft before it has any effect. Ten clients withdraw at the same time: no lock,
/// no transaction, and still never below zero. A call that is made again under the same id, because its
/// caller does not know whether it arrived, counts once. The balance outlives the worker, and the account.
enum Account: Scenario {
  static let account = OrchestrationDefinition("account") { (context, opening: Int) -> Int in
    @Sendable func balance() throws -> Int { try context.kv.get("balance", default: 0) }
    @Sendable func book(_ amount: Int) throws -> Int {
      try context.kv.set("balance", balance() + amount)
      return try balance()
    }

    try context.kv.set("balance", opening)
    try context.onCall("deposit") { (amount: Int) in try book(amount) }
    try context.onCall("withdraw") { (amount: Int) in
      guard try amount <= balance() else {
        throw Failure(type: "Overdraft", message: "\(amount) is more than \(try balance())")
      }
    } handler: { (amount: Int) in
      try book(-amount)
    }
    try context.onQuery("balance") { try balance() }
    try await context.waitForEvent("close")
    return try balance()
  }

  static let definitions: [any Definition] = [account]

  static func story(_ scene: Scene) async throws {
    let ada = try await scene.client.start(account, input: 100, instance: "ada")

    @Sendable func withdraw() async throws -> String {
      do {
        return "leaves \(try await ada.call("withdraw", input: 30, timeout: patience, returning: Int.self))"
      } catch let error as CallFailure where error.isRejection {
        return error.failure.message
      }
    }
    func deposit(_ amount: Int, _ callID: String, timeout: Duration = patience) async throws -> Int {
      try await ada.call("deposit", input: amount, timeout: timeout, callID: callID, returning: Int.self)
    }

    try await scene.run {
      let answers = try await withThrowingTaskGroup(of: String.self) { clients in
        for _ in 0..<10 { clients.addTask { try await withdraw() } }
        return try await clients.reduce(into: []) { $0.append($1) }.sorted()
      }
      let refused = [String](repeating: "30 is more than 10", count: 7)
      try expect(answers, is: refused + ["leaves 10", "leaves 40", "leaves 70"])
      say("ten withdrawals of 30 from 100: three are paid, seven are refused")
      try expect(try await deposit(5, "salary"), is: 15)
      try expect(try await ada.query("balance", timeout: patience), is: 15)
    }

    // No worker: state can be read all the same, calls have to wait.
    try expect(try await ada.getKV("balance"), is: 15)
    let error = try await refusal(DXError.self) {
      try await deposit(1_000, "bonus", timeout: .milliseconds(50))
    }
    try expect(error.code, is: .timedOut)
    say("nobody answers the bonus while no worker runs")

    try await scene.run {
      // The callers ask again, as after a crash: neither is booked twice.
      try expect(try await deposit(1_000, "bonus"), is: 1_015)
      try expect(try await deposit(5, "salary"), is: 15)
      try expect(try await ada.query("balance", timeout: patience), is: 1_015)
      let overdraft = try await refusal(CallFailure.self) {
        try await ada.call("withdraw", input: 1_016, timeout: patience)
      }
      try expect(overdraft.failure.engineType, is: .callRejected)
      try await ada.raiseEvent("close")
      try expect(try await ada.result(timeout: patience), is: 1_015)
    }
    say("closed with 1015")

    // What was refused has changed nothing: only the opening, three withdrawals and two deposits have.
    let changes = try await scene.events("ada", "KVSet")
    try expect(changes.map(\.value), is: [100, 70, 40, 10, 15, 1_015])
    try expect(try await scene.events("ada", "CallReceived").count, is: 13, "the number of calls")
    try expect(try await scene.events("ada", "CallAnswered").count, is: 13, "the number of answers")
    try expect(try await ada.getKV("balance"), is: 1_015, "after the end the state")
  }
}
