import Synchronization
import TestSupport
import Testing

@testable import Perdure

/// What every instance is promised: on SQLite, each with an end, a break or a restart.
@Suite struct PromiseTests {
  static let waits = OrchestrationDefinition("waits") { (context, value: Int) in
    [value, try await context.waitForEvent("go", as: Int.self)]
  }

  /// Adds what it is called with, and says after each call how much it has.
  static let counter = OrchestrationDefinition("counter") { (context) -> Int in
    try context.onCall("add") { (number: Int) in
      try context.kv.set("total", try context.kv.get("total", default: 0) + number)
      return try context.kv.get("total", default: 0)
    }
    try await context.waitForEvent("stop")
    return try context.kv.get("total", default: 0)
  }

  @Test func anEndIsFinal() async throws {
    try await Site.with(register: { try $0.register(Self.waits) }) { site in
      let first = try await site.client.start(Self.waits, input: 1, instance: "i")
      try await first.raiseEvent("go", data: 2)
      #expect(try await first.result(timeout: .seconds(20)) == [1, 2])
      let before = try await first.describe()
      let history = try await site.client.history("i").events
      for _ in 0..<2 {
        let client = site.client
        let changes: [@Sendable () async throws -> Void] = [
          { try await client.raiseEvent("go", to: "i", data: 3) },
          { try await client.enqueue("q", to: "i", data: 3) }, { try await client.cancel("i") },
          { try await client.terminate("i") }, { try await client.suspend("i") },
          { try await client.retry("i") },
        ]
        for change in changes {
          let refused = await #expect(throws: DXError.self) { try await change() }
          #expect(refused?.code == .wrongStatus)
        }
        let after = try await client.describe("i")
        #expect(after.outputJSON == before.outputJSON && after.status == .completed)
        #expect(after.updatedAt == before.updatedAt && after.endedAt == before.endedAt)
        #expect(try await client.history("i").events == history)
        try await site.restart()
      }
    }
  }

  @Test func anAttemptThatItsProcessDidNotEndIsMadeAgain() async throws {
    let (seen, begun, never) = (Notes<String>(), Gate(), Gate())
    let work = ActivityDefinition("work") { (context) -> String in
      guard seen.add("\(context.attempt) \(context.idempotencyKey)") == 1 else { return "done" }
      begun.open()
      await never.wait()
      return "too late"
    }
    let caller = OrchestrationDefinition("caller") { (context) in try await context.call(work) }
    try await Site.with(register: { try $0.register([work, caller]) }) { site in
      _ = try await site.client.start(caller, instance: "i")
      await begun.wait()
      try await site.restart()
      let result = try await site.client.instance("i", returning: String.self).result(timeout: .seconds(20))
      #expect(result == "done")
      #expect(seen.all == ["1 i/1/1", "2 i/1/1"])
      let kinds = try await site.client.history("i").events.map { try $0.kind }
      #expect(kinds.count { $0 == "ActivityCompleted" } == 1)
    }
  }

  @Test func turnsOfTwoRuntimesOnOneFileFollowEachOther() async throws {
    try await Site.with(register: { try $0.register(Self.counter) }) { site in
      let store = try await Store(url: site.url)
      let runtime = try Runtime(store)
      try runtime.register(Self.counter)
      try await runtime.start()
      let clients = [site.client, try Client(store)]
      for item in 0..<4 { _ = try await clients[0].start(Self.counter, instance: "i-\(item)") }
      try await withThrowingTaskGroup(of: Int.self) { group in
        for number in 0..<80 {
          group.addTask {
            try await clients[number % 2].call(
              "i-\(number % 4)", "add", input: 1, timeout: .seconds(20), returning: Int.self)
          }
        }
        let answers = try await group.reduce(into: [Int]()) { $0.append($1) }
        #expect(answers.sorted() == (0..<80).map { $0 / 4 + 1 }, "no two calls saw the same total")
      }
      try await site.restart()
      try await runtime.stop(grace: .zero)
      for item in 0..<4 {
        try await site.client.raiseEvent("stop", to: "i-\(item)")
        let handle = site.client.instance("i-\(item)", returning: Int.self)
        #expect(try await handle.result(timeout: .seconds(20)) == 20)
        let ids = try await site.client.history("i-\(item)").events.map(\.id)
        #expect(ids == (1...Int64(ids.count)).map { $0 })
      }
    }
  }

  static let step = ActivityDefinition("step") { (_, value: Int) in value }

  /// The code of `waits` as it is after a change that sick instances, those with an input below 0, do not
  /// survive.
  static let changed = OrchestrationDefinition("waits") { (context, value: Int) -> [Int] in
    if value < 0 { return [try await context.call(step, with: value)] }
    return [value, try await context.waitForEvent("go", as: Int.self)]
  }

