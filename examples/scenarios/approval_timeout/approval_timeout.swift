import Perdure

/// Waiting for a person, but not for ever: a race of an event and a durable timer.
///
/// The approval of the first request comes in time. That of the second comes after the deadline, which passes
/// while no worker runs: the request is escalated, and the late approval changes nothing about that. After
/// the end of an instance its messages are refused.
enum ApprovalTimeout: Scenario {
  struct Request: Codable {
    var what: String
    /// What the approver has.
    var milliseconds: Int
  }

  static let submit = ActivityDefinition("submit") { (_, what: String) in
    try Journal.note("submitted", what)
  }

  static let escalate = ActivityDefinition("escalate") { (_, what: String) in
    try Journal.note("escalated", what)
  }

  static let approval = OrchestrationDefinition("approval") { (context, request: Request) -> String in
    try await context.call(submit, with: request.what)
    try context.setCustomStatus("waiting")
    do {
      let approver = try await context.withTimeout(.milliseconds(request.milliseconds)) {
        try await context.waitForEvent("approved", as: String.self)
      }
      return "approved by \(approver)"
    } catch is TimedOut {
      try await context.call(escalate, with: request.what)
    }
    try context.setCustomStatus("escalated")
    return "escalated, the boss says \(try await context.waitForEvent("boss", as: String.self))"
  }

  static let definitions: [any Definition] = [approval, submit, escalate]

  static func story(_ scene: Scene) async throws {
    let client = scene.client
    let deadline = ContinuousClock.now + .milliseconds(500)
    try await scene.run {
      let holiday = Request(what: "holiday", milliseconds: 60_000)
      try await client.start(approval, input: holiday, instance: "in-time")
      let sabbatical = Request(what: "sabbatical", milliseconds: 500)
      try await client.start(approval, input: sabbatical, instance: "late")
      try await scene.status(of: "in-time", is: "waiting")
      try await scene.status(of: "late", is: "waiting")
      try await client.raiseEvent("approved", to: "in-time", data: "Ada")
      try expect(try await scene.result(of: "in-time"), is: "approved by Ada")
    }
    say("in time: approved by Ada; the worker stops")

    // The deadline passes with nobody there: the next runtime finds it overdue.
    try await Task.sleep(until: deadline)
    let result = try await scene.run {
      try await scene.status(of: "late", is: "escalated")
      try await client.raiseEvent("approved", to: "late", data: "Grace")
      try await client.raiseEvent("boss", to: "late", data: "no")
      return try await scene.result(of: "late", as: String.self)
    }
    say("late: \(result)")

    try expect(result, is: "escalated, the boss says no")
    let late = try await scene.events("late", "TimerFired", "EventRaised", "EventSubscriptionCancelled")
    try expect(
      late.map { $0.name ?? $0.kind }, is: ["TimerFired", "EventSubscriptionCancelled", "approved", "boss"])
    // The winner of the other race cancelled its timer.
    try expect(try await scene.events("in-time", "TimerCancelled").count, is: 1)
    try expect(try Journal.notes("escalated"), is: [["escalated", "sabbatical"]])

    let error = try await refusal(DXError.self) {
      try await client.raiseEvent("approved", to: "late", data: "Grace")
    }
    try expect(error.code, is: .wrongStatus)
    say("much later: \(error.message)")
  }
}
