import Perdure

/// An alarm that can be moved while it waits: later, then earlier. It rings once, at the last time given.
///
/// An event is raced against a durable timer; when the event wins, the timer is cancelled and made anew. The
/// worker is restarted between the moves. A query tells at what time the alarm will ring.
enum UpdatableTimer: Scenario {
  static let ring = ActivityDefinition("ring") { (_) in try Journal.note("ring") }

  /// The input, and what an event moves it to: milliseconds from then.
  static let alarm = OrchestrationDefinition("alarm") { (context, milliseconds: Int) -> String in
    try context.onQuery("ringsAt") { try context.kv.get("ringsAt", as: Timestamp.self) }
    var moves = 0
    var ringsAt = context.now.advanced(by: .milliseconds(milliseconds))
    while true {
      try context.kv.set("ringsAt", ringsAt)
      try context.setCustomStatus(["moves": moves])
      let move = try await context.race(
        { [ringsAt] in
          try await context.sleep(until: ringsAt)
          return Int?.none
        },
        { try await context.waitForEvent("move", as: Int?.self) })
      guard let move else { break }
      moves += 1
      ringsAt = context.now.advanced(by: .milliseconds(move))
    }
    try await context.call(ring)
    return "rang after \(moves) moves"
  }

  static let definitions: [any Definition] = [alarm, ring]

  static func story(_ scene: Scene) async throws {
    let client = scene.client
    /// Milliseconds from the start of the alarm, or a few more: it was moved when it was under way.
    func expectToRing(in milliseconds: Int64) async throws {
      let at = try await client.query("alarm", "ringsAt", timeout: .seconds(5), returning: Timestamp.self)
      let begin = try await client.describe("alarm").createdAt
      let left = at.millisecondsSince1970 - begin.millisecondsSince1970
      try expect((milliseconds..<milliseconds + 15_000).contains(left), "it rings in \(left) ms")
    }

    try await client.start(alarm, input: 60_000, instance: "alarm")
    try await scene.run {
      try await scene.status(of: "alarm", is: ["moves": 0])
      try await expectToRing(in: 60_000)
      try await client.raiseEvent("move", to: "alarm", data: 3_600_000)
      try await scene.status(of: "alarm", is: ["moves": 1])
      try await expectToRing(in: 3_600_000)
    }
    say("the alarm is moved to an hour from now, then the worker is restarted")
    let result = try await scene.run {
      try await expectToRing(in: 3_600_000)
      try await client.raiseEvent("move", to: "alarm", data: 300)
      return try await scene.result(of: "alarm", as: String.self)
    }
    say("moved to 300 ms from then: \(result)")

    try expect(result, is: "rang after 2 moves")
    try expect(try Journal.notes("ring").count, is: 1, "the number of rings")
    let timers = try await scene.events("alarm", "TimerCreated")
    try expect(timers.count, is: 3, "the number of timers")
    let cancelled = try await scene.events("alarm", "TimerCancelled")
    try expect(cancelled.map(\.target), is: timers.prefix(2).map(\.action), "the cancelled timers")
    let fired = try await scene.events("alarm", "TimerFired")
    try expect(fired.map(\.action), is: [timers[2].action], "the timers that fired")
    // Never early; 300 ms after the event that moved it.
    let moved = try await scene.events("alarm", "EventRaised")
    let due = timers[2].fireAt ?? 0
    try expect(due - moved[1].at, is: 300, "the time from the move to the alarm")
    try expect(fired[0].at >= due, "\(due - fired[0].at) ms too early")
  }
}
