import PerdureClient
import PerdureModel
import PerdureRuntime
import PerdureStore
import Testing

/// Calls into orchestration code, questions to it, and waits for its custom status.
@Suite struct CallTests {
  let bed = try! Bed()
  let answers = Collected<String>()
  var client: Client { bed.client }

  func call(
    _ instance: InstanceID, _ name: String = "add", as id: String? = nil, timeoutMS: Int64 = 30_000
  ) throws {
    let answers = answers
    let request = CallRequest(instance: instance, name: name, input: Payload("5"), call: id)
    let isWaiting = try client.call(request, timeoutMS: timeoutMS) { id, answer in
      answers.add("\(id.count == 36 ? "?" : id): \(WaitDeskTests.name(answer))")
    }
    #expect(isWaiting)
  }

  func query(_ instance: InstanceID, timeoutMS: Int64 = 30_000) throws {
    let answers = answers
    let request = InstanceQuery(instance: instance, query: QueryRequest(name: "state", input: Payload("1")))
    #expect(try client.query(request, timeoutMS: timeoutMS) { answers.add(WaitDeskTests.name($0)) })
  }

  /// The call that the next turn brings.
  func taken(_ runtime: Runtime, _ kinds: (String) -> [ActionKind], end: TurnEndKind? = nil) throws
    -> EventKind
  {
    let ticket = try bed.turn(runtime)
    let event = try #require(ticket.request.events.last)
    guard case .callReceived(let id, _, _) = event.kind else { throw Surprise("\(event.kind)") }
    let actions = kinds(id).enumerated().map { offset, kind in
      Action(id: ticket.request.firstAction + Int64(offset), after: event.id, kind: kind)
    }
    let end = end.map { TurnEnd(after: event.id, kind: $0) }
    guard case .taken = ticket.answer(.ran(TurnResult(actions: actions, end: end, retained: true))) else {
      throw Surprise("not taken")
    }
    return event.kind
  }

  static func answer(_ id: String) -> [ActionKind] {
    [.answerCall(call: id, outcome: .completed(Payload("6"))), .wait("add", .call)]
  }

  // MARK: Calls

  @Test func aCallIsAnswered() throws {
    let runtime = try bed.runtime()
    try bed.start("a")
    try bed.runs(runtime, [.wait("add", .call)])
    try call("a", as: "c-1")
    let event = try taken(runtime, Self.answer)
    #expect(event == .callReceived(call: "c-1", name: "add", input: Payload("5")))
    #expect(answers.wait(for: 1) == ["c-1: answered 6"])
    try call("a")
    _ = try taken(runtime) { [.answerCall(call: $0, outcome: .failed(Failure(type: "No", message: "m")))] }
    #expect(answers.wait(for: 2).last == "?: failed with No", "it has a name, though none was given")
  }

  @Test func aCallThatIsMadeAgainWaitsForTheFirst() throws {
    let runtime = try bed.runtime()
    try bed.start("a")
    try bed.runs(runtime, [.wait("add", .call)])
    try call("a", as: "c-1", timeoutMS: 0)
    #expect(answers.wait(for: 1) == ["c-1: timed out"])
    try call("a", as: "c-1")
    try call("a", as: "c-1")
    _ = try taken(runtime, Self.answer)
    #expect(answers.wait(for: 3).dropFirst() == ["c-1: answered 6", "c-1: answered 6"])
    try bed.send(.event, "x", to: "a", .null)
    let last = try bed.runs(runtime, end: .completed(output: .null)).events.map { $0.kind }
    #expect(last == [.messageReceived(channel: .event, name: "x", data: .null)], "it came once")
    try bed.wait { try client.describe("a").status == .completed }
    try call("a", as: "c-1")
    #expect(answers.wait(for: 4).last == "c-1: answered 6", "also of one that has ended since")
  }

  @Test func anEndWithoutAnswerIsTold() throws {
    let runtime = try bed.runtime()
    try bed.start("a")
    try bed.runs(runtime, [.wait("add", .call)])
    try call("a", as: "c-1")
    try call("a", "other", as: "c-2")
    try bed.runs(runtime, end: .completed(output: .null))
    #expect(answers.wait(for: 2).sorted() == ["c-1: Completed, status 0", "c-2: Completed, status 0"])
  }

  @Test func aDeletedInstanceIsNotFound() throws {
    try bed.start("a")
    try call("a", as: "c-1")
    _ = try client.delete("a", force: true)
    #expect(answers.wait(for: 1) == ["c-1: not found"])
  }

  @Test func anAnswerBeforeAnybodyWaitsIsKept() throws {
    let runtime = try bed.runtime()
    try bed.start("a")
    try bed.runs(runtime, [.wait("add", .call)])
    try call("a", as: "c-1", timeoutMS: 0)
    answers.wait(for: 1)
    _ = try taken(runtime, Self.answer)
    try bed.wait { try bed.store.callState(of: "a", call: "c-1") != .waiting }
    try call("a", as: "c-1")
    #expect(answers.wait(for: 2).last == "c-1: answered 6")
  }

