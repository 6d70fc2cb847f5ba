import TestSupport
import Testing

@testable import Perdure

/// Which runtime runs an activity, and when: tags, sessions, limits, priorities.
@Suite struct RoutingTests {
  @Test func tagsAndSessionsRoute() async throws {
    let places = Notes<String>()
    let caller = OrchestrationDefinition("caller") { (context) -> [String] in
      let tagged = try await context.activity(
        "where", options: ActivityOptions(tag: "gpu"), returning: String.self)
      var all = [tagged]
      for _ in 0..<6 {
        all.append(
          try await context.activity("where", options: ActivityOptions(session: "s"), returning: String.self))
      }
      return all
    }
    @Sendable func place(_ name: String) -> ActivityDefinition<Nothing, String> {
      ActivityDefinition("where") { (context) -> String in
        places.add("\(context.tag ?? "-") \(context.session ?? "-")")
        return name
      }
    }
    try await Site.with(register: { runtime in
      try runtime.register(place("plain"))
      try runtime.register(caller)
    }) { site in
      var options = RuntimeOptions()
      options.activityTags = ["gpu"]
      let other = try Runtime(site.store, options)
      try other.register(place("gpu"))
      try await other.start()
      for number in 0..<4 {
        let handle = try await site.client.start(caller, instance: "t-\(number)")
        let all = try await handle.result(timeout: .seconds(20))
        #expect(all.first == "gpu")
        #expect(Set(all.dropFirst()).count == 1, "a session stays on its runtime")
      }
      #expect(places.all.contains("gpu -") && places.all.contains("- s"))
      try await other.stop(grace: .zero)
    }
  }

