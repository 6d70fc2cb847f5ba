import Testing

@testable import Perdure

/// Time, derived values, waits and limits of running instances: on SQLite, with restarts.
@Suite struct MomentTests {
  static let step = ActivityDefinition("step") { (_, value: Int) in value }

  @Test func timeGUIDsAndRandomNumbersAreTheSameAfterARestart() async throws {
    let looks = OrchestrationDefinition("looks") { (context) -> [String] in
      var seen: [String] = []
      for round in 0..<2 {
        seen += ["\(context.now.millisecondsSince1970)", context.newGUID(), "\(context.random())"]
        if round == 0 { _ = try await context.call(Self.step, with: 1) }
      }
      try context.setCustomStatus(seen)
      try await context.waitForEvent("go")
      return seen
    }
    try await Site.with(register: { try $0.register([looks, Self.step]) }) { site in
      var before: [[String]] = []
      for instance in ["a", "b"] {
        let handle = try await site.client.start(looks, instance: instance)
        let row = try await handle.waitForStatus(timeout: .seconds(20))
        before.append(try row.customStatus(as: [String].self) ?? [])
      }
      try #require(before.allSatisfy { $0.count == 6 })
      for index in [1, 2, 4, 5] { #expect(before[0][index] != before[1][index]) }
      try await site.restart()
      for (instance, seen) in zip(["a", "b"], before) {
        try await site.client.raiseEvent("go", to: instance)
        let handle = site.client.instance(instance, returning: [String].self)
        #expect(try await handle.result(timeout: .seconds(20)) == seen)
        let times = try await site.client.history(instance).events.map { "\($0.at.millisecondsSince1970)" }
        #expect(times.contains(seen[0]) && times.contains(seen[3]), "now is the time of an event")
      }
    }
  }

  @Test func aTimerIsNeitherEarlyNorBegunAnewByARestart() async throws {
    let naps = OrchestrationDefinition("naps") { (context) -> Int64 in
      let began = context.now.millisecondsSince1970
      try await context.sleep(for: .milliseconds(600))
      return context.now.millisecondsSince1970 - began
    }
    try await Site.with(register: { try $0.register(naps) }) { site in
      let begin = ContinuousClock.now
      let handle = try await site.client.start(naps, instance: "i")
      _ = try await handle.waitForHistory(of: 2)
      let created = try await site.client.history("i").events[1]
      #expect(try created.kind == "TimerCreated")
      try await Task.sleep(for: .milliseconds(300))
      try await site.restart()
      let slept = try await site.client.instance("i", returning: Int64.self).result(timeout: .seconds(20))
      #expect(slept >= 600)
      #expect(begin.duration(to: .now) >= .milliseconds(590))
      #expect(try await site.client.history("i").events[1] == created)
    }
  }

  @Test func anEventGoesPastAWaitThatTimedOutToTheNext() async throws {
    let patient = OrchestrationDefinition("patient") { (context) -> [Int] in
      do {
        try await context.withTimeout(.milliseconds(20)) { try await context.waitForEvent("go") }
      } catch is TimedOut { try context.setCustomStatus("late") }
      let one = try await context.waitForEvent("go", as: Int.self)
      return [one, try await context.waitForEvent("go", as: Int.self)]
    }
    try await Site.with(register: { try $0.register(patient) }) { site in
      let handle = try await site.client.start(patient, instance: "i")
      let row = try await handle.waitForStatus(timeout: .seconds(20))
      #expect(try row.customStatus(as: String.self) == "late")
      try await handle.raiseEvent("go", data: 1)
      try await site.restart()
      try await site.client.raiseEvent("go", to: "i", data: 2)
      let result = try await site.client.instance("i", returning: [Int].self).result(timeout: .seconds(20))
      #expect(result == [1, 2])
    }
  }

  // MARK: Limits

  static let waits = OrchestrationDefinition("waits") { (context) in
    try await context.waitForEvent("go", as: Int.self)
  }

  @Test func aFullInboxRefusesTheNextMessage() async throws {
    var limits = StoreLimits()
    limits.inboxMessages = 3
    try await Site.with(limits: limits, register: { _ in }) { site in
      _ = try await site.client.start(Self.waits, instance: "i")
      for number in 0..<3 { try await site.client.raiseEvent("go", to: "i", data: number) }
      for _ in 0..<2 {
        let event = await #expect(throws: DXError.self) { try await site.client.raiseEvent("go", to: "i") }
        let queue = await #expect(throws: DXError.self) { try await site.client.enqueue("q", to: "i") }
        #expect(event?.code == .limitExceeded && queue?.code == .limitExceeded)
        try await site.restart()
      }
      try await site.restart(register: { try $0.register(Self.waits) })
      #expect(try await site.client.instance("i", returning: Int.self).result(timeout: .seconds(20)) == 0)
    }
  }

  @Test func tooMuchOpenWorkIsAnErrorThatCanBeCaught() async throws {
    let busy = OrchestrationDefinition("busy") { (context) -> [String] in
      let refused = try await withThrowingTaskGroup(of: String.self) { group in
        for _ in 0..<4 { group.addTask { "\(try await context.waitForEvent("go", as: Int.self))" } }
        group.addTask {
          do { return "\(try await context.call(Self.step, with: 1))" } catch let error as LimitExceeded {
            return "\(error)"
          }
        }
        let first = try await group.next() ?? ""
        _ = try await group.next()
        group.cancelAll()
        return first
      }
      return [refused, "\(try await context.call(Self.step, with: 7))"]
    }
    var limits = StoreLimits()
    limits.pendingActions = 4
    try await Site.with(limits: limits, register: { try $0.register([busy, Self.step]) }) { site in
      let handle = try await site.client.start(busy, instance: "i")
      _ = try await handle.waitForHistory(of: 5)
      try await site.restart()
      try await site.client.raiseEvent("go", to: "i", data: 1)
      let result = try await site.client.instance("i", returning: [String].self).result(timeout: .seconds(20))
      #expect(result.first?.contains("the limit is 4") == true, "\(result)")
      #expect(result.last == "7", "there is room again")
    }
  }

  @Test func aHistoryOverItsLimitEndsTheInstanceByName() async throws {
    let endless = OrchestrationDefinition("endless") { (context) in
      while true { _ = try await context.call(Self.step, with: 1) }
    }
    var limits = StoreLimits()
    limits.historyEvents = 60
    try await Site.with(limits: limits, register: { try $0.register([endless, Self.step]) }) { site in
      let handle = try await site.client.start(endless)
      let failure = await #expect(throws: OrchestrationFailure.self) {
        try await handle.result(timeout: .seconds(20))
      }
      #expect(failure?.failure.engineType == .limitExceeded)
      let last = try await site.client.history(handle.instance).events.last
      #expect(try last?.kind == "OrchestrationFailed")
    }
  }
}
