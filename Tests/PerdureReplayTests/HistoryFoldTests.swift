import PerdureModel
import PerdureReplay
import Testing

@Suite struct HistoryFoldTests {
  static let started = EventKind.orchestrationStarted(
    name: "order", version: "1.0.0", input: .null, parent: Story.parent)
  static let completed = EventKind.activityCompleted(action: 1, result: .null)

  static let sent = SentMessage(to: "x", content: .cancel(reason: "r"))

  static func at(_ action: ActionID, after: EventID = 1) -> Origin { Origin(action: action, after: after) }
  static func activity(_ action: ActionID, after: EventID = 1) -> EventKind {
    .activityScheduled(at(action, after: after), name: "work", input: .null, options: ActivityOptions())
  }
  static func history(_ kinds: [EventKind]) -> [Event] {
    kinds.enumerated().map { Event(id: Int64($0.offset) + 1, at: 10, kind: $0.element) }
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var history: [Event]
    var event: EventID
    var says: String

    init(_ name: String, _ kinds: [EventKind], at event: EventID, _ says: String) {
      self.init(name, events: HistoryFoldTests.history(kinds), at: event, says)
    }

    init(_ name: String, events: [Event], at event: EventID, _ says: String) {
      testDescription = name
      history = events
      self.event = event
      self.says = says
    }
  }

  static let faults = [
    Case("empty", [], at: 0, "empty"),
    Case("begins with something else", [completed], at: 1, "not OrchestrationStarted"),
    Case("begins with id 2", events: [Event(id: 2, at: 0, kind: started)], at: 2, "not OrchestrationStarted"),
    Case(
      "a gap", events: [Event(id: 1, at: 0, kind: started), Event(id: 3, at: 0, kind: activity(1))], at: 3,
      "event 2 is missing; 3 stands"),
    Case(
      "an id twice", events: [Event(id: 1, at: 0, kind: started), Event(id: 1, at: 0, kind: activity(1))],
      at: 1,
      "event 2 is missing; 1 stands"),
    Case(
      "time goes back", events: [Event(id: 1, at: 9, kind: started), Event(id: 2, at: 8, kind: activity(1))],
      at: 2, "time"),
    Case("a second start", [started, started], at: 2, "second"),
    Case(
      "an action is left out", [started, activity(1), activity(3)], at: 3, "action 2 is missing; 3 stands"),
    Case("an action twice", [started, activity(1), activity(1)], at: 3, "action 2 is missing; 1 stands"),
    Case("after an event that was not seen", [started, activity(1, after: 9)], at: 2, "after event 9"),
    Case(
      "after an event that code does not see", [started, activity(1), activity(2, after: 2)], at: 3,
      "after event 2"),
    Case(
      "places go back", [started, activity(1), completed, activity(2, after: 3), activity(3, after: 1)],
      at: 5,
      "after event 1"),
    Case("answer to nothing", [started, activity(1), .timerFired(action: 2)], at: 3, "no such work"),
    Case("answer of the wrong kind", [started, activity(1), .timerFired(action: 1)], at: 3, "no such work"),
    Case(
      "a child's answer to an activity",
      [started, activity(1), .subOrchestrationCompleted(action: 1, result: .null)], at: 3, "no such work"),
    Case("answered twice", [started, activity(1), completed, completed], at: 4, "a second time"),
    Case(
      "cancels another kind", [started, activity(1), .workCancelled(at(2), target: 1, work: .timer)], at: 3,
      "no such work"),
    Case(
      "cancels nothing", [started, .workCancelled(at(1), target: 4, work: .activity)], at: 2, "no such work"),
    Case(
      "an answer to a request that is none",
      [started, activity(1), .requestCompleted(action: 1, result: .null)], at: 3, "no such work"),
    Case(
      "a request answered twice",
      [
        started, .kvReadRequested(at(1), instance: "x", key: "k"),
        .requestCompleted(action: 1, result: .null),
        .requestFailed(action: 1, failure: Failure(type: "T", message: "m")),
      ], at: 4, "a second time"),
    Case(
      "a message to an instance is no activity",
      [started, .messageSendRequested(at(1), sent), completed], at: 3, "no such work"),
    Case(
      "a wait for a topic cancelled as one for a call",
      [
        started, .subscribed(at(1), channel: .topic, name: "t"),
        .workCancelled(at(2), target: 1, work: .callWait),
      ], at: 3, "no such work"),
    Case("a patch is numbered", [started, .patchRecorded(at(2), patch: "p")], at: 2, "action 1 is missing"),
    Case(
      "a key set after an event that was not seen",
      [started, .kvChanged(at(1, after: 3), .clearAll)], at: 2, "after event 3"),
    Case(
      "events after a termination", [started, .orchestrationTerminated(reason: "r"), activity(1)], at: 2,
      "follow the end"),
    Case(
      "events after the end", [started, .orchestrationCompleted(output: .null), activity(1)], at: 2,
      "follow the end"),
  ]

