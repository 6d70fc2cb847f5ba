import PerdureModel
import PerdureReplay
import Testing

/// What a turn that goes on comes to.
@Suite struct ConclusionTests {
  @Test func theFirstTurn() throws {
    var story = Story(parent: Story.parent)
    let conclusion = try story.turn([.raised(8, "x")], actions: [.activity(), .createTimer(fireAt: 70)])
    let commit = conclusion.commit
    #expect(
      kinds(commit.events) == [
        "orchestrationStarted", "messageReceived", "activityScheduled", "timerCreated",
      ])
    #expect(commit.revision == 0 && commit.execution == 1 && commit.status == .running)
    #expect(commit.consumed == [8])
    #expect(commit.wakeAt == 70)
    let task = try #require(commit.scheduled.first)
    #expect(task.key == ActivityKey(instance: "order-7", execution: 1, action: 1))
    #expect(task.orchestration == "order" && task.name == "work" && task.attempt == 1 && task.claim == nil)
    #expect(task.visibleAt == 0, "at once, whatever the clock of the node that looks")
    #expect(conclusion.unseen.isEmpty && conclusion.next == nil)
  }

  @Test func resultsTakeTheirRowsAndMessages() throws {
    var story = try Story([.activity(), .activity(), .createTimer(fireAt: 2_000)])
    let commit = try story.turn([.ran(1), .ranElsewhere(4, 2), .timerDue(3)]).commit
    #expect(commit.finished == [FinishedActivity(action: 1, claim: ActivityClaim(node: 1, token: 1))])
    #expect(commit.consumed == [4])
    #expect(commit.wakeAt == nil)
    #expect(story.state.open.isEmpty)
  }

  @Test func straysAreConsumedWithTheTurn() throws {
    var story = try Story([.activity()])
    let commit = try story.turn([.ran(1), .ranElsewhere(4, 1), .child(5, 9)]).commit
    #expect(commit.consumed == [4, 5])
    let prepared = story.state.prepare([.child(6, 9), .ran(1)], start: nil, now: story.now)
    let strays = story.state.conclude(strays: prepared, revision: 2, now: story.now)
    #expect(strays.events.isEmpty && strays.consumed == [6] && strays.finished.isEmpty)
    #expect(strays.status == .running && strays.revision == 2)
  }

  @Test func theLoserOfARaceIsCancelledThoughItsResultCameToo() throws {
    var story = try Story([.activity("fast"), .activity("slow"), .child(as: "kid")])
    let events = story.state.prepare([.ran(1), .ran(2)], start: nil, now: story.now).events
    let commit = try story.turn(
      [.ran(1), .ran(2)], actions: [(events[0].id, .cancel(target: 2)), (events[0].id, .cancel(target: 3))]
    ).commit
    #expect(
      kinds(commit.events) == ["activityCompleted", "activityCompleted", "workCancelled", "workCancelled"])
    #expect(commit.finished.map { $0.action } == [1, 2])
    #expect(commit.cancelled == [2])
    #expect(
      commit.messages == [
        OutgoingMessage(to: "kid", kind: .cancel(reason: "the parent gave it up", graceMS: nil))
      ])
    #expect(story.state.open.isEmpty)
    try story.turn([.raised(1, "go on")])
  }

  @Test func aCancelThatCameTooLateIsIgnored() throws {
    var story = try Story([.activity()])
    let commit = try story.turn([.ran(1)], actions: [.cancel(target: 1)]).commit
    #expect(kinds(commit.events) == ["activityCompleted", "cancelIgnored"])
    #expect(commit.cancelled.isEmpty)
  }

  @Test func scheduleAndCancelInOneTurnIsNothing() throws {
    var story = Story()
    let commit = try story.turn(actions: [
      .activity(), .cancel(target: 1), .child(as: "kid"), .cancel(target: 3),
    ]).commit
    #expect(commit.scheduled.isEmpty && commit.cancelled.isEmpty)
    #expect(commit.starts.isEmpty && commit.messages.isEmpty)
    #expect(
      kinds(commit.events).suffix(4) == [
        "activityScheduled", "workCancelled", "subOrchestrationScheduled", "workCancelled",
      ])
    #expect(story.state.open.isEmpty)
  }

  @Test func aCancelledTimerDoesNotWake() throws {
    var story = try Story([.createTimer(fireAt: 5_000), .createTimer(fireAt: 9_000)])
    let commit = try story.turn([.raised(1, "x")], actions: [.cancel(target: 1)]).commit
    #expect(commit.wakeAt == 9_000)
    #expect(story.state.prepare([.timerDue(1)], start: nil, now: 9_000).events.isEmpty)
  }

  @Test func aCancelledWaitLeavesTheMessage() throws {
    var story = try Story([.wait("go"), .cancel(target: 1)])
    try story.turn([.raised(1, "go", "5")])
    #expect(story.state.mailbox.untaken.map { $0.data } == [Payload("5")])
    try story.turn([.raised(2, "go", "6")], actions: [.wait("go")])
    #expect(story.state.mailbox.untaken.map { $0.data } == [Payload("6")], "the first goes first")
  }

  @Test func childrenAndDetachedStarts() throws {
    var story = Story()
    let commit = try story.turn(actions: [.child("part"), .child("part", as: "kid"), .detached("mail")])
      .commit
    #expect(commit.starts.map { $0.start.instance } == ["order-7.1.1", "kid", "order-7.1.3"])
    #expect(commit.starts.map { $0.start.parent?.action } == [1, 2, nil])
    #expect(commit.starts[0].start.parent == ParentLink(instance: "order-7", execution: 1, action: 1))
    #expect(Set(story.state.open.keys) == [1, 2])
  }

  @Test func customStatus() throws {
    var story = Story()
    #expect(
      try story.turn(actions: [.setCustomStatus(Payload("1")), .setCustomStatus(Payload("2"))]).commit
        .customStatus == .some(Payload("2")))
    #expect(try story.turn([.raised(1, "x")]).commit.customStatus == nil)
    #expect(
      try story.turn([.raised(2, "x")], actions: [.setCustomStatus(nil)]).commit.customStatus == .some(nil))
  }

  @Test func logsArePassedOn() throws {
    var story = Story()
    let prepared = story.state.prepare([], start: story.start, now: 5)
    let line = LogLine(level: .info, message: "here")
    let conclusion = try story.state.conclude(
      prepared, result: TurnResult(logs: [line]), recorded: nil, revision: 0, latestVersion: "1.0.0", now: 5)
    #expect(conclusion.logs == [line])
  }
}
