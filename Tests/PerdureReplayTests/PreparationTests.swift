import PerdureModel
import PerdureReplay
import Testing

@Suite struct PreparationTests {
  /// 1 activity, 2 timer, 3 child, 4 wait.
  static func story() throws -> Story {
    try Story([.activity(), .createTimer(fireAt: 5_000), .child(as: "kid"), .wait("go")])
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var incoming: [Incoming]
    var events: [String]
    var strays: [Int]

    init(_ name: String, _ incoming: [Incoming], _ events: [String], strays: [Int] = []) {
      testDescription = name
      self.incoming = incoming
      self.events = events
      self.strays = strays
    }
  }

  static let cases = [
    Case(
      "everything once, in order", [.raised(1, "x"), .ran(1), .timerDue(2), .child(2, 3), .cancel(3)],
      [
        "messageReceived", "activityCompleted", "timerFired", "subOrchestrationCompleted",
        "cancellationRequested",
      ]),
    Case("a result twice", [.ran(1), .ranElsewhere(1, 1)], ["activityCompleted"], strays: [1]),
    Case("a timer twice", [.timerDue(2), .timerDue(2)], ["timerFired"], strays: [1]),
    Case("a child's end twice", [.child(1, 3), .child(2, 3)], ["subOrchestrationCompleted"], strays: [1]),
    Case(
      "of another execution",
      [.ran(1, execution: 2), .ranElsewhere(1, 1, execution: 9), .child(2, 3, execution: 2)],
      [], strays: [0, 1, 2]),
    Case("answers to nothing", [.ran(9), .timerDue(9), .child(1, 9)], [], strays: [0, 1, 2]),
    Case(
      "answers of another kind", [.ran(2), .timerDue(1), .child(1, 1), .ran(4)], [], strays: [0, 1, 2, 3]),
    Case("two cancels", [.cancel(1, "a"), .cancel(2, "b")], ["cancellationRequested"], strays: [1]),
    Case(
      "a failed child",
      [.child(1, 3, .failed(Failure(type: "T", message: "m")))], ["subOrchestrationFailed"]),
  ]

  @Test(arguments: cases)
  func news(_ given: Case) throws {
    let story = try Self.story()
    let prepared = story.state.prepare(given.incoming, start: nil, now: story.now)
    #expect(kinds(prepared.events) == given.events)
    #expect(prepared.strays == given.strays.map { given.incoming[$0] })
    #expect(
      prepared.events.map { $0.id } == (0..<given.events.count).map { story.state.lastEvent + 1 + Int64($0) })
  }

  @Test func timeNeverGoesBack() throws {
    let story = try Self.story()
    #expect(story.state.prepare([.cancel(1)], start: nil, now: 3).events.map { $0.at } == [1_000])
    #expect(story.state.prepare([.cancel(1)], start: nil, now: 1_003).events.map { $0.at } == [1_003])
  }

  @Test func aCancelAfterACancelIsStray() throws {
    var story = try Self.story()
    try story.turn([.cancel(1, "first")])
    #expect(story.state.prepare([.cancel(2, "second")], start: nil, now: 2_000).events.isEmpty)
    #expect(story.state.cancellationReason == "first")
  }

  @Test func theFirstTurnBeginsWithTheStart() {
    let story = Story(parent: Story.parent)
    let prepared = story.state.prepare([.raised(4, "x")], start: story.start, now: story.now)
    #expect(kinds(prepared.events) == ["orchestrationStarted", "messageReceived"])
    #expect(prepared.events.map { $0.id } == [1, 2])
  }

  @Test func aContinuedExecutionBeginsWithWhatIsStored() throws {
    var story = try Story([.activity()])
    try story.turn([.queued(1, "q", "7"), .cancel(2, "late")], end: .again)
    let prepared = story.state.prepare(
      [.queued(3, "q", "8"), .cancel(4), .ran(1)], start: nil, now: story.now)
    #expect(
      kinds(prepared.events) == [
        "orchestrationStarted", "messageReceived", "cancellationRequested", "messageReceived",
      ])
    #expect(prepared.lines.map { $0.isStored } == [true, true, true, false])
    #expect(prepared.strays == [.cancel(4), .ran(1)])
  }
}
