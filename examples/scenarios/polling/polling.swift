import Perdure

/// Three ways to wait for a service that can only be asked whether it is ready.
///
/// - Often: one activity asks in a loop and tells how far it is with heartbeats. When its attempt fails, the
///   next one reads the last heartbeat and goes on from there.
/// - Seldom: each question is an attempt; "not ready" is a failure, and the retry policy is the pause.
///   Durable, and the history has two events however many attempts there were.
/// - In turns, when a question is several steps: a child orchestration asks, sleeps, and continues as new, of
///   which its parent sees nothing.
///
/// The worker is restarted while all three are asking.
enum Polling: Scenario {
  /// The service is ready when it is asked for the 8th time, and drops the connection at the 3rd.
  static let ready = 8
  static let dropped = 3
  static let pause = Duration.milliseconds(40)
  static let askedPerExecution = 3

  static func ask(_ job: String, _ number: Int) throws -> Bool {
    try Journal.note("asked", job, number)
    return number >= ready
  }

  // MARK: Often

  static let askOften = ActivityDefinition(
    "askOften",
    options: ActivityOptions(
      retry: RetryPolicy(initialInterval: .milliseconds(10)), heartbeat: .seconds(5))
  ) { (context, job: String) -> String in
    var number = try context.lastHeartbeat(as: Int.self) ?? 0
    while true {
      number += 1
      if try ask(job, number) { return "ready in attempt \(context.attempt)" }
      try context.heartbeat(number)
      if number == dropped { throw Failure(type: "ConnectionLost", message: "the line is dead") }
      try await Task.sleep(for: pause)
    }
  }

  static let often = OrchestrationDefinition("often") { (context, job: String) in
    try await context.call(askOften, with: job)
  }

  // MARK: Seldom

  static let askOnce = ActivityDefinition(
    "askOnce",
    options: ActivityOptions(retry: RetryPolicy(maxAttempts: 0, backoff: .fixed, initialInterval: pause))
  ) { (context, job: String) -> String in
    guard try ask(job, Int(context.attempt)) else { throw Failure(type: "NotReady", message: job) }
    return "ready in attempt \(context.attempt)"
  }

  static let seldom = OrchestrationDefinition("seldom") { (context, job: String) in
    try await context.call(askOnce, with: job)
  }

  // MARK: In turns

  struct Turns: Codable {
    var job: String
    var asked = 0
  }

  static let askInTurn = ActivityDefinition("askInTurn") { (_, turns: Turns) in
    try ask(turns.job, turns.asked)
  }

  static let askInTurns = OrchestrationDefinition("askInTurns") { (context, begun: Turns) -> String in
    var turns = begun
    for _ in 0..<askedPerExecution {
      turns.asked += 1
      if try await context.call(askInTurn, with: turns) { return "ready in execution \(context.execution)" }
      try await context.sleep(for: pause)
    }
    try context.continueAsNew(turns)
  }

  static let inTurns = OrchestrationDefinition("inTurns") { (context, job: String) in
    try await context.call(askInTurns, with: Turns(job: job), instance: "\(job)-asking")
  }

  static let definitions: [any Definition] = [
    often, askOften, seldom, askOnce, inTurns, askInTurns, askInTurn,
  ]

  // MARK: The story

  static func story(_ scene: Scene) async throws {
    for form in [often, seldom, inTurns] {
      try await scene.client.start(form, input: form.name, instance: form.name)
    }
    try await scene.run {
      try await Journal.wait("asked", "seldom", count: ready / 2)
      try await Journal.wait("asked", "inTurns", count: ready / 2)
    }
    say("the worker is restarted after \(try Journal.notes("asked").count) questions")
    var results: [String: String] = [:]
    try await scene.run {
      for name in ["often", "seldom", "inTurns"] { results[name] = try await scene.result(of: name) }
    }
    say(results.map { "\($0): \($1)" }.sorted().joined(separator: ", "))

    let executions = (ready + askedPerExecution - 1) / askedPerExecution
    try expect(
      results,
      is: [
        "often": "ready in attempt 2", "seldom": "ready in attempt \(ready)",
        "inTurns": "ready in execution \(executions)",
      ])
    for name in results.keys {
      let asked = try Journal.notes("asked", name).compactMap { Int($0[2]) }
      try expect(asked, is: Array(1...ready), "the questions of \(name): nothing twice, nothing left out")
    }

    for name in ["often", "seldom"] {
      try expect(
        try await scene.events(name).map(\.kind),
        is: ["OrchestrationStarted", "ActivityScheduled", "ActivityCompleted", "OrchestrationCompleted"])
    }
    try expect(
      try await scene.events("inTurns").map(\.kind),
      is: [
        "OrchestrationStarted", "SubOrchestrationScheduled", "SubOrchestrationCompleted",
        "OrchestrationCompleted",
      ])
    let child = try await scene.client.describe("inTurns-asking")
    try expect(child.execution, is: Int64(executions), "the last execution of the child")
    say("the child had \(child.execution) executions, its parent saw one end")
  }
}