  @Test func aTagThatNobodyServesIsShownUntilSomebodyDoes() async throws {
    let work = ActivityDefinition("work") { (context) in context.tag ?? "" }
    let caller = OrchestrationDefinition("caller") { (context) in
      try await context.call(work, options: ActivityOptions(tag: "gpu"))
    }
    try await Site.with(register: { try $0.register([work, caller]) }) { site in
      _ = try await site.client.start(caller, instance: "i")
      for _ in 0..<2 {
        #expect(
          try await eventually { try await site.client.describe("i").pendingReason?.contains("gpu") == true })
        try await site.restart()
      }
      var options = RuntimeOptions()
      options.activityTags = .only(["gpu"])
      options.untaggedActivities = false
      let other = try Runtime(site.store, options)
      try other.register(work)
      try await other.start()
      let result = try await site.client.instance("i", returning: String.self).result(timeout: .seconds(20))
      #expect(result == "gpu")
      #expect(try await site.client.describe("i").pendingReason == nil)
      try await other.stop(grace: .zero)
    }
  }

  @Test func limitsBoundWhatARuntimeDoes() async throws {
    let running = Notes<Int>()
    let narrow = ActivityDefinition("narrow", concurrency: 2) { (_) in
      running.add(1)
      try await Task.sleep(for: .milliseconds(30))
      running.add(-1)
    }
    let rated = ActivityDefinition("rated", rate: ActivityRate(3, per: .milliseconds(400))) { (_) in }
    let caller = OrchestrationDefinition("caller") { (context) in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<8 { group.addTask { try await context.call(narrow) } }
        for _ in 0..<7 { group.addTask { try await context.call(rated) } }
        try await group.waitForAll()
      }
    }
    try await Site.with(register: { try $0.register(caller) }) { site in
      let waiting = try await site.client.start(caller, instance: "c")
      #expect(try await waiting.waitForHistory(of: 16).status == .running)
      let asked = ContinuousClock.now
      try await site.restart(register: { try $0.register([narrow, rated, caller]) })
      try await site.client.instance("c", returning: Nothing.self).result(timeout: .seconds(20))
      let most = running.all.reduce(into: (now: 0, most: 0)) { count, change in
        count.now += change
        count.most = max(count.most, count.now)
      }
      #expect(most.most == 2)
      #expect(asked.duration(to: .now) >= .milliseconds(800), "3 in 400 ms, so the 7th comes after 800")
    }
    let wrong = ActivityDefinition("wrong", concurrency: 0) { (_) in }
    let runtime = try Runtime(try await Store(url: "memory:"))
    let refused = #expect(throws: DXError.self) { try runtime.register(wrong) }
    #expect(refused?.code == .invalidArgument)
  }

  @Test func higherPrioritiesGoFirst() async throws {
    let (order, begun, free) = (Notes<Int>(), Gate(), Gate())
    let work = ActivityDefinition("work") { (_, number: Int) in
      order.add(number)
      if number == 0 {
        begun.open()
        await free.wait()
      }
    }
    let caller = OrchestrationDefinition("caller") { (context, number: Int) in
      try await context.call(work, with: number, options: ActivityOptions(priority: number))
    }
    var options = RuntimeOptions()
    options.activitySlots = 1
    try await Site.with(
      options,
      register: { runtime in
        try runtime.register(work)
        try runtime.register(caller)
      }
    ) { site in
      let first = try await site.client.start(caller, input: 0)
      await begun.wait()
      let inputs = [-5, 3, 9, 1].map { (instance: Optional("n\($0)"), input: $0) }
      let others = try await site.client.startMany(caller, inputs).map { try $0.get() }
      for handle in others {
        #expect(try await eventually { try await handle.describe().eventCount >= 2 })
      }
      free.open()
      for handle in [first] + others { try await handle.result(timeout: .seconds(20)) }
      #expect(order.all == [0, 9, 3, 1, -5])
    }
  }

  @Test func prioritiesHoldAfterARestart() async throws {
    let order = Notes<Int>()
    let work = ActivityDefinition("work") { (_, number: Int) in order.add(number) }
    let caller = OrchestrationDefinition("caller") { (context) in
      try await context.all([0, -5, 3, 9, 1]) { number in
        try await context.call(work, with: number, options: ActivityOptions(priority: number))
      }
    }
    var options = RuntimeOptions()
    options.activitySlots = 1
    try await Site.with(options, register: { try $0.register(caller) }) { site in
      let waiting = try await site.client.start(caller, instance: "c")
      #expect(try await waiting.waitForHistory(of: 6).status == .running)
      try await site.restart(register: { try $0.register([work, caller]) })
      _ = try await site.client.instance("c", returning: [Int].self).result(timeout: .seconds(20))
      #expect(order.all == [9, 3, 1, 0, -5])
    }
  }

  struct Broken: RetryAdvice {
    var retryAfter: Duration? { .milliseconds(20) }
  }

  @Test func runtimesMayServeOneKindOnly() async throws {
    let retry = ActivityOptions(retry: RetryPolicy())
    let flaky = ActivityDefinition("flaky", options: retry) { (context) -> Int64 in
      if context.attempt < 3 { throw Broken() }
      return context.attempt
    }
    let caller = OrchestrationDefinition("caller") { (context) in try await context.call(flaky) }
    try await Site.with(register: { try $0.register(caller) }) { site in
      let handle = try await site.client.start(caller)
      let description = try await handle.waitForHistory(of: 2)
      #expect(description.status == .running, "nobody runs its activity yet")
      let worker = try Runtime(site.store)
      try worker.register(flaky)
      try await worker.start()
      #expect(try await handle.result(timeout: .seconds(20)) == 3)
      try await worker.stop(grace: .zero)
    }
  }

  @Test func aSessionIsTakenOverWhenItsWorkerIsGone() async throws {
    let caller = OrchestrationDefinition("caller") { (context) -> [String] in
      let session = ActivityOptions(session: "files")
      let one = try await context.activity("where", options: session, returning: String.self)
      try context.setCustomStatus(one)
      try await context.waitForEvent("go")
      return [one, try await context.activity("where", options: session, returning: String.self)]
    }
    func place(_ name: String) -> ActivityDefinition<Nothing, String> {
      ActivityDefinition("where") { (_) in name }
    }
    try await Site.with(register: { try $0.register(caller) }) { site in
      let first = try Runtime(site.store)
      try first.register(place("first"))
      try await first.start()
      let handle = try await site.client.start(caller)
      _ = try await handle.waitForStatus(timeout: .seconds(20))
      let second = try Runtime(site.store)
      try second.register(place("second"))
      try await second.start()
      try await first.stop(grace: .zero)
      try await handle.raiseEvent("go")
      #expect(try await handle.result(timeout: .seconds(20)) == ["first", "second"])
      try await second.stop(grace: .zero)
    }
  }

  @Test func aSessionOutlivesARestartOfEverything() async throws {
    let options = ActivityOptions(session: "s")
    let caller = OrchestrationDefinition("caller") { (context) -> [String] in
      let one = try await context.activity("where", options: options, returning: String.self)
      try await context.waitForEvent("go")
      return [one, try await context.activity("where", options: options, returning: String.self)]
    }
    func place(_ name: String) -> (Runtime) throws -> Void {
      { try $0.register([ActivityDefinition("where") { (_) in name }, caller]) }
    }
    try await Site.with(register: place("here")) { site in
      let handle = try await site.client.start(caller, instance: "c")
      #expect(try await handle.waitForHistory(of: 4).status == .running)
      try await site.restart(register: place("there"))
      try await site.client.raiseEvent("go", to: "c")
      let result = try await site.client.instance("c", returning: [String].self).result(timeout: .seconds(20))
      #expect(result == ["here", "there"])
    }
  }
}

extension InstanceHandle {
  /// Waits until its history has so many events.
  func waitForHistory(of count: Int64) async throws -> InstanceDescription {
    _ = try await eventually { try await describe().eventCount >= count }
    return try await describe()
  }
}
