import Foundation
import TestSupport
import Testing

@testable import Perdure

/// Attempts, time limits, heartbeats, tokens, routing: on SQLite, through the whole engine.
@Suite struct ActivityPolicyTests {
  static let quick = RetryPolicy(
    maxAttempts: 4, backoff: .fixed, initialInterval: .milliseconds(1), nonRetryable: ["Declined"])

  struct Declined: Error, Codable {}
  struct Broken: Error, Codable {}
  struct Later: RetryAdvice {
    var retryAfter: Duration? { .milliseconds(1) }
  }
  struct Never: RetryAdvice {
    var isNonRetryable: Bool { true }
  }

  static let outcomes: [(name: String, retry: RetryPolicy?, error: any Error, fails: Int, attempts: Int)] = [
    ("none", nil, Broken(), 1, 1),
    ("mended in time", quick, Broken(), 3, 4),
    ("never mended", quick, Broken(), 9, 4),
    ("of a type that is not retried", quick, Declined(), 9, 1),
    ("that says so itself", quick, Never(), 9, 1),
    (
      "that says when", RetryPolicy(initialInterval: .seconds(3_600), maxInterval: .seconds(3_600)), Later(),
      2, 3
    ),
  ]

  @Test(arguments: outcomes.indices)
  func failedAttemptsFollowThePolicy(index: Int) async throws {
    let (name, retry, error, fails, attempts) = Self.outcomes[index]
    let seen = Notes<Int64>()
    let flaky = ActivityDefinition("flaky", options: ActivityOptions(retry: retry)) { (context) -> Int in
      if seen.add(context.attempt) <= fails { throw error }
      return 7
    }
    let caller = OrchestrationDefinition("caller") { (context) -> String in
      do { return "\(try await context.call(flaky))" } catch let error as ActivityFailure {
        return error.failure.type
      }
    }
    try await Site.with(register: { runtime in
      try runtime.register(flaky)
      try runtime.register(caller)
    }) { site in
      let result = try await site.client.start(caller).result(timeout: .seconds(20))
      #expect(result == (fails < attempts ? "7" : "\(type(of: error))"), "\(name)")
      #expect(seen.all == (1...Int64(attempts)).map { $0 }, "\(name)")
    }
  }

  @Test func pausesAndHeartbeatsOutliveTheProcess() async throws {
    let failed = Gate()
    let seen = Notes<String>()
    let flaky = ActivityDefinition("flaky") { (context) -> String in
      let last = try context.lastHeartbeat(as: Int.self)
      seen.add("\(context.attempt) \(last ?? -1) \(context.idempotencyKey)")
      if context.attempt == 1 {
        try context.heartbeat(42)
        failed.open()
        throw Broken()
      }
      return "mended"
    }
    let retry = RetryPolicy(backoff: .fixed, initialInterval: .milliseconds(600))
    let caller = OrchestrationDefinition("caller") { (context) -> String in
      try await context.call(flaky, options: ActivityOptions(retry: retry))
    }
    // The pause is not over before somebody waits for the result.
    try await Site.with(
      clock: .virtual(),
      register: { runtime in
        try runtime.register(flaky)
        try runtime.register(caller)
      }
    ) { site in
      _ = try await site.client.start(caller, instance: "p")
      await failed.wait()
      let isStored = try await eventually {
        try await site.client.management().inspect("p").activities.first?.failures == 1
      }
      #expect(isStored)
      try await site.restart()
      let again = site.client.instance("p", returning: String.self)
      #expect(try await again.result(timeout: .seconds(20)) == "mended")
      let ended = try await again.describe()
      let took = try #require(ended.endedAt).millisecondsSince1970 - ended.createdAt.millisecondsSince1970
      #expect(took >= 600, "never early")
      #expect(seen.all == ["1 -1 p/1/1", "2 42 p/1/1"])
    }
  }

  static let limits: [(name: Failure.Timeout, options: ActivityOptions)] = [
    (.startToClose, ActivityOptions(startToClose: .milliseconds(100))),
    (.scheduleToClose, ActivityOptions(scheduleToClose: .milliseconds(100))),
    (.heartbeat, ActivityOptions(heartbeat: .milliseconds(100))),
    (.scheduleToStart, ActivityOptions(scheduleToStart: .milliseconds(100), tag: "nobody")),
  ]

