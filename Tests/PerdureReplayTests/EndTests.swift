import PerdureModel
import PerdureReplay
import Testing

/// How executions end.
@Suite struct EndTests {
  static let cancelledFailure = Failure(type: FailureType.cancelled, message: "cancelled: why")

  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var isAsked: Bool
    var end: TurnEndKind
    var event: String
    var status: InstanceStatus
    var output: Payload?
    var failure: Failure?
    /// What the parent hears; nil: nothing.
    var told: Outcome?
  }

  static let broken = Failure(type: "Boom", message: "it broke")
  static let cases = [
    Case(
      testDescription: "completed", isAsked: false, end: .completed, event: "orchestrationCompleted",
      status: .completed, output: Payload("42"), told: .completed(Payload("42"))),
    Case(
      testDescription: "failed", isAsked: false, end: .failed, event: "orchestrationFailed", status: .failed,
      failure: broken, told: .failed(broken)),
    Case(
      testDescription: "cancelled", isAsked: true, end: .cancelled, event: "orchestrationCancelled",
      status: .cancelled, failure: cancelledFailure, told: .failed(cancelledFailure)),
    Case(
      testDescription: "completed after a cancel", isAsked: true, end: .completed,
      event: "orchestrationCancelled",
      status: .cancelled, output: Payload("42"), failure: cancelledFailure, told: .failed(cancelledFailure)),
    Case(
      testDescription: "failed after a cancel", isAsked: true, end: .failed, event: "orchestrationFailed",
      status: .failed, failure: broken, told: .failed(broken)),
    Case(
      testDescription: "continued", isAsked: false, end: .again, event: "orchestrationContinuedAsNew",
      status: .running, told: nil),
  ]

  @Test(arguments: cases)
  func end(_ given: Case) throws {
    var story = try Story(
      [.activity(), .child(as: "kid"), .createTimer(fireAt: 9), .wait("go")], parent: Story.parent)
    let incoming: [Incoming] = given.isAsked ? [.cancel(1)] : [.raised(1, "x")]
    let commit = try story.turn(incoming, actions: [.activity("late")], end: given.end).commit
    #expect(kinds(commit.events).last == given.event)
    #expect(
      commit.events.filter { $0.kind.isTerminal }.count == 1,
      "the terminal event is the last, and the only one")
    #expect(commit.status == given.status)
    #expect(commit.output == given.output)
    #expect(commit.failure == given.failure)
    let link = Story.parent
    let told = given.told.map {
      OutgoingMessage(
        to: link.instance,
        kind: .subOrchestrationEnded(execution: link.execution, action: link.action, outcome: $0))
    }
    let cancelChild = OutgoingMessage(to: "kid", kind: .cancel(reason: "the parent ended", graceMS: nil))
    #expect(commit.messages == [cancelChild] + (told.map { [$0] } ?? []))
    #expect(commit.cancelled == [1], "the running activity; the one of this turn is never there")
    #expect(commit.scheduled.isEmpty)
    let given = commit.events.compactMap { event -> ActionID? in
      if case .workCancelled(nil, let target, _) = event.kind { target } else { nil }
    }
    #expect(given == [1, 2, 5], "activities and children are given up on record")
  }

  @Test func aChildScheduledInTheLastTurnIsNotStarted() throws {
    var story = Story()
    let commit = try story.turn(actions: [.child(as: "kid"), .detached(as: "mail-1")], end: .completed).commit
    #expect(commit.starts.map { $0.start.instance } == ["mail-1"], "a detached start is")
    #expect(commit.messages.isEmpty)
  }

  @Test func theReasonIsKept() throws {
    var story = try Story([.activity()])
    try story.turn([.cancel(1, "too late")], actions: [.activity("clean up")])
    let commit = try story.turn([.ran(2)], end: .cancelled).commit
    guard case .orchestrationCancelled(let reason, let output) = commit.events.last?.kind else {
      return #expect(Bool(false), "not cancelled")
    }
    #expect(reason == "too late" && output == nil)
  }

  @Test func unseenMessagesStayInTheInbox() throws {
    var story = try Story([.wait("go"), .activity()])
    let incoming: [Incoming] = [
      .child(1, 9), .raised(2, "go"), .raised(3, "more"), .ran(2), .child(4, 9),
    ]
    let seen = story.state.prepare(incoming, start: nil, now: story.now).events[0].id
    let conclusion = try story.turn(incoming, actions: [], end: TurnEnd(after: seen, kind: .again))
    #expect(
      Set(conclusion.commit.consumed) == [1, 2], "a stray goes, the unseen stays, and so what is behind it")
    #expect(conclusion.commit.finished.isEmpty)
    #expect(conclusion.unseen == [.ran(2), .raised(3, "more"), .child(4, 9)])
    #expect(conclusion.commit.cancelled == [2])
  }

  // MARK: Continue-as-new

  @Test func continueAsNewBeginsTheNextExecution() throws {
    var story = try Story([.activity()], parent: Story.parent)
    story.latestVersion = "3.1.0"
    let conclusion = try story.turn([.ran(1)], end: .again)
    let commit = conclusion.commit
    #expect(commit.execution == 1 && commit.status == .running && commit.wakeAt == 0)
    #expect(commit.orchestrationVersion == "3.1.0")
    let started = EventKind.orchestrationStarted(
      name: "order", version: "3.1.0", input: Payload("2"), parent: Story.parent)
    #expect(commit.nextExecution?.map { $0.kind } == [started])
    let next = try #require(conclusion.next)
    #expect(next.execution == 2 && next.version == "3.1.0" && next.parent == Story.parent && next.isFresh)
    #expect(
      next == (try ExecutionState.folding(commit.nextExecution ?? [], instance: "order-7", execution: 2)))
  }

  @Test func aNamedVersionIsTaken() throws {
    var story = Story()
    let commit = try story.turn(end: .continuedAsNew(version: "1.5.0", input: .null)).commit
    #expect(commit.orchestrationVersion == "1.5.0")
  }

  @Test func messagesAreCarriedInTheirOrder() throws {
    var story = try Story([.wait("b")])
    try story.turn([.queued(1, "q", "1"), .raised(2, "a", "2"), .raised(3, "b", "3"), .raised(4, "b", "4")])
    let commit = try story.turn([.queued(5, "q", "5")], end: .again).commit
    #expect(carried(commit.nextExecution) == ["1", "2", "4", "5"])
    #expect(commit.consumed == [5])

    // Begun, and continued at once: after its first event the code sees nothing of what was carried.
    let again = try story.turn([.queued(6, "q", "6")], actions: [], end: TurnEnd(after: 2, kind: .again))
    #expect(carried(again.commit.nextExecution) == ["1", "2", "4", "5"])
    #expect(again.unseen == [.queued(6, "q", "6")], "that one waits in the inbox, behind them")
    #expect(again.commit.events.map { $0.id } == [6], "the first five are stored")
  }

  @Test func carriedMessagesAreTaken() throws {
    var story = Story()
    try story.turn([.queued(1, "q", "1"), .queued(2, "q", "2")], end: .again)
    let commit = try story.turn(actions: [.dequeue("q")], end: .again).commit
    #expect(carried(commit.nextExecution) == ["2"])
  }

  @Test func aCancellationIsCarried() throws {
    var story = try Story([.activity()])
    try story.turn([.cancel(1, "stop")], end: .again)
    #expect(kinds(story.history) == ["orchestrationStarted", "cancellationRequested"])
    let commit = try story.turn(end: .completed).commit
    #expect(commit.status == .cancelled)
  }

  @Test func detachedStartsAndCancelsOfTheLastTurnCount() throws {
    var story = try Story([.activity(), .child(as: "kid")])
    let commit = try story.turn(
      [.raised(1, "x")], actions: [.detached(as: "mail-1"), .cancel(target: 1), .cancel(target: 2)],
      end: .again
    ).commit
    #expect(commit.starts.map { $0.start.instance } == ["mail-1"])
    #expect(commit.cancelled == [1])
    #expect(commit.messages.map { $0.to } == ["kid"], "once")
  }

  @Test func answersToTheLastExecutionAreStray() throws {
    var story = try Story([.activity(), .createTimer(fireAt: 50)])
    try story.turn([.raised(1, "x")], end: .again)
    try story.turn(actions: [.activity("other")])
    #expect(story.state.prepare([.ran(1, execution: 1)], start: nil, now: 99).events.isEmpty)
    #expect(story.state.prepare([.ran(1, execution: 2)], start: nil, now: 99).events.count == 1)
  }

  private func carried(_ events: [Event]?) -> [String] {
    (events ?? []).compactMap { event in
      if case .messageReceived(_, _, let data) = event.kind { data.text } else { nil }
    }
  }
}
