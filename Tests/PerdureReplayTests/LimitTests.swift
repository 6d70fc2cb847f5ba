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
  ]

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
