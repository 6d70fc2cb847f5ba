import Perdure

/// A subscription: one mail a month, for twelve months, whatever happens to the workers in that year.
///
/// The months are counted from the beginning, so that a late mail does not put off the next one. After each
/// quarter the orchestration continues as new: its history stays short, however long the subscription runs.
/// The worker is restarted in May.
///
/// Expect: exactly twelve mails for the loyal customer, one for the fickle one, who leaves in the first
/// month.
enum Subscribing: Scenario {
  static let months = 12
  static let quarter = 3

  struct Subscription: Codable {
    var customer: String
    /// Milliseconds of a month: 30 days for real customers.
    var month: Int
    /// Mails that were sent.
    var sent = 0
    /// When it began; filled in by the first execution.
    var since: Timestamp?
  }

  static let sendMail = ActivityDefinition("sendMail") { (_, mail: String) in
    try Journal.note("mail", mail)
  }

  static let subscription = OrchestrationDefinition("subscription") {
    (context, begun: Subscription) -> String in
    var state = begun
    let since = state.since ?? context.now
    state.since = since
    while state.sent < months {
      try await context.call(sendMail, with: "\(state.customer) \(state.sent + 1)")
      state.sent += 1
      try context.setCustomStatus(["mails": state.sent])
      let nextMonth = since.advanced(by: .milliseconds(state.month * state.sent))
      let hasLeft = try await context.race(
        {
          try await context.waitForEvent("unsubscribe")
          return true
        },
        {
          try await context.sleep(until: nextMonth)
          return false
        })
      if hasLeft { return "unsubscribed after \(state.sent) mails" }
      if state.sent % quarter == 0, state.sent < months { try context.continueAsNew(state) }
    }
    return "all \(state.sent) mails sent"
  }

  static let definitions: [any Definition] = [subscription, sendMail]

  static func story(_ scene: Scene) async throws {
    let client = scene.client
    for (customer, month) in [("loyal", 50), ("fickle", 60_000)] {
      try await client.start(
        subscription, input: Subscription(customer: customer, month: month), instance: customer)
    }
    try await scene.run { _ = try await Journal.wait("mail", "loyal", count: 5) }
    say("the worker is restarted after \(try Journal.notes("mail", "loyal").count) mails")
    let (fickle, loyal) = try await scene.run {
      try await scene.status(of: "fickle", is: ["mails": 1])
      try await client.raiseEvent("unsubscribe", to: "fickle")
      return (
        try await scene.result(of: "fickle", as: String.self),
        try await scene.result(of: "loyal", as: String.self)
      )
    }
    say("loyal: \(loyal); fickle: \(fickle)")

    try expect(loyal, is: "all \(months) mails sent")
    let numbers = try Journal.notes("mail", "loyal").compactMap { Int($0[2]) }
    try expect(numbers, is: Array(1...months), "the numbers of the mails")
    try expect(fickle, is: "unsubscribed after 1 mails")
    try expect(try Journal.notes("mail", "fickle").count, is: 1)

    let described = try await client.describe("loyal")
    try expect(described.execution, is: Int64(months / quarter), "the last execution")
    var sizes: [Int] = []
    for execution in 1...described.execution {
      sizes.append(try await scene.events("loyal", execution: execution).count)
    }
    try expect((sizes.max() ?? 0) <= 10 * quarter, "the history of an execution grows: \(sizes)")
    say("\(described.execution) executions with \(sizes) events")
    // A year is not shorter than twelve months: no timer was early.
    let year = described.createdAt.advanced(by: .milliseconds(months * 50))
    try expect((described.endedAt ?? described.createdAt) >= year, "the year was too short")
  }
}
