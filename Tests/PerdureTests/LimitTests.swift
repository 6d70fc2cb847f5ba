import PerdureModel
import Testing

@testable import Perdure

/// Defects 2 and 8 of engines of this kind: what is over a limit is stored all the same, or ends an instance
/// without a word to its parent. Here the call throws, and nothing is listed.
@Suite struct LimitTests {
  typealias Code = @Sendable (OrchestrationContext) async throws -> Void

  static let long = String(repeating: "x", count: 257)
  static let longID = String(repeating: "x", count: 513)
  static let large = String(repeating: "x", count: 1_000)
  static let limits: LimitSettings = {
    var limits = LimitSettings()
    limits.payloadBytes = 500
    limits.customStatusBytes = 100
    limits.kvValueBytes = 50
    limits.kvKeys = 2
    limits.pendingActions = 3
    return limits
  }()

  static let cases: [(name: String, says: String, code: Code)] = [
    ("activity name", "the activity name has 257 bytes; the limit is 256", { try await $0.activity(long) }),
    ("empty name", "the activity name is empty", { try await $0.activity("") }),
    ("activity input", "the input of activity 'A' has", { try await $0.activity("A", with: large) }),
    (
      "tag", "the tag of activity 'A' has 257 bytes",
      { try await $0.activity("A", options: .init(tag: long)) }
    ),
    (
      "session", "the session of activity 'A' is empty",
      { try await $0.activity("A", options: .init(session: "")) }
    ),
    (
      "child id", "the instance id of a child has 513",
      { try await $0.subOrchestration("k", instance: longID) }
    ),
    (
      "child input", "the input of orchestration 'k' has", { try await $0.subOrchestration("k", with: large) }
    ),
    ("detached", "the orchestration name is empty", { try $0.startDetached("") }),
    ("event", "the event name is empty", { try await $0.waitForEvent("") }),
    ("queue", "the queue name has 257", { try await $0.dequeue(long) }),
    ("topic", "the topic name is empty", { try await $0.waitForTopic("") }),
    ("call", "the call name is empty", { _ = try await $0.nextCall("") }),
    ("handler", "the call name is empty", { try $0.onCall("") { (_: Int) in } }),
    ("query", "the query name is empty", { try $0.onQuery("") { 1 } }),
    ("subscribe", "the topic name is empty", { try $0.subscribe("") }),
    ("publish", "the data for topic 't' has", { try $0.publish("t", data: large) }),
    ("receiver", "the instance id is empty", { try await $0.raiseEvent("e", to: "") }),
    ("sent data", "the data of queue 'q' has", { try await $0.enqueue("q", to: "i", data: large) }),
    (
      "reason", "the reason has",
      { try await $0.cancelInstance("i", reason: String(repeating: "x", count: 16_385)) }
    ),
    ("status", "the custom status has 1002 bytes; the limit is 100", { try $0.setCustomStatus(large) }),
    ("key", "the key has 257", { try $0.kv.set(long, 1) }),
    ("value", "the value of key 'k' has 1002 bytes; the limit is 50", { try $0.kv.set("k", large) }),
    (
      "keys", "there are 2 keys; the limit is 2",
      {
        try $0.kv.set("a", 1)
        try $0.kv.set("b", 1)
        try $0.kv.set("a", 2)
        try $0.kv.set("c", 1)
      }
    ),
    ("other key", "the key is empty", { _ = try await $0.readKV("i", "", as: Int.self) }),
    ("patch", "the patch id is empty", { _ = try $0.patched("") }),
    ("metric", "the metric name has 257", { try $0.metric(long, 1) }),
    ("next input", "the input of continue-as-new has", { try $0.continueAsNew(large) }),
  ]

  @Test(arguments: cases.indices)
  func theCallThrows(index: Int) {
    let (name, says, code) = Self.cases[index]
    let rig = Rig(driver: TurnDriver(cachedInstances: 10, limits: Self.limits)) { context in
      do { try await code(context) } catch let error as LimitExceeded { return error.message }
      return "taken"
    }
    rig.start()
    #expect(rig.output?.contains(says) == true, "\(name): \(rig.output ?? "-")")
    let allowed = name == "keys" ? 3 : 0
    #expect(rig.actions.count == allowed, "\(name): \(rig.actions.map(\.short))")
  }

  @Test func aLimitThatIsNotCaughtIsATypedFailure() {
    let rig = Rig { context in try await context.activity("") }
    rig.start()
    #expect(rig.failure?.type == "perdure.LimitExceeded")
    #expect(rig.failure?.isNonRetryable == true)
  }

  @Test func soIsAnOutputOverTheLimit() {
    let rig = Rig(driver: TurnDriver(cachedInstances: 10, limits: Self.limits)) { _ in Self.large }
    rig.start()
    #expect(rig.failure?.type == "perdure.LimitExceeded")
    #expect(rig.failure?.message == "the output has 1002 bytes; the limit is 500")
  }

  @Test func pendingWorkIsCounted() {
    let rig = Rig(driver: TurnDriver(cachedInstances: 10, limits: Self.limits)) { context in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<4 { group.addTask { try await context.activity("A") } }
        while try await group.next() != nil {}
      }
    }
    let turn = rig.start()
    #expect(turn?.actions.map(\.kind.short).prefix(3) == ["A(null)", "A(null)", "A(null)"])
    #expect(rig.failure?.message == "3 actions are pending; the limit is 3 per instance")
  }

  @Test func aResultOfACallOverTheLimitIsAFailureOfTheCall() {
    let rig = Rig(driver: TurnDriver(cachedInstances: 10, limits: Self.limits)) { context in
      try context.onCall("c") { (_: Int) in Self.large }
      try await context.waitForEvent("stop")
    }
    rig.start()
    let turn = rig.deliver(.callReceived(call: "x", name: "c", input: Payload("1")))
    #expect(
      turn?.actions.map(\.kind.short) == [
        "refuse(x perdure.LimitExceeded: the result of the call has 1002 bytes; the limit is 500)", "call(c)",
      ])
  }
}
