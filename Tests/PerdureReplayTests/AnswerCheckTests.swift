import PerdureModel
import PerdureReplay
import Testing

@Suite struct AnswerCheckTests {
  /// Action 1 is made; events 4 and 5 are new.
  static let warm = TurnRequest(
    turn: 1, instance: "i", execution: 1, orchestration: "o", version: "1.0.0", from: 3, replayed: 3,
    events: [
      Event(id: 4, at: 0, kind: .timerFired(action: 1)),
      Event(id: 5, at: 0, kind: .cancellationRequested(reason: "r", deadline: nil)),
    ],
    firstAction: 2)
  static let cold: TurnRequest = {
    var request = warm
    request.from = 0
    request.firstAction = 1
    let started = EventKind.orchestrationStarted(name: "o", version: "1.0.0", input: .null, parent: nil)
    request.events.insert(Event(id: 1, at: 0, kind: started), at: 0)
    return request
  }()

  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var request = warm
    var answer: TurnAnswer
    /// nil: nothing is wrong.
    var says: String?

    init(
      _ name: String, _ request: TurnRequest = warm, _ actions: [Action] = [], end: TurnEnd? = nil,
      says: String? = nil
    ) {
      testDescription = name
      self.request = request
      answer = .ran(TurnResult(actions: actions, end: end))
      self.says = says
    }
  }

  static func timer(_ id: ActionID, after: EventID) -> Action {
    Action(id: id, after: after, kind: .createTimer(fireAt: 0))
  }
  static func cancel(_ id: ActionID, target: ActionID) -> Action {
    Action(id: id, after: 5, kind: .cancel(target: target))
  }

  static let cases = [
    Case("nothing done"),
    Case("warm actions go on", warm, [timer(2, after: 4), timer(3, after: 5)]),
    Case("cold actions begin at 1", cold, [timer(1, after: 1), timer(2, after: 4)]),
    Case("warm that begins at 1", warm, [timer(1, after: 4)], says: "action 1 stands where action 2 is due"),
    Case("cold that goes on", cold, [timer(2, after: 4)], says: "action 2 stands where action 1 is due"),
    Case("a number left out", warm, [timer(2, after: 4), timer(4, after: 4)], says: "action 4 stands"),
    Case("a number twice", warm, [timer(2, after: 4), timer(2, after: 4)], says: "action 2 stands"),
    Case("places go back", warm, [timer(2, after: 5), timer(3, after: 4)], says: "comes after event 4"),
    Case("after an event to come", warm, [timer(2, after: 6)], says: "comes after event 6"),
    Case("after an event of before", warm, [timer(2, after: 1)], says: "comes after event 1"),
    Case("after an event that code does not see", cold, [timer(1, after: 2)], says: "comes after event 2"),
    Case("cancels what was before", warm, [timer(2, after: 5), cancel(3, target: 1)]),
    Case("cancels itself", warm, [cancel(2, target: 2)], says: "cancels action 2"),
    Case("cancels what is to come", warm, [cancel(2, target: 3)], says: "cancels action 3"),
    Case("cancels nothing", warm, [cancel(2, target: 0)], says: "cancels action 0"),
    Case("ends", warm, [timer(2, after: 4)], end: TurnEnd(after: 5, kind: .completed)),
    Case(
      "ends before its actions", warm, [timer(2, after: 5)], end: TurnEnd(after: 4, kind: .completed),
      says: "ends"),
    Case("ends after nothing", warm, end: TurnEnd(after: 9, kind: .completed), says: "ends after event 9"),
    Case("lets the cancellation pass", warm, end: TurnEnd(after: 5, kind: .cancelled)),
    Case(
      "is cancelled before it was asked", warm, end: TurnEnd(after: 4, kind: .cancelled), says: "nobody asked"
    ),
    Case(
      "too many actions", cold, (1...Int64(Limits.actionsPerTurn) + 1).map { timer($0, after: 1) },
      says: "the limit"),
  ]

  @Test(arguments: cases)
  func rules(_ given: Case) throws {
    guard let says = given.says else { return try AnswerCheck.run(given.answer, of: given.request) }
    let fault = try #require(throws: TurnFault.self) { try AnswerCheck.run(given.answer, of: given.request) }
    guard case .protocolViolation(let message) = fault else { throw fault }
    #expect(message.contains(says), "\(message)")
  }

  @Test func aMissIsForWarmTurns() throws {
    try AnswerCheck.run(.miss, of: Self.warm)
    #expect(throws: TurnFault.self) { try AnswerCheck.run(.miss, of: Self.cold) }
  }

  @Test func aQueryIsAnsweredAsAQuery() throws {
    var query = Self.cold
    query.query = QueryRequest(name: "state", input: .null)
    let answer = TurnAnswer.query(.completed(.null))
    try AnswerCheck.run(answer, of: query)
    try AnswerCheck.run(.query(.failed(Failure(type: "T", message: "m"))), of: query)
    for (answer, request) in [
      (answer, Self.cold), (answer, Self.warm), (.miss, query), (.ran(TurnResult()), query),
    ] {
      #expect(throws: TurnFault.self) { try AnswerCheck.run(answer, of: request) }
    }
  }

  @Test func askedInAnEarlierTurn() throws {
    var request = Self.warm
    request.events = [Event(id: 4, at: 0, kind: .timerFired(action: 1))]
    let answer = TurnAnswer.ran(TurnResult(end: TurnEnd(after: 4, kind: .cancelled)))
    #expect(throws: TurnFault.self) { try AnswerCheck.run(answer, of: request) }
    request.isCancelling = true
    try AnswerCheck.run(answer, of: request)
  }
}