  /// Defect 19 of engines of this kind: such failures cannot be caught, the caller dies.
  @Test(arguments: limits.indices)
  func timeLimitsAreTypedFailures(index: Int) async throws {
    let (limit, options) = Self.limits[index]
    let told = Gate()
    let slow = ActivityDefinition("slow") { (context) in
      #expect((context.deadline != nil) == (limit != .heartbeat))
      await Gate().wait()
      #expect(context.isCancelled)
      told.open()
    }
    let caller = OrchestrationDefinition("caller") { (context) -> [String] in
      do {
        try await context.call(slow, options: options)
        return []
      } catch let error as ActivityFailure where error.failure.engineType == .timeout {
        return [error.failure.timeout?.rawValue ?? "", error.failure.cause?.type ?? ""]
      }
    }
    try await Site.with(register: { runtime in
      try runtime.register(slow)
      try runtime.register(caller)
    }) { site in
      let result = try await site.client.start(caller).result(timeout: .seconds(20))
      #expect(result == [limit.rawValue, limit == .scheduleToStart ? "perdure.NotRegistered" : ""])
      if limit != .scheduleToStart { await told.wait() }
    }
  }

  @Test func aTimeLimitGoesOnOverARestart() async throws {
    let caller = OrchestrationDefinition("caller") { (context) -> [String] in
      let options = [
        ActivityOptions(scheduleToStart: .milliseconds(500)),
        ActivityOptions(scheduleToClose: .milliseconds(500)),
      ]
      return try await context.all(options) { options in
        do {
          return try await context.activity("nobody", options: options, returning: String.self)
        } catch let error as ActivityFailure { return error.failure.timeout?.rawValue ?? "another failure" }
      }
    }
    try await Site.with(register: { try $0.register(caller) }) { site in
      _ = try await site.client.start(caller, instance: "c").waitForHistory(of: 3)
      try await site.restart()
      let result = try await site.client.instance("c", returning: [String].self).result(timeout: .seconds(20))
      #expect(result == ["scheduleToStart", "scheduleToClose"])
    }
  }

  @Test func stoppingLetsRunningActivitiesFinishAndHandsTheRestBack() async throws {
    let (begun, ended) = (Gate(), Notes<Int>())
    let slow = ActivityDefinition("slow") { (_, number: Int) in
      begun.open()
      try await Task.sleep(for: .milliseconds(200))
      return ended.add(number)
    }
    let caller = OrchestrationDefinition("caller") { (context) in
      try await context.all([1, 2]) { number in try await context.call(slow, with: number) }
    }
    var options = RuntimeOptions()
    options.activitySlots = 1
    try await Site.with(options, register: { try $0.register([slow, caller]) }) { site in
      _ = try await site.client.start(caller, instance: "c")
      await begun.wait()
      try await site.runtime.stop(grace: .seconds(10))
      #expect(ended.all == [1])
      try await site.restart()
      let result = try await site.client.instance("c", returning: [Int].self).result(timeout: .seconds(20))
      #expect(result == [1, 2])
      #expect(ended.all == [1, 2], "the result of the first was on disk: it did not run again")
    }
  }

  static let patient = RetryPolicy(maxAttempts: 0, backoff: .fixed, initialInterval: .milliseconds(1))

  @Test(arguments: [
    ActivityOptions(retry: patient, startToClose: .milliseconds(80)),
    ActivityOptions(retry: patient, heartbeat: .milliseconds(80)),
  ])
  func anAttemptThatHangsIsFollowedByAnother(options: ActivityOptions) async throws {
    let slow = ActivityDefinition("slow", options: options) { (context) -> Int64 in
      if context.attempt < 3 { await Gate().wait() }
      return context.attempt
    }
    let caller = OrchestrationDefinition("caller") { (context) in try await context.call(slow) }
    try await Site.with(register: { runtime in
      try runtime.register(slow)
      try runtime.register(caller)
    }) { site in
      let result = try await site.client.start(caller).result(timeout: .seconds(20))
      #expect(result >= 3)
    }
  }

  @Test func heartbeatsKeepAnAttemptAlive() async throws {
    // Long, for machines with much to do; the attempt takes longer than that.
    let options = ActivityOptions(heartbeat: .seconds(4))
    let steady = ActivityDefinition("steady", options: options) { (context) -> Int64 in
      for step in 0..<50 {
        try await Task.sleep(for: .milliseconds(100))
        try context.heartbeat(step)
      }
      return context.attempt
    }
    let caller = OrchestrationDefinition("caller") { (context) in try await context.call(steady) }
    try await Site.with(register: { runtime in
      try runtime.register(steady)
      try runtime.register(caller)
    }) { site in
      let result = try await site.client.start(caller).result(timeout: .seconds(20))
      #expect(result == 1)
    }
  }

