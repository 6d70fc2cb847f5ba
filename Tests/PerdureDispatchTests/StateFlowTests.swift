import PerdureDispatch
import PerdureModel
import PerdureReplay
import Testing

/// What a host is given beside events, and what it makes beside actions.
@Suite struct StateFlowTests {
  static let set = ActionKind.changeKV(.set(key: "k", value: Payload("1")))

  @Test func codeThatIsBuiltAnewGetsTheStateOfTheBeginning() throws {
    let node = Node.started()
    node.starts("a")
    let first = try node.turn("a", [Self.set, .waiting])
    #expect(first.kv.isEmpty && first.patches.isEmpty)
    node.message("a", 1)
    try node.turn(
      "a", [.changeKV(.set(key: "late", value: Payload("2")))],
      end: .continuedAsNew(version: nil, input: .null))
    try node.loads("a")
    let entries = [
      KVEntry(key: "k", value: Payload("1"), at: 1_000), KVEntry(key: "late", value: Payload("2"), at: 1_000),
    ]
    let begun = try node.turn("a", [.changeKV(.clear(key: "k")), .waiting])
    #expect(begun.kv == entries && begun.from == 0 && begun.execution == 2)
    node.message("a", 2)
    let warm = try node.takeTurn("a")
    #expect(warm.kv.isEmpty && warm.from > 0, "the host has it")
    node.answer("a", .miss)
    try node.loads("a")
    let anew = try node.takeTurn("a")
    #expect(anew.kv == entries && anew.from == 0, "not as it is now: the code makes its changes again")
  }

  @Test func withoutStateTheNextExecutionBeginsAtOnce() throws {
    let node = Node.started()
    node.starts("a")
    try node.turn("a", [Self.set, .changeKV(.clearAll)], end: .continuedAsNew(version: nil, input: .null))
    #expect(try node.takeTurn("a").execution == 2)
  }

  @Test func aFirstTurnThatFailedGetsTheStateAgain() throws {
    let node = Node.started()
    node.starts("a")
    try node.turn("a", [Self.set], end: .continuedAsNew(version: nil, input: .null))
    try node.loads("a")
    #expect(try node.takeTurn("a").kv.count == 1)
    node.fails("a", Failure(type: "T", message: "m"))
    node.wait(100)
    #expect(try node.takeTurn("a").kv.count == 1)
  }

  @Test func patchesOfHistoryComeWithIt() throws {
    let node = Node.started()
    node.starts("a")
    try node.turn("a", [.recordPatch("one"), .waiting, .recordPatch("two")])
    node.message("a", 1)
    #expect(try node.takeTurn("a").patches.isEmpty)
    node.answer("a", .miss)
    try node.loads("a")
    #expect(try node.takeTurn("a").patches == ["one", "two"])
  }

  @Test func measurementsAreLoggedOnceTheTurnIsDurable() throws {
    let node = Node.started()
    node.starts("a")
    _ = try node.takeTurn("a")
    var result = TurnResult(
      actions: [Action(id: 1, after: 1, kind: .waiting)], logs: [LogLine(level: .warn, message: "line")],
      retained: true)
    result.metrics = [
      MetricLine(name: "orders", kind: .counter, value: Payload("1"), attributes: Payload(#"{"k":"v"}"#))
    ]
    node.answer("a", .ran(result))
    let write = try node.takeWrite()
    node.wrote(write, RetryFlowTests.busy)
    #expect(node.logs.allSatisfy { $0.metric == nil })
    node.wait(100)
    try node.lands(try node.takeWrite())
    #expect(node.logs.compactMap { $0.metric } == result.metrics)
    #expect(node.logs.last?.message == "orders" && node.logs.last?.instance == "a")
    node.message("a", 1)
    try node.turn("a")
    #expect(node.logs.compactMap { $0.metric }.count == 1)
  }

  @Test func aTurnIsNoQuery() throws {
    let node = Node.started()
    node.starts("a")
    let request = try node.takeTurn("a")
    #expect(request.query == nil)
    node.answer("a", .query(.completed(.null)))
    #expect(node.logs.last?.message.contains("a query that nobody made") == true)
  }

  @Test func longHistoriesAreMarked() throws {
    let node = Node.started { settings, _ in settings.limits.historyEvents = 5 }
    node.starts("a")
    #expect(try node.turn("a", [.waiting, .waiting]).events.map { $0.isLate } == [false])
    node.message("a", 1)
    #expect(try node.turn("a").events.map { $0.isLate } == [true], "the fourth of five")
  }

  @Test func limitsOfTheStoreHold() throws {
    let node = Node.started { settings, _ in settings.limits.payloadBytes = 5 }
    node.starts("a")
    try node.runs("a", end: .completed(output: Payload("123456")))
    guard case .turn(let commit, _) = try node.takeWrite() else { throw Surprise("no turn") }
    #expect(commit.failure?.type == FailureType.limitExceeded)
  }

  // MARK: Code that changed

  /// A turn that finds out that the code does something else.
  static func differing(fails: Bool, parent: ParentLink? = nil) throws -> Node {
    let node = Node.started { settings, _ in settings.failsNondeterminism = fails }
    node.starts("a", parent: parent)
    try node.turn("a", [.waiting, .work])
    node.message("a", 1)
    _ = try node.takeTurn("a")
    node.answer("a", .miss)
    try node.loads("a")
    _ = try node.takeTurn("a")
    node.answer("a", .ran(TurnResult(actions: [Action(id: 1, after: 1, kind: .createTimer(fireAt: 9))])))
    return node
  }

  @Test func changedCodeFailsItsInstanceIfThatIsWanted() throws {
    let node = try Self.differing(
      fails: true, parent: ParentLink(instance: "parent", execution: 1, action: 2))
    let task = try #require(node.takeActivities().first)
    let write = try node.takeWrite()
    guard case .turn(let commit, _) = write else { throw Surprise("\(write)") }
    #expect(commit.status == .failed && commit.failure?.type == FailureType.nondeterminism)
    #expect(commit.revision == 1 && commit.consumed.isEmpty && commit.cancelled == [2])
    #expect(commit.messages.map { $0.to } == ["parent"])
    #expect(node.logs.last?.level == .error && node.logs.last?.message.hasPrefix("failed: ") == true)
    try node.lands(write)
    #expect(node.effects.contains(.cancelActivity(task.ticket)))
    #expect(node.dispatcher.heldCount == 0)
  }

  @Test func aFailureThatCouldNotBeStoredIsStoredLater() throws {
    let node = try Self.differing(fails: true)
    let write = try node.takeWrite()
    node.wrote(write, RetryFlowTests.busy)
    node.wait(100)
    #expect(try node.takeWrite() == write)
  }

  @Test func otherwiseItIsQuarantined() throws {
    let node = try Self.differing(fails: false)
    let write = try node.takeWrite()
    guard case .quarantine("a", 1, let failure) = write else { throw Surprise("\(write)") }
    #expect(failure.type == FailureType.nondeterminism)
  }
}
