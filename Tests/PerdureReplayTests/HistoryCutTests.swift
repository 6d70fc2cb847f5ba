import PerdureModel
import PerdureReplay
import Testing

/// Where an execution stands after a part of it was taken back.
@Suite struct HistoryCutTests {
  static let boom = Failure(type: "Boom", message: "no")
  static let failed = EventKind.activityFailed(action: 1, failure: boom)
  static func at(_ action: ActionID, after: EventID = 1) -> Origin { Origin(action: action, after: after) }
  static func activity(_ action: ActionID, _ name: String, after: EventID = 1) -> EventKind {
    .activityScheduled(at(action, after: after), name: name, input: .null, options: ActivityOptions())
  }
  static func child(_ action: ActionID, _ instance: InstanceID, after: EventID = 1) -> EventKind {
    .subOrchestrationScheduled(
      at(action, after: after), name: "kid", version: nil, instance: instance, input: .null,
      closePolicy: .cancel)
  }
  static func raised(_ name: String) -> EventKind {
    .messageReceived(channel: .event, name: name, data: Payload("1"))
  }
  static let gone = EventKind.orchestrationFailed(failure: boom)

  static func cut(
    _ kinds: [EventKind], at point: ResetPoint, inbox: [MessageKind] = []
  ) throws -> HistoryCut {
    let started = EventKind.orchestrationStarted(
      name: "order", version: "1.0.0", input: .null, parent: nil)
    let events = ([started] + kinds).enumerated().map { index, kind in
      Event(id: Int64(index) + 1, at: Int64(index) * 10, kind: kind)
    }
    let ended = events.last?.kind.isTerminal == true
    let row = InstanceDescription(
      instance: "a", orchestration: "order", version: "1.0.0", status: ended ? .failed : .running,
      execution: 1, revision: 7, parent: nil, customStatus: nil, customStatusVersion: 0, output: nil,
      failure: nil, createdAt: 5, updatedAt: 5, endedAt: nil, eventCount: Int64(events.count))
    let snapshot = InstanceSnapshot(
      description: row, start: nil, owner: nil, history: events,
      inbox: inbox.enumerated().map { InboxMessage(sequence: Int64($0.offset) + 1, kind: $0.element) })
    return try HistoryCut(snapshot, at: point, now: 900)
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var history: [EventKind]
    var point: ResetPoint
    /// What stays: events that stay in place, and how many follow.
    var kept: EventID
    var appended: Int
    var returned: [MessageKind]
    var activities: [ActionID]
    var reopened: [String]
    var repeated: [String]

    init(
      _ name: String, _ history: [EventKind], _ point: ResetPoint, kept: EventID, appended: Int = 0,
      returned: [MessageKind] = [], activities: [ActionID] = [], reopened: [String] = [],
      repeated: [String] = []
    ) {
      testDescription = name
      self.history = history
      self.point = point
      self.kept = kept
      self.appended = appended
      self.returned = returned
      self.activities = activities
      self.reopened = reopened
      self.repeated = repeated
    }
  }

  static func ended(_ action: ActionID) -> MessageKind {
    .activityEnded(execution: 1, action: action, outcome: .completed(.null))
  }
  static func done(_ action: ActionID) -> EventKind { .activityCompleted(action: action, result: .null) }

