import PerdureModel
import PerdureReplay
import Testing

/// The time to clean up after a cancellation, and ends that code has no part in.
@Suite struct DeadlineTests {
  static let cancelled = Failure(type: FailureType.cancelled, message: "cancelled: why")

  @Test(arguments: [(nil, nil), (0, 1_010), (500, 1_510), (-5, 1_010)] as [(Int64?, Int64?)])
  func theDeadlineIsFixedWhenTheRequestIsSeen(_ graceMS: Int64?, _ deadline: Int64?) throws {
    var story = try Story([.activity()])
    let commit = try story.turn([.cancel(1, graceMS: graceMS)], actions: [.activity("undo")]).commit
    #expect(commit.events.first?.kind == .cancellationRequested(reason: "why", deadline: deadline))
    #expect(commit.wakeAt == deadline)
    #expect(story.state.endBy == deadline)
  }

  @Test func aTimerBeforeTheDeadlineWakesFirst() throws {
    var story = try Story([.createTimer(fireAt: 1_200)])
    #expect(try story.turn([.cancel(1, graceMS: 500)]).commit.wakeAt == 1_200)
    #expect(try story.turn([.timerDue(1)]).commit.wakeAt == 1_510)
  }

  @Test(arguments: [nil, 500, 900] as [Int64?])
  func aSecondRequestThatLeavesNoLessTimeChangesNothing(_ graceMS: Int64?) throws {
    var story = try Story([.activity()])
    try story.turn([.cancel(1, "first", graceMS: 500)])
    let again = story.state.prepare([.cancel(2, "second", graceMS: graceMS)], start: nil, now: story.now)
    #expect(again.events.isEmpty && again.strays.count == 1)
  }

  @Test(arguments: [nil, 500] as [Int64?])
  func aSecondRequestMayLeaveLessTime(_ graceMS: Int64?) throws {
    var story = try Story([.activity()])
    try story.turn([.cancel(1, "first", graceMS: graceMS)])
    let commit = try story.turn([.cancel(2, "second", graceMS: 5)]).commit
    #expect(commit.events.count == 1 && commit.wakeAt == story.state.endBy)
    let ends = try #require(commit.events.first).at + 5
    #expect(story.state.endBy == ends)
    #expect(story.state.cancellationReason == "first", "that is the one the code was told")
  }

