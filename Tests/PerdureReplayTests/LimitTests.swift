import PerdureModel
import PerdureReplay
import Testing

/// Over a limit the instance fails, and nothing that is over it is stored.
@Suite struct LimitTests {
  static let longName = String(repeating: "n", count: Limits.nameBytes + 1)
  static let longID = String(repeating: "i", count: Limits.instanceIDBytes + 1)
  static let large = "\"" + String(repeating: "x", count: Limits.payloadBytes) + "\""

  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var action: ActionKind
    var says: String
  }

  static let actions = [
    Case(testDescription: "activity name", action: .activity(longName), says: "activity name has 257 bytes"),
    Case(testDescription: "no activity name", action: .activity(""), says: "activity name is empty"),
    Case(testDescription: "event name", action: .wait(longName), says: "event name"),
    Case(testDescription: "queue name", action: .dequeue(longName), says: "queue name"),
    Case(testDescription: "child name", action: .child(longName), says: "orchestration name"),
    Case(testDescription: "child id", action: .child(as: longID), says: "instance id"),
    Case(testDescription: "empty child id", action: .child(as: ""), says: "instance id"),
    Case(testDescription: "detached name", action: .detached(longName), says: "orchestration name"),
    Case(
      testDescription: "activity input", action: .activity("work", large), says: "input of activity 'work'"),
    Case(
      testDescription: "child input",
      action: .scheduleSubOrchestration(
        name: "part", version: nil, instance: nil, input: Payload(large), closePolicy: .cancel),
      says: "input of orchestration 'part'"),
    Case(
      testDescription: "custom status", action: .setCustomStatus(Payload(large)), says: "custom status"),
    Case(testDescription: "tag", action: tagged(longName), says: "the tag has 257 bytes"),
    Case(testDescription: "empty tag", action: tagged(""), says: "the tag is empty"),
    Case(testDescription: "session", action: tagged(nil, longName), says: "the session has 257 bytes"),
    Case(testDescription: "topic waited for", action: .waitForTopic(longName), says: "topic name"),
    Case(testDescription: "call waited for", action: .nextCall(""), says: "call name is empty"),
    Case(testDescription: "key", action: .set(longName), says: "key name has 257 bytes"),
    Case(testDescription: "no key", action: .set(""), says: "key name is empty"),
    Case(testDescription: "key to clear", action: .clear(longName), says: "the key has 257 bytes"),
    Case(
      testDescription: "value", action: .set("k", kilobytes(256)), says: "the value of key 'k' has 262146"),
    Case(testDescription: "key to read", action: .read(longName, of: "x"), says: "the key has 257 bytes"),
    Case(testDescription: "whose key to read", action: .read("k", of: longID), says: "to read from"),
    Case(testDescription: "receiver", action: .raise("e", to: longID), says: "to send to has 513 bytes"),
    Case(testDescription: "no receiver", action: .raise("e", to: ""), says: "to send to is empty"),
    Case(testDescription: "message name", action: .raise(longName, to: "x"), says: "event name"),
    Case(
      testDescription: "queue message name", action: .raise("", to: "x", "0", .queue),
      says: "queue name is empty"),
    Case(testDescription: "message", action: .raise("e", to: "x", large), says: "the message 'e'"),
    Case(
      testDescription: "reason", action: .cancelInstance("x", String(repeating: "r", count: 16_385)),
      says: "the reason has 16385 bytes"),
    Case(testDescription: "topic to subscribe", action: .subscribeTopic(longName), says: "topic name"),
    Case(testDescription: "topic to leave", action: .unsubscribeTopic(""), says: "topic name is empty"),
    Case(
      testDescription: "topic to publish to", action: .publish(topic: longName, data: .null),
      says: "topic name"),
    Case(
      testDescription: "what is published", action: .publish(topic: "t", data: Payload(large)),
      says: "the message to topic 't'"),
    Case(testDescription: "answer", action: .answer("c", large), says: "the answer to a call"),
    Case(testDescription: "call answered", action: .answer(longID), says: "the id of a call"),
    Case(
      testDescription: "failure of a call",
      action: .answerCall(call: "c", outcome: .failed(Failure(type: "T", message: large))),
      says: "the failure of a call"),
    Case(testDescription: "patch", action: .recordPatch(longName), says: "patch name"),
    Case(
      testDescription: "version of a child",
      action: .scheduleSubOrchestration(
        name: "part", version: longName, instance: nil, input: .null, closePolicy: .cancel),
      says: "the version"),
  ]

  static func tagged(_ tag: String?, _ session: String? = nil) -> ActionKind {
    var options = ActivityOptions()
    options.tag = tag
    options.session = session
    return .scheduleActivity(name: "work", input: .null, options: options)
  }

  /// JSON that is two bytes larger.
  static func kilobytes(_ count: Int) -> String {
    "\"" + String(repeating: "x", count: count * 1024) + "\""
  }

  @Test(arguments: actions)
  func action(_ given: Case) throws {
    var story = try Story([.activity("before")], parent: Story.parent)
    let later: [ActionKind] = [given.action, .activity("after"), .child(as: "somebody-else"), .detached()]
    let commit = try story.turn([.raised(1, "x")], actions: [.createTimer(fireAt: 5)] + later).commit
    #expect(commit.status == .failed)
    let failure = try #require(commit.failure)
    #expect(failure.type == FailureType.limitExceeded && failure.isNonRetryable)
    #expect(failure.message.contains(given.says), "\(failure.message)")
    #expect(
      kinds(commit.events) == ["messageReceived", "timerCreated", "workCancelled", "orchestrationFailed"],
      "what is over the limit is not in history, nor is what follows")
    #expect(commit.scheduled.isEmpty && commit.starts.isEmpty && commit.cancelled == [1])
    #expect(commit.messages.map { $0.to } == ["parent"], "no message to instances that were never started")
    #expect(commit.customStatus == nil)
  }

  static let ends: [TurnEndKind] = [
    .completed(output: Payload(large)), .continuedAsNew(version: nil, input: Payload(large)),
    .failed(Failure(type: "T", message: "m", cause: Failure(type: "U", message: large))),
  ]

  @Test(arguments: ends)
  func end(_ end: TurnEndKind) throws {
    var story = try Story([.activity()])
    let conclusion = try story.turn([.ran(1)], end: end)
    #expect(conclusion.commit.failure?.type == FailureType.limitExceeded)
    #expect(
      conclusion.commit.output == nil && conclusion.commit.nextExecution == nil && conclusion.next == nil)
  }

  @Test func atTheLimitAllIsWell() throws {
    let name = String(repeating: "n", count: Limits.nameBytes)
    let input = "\"" + String(repeating: "x", count: Limits.payloadBytes - 2) + "\""
    #expect(try Story([.activity(name, input)]).state.open.count == 1)
  }

  @Test func pendingActions() throws {
    let many = Array(repeating: ActionKind.wait("go"), count: Limits.pendingActions)
    var story = try Story(many)
    let going = try story.turn(
      [.raised(1, "x")], actions: [.setCustomStatus(.null), .detached(), .cancel(target: 1)])
    #expect(going.commit.status == .running, "what leaves nothing open is free")
    try story.turn([.raised(2, "x")], actions: [.wait("go")])
    let commit = try story.turn([.raised(3, "x")], actions: [.wait("go")]).commit
    #expect(commit.failure?.type == FailureType.limitExceeded)
    #expect(commit.failure?.message.contains("\(Limits.pendingActions) actions are pending") == true)
  }

  @Test func settingsTakeThePlaceOfDefaults() throws {
    var limits = LimitSettings()
    limits.payloadBytes = 10
    limits.customStatusBytes = 11
    limits.kvValueBytes = 12
    limits.kvKeys = 2
    limits.pendingActions = 3
    let within: [[ActionKind]] = [
      [.activity("a", "1234567890")], [.setCustomStatus(Payload("12345678901"))], [.set("k", "123456789012")],
      [.set("a"), .set("b"), .set("a")], [.set("a"), .set("b"), .clear("a"), .set("c")],
      [.set("a"), .set("b"), .clearAll, .set("c"), .set("d")],
      [.wait("a"), .wait("b"), .wait("c"), .cancel(target: 1), .wait("d")],
    ]
    let beyond: [[ActionKind]] = [
      [.activity("a", "12345678901")], [.setCustomStatus(Payload("123456789012"))],
      [.set("k", "1234567890123")], [.set("a"), .set("b"), .set("c")],
      [.set("a"), .set("b"), .clear("x"), .set("c")],
      [.wait("a"), .raise("e", to: "x"), .read("k", of: "x"), .createTimer(fireAt: 1)],
    ]
    for (actions, isWithin) in within.map({ ($0, true) }) + beyond.map({ ($0, false) }) {
      var story = Story()
      story.limits = limits
      let commit = try story.turn(actions: actions).commit
      #expect(commit.status == (isWithin ? .running : .failed), "\(actions)")
    }
  }

  @Test func keysOfEarlierExecutionsCount() throws {
    var story = Story()
    story.limits.kvKeys = 2
    try story.turn(actions: [.set("a"), .set("b")], end: .again)
    try story.turn(actions: [.set("b")])
    let commit = try story.turn([.raised(1, "x")], actions: [.set("c")]).commit
    #expect(commit.failure?.message.contains("2 keys are set") == true)
  }

  @Test func historyBytes() throws {
    var story = Story()
    story.limits.historyBytes = 1_000
    try story.turn(actions: [.wait("go")])
    let large = "\"" + String(repeating: "x", count: 500) + "\""
    let commit = try story.turn([.raised(1, "a", large)], actions: [.activity("b", large)]).commit
    #expect(
      commit.failure?.message.contains("bytes; the limit is 1000 per execution: continue as new") == true)
  }

  @Test(arguments: [nil, TurnEndKind.completed, .again])
  func historyEvents(_ end: TurnEndKind?) throws {
    var story = Story()
    let prepared = story.state.prepare([], start: story.start, now: story.now)
    let actions = (1...Limits.historyEvents).map { Action(id: $0, after: 1, kind: .setCustomStatus(nil)) }
    let commit = try story.state.conclude(
      prepared, result: TurnResult(actions: actions, end: end.map { TurnEnd(after: 1, kind: $0) }),
      recorded: nil,
      revision: 0, latestVersion: "1.0.0", now: 0
    ).commit
    if end == nil {
      #expect(commit.failure?.message.contains("continue as new") == true)
      #expect(commit.failure?.type == FailureType.limitExceeded)
    } else {
      #expect(commit.failure == nil, "code that ends by itself may")
    }
  }
}