  static let cases = [
    Case(
      "the failed step of a chain", [activity(1, "pay"), failed, gone], .failedStep, kept: 2, activities: [1],
      reopened: ["pay"]),
    Case(
      "compensations are forgotten",
      [activity(1, "pay"), failed, activity(2, "undo", after: 3), done(2), gone],
      .failedStep, kept: 2, activities: [1], reopened: ["pay"], repeated: ["undo"]),
    Case(
      "what others brought meanwhile comes again",
      [activity(1, "pay"), activity(2, "pack"), failed, raised("go"), done(2), gone], .failedStep, kept: 3,
      returned: [.raised(channel: .event, name: "go", data: Payload("1")), ended(2)], activities: [1],
      reopened: ["pay"]),
    Case(
      "the failure that was let pass, not a later one",
      [
        activity(1, "pay"), activity(2, "log"), failed,
        .activityFailed(action: 2, failure: Failure(type: "Quiet", message: "caught")), gone,
      ], .failedStep, kept: 3, activities: [1, 2], reopened: ["pay", "log"]),
    Case(
      "code that failed by itself hears the last event again",
      [activity(1, "pay"), done(1), .orchestrationFailed(failure: Failure(type: "Bug", message: "oops"))],
      .failedStep, kept: 2, returned: [ended(1)]),
    Case("code that failed at once begins anew", [gone], .failedStep, kept: 1),
    Case(
      "a request that failed is made again",
      [
        .messageSendRequested(at(1), SentMessage(to: "x", content: .cancel(reason: ""))),
        .requestFailed(action: 1, failure: boom), gone,
      ], .failedStep, kept: 1),
    Case(
      "the answer to a request that was made at the end is lost",
      [
        .messageSendRequested(at(1), SentMessage(to: "x", content: .cancel(reason: ""))),
        .cancellationRequested(reason: "", deadline: nil), .orchestrationCancelled(reason: "", output: nil),
      ], .event(2), kept: 1, appended: 1,
      returned: [.requestEnded(execution: 1, action: 1, outcome: .failed(.answerLost))]),
    Case(
      "to an event: its actions stay, those of the next go",
      [
        activity(1, "pay"), done(1), raised("go"), activity(2, "pack", after: 3),
        activity(3, "send", after: 4),
      ],
      .event(3), kept: 3, appended: 1, returned: [.raised(channel: .event, name: "go", data: Payload("1"))],
      activities: [2], repeated: ["send"]),
    Case(
      "to the beginning", [activity(1, "pay"), done(1), activity(2, "pack", after: 3)], .event(0), kept: 1,
      repeated: ["pay", "pack"]),
    Case(
      "to what code made of the start", [activity(1, "pay"), done(1), activity(2, "pack", after: 3)],
      .event(1), kept: 1, appended: 1, returned: [ended(1)], repeated: ["pack"]),
    Case(
      "an event that is an action means the event before it", [activity(1, "pay"), done(1)], .event(2),
      kept: 1, appended: 1, returned: [ended(1)]),
    Case(
      "the last event of an ended one is heard again",
      [activity(1, "pay"), done(1), .orchestrationCompleted(output: .null)], .event(4), kept: 2,
      returned: [ended(1)]),
    Case(
      "code that may have ended before all messages that it began with hears them again",
      [raised("go"), raised("stop"), .orchestrationFailed(failure: Failure(type: "Bug", message: "oops"))],
      .event(2), kept: 1,
      returned: ["go", "stop"].map { .raised(channel: .event, name: $0, data: Payload("1")) }),
    Case(
      "of those it has heard what came before its last action",
      [raised("go"), raised("stop"), activity(1, "pay", after: 2), gone], .failedStep, kept: 1,
      returned: ["go", "stop"].map { .raised(channel: .event, name: $0, data: Payload("1")) },
      repeated: ["pay"]),
    Case(
      "a cancellation is taken back",
      [
        activity(1, "pay"), .cancellationRequested(reason: "", deadline: nil),
        .workCancelled(at(2, after: 3), target: 1, work: .activity),
      ],
      .event(2), kept: 1, appended: 1, activities: [1]),
    Case(
      "a timer that fired is open again",
      [.timerCreated(at(1), fireAt: 50), .timerFired(action: 1), activity(2, "pay", after: 3)], .event(2),
      kept: 1, appended: 1, repeated: ["pay"]),
  ]

  @Test(arguments: cases)
  func standsWhereItStood(_ given: Case) throws {
    let cut = try Self.cut(given.history, at: given.point)
    #expect(cut.reset.kept == given.kept)
    #expect(cut.reset.appended.count == given.appended)
    #expect(cut.reset.returned == given.returned)
    #expect(cut.reset.activities.map { $0.key.action } == given.activities)
    #expect(cut.reopened == given.reopened)
    #expect(cut.repeated == given.repeated)
    #expect(cut.droppedCount == given.history.count + 1 - Int(given.kept) - given.appended)
  }

  /// What code has not heard of stays in the inbox: it is neither done nor answered again.
  @Test func whatWaitsInTheInboxIsAnswered() throws {
    let history = [
      Self.activity(1, "pay"), Self.child(2, "a.1"),
      .kvReadRequested(Self.at(3), instance: "x", key: "k"), Self.raised("go"),
    ]
    let request = MessageKind.requestEnded(execution: 1, action: 3, outcome: .completed(.null))
    let end = MessageKind.subOrchestrationEnded(execution: 1, action: 2, outcome: .completed(.null))
    let cut = try Self.cut(history, at: .event(1), inbox: [Self.ended(1), end, request])
    #expect(cut.reset.activities.isEmpty && cut.openChildren.isEmpty)
    #expect(cut.reset.returned == [.raised(channel: .event, name: "go", data: Payload("1"))])
  }