  @Test func theEngineEndsWhatIsStillThere() throws {
    var story = try Story([.activity(), .child(as: "kid"), .createTimer(fireAt: 9)], parent: Story.parent)
    try story.turn([.cancel(1, graceMS: 500)], actions: [.activity("undo")])
    var state = story.state
    let commit = state.conclude(ending: .cancelled, revision: 2, now: 1_510)
    #expect(
      kinds(commit.events) == ["workCancelled", "workCancelled", "workCancelled", "orchestrationCancelled"])
    #expect(commit.events.map { $0.id } == [7, 8, 9, 10] && commit.events.allSatisfy { $0.at == 1_510 })
    #expect(commit.status == .cancelled && commit.failure == Self.cancelled && commit.output == nil)
    #expect(commit.cancelled == [1, 4] && commit.revision == 2 && commit.execution == 1)
    #expect(commit.consumed.isEmpty && commit.nextExecution == nil && commit.wakeAt == nil)
    let link = Story.parent
    #expect(
      commit.messages == [
        ClosePolicyTests.cancel("kid"),
        OutgoingMessage(
          to: link.instance,
          kind: .subOrchestrationEnded(
            execution: link.execution, action: link.action, outcome: .failed(Self.cancelled))),
      ])
    #expect(state.isEnded)
    let whole = try ExecutionState.folding(
      story.history + commit.events, instance: "order-7", execution: 1)
    #expect(whole == state, "what is stored says the same")
  }

  @Test func anEndWithAFailure() throws {
    var story = try Story([.activity()], parent: Story.parent)
    let failure = Failure(type: FailureType.nondeterminism, message: "m")
    let commit = story.state.conclude(ending: .failed(failure), revision: 1, now: 0)
    #expect(commit.status == .failed && commit.failure == failure)
    #expect(commit.events.last?.kind == .orchestrationFailed(failure: failure))
    #expect(commit.events.allSatisfy { $0.at == 1_000 }, "time does not go back")
    #expect(commit.messages.count == 1)
  }

  @Test func aContinuedExecutionThatNeverRanIsEndedToo() throws {
    var story = try Story([.activity()], parent: Story.parent)
    try story.turn([.cancel(1, graceMS: 500), .raised(2, "kept")], end: .again)
    #expect(kinds(story.history) == ["orchestrationStarted", "messageReceived", "cancellationRequested"])
    #expect(story.state.isFresh && story.state.endBy == 1_510, "the deadline is that of before")
    let commit = story.state.conclude(ending: .cancelled, revision: 2, now: 2_000)
    #expect(kinds(commit.events) == ["orchestrationCancelled"])
    #expect(commit.events.first?.id == 4 && commit.execution == 2)
    #expect(commit.failure == Self.cancelled)
    let whole = try ExecutionState.folding(
      story.history + commit.events, instance: "order-7", execution: 2)
    #expect(whole.isEnded && whole.cancellationReason == "why")
  }

  // MARK: Continue-as-new

  @Test func everyKindOfMessageIsCarriedInOrder() throws {
    var story = try Story([.nextCall("taken")])
    let conclusion = try story.turn(
      [
        .called(1, "a", id: "c-1", "1"), .published(2, "t", "2"), .raised(3, "e", "3"),
        .queued(4, "q", "4"), .called(5, "a", id: "c-2", "5"),
      ], end: .again)
    #expect(
      conclusion.commit.nextExecution?.dropFirst().map { $0.kind } == [
        .callReceived(call: "c-1", name: "a", input: Payload("1")),
        .messageReceived(channel: .topic, name: "t", data: Payload("2")),
        .messageReceived(channel: .event, name: "e", data: Payload("3")),
        .messageReceived(channel: .queue, name: "q", data: Payload("4")),
        .callReceived(call: "c-2", name: "a", input: Payload("5")),
      ])
    #expect(conclusion.commit.callAnswers.isEmpty)
    let commit = try story.turn(actions: [.nextCall("a"), .answer("c-1")], end: .again).commit
    #expect(commit.callAnswers.map { $0.call } == ["c-1"])
    #expect(
      commit.nextExecution?.last?.kind == .callReceived(call: "c-2", name: "a", input: Payload("5")))
  }

  @Test func aCallThatWasTakenAndNotAnsweredIsAnsweredByTheEngine() throws {
    var story = try Story([.nextCall("a"), .nextCall("a")])
    let commit = try story.turn(
      [.called(1, "a", id: "c-1"), .called(2, "a", id: "c-2")], actions: [.answer("c-2")], end: .again
    ).commit
    #expect(commit.callAnswers.map { $0.call } == ["c-2", "c-1"])
    guard case .failed(let failure)? = commit.callAnswers.last?.outcome else {
      Issue.record("it was answered as if all were well")
      return
    }
    #expect(failure.type == FailureType.wrongStatus && failure.message.contains("'order-7'"))
    #expect(commit.nextExecution?.count == 1)
  }

  @Test func whatWaitedOnTheOtherSideIsGivenUp() throws {
    var story = try Story([.read("k", of: "b"), .waitForTopic("t"), .nextCall("c")])
    let commit = try story.turn([.raised(1, "x")], end: .again).commit
    #expect(kinds(commit.events) == ["messageReceived", "orchestrationContinuedAsNew"])
    #expect(story.state.prepare([.request(2, 1)], start: nil, now: story.now).strays == [.request(2, 1)])
    try story.turn(actions: [.read("k", of: "b")])
    #expect(story.state.prepare([.request(3, 1, execution: 1)], start: nil, now: 9_999).events.isEmpty)
    #expect(story.state.prepare([.request(3, 1, execution: 2)], start: nil, now: 9_999).events.count == 1)
  }
}
