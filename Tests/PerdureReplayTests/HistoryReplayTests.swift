import PerdureModel
import PerdureReplay
import Testing

/// Recorded executions against code that is the same, another, or comes to another end. (That what the engine
/// records is the same as what the code does is looked at by `Story`, after every turn of every test here.)
@Suite struct HistoryReplayTests {
  static let id = "order-7"

  /// Events from their kinds, in one moment.
  static func history(_ kinds: [EventKind]) -> [Event] {
    kinds.enumerated().map { Event(id: Int64($0.offset) + 1, at: 1_000, kind: $0.element) }
  }

  static func recording(_ kinds: [EventKind], execution: ExecutionID = 1) -> RecordedExecution {
    RecordedExecution(
      instance: id, execution: execution, orchestration: "order", version: "1.0.0", events: history(kinds))
  }

  static let started = EventKind.orchestrationStarted(
    name: "order", version: "1.0.0", input: Payload("1"), parent: nil)
  static func scheduled(_ action: ActionID, _ name: String, after: EventID) -> EventKind {
    .activityScheduled(
      Origin(action: action, after: after), name: name, input: Payload("1"), options: ActivityOptions())
  }
  static func completed(_ action: ActionID) -> EventKind {
    .activityCompleted(action: action, result: Payload("2"))
  }
  static func action(_ id: ActionID, _ name: String, after: EventID) -> Action {
    Action(id: id, after: after, kind: .activity(name, "1"))
  }
  static func ends(_ kind: TurnEndKind, after: EventID) -> TurnEnd { TurnEnd(after: after, kind: kind) }

  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var history: [EventKind]
    var actions: [Action] = []
    var end: TurnEnd?
    var verdict: ReplayReport.Verdict
    var event: EventID?
    var expected: String?
    var found: String?
    var execution: ExecutionID = 1
  }

  /// Activity A, then an end.
  static func ended(_ end: EventKind) -> [EventKind] {
    [started, scheduled(1, "A", after: 1), completed(1), end]
  }
  static let output = EventKind.orchestrationCompleted(output: Payload("3"))
  static let a = action(1, "A", after: 1)

  static let open: [Case] = [
    Case(
      testDescription: "the code waits as history does", history: [started, scheduled(1, "A", after: 1)],
      actions: [a], verdict: .same),
    Case(
      testDescription: "another activity", history: [started, scheduled(1, "A", after: 1)],
      actions: [action(1, "B", after: 1)], verdict: .differs, event: 2,
      expected: "activity 'A' with input 1", found: "activity 'B' with input 1"),
    Case(
      testDescription: "an activity is gone", history: [started, scheduled(1, "A", after: 1), completed(1)],
      actions: [], verdict: .differs, event: 2, expected: "activity 'A' with input 1",
      found: "no further action"),
    Case(
      testDescription: "an activity too many", history: [started, scheduled(1, "A", after: 1)],
      actions: [a, action(2, "B", after: 1)], verdict: .differs, event: 1),
    Case(
      testDescription: "the code ends where history goes on",
      history: [started, scheduled(1, "A", after: 1), completed(1), scheduled(2, "B", after: 3)],
      actions: [a, action(2, "B", after: 3)], end: ends(.completed(output: .null), after: 3),
      verdict: .differs, event: 3),
    Case(
      testDescription: "no turn has run: whatever the code does is new", history: [started],
      actions: [a], verdict: .same),
    Case(
      testDescription: "the host breaks the rules", history: [started, scheduled(1, "A", after: 1)],
      actions: [action(7, "A", after: 1)], verdict: .failed),
  ]

  static let closed: [Case] = [
    Case(
      testDescription: "the recorded end", history: ended(output), actions: [a],
      end: ends(.completed(output: Payload("3")), after: 3), verdict: .same),
    Case(
      testDescription: "another output", history: ended(output), actions: [a],
      end: ends(.completed(output: Payload("4")), after: 3), verdict: .endedDifferently, event: 4,
      expected: "completion with output 3", found: "completion with output 4"),
    Case(
      testDescription: "no end", history: ended(output), actions: [a], verdict: .endedDifferently, event: 4,
      expected: "completion with output 3", found: "the code to wait after event 3"),
    Case(
      testDescription: "a failure in place of an output", history: ended(output), actions: [a],
      end: ends(.failed(Failure(type: "T", message: "m")), after: 3), verdict: .endedDifferently, event: 4,
      found: "failure (T: m)"),
    Case(
      testDescription: "the same failure with another stack",
      history: ended(.orchestrationFailed(failure: Failure(type: "T", message: "m", stack: "old"))),
      actions: [a], end: ends(.failed(Failure(type: "T", message: "m", stack: "new")), after: 3),
      verdict: .same),
    Case(
      testDescription: "work after the recorded end", history: ended(output),
      actions: [a, action(2, "B", after: 3)], verdict: .differs, event: 3),
    Case(
      testDescription: "the code ends an event too early",
      history: [
        started, scheduled(1, "A", after: 1), .messageReceived(channel: .event, name: "e", data: .null),
        completed(1), output,
      ],
      actions: [a], end: ends(.completed(output: Payload("3")), after: 3), verdict: .differs, event: 3),
    Case(
      testDescription: "ended in its first turn, and does work now", history: [started, output], actions: [a],
      verdict: .differs, event: 1),
    Case(
      testDescription: "continue as new",
      history: ended(.orchestrationContinuedAsNew(version: nil, input: Payload("5"))),
      actions: [a], end: ends(.continuedAsNew(version: nil, input: Payload("5")), after: 3), verdict: .same),
    Case(
      testDescription: "continue as new with another input",
      history: ended(.orchestrationContinuedAsNew(version: nil, input: Payload("5"))), actions: [a],
      end: ends(.continuedAsNew(version: nil, input: Payload("6")), after: 3), verdict: .endedDifferently,
      event: 4, expected: "continue-as-new with input 5", found: "continue-as-new with input 6"),
    Case(
      testDescription: "messages that the code did not live to see",
      history: [started, .messageReceived(channel: .queue, name: "q", data: .null), output],
      end: ends(.completed(output: Payload("3")), after: 1), verdict: .same, execution: 2),
  ]

  static let imposed: [Case] = [
    Case(
      testDescription: "terminated while it waited", history: ended(.orchestrationTerminated(reason: "")),
      actions: [a, action(2, "B", after: 3)], verdict: .differs, event: 3),
    Case(
      testDescription: "terminated while the code still waits",
      history: [started, scheduled(1, "A", after: 1), .orchestrationTerminated(reason: "")], actions: [a],
      verdict: .same),
    Case(
      testDescription: "out of the time to clean up",
      history: [
        started, scheduled(1, "A", after: 1), .cancellationRequested(reason: "", deadline: 1_000),
        scheduled(2, "undo", after: 3), .orchestrationCancelled(reason: "", output: nil),
      ], actions: [a, action(2, "undo", after: 3)], verdict: .same),
    Case(
      testDescription: "cancelled without a limit of time, and the code goes on now",
      history: [
        started, scheduled(1, "A", after: 1), .cancellationRequested(reason: "", deadline: nil),
        .orchestrationCancelled(reason: "", output: nil),
      ], actions: [a], verdict: .endedDifferently, event: 4, expected: "cancellation"),
    Case(
      testDescription: "over a limit in the middle of a turn",
      history: ended(
        .orchestrationFailed(failure: Failure(type: FailureType.limitExceeded, message: "too large"))),
      actions: [a, action(2, "B", after: 3)], verdict: .same),
  ]

  @Test(arguments: open + closed + imposed)
  func judges(_ given: Case) throws {
    let replay = try HistoryReplay(Self.recording(given.history, execution: given.execution))
    let report = replay.judge(.ran(TurnResult(actions: given.actions, end: given.end)))
    #expect(report.verdict == given.verdict, "\(report.message)")
    #expect(report.event == given.event)
    if let expected = given.expected { #expect(report.expected == expected) }
    if let found = given.found { #expect(report.found == found) }
    #expect(report.instance == Self.id && report.orchestration == "order" && report.version == "1.0.0")
  }

  @Test func theMessageIsThatOfAQuarantine() throws {
    let replay = try HistoryReplay(Self.recording([Self.started, Self.scheduled(1, "A", after: 1)]))
    let report = replay.judge(.ran(TurnResult(actions: [Self.action(1, "B", after: 1)])))
    #expect(
      report.message.hasPrefix(
        "nondeterminism in instance 'order-7', execution 1, event 2 (action differs): expected activity 'A' "
          + "with input 1, found activity 'B' with input 1"))
    #expect(report.rule == "action differs")
  }

  @Test func terminatedBeforeItBegan() throws {
    let replay = try HistoryReplay(Self.recording([.orchestrationTerminated(reason: "")]))
    #expect(replay.isEmpty)
    #expect(replay.unbegun.verdict == .same)
  }

  @Test(
    arguments: [
      ([], 0), ([completed(1)], 1), ([started, scheduled(2, "A", after: 1)], 2),
      ([started, completed(1)], 2),
      ([started, output, completed(1)], 2),
    ] as [([EventKind], EventID)])
  func namesTheEventThatIsWrong(_ kinds: [EventKind], _ event: EventID) {
    let fault = #expect(throws: HistoryFault.self) { try HistoryReplay(Self.recording(kinds)) }
    #expect(fault?.event == event)
  }

  @Test func asksForTheWholeHistory() throws {
    let patched = EventKind.patchRecorded(Origin(action: 1, after: 1), patch: "p")
    var recording = Self.recording([
      Self.started, patched, Self.scheduled(2, "A", after: 1), Self.completed(2),
    ])
    recording.kv = [KVEntry(key: "k", value: Payload("1"), at: 5)]
    let request = try HistoryReplay(recording).request
    #expect(request.isReplay && request.from == 0 && request.replayed == 4)
    #expect(request.events.map(\.id) == [1, 4])
    #expect(request.patches == ["p"] && request.kv == recording.kv)
  }

  @Test func aHostThatKeepsTheCodeIsAtFault() throws {
    let replay = try HistoryReplay(Self.recording([Self.started, Self.scheduled(1, "A", after: 1)]))
    let report = replay.judge(.ran(TurnResult(actions: [Self.a], retained: true)))
    #expect(report.verdict == .failed)
    #expect(replay.judge(.miss).verdict == .failed)
  }
}