  @Test func aQuarantinedInstanceStopsNoOther() async throws {
    try await Site.with(register: { try $0.register(Self.waits) }) { site in
      for (instance, value) in [("sick", -1), ("sound", 1)] {
        let handle = try await site.client.start(Self.waits, input: value, instance: instance)
        #expect(try await handle.waitForHistory(of: 2).status == .running)
      }
      try await site.restart(register: { try $0.register([Self.changed, Self.step]) })
      for instance in ["sick", "sound"] { try await site.client.raiseEvent("go", to: instance, data: 2) }
      let sound = site.client.instance("sound", returning: [Int].self)
      #expect(try await sound.result(timeout: .seconds(20)) == [1, 2])
      #expect(try await eventually { try await site.client.describe("sick").status == .quarantined })
      let new = try await site.client.start(Self.changed, input: -1)
      #expect(try await new.result(timeout: .seconds(20)) == [-1])
      let message = try await site.client.describe("sick").failure?.message ?? ""
      let parts = [
        "'sick'", "execution 1", "event 2", "expected a wait for event 'go'", "found activity 'step'",
      ]
      for part in parts { #expect(message.contains(part), "\(message)") }
    }
  }

  // MARK: The same on every store

  static let square = ActivityDefinition(
    "square", options: ActivityOptions(retry: RetryPolicy(initialInterval: .milliseconds(1)))
  ) { (context, number: Int) -> Int in
    if context.attempt < 2 { throw Failure(type: "NotYet", message: "not yet") }
    return number * number
  }

  static let declines = ActivityDefinition("declines") { (_) in
    throw Failure(type: "Declined", message: "no")
  }

  static let child = OrchestrationDefinition("child") { (context, number: Int) -> Int in
    try context.kv.set("number", number)
    let squared = try await context.call(square, with: number)
    try context.publish("ready", data: number)
    return squared + (try await context.waitForEvent("add", as: Int.self))
  }

  /// A bit of everything, one thing after the other: what happens does not depend on who is faster.
  static let mixed = OrchestrationDefinition("mixed") { (context, round: Int) -> [String] in
    let derived = ["\(context.newGUID())", "\(context.random())"]
    try context.setCustomStatus(["round": round])
    try context.kv.set("round", round)
    for topic in ["news", "ready"] { try context.subscribe(topic) }
    var seen = ["\(try await context.call(square, with: 3))"]
    for _ in 0..<2 { seen.append("\(try await context.dequeue("q", as: Int.self))") }
    async let kid = context.call(child, with: 4, instance: "kid-\(round)")
    seen.append("\(try await context.waitForTopic("ready", as: Int.self))")
    try await context.raiseEvent("add", to: "kid-\(round)", data: 5)
    seen.append("\(try await kid)")
    do { try await context.call(declines) } catch let error as ActivityFailure {
      seen.append(error.failure.type)
    }
    do { try await context.raiseEvent("x", to: "nobody") } catch let error as MessageRefused {
      seen.append(error.failure.type)
    }
    do {
      try await context.withTimeout(.milliseconds(10)) {
        async let one: Nothing = context.waitForEvent("never")
        try await context.sleep(for: .seconds(3_600))
        _ = try await one
      }
    } catch is TimedOut { seen.append("timeout") }
    try context.publish("news", data: "extra")
    seen.append(try await context.waitForTopic("news", as: String.self))
    _ = try context.kv.prune(before: context.now.advanced(by: .seconds(-3_600)))
    if round == 1 {
      try context.kv.clear("round")
      try context.continueAsNew(2)
    }
    return seen + derived + [try context.startDetached(child, with: 1)]
  }

  /// Runs `mixed`; what it returned, its description and its histories, without times.
  static func play(_ url: String, isReopened: Bool) async throws -> [String] {
    var store = try await Store(url: url)
    var client = try Client(store)
    let options = StartOptions(priority: 3, attributes: ["a": "b"], memo: [1])
    _ = try await client.start(mixed, input: 1, instance: "m", options: options)
    for number in 0..<4 { try await client.enqueue("q", to: "m", data: number) }
    if isReopened {
      store = try await Store(url: url)
      client = try Client(store)
    }
    let runtime = try Runtime(store)
    try runtime.register([mixed, child, square, declines])
    try await runtime.start()
    let result = try await client.instance("m", returning: [String].self).result(timeout: .seconds(20))
    let row = try await client.describe("m")
    var seen =
      result + [
        row.status.rawValue, "\(row.execution)", row.customStatusJSON ?? "", "\(row.customStatusVersion)",
        "\(row.attributes)", row.memoJSON ?? "", "\(row.priority)", "\(row.eventCount)",
      ]
    seen += try await client.kv("m").map { "\($0.key) \(try $0.value(as: Int.self))" }
    let late = await #expect(throws: DXError.self) { try await client.raiseEvent("late", to: "m") }
    seen.append(late?.message ?? "")
    for (instance, execution) in [("m", 1), ("m", 2), ("kid-1", 1)] {
      let events = try await client.history(instance, execution: Int64(execution)).events
      seen += events.map { $0.json.replacing(#/"(at|fireAt)":\d+/#, with: "") }
    }
    try await runtime.stop(grace: .zero)
    return seen
  }

  @Test func aProgramIsTheSameOnEveryStore() async throws {
    let folder = try TemporaryFolder()
    let memory = try await Self.play("memory:", isReopened: false)
    let sqlite = try await Self.play(folder.store, isReopened: true)
    #expect(memory == sqlite)
    let seen = ["9", "2", "3", "4", "21", "Declined", "perdure.NotFound", "timeout", "extra"]
    #expect(Array(memory.prefix(9)) == seen)
    withExtendedLifetime(folder) {}
  }
}