  /// What stays can be folded, and goes on with the next event.
  @Test(arguments: cases)
  func whatStaysIsAHistory(_ given: Case) throws {
    let cut = try Self.cut(given.history, at: given.point)
    let started = EventKind.orchestrationStarted(name: "order", version: "1.0.0", input: .null, parent: nil)
    let all = ([started] + given.history).enumerated().map { index, kind in
      Event(id: Int64(index) + 1, at: Int64(index) * 10, kind: kind)
    }
    let left = all.prefix(Int(cut.reset.kept)) + cut.reset.appended
    let state = try ExecutionState.folding(Array(left), instance: "a", execution: 1)
    #expect(!state.isEnded)
    #expect(left.map(\.id) == (1...Int64(left.count)).map { $0 })
  }

  @Test func stateIsThatOfThePoint() throws {
    let cut = try Self.cut(
      [
        .kvChanged(Self.at(1), .set(key: "k", value: Payload("1"))),
        .customStatusUpdated(Self.at(2), status: Payload("\"one\"")),
        .topicSubscribed(Self.at(3), topic: "t"),
        Self.raised("go"), .kvChanged(Self.at(4, after: 5), .set(key: "k", value: Payload("2"))),
        .customStatusUpdated(Self.at(5, after: 5), status: Payload("\"two\"")),
        .topicUnsubscribed(Self.at(6, after: 5), topic: "t"),
      ], at: .event(4))
    #expect(
      cut.reset.kvChanges == [TimedKVChange(change: .set(key: "k", value: Payload("1")), at: 0)])
    #expect(cut.knowsCustomStatus)
    #expect(cut.reset.customStatus == Payload("\"one\""))
    #expect(cut.topicChanges == [TopicChange(topic: "t", isSubscribed: true)])
  }

  @Test func childrenAreOpenAgainOrGo() throws {
    let cut = try Self.cut(
      [
        Self.child(1, "early"), Self.child(2, "done"), .subOrchestrationCompleted(action: 2, result: .null),
        .subOrchestrationFailed(action: 1, failure: Self.boom), Self.child(3, "late", after: 5), Self.gone,
      ], at: .failedStep)
    #expect(cut.openChildren.map(\.instance) == ["early"])
    #expect(cut.openChildren.first?.parent == ParentLink(instance: "a", execution: 1, action: 1))
    #expect(cut.reset.removed == ["late"])
    #expect(cut.reset.returned.isEmpty)
  }

  @Test(arguments: [ResetPoint.event(9), .event(-1)])
  func eventsThatAreNotThere(_ point: ResetPoint) {
    let fault = #expect(throws: HistoryCut.Fault.self) { try Self.cut([Self.activity(1, "pay")], at: point) }
    #expect(fault?.message.contains("has no event") == true)
  }

  @Test func onlyTheFailedHaveAFailedStep() {
    let fault = #expect(throws: HistoryCut.Fault.self) {
      try Self.cut([Self.activity(1, "pay")], at: .failedStep)
    }
    #expect(fault?.message == "instance 'a' has not failed; it can be reset to an event")
  }
}

/// Histories that no engine wrote: found by `make fuzz`.
@Suite struct DamagedCutTests {
  @Test(arguments: [Int64.min, -1, 0, 7, .max], [ResetPoint.event(1), .event(.min), .failedStep])
  func damageIsToldOf(_ last: EventID, _ point: ResetPoint) {
    let started = EventKind.orchestrationStarted(name: "o", version: "1.0.0", input: .null, parent: nil)
    let history = [
      Event(id: 1, at: 1, kind: started),
      Event(id: last, at: 1, kind: .messageReceived(channel: .event, name: "e", data: .null)),
    ]
    let row = InstanceDescription(
      instance: "a", orchestration: "o", version: "1.0.0", status: .running, execution: 1, revision: 1,
      parent: nil, customStatus: nil, customStatusVersion: 0, output: nil, failure: nil, createdAt: 1,
      updatedAt: 1, endedAt: nil, eventCount: 2)
    let snapshot = InstanceSnapshot(description: row, start: nil, owner: nil, history: history, inbox: [])
    let fault = #expect(throws: HistoryCut.Fault.self) { try HistoryCut(snapshot, at: point, now: 1) }
    #expect(fault?.message.contains("damaged") == true)
  }
}