  // MARK: Queries

  @Test func aQueryAsksTheCodeAndChangesNothing() throws {
    let runtime = try bed.runtime()
    try bed.start("a")
    try bed.runs(
      runtime, [.wait("go"), .recordPatch("p"), .changeKV(.set(key: "k", value: Payload("1")))],
      end: nil)
    try bed.wait { try bed.store.load("a")?.start == nil }
    let before = try #require(try bed.store.load("a"))
    try query("a")
    let ticket = try bed.turn(runtime)
    let request = ticket.request
    #expect(request.query == QueryRequest(name: "state", input: Payload("1")))
    #expect(request.from == 0 && request.events.map { $0.id } == [1] && request.replayed == 1)
    #expect(request.patches == ["p"] && request.kv.isEmpty, "the state of the beginning")
    guard case .taken = ticket.answer(.query(.completed(Payload("9")))) else { throw Surprise("not taken") }
    #expect(answers.wait(for: 1) == ["answered 9"])
    guard case .isGone = ticket.answer(.query(.completed(.null))) else { throw Surprise("twice") }
    #expect(try bed.store.load("a") == before)
    try bed.send(.event, "go", to: "a", .null)
    #expect(try bed.runs(runtime).from == 1, "the host keeps its code")
  }

  @Test func queriesOfTheEndedAreAnswered() throws {
    let runtime = try bed.runtime()
    try bed.start("a")
    try bed.complete(runtime)
    try bed.wait { try client.describe("a").status == .completed }
    try query("a")
    _ = try bed.turn(runtime).answer(.query(.failed(Failure(type: "NoSuchQuery", message: "m"))))
    #expect(answers.wait(for: 1) == ["failed with NoSuchQuery"])
  }

  @Test func anAnswerThatIsNoneFailsTheQuery() throws {
    let runtime = try bed.runtime()
    try bed.start("a")
    try bed.runs(runtime, [.wait("go")])
    try bed.wait { try bed.store.load("a")?.start == nil }
    for answer in [TurnAnswer.miss, .ran(TurnResult())] {
      try query("a")
      guard case .refused = try bed.turn(runtime).answer(answer) else { throw Surprise("not refused") }
    }
    try query("a")
    _ = try bed.turn(runtime).fail(Failure(type: "Host", message: "m"))
    let failed = "failed with \(FailureType.protocolViolation)"
    #expect(answers.wait(for: 3) == [failed, failed, "failed with Host"])
  }

  @Test func aQueryThatNobodyAnswersTimesOut() throws {
    let runtime = try bed.runtime()
    try bed.start("a")
    try bed.runs(runtime, [.wait("go")])
    try bed.wait { try bed.store.load("a")?.start == nil }
    try query("a", timeoutMS: 10)
    #expect(answers.wait(for: 1) == ["timed out"])
    _ = try bed.turn(runtime).answer(.query(.completed(.null)))
    client.close()
    #expect(answers.all.count == 1)
  }

  @Test func whatNobodyHereServesCannotBeAsked() throws {
    let other = try bed.runtime(["elsewhere"])
    try bed.start("a", "elsewhere")
    try bed.runs(other, [.wait("go")])
    try bed.wait { try bed.store.load("a")?.start == nil }
    let stopped = Collected<Void>()
    try other.stop(graceMS: 0) { stopped.add(()) }
    stopped.wait(for: 1)
    _ = try bed.runtime()
    let error = try #require(throws: ClientError.self) { try query("a", timeoutMS: -1) }
    guard case .unsupported(let message) = error else { throw error }
    #expect(message.contains("no runtime of this process serves 'elsewhere' 1.0.0"))
    client.close()
    #expect(answers.all.isEmpty, "it is never answered")
  }

  // MARK: Custom status

  @Test func aNewerStatusIsTold() throws {
    let runtime = try bed.runtime()
    let answers = answers
    func wait(after version: Int64) throws {
      #expect(
        try client.wait(for: "a", .status(after: version), timeoutMS: 30_000) {
          answers.add(WaitDeskTests.name($0))
        })
    }
    try bed.start("a")
    try wait(after: 0)
    try wait(after: 1)
    try bed.runs(runtime, [.setCustomStatus(Payload("1")), .wait("go")])
    #expect(answers.wait(for: 1) == ["Running, status 1"])
    try wait(after: 0)
    #expect(answers.wait(for: 2).last == "Running, status 1", "it is there already")
    try bed.send(.event, "go", to: "a", .null)
    try bed.runs(runtime, [.setCustomStatus(nil), .wait("go")])
    #expect(answers.wait(for: 3).last == "Running, status 2", "cleared is changed")
    try wait(after: 9)
    try bed.send(.event, "go", to: "a", .null)
    try bed.complete(runtime)
    #expect(answers.wait(for: 4).last == "Completed, status 2", "or the end")
  }
}