  @Test(arguments: faults)
  func fault(_ given: Case) throws {
    let fault = try #require(throws: HistoryFault.self) {
      try ExecutionState.folding(given.history, instance: "i", execution: 1)
    }
    #expect(fault.event == given.event)
    #expect(fault.message.contains(given.says), "\(fault.message)")
  }

  @Test("no instance has come to such an execution", arguments: [.min, -1, 0, 1 << 53, .max])
  func noSuchExecution(_ execution: ExecutionID) throws {
    let fault = try #require(throws: HistoryFault.self) {
      try ExecutionState.folding(Self.history([Self.started]), instance: "i", execution: execution)
    }
    #expect(fault.message == "there is no execution \(execution)")
  }

  @Test func goodHistoryGivesTheOpenWork() throws {
    let state = try ExecutionState.folding(
      Self.history([
        Self.started, Self.activity(1), .timerCreated(Self.at(2), fireAt: 70),
        .timerCreated(Self.at(3), fireAt: 50),
        .subscribed(Self.at(4), channel: .event, name: "go"),
        .subOrchestrationScheduled(
          Self.at(5), name: "c", version: nil, instance: "kid", input: .null,
          closePolicy: .terminate),
        Self.completed, .cancellationRequested(reason: "enough", deadline: nil),
        .cancellationRequested(reason: "again", deadline: nil),
      ]), instance: "i", execution: 2)
    #expect(Set(state.open.keys) == [2, 3, 4, 5])
    #expect(state.nextTimer == 50)
    #expect(state.open[5] == .subOrchestration("kid", .terminate))
    #expect(state.cancellationReason == "enough")
    #expect(state.parent == Story.parent)
    #expect([state.lastEvent, state.lastDelivered, state.lastAction, state.execution] == [9, 9, 5, 2])
    #expect(!state.isEnded && !state.isFresh)
  }

  @Test func everyKindHasItsPlace() throws {
    let events: [EventKind] = [
      Self.started,
      .messageSendRequested(Self.at(1), Self.sent), .kvReadRequested(Self.at(2), instance: "x", key: "k"),
      .subscribed(Self.at(3), channel: .topic, name: "t"), .subscribed(Self.at(4), channel: .call, name: "c"),
      .kvChanged(Self.at(5), .set(key: "a", value: .null)), .kvChanged(Self.at(6), .clear(key: "old")),
      .topicSubscribed(Self.at(7), topic: "t"), .topicUnsubscribed(Self.at(8), topic: "t"),
      .published(Self.at(9), topic: "t", data: .null), .patchRecorded(Self.at(10), patch: "p"),
      .requestCompleted(action: 1, result: .null),
      .requestFailed(action: 2, failure: Failure(type: "T", message: "m")),
      .messageReceived(channel: .topic, name: "t", data: .null),
      .callReceived(call: "c-1", name: "c", input: .null),
      .callReceived(call: "c-2", name: "c", input: .null),
      .callAnswered(Self.at(11, after: 15), call: "c-1", outcome: .completed(.null)),
      .subscribed(Self.at(12, after: 16), channel: .call, name: "c"),
      .cancellationRequested(reason: "r", deadline: 700),
    ]
    let entries = [KVEntry(key: "old", value: .null, at: 1), KVEntry(key: "older", value: .null, at: 1)]
    let state = try ExecutionState.folding(
      Self.history(events), instance: "i", execution: 1, kv: entries)
    #expect(state.open.isEmpty && state.mailbox.untaken.isEmpty)
    #expect(state.kvKeys == [ExactText("a"), ExactText("older")])
    #expect(state.openCalls == ["c-2"], "taken, and not answered")
    #expect(state.endBy == 700 && state.nextTimer == 700)
    #expect(state.lastAction == 12)
  }

  @Test func theEarliestOfTimersAndTheEndIsNext() throws {
    for (fireAt, deadline, next) in [(50, 70, 50), (90, 70, 70), (90, nil, 90)] as [(Int64, Int64?, Int64)] {
      let state = try ExecutionState.folding(
        Self.history([
          Self.started, .timerCreated(Self.at(1), fireAt: fireAt),
          .cancellationRequested(reason: "r", deadline: deadline),
        ]), instance: "i", execution: 1)
      #expect(state.nextTimer == next)
    }
  }

  @Test func aDeadlineThatNoCodeSawCountsAllTheSame() throws {
    let state = try ExecutionState.folding(
      Self.history([Self.started, .cancellationRequested(reason: "r", deadline: 70)]), instance: "i",
      execution: 2)
    #expect(state.isFresh && state.endBy == 70 && state.nextTimer == 70)
  }

  /// Rows come "events, then actions"; the wait of event 2 was there before message 3 came.
  @Test func messagesGoToWaitsInTheOrderOfTheRun() throws {
    let message = { EventKind.messageReceived(channel: .event, name: "go", data: Payload($0)) }
    let state = try ExecutionState.folding(
      Self.history([
        Self.started, message("1"), message("2"),
        .subscribed(Self.at(1, after: 2), channel: .event, name: "go"),
        .subscribed(Self.at(2, after: 2), channel: .event, name: "go"),
        .workCancelled(Self.at(3, after: 2), target: 2, work: .eventWait),
      ]), instance: "i", execution: 1)
    #expect(state.open.isEmpty, "the first took message 1, the second was cancelled before message 2")
    #expect(state.mailbox.untaken.map { $0.data } == [Payload("2")])
  }

  @Test func historyThatNoCodeSawIsHeldBack() throws {
    let events = Self.history([
      Self.started, .messageReceived(channel: .queue, name: "q", data: .null),
      .cancellationRequested(reason: "r", deadline: nil),
    ])
    let state = try ExecutionState.folding(events, instance: "i", execution: 2)
    #expect(state.isFresh)
    #expect(state.initial == events)
    let prepared = state.prepare([.cancel(4)], start: nil, now: 5)
    #expect(prepared.events == events)
    #expect(prepared.strays == [.cancel(4)], "it is being cancelled already")
  }

  @Test func endedHistory() throws {
    let events = Self.history([Self.started, .orchestrationCompleted(output: .null)])
    #expect(try ExecutionState.folding(events, instance: "i", execution: 1).isEnded)
  }
}