  @Test func aDeferredAttemptIsEndedByItsToken() async throws {
    let tokens = Notes<String>()
    let approval = ActivityDefinition("approval", options: ActivityOptions(retry: Self.quick)) {
      (context) -> String in
      tokens.add(context.token)
      throw context.deferred()
    }
    let caller = OrchestrationDefinition("caller") { (context) in try await context.call(approval) }
    try await Site.with(register: { runtime in
      try runtime.register(approval)
      try runtime.register(caller)
    }) { site in
      _ = try await site.client.start(caller, instance: "d")
      try #require(try await eventually { tokens.all.count == 1 })
      try await site.client.heartbeatActivity(tokens.all[0], details: 1)
      try await site.restart()
      try await site.client.failActivity(tokens.all[0], error: Broken())
      try #require(try await eventually { tokens.all.count == 2 }, "the retry policy goes on")
      let stale = await #expect(throws: DXError.self) {
        try await site.client.completeActivity(tokens.all[0], result: "late")
      }
      #expect(stale?.code == .stale)
      try await site.client.completeActivity(tokens.all[1], result: "approved")
      let handle = site.client.instance("d", returning: String.self)
      #expect(try await handle.result(timeout: .seconds(20)) == "approved")
    }
  }

  /// Defect 15 of engines of this kind: a cancellation is noticed only when a lease is renewed, after up to
  /// 25 s.
  @Test func aCancellationIsPushed() async throws {
    let begun = Gate()
    let heard = Notes<ContinuousClock.Instant>()
    let slow = ActivityDefinition("slow") { (context) in
      begun.open()
      await Gate().wait()
      heard.add(.now)
    }
    let caller = OrchestrationDefinition("caller") { (context) in try await context.call(slow) }
    try await Site.with(register: { runtime in
      try runtime.register(slow)
      try runtime.register(caller)
    }) { site in
      let handle = try await site.client.start(caller)
      await begun.wait()
      let asked = ContinuousClock.now
      try await handle.cancel()
      #expect(try await eventually { heard.all.count == 1 })
      #expect(asked.duration(to: heard.all[0]) < .seconds(10))
    }
  }

  @Test func aResultOverTheLimitIsAFailureThatCanBeCaught() async throws {
    let large = ActivityDefinition("large") { (_) in String(repeating: "x", count: 1_000) }
    let caller = OrchestrationDefinition("caller") { (context) -> String in
      do { return try await context.call(large) } catch let error as ActivityFailure {
        return error.failure.type
      }
    }
    var limits = StoreLimits()
    limits.payloadBytes = 500
    try await Site.with(limits: limits, register: { try $0.register([large, caller]) }) { site in
      let result = try await site.client.start(caller).result(timeout: .seconds(20))
      #expect(result == "perdure.LimitExceeded")
    }
  }

  @Test func activitiesHaveAClient() async throws {
    let poke = ActivityDefinition("poke") { (context) in
      try await context.client.raiseEvent("poked", to: context.instance, data: context.attempt)
    }
    let caller = OrchestrationDefinition("caller") { (context) -> Int in
      try await context.call(poke)
      return try await context.waitForEvent("poked", as: Int.self)
    }
    try await Site.with(register: { runtime in
      try runtime.register(poke)
      try runtime.register(caller)
    }) { site in
      let result = try await site.client.start(caller).result(timeout: .seconds(20))
      #expect(result == 1)
    }
  }

  /// Defect 16 of engines of this kind: the cost of a fan-out is quadratic, and large ones end in hours. (How
  /// the work grows is measured by `chaos large`.)
  @Test func aLargeFanOutEndsInTime() async throws {
    let work = ActivityDefinition("work") { (_, number: Int) in number }
    let caller = OrchestrationDefinition("caller") { (context, count: Int) in
      try await withThrowingTaskGroup(of: Int.self) { group in
        for number in 1...count { group.addTask { try await context.call(work, with: number) } }
        return try await group.reduce(0, +)
      }
    }
    try await Site.with(register: { runtime in
      try runtime.register(work)
      try runtime.register(caller)
    }) { site in
      let result = try await site.client.start(caller, input: 2_000).result(timeout: .seconds(120))
      #expect(result == 2_000 * 2_001 / 2)
    }
  }
}
