import PerdureDispatch
import PerdureModel
import PerdureReplay
import Testing

/// An instance that was asked to cancel itself has so long; then it is ended, whatever its code does.
@Suite struct CancelDeadlineTests {
  /// "a" was asked at 1_000 and has until 1_500.
  static func cancelling(
    _ kinds: [ActionKind] = [.waiting], cached: Int = 100, retained: Bool = true
  ) throws -> Node {
    let node = Node.started(cached: cached)
    node.starts("a")
    try node.turn("a", [.waiting])
    node.cancel("a", 1, graceMS: 500)
    try node.turn("a", kinds, retained: retained)
    return node
  }

  static func end(_ write: Write) throws -> TurnCommit {
    guard case .turn(let commit, _) = write, commit.status == .cancelled else { throw Surprise("\(write)") }
    return commit
  }

  @Test func atTheDeadlineItIsEnded() throws {
    let node = try Self.cancelling()
    #expect(node.dispatcher.nextDeadline == 1_500)
    node.wait(499)
    #expect(node.take().isEmpty)
    node.wait(1)
    let write = try node.takeWrite()
    let commit = try Self.end(write)
    #expect(commit.failure?.type == FailureType.cancelled && commit.owner == Node.id)
    #expect(throws: Surprise.self) { try node.takeTurn("a") }
    try node.lands(write)
    #expect(node.dispatcher.heldCount == 0)
  }

  @Test func itsActivitiesAreToldAndItsChildrenHear() throws {
    let node = try Self.cancelling([
      .work,
      .scheduleSubOrchestration(
        name: "elsewhere", version: nil, instance: "kid", input: .null, closePolicy: .terminate),
    ])
    let task = try #require(node.takeActivities().first)
    node.wait(500)
    let write = try #require(node.takeWrites().first { if case .turn = $0 { true } else { false } })
    #expect(try Self.end(write).terminations == ["kid"])
    try node.lands(write)
    #expect(node.effects.contains(.cancelActivity(task.ticket)))
  }

  @Test func codeThatEndsInTimeEndsByItself() throws {
    let node = try Self.cancelling([.work])
    node.ends(try #require(node.takeActivities().first))
    try node.turn("a", end: .completed(output: .null))
    node.wait(60_000)
    #expect(node.take().isEmpty)
  }

  @Test func withoutLimitItTakesItsTime() throws {
    let node = Node.started()
    node.starts("a")
    try node.turn("a", [.waiting])
    node.cancel("a", 1)
    try node.turn("a", [.waiting])
    #expect(node.dispatcher.nextDeadline == nil)
    node.wait(1 << 40)
    #expect(node.take().isEmpty)
  }

  /// Graces of the first and the second request, both at 1_000, and when it is ended.
  static let twice: [(first: Int64?, second: Int64?, end: TimestampMS?, isNews: Bool)] = [
    (nil, 500, 1_500, true), (500, nil, 1_500, false), (500, 700, 1_500, false), (500, 500, 1_500, false),
    (700, 500, 1_500, true), (nil, nil, nil, false), (500, 0, 1_000, true),
  ]

  @Test(arguments: twice)
  func whoeverAsksAgainMayLeaveLessTime(
    _ given: (first: Int64?, second: Int64?, end: TimestampMS?, isNews: Bool)
  ) throws {
    // In one turn, or one after the other.
    for isApart in [true, false] {
      let node = Node.started()
      node.starts("a")
      if isApart { try node.turn("a", [.waiting]) }
      node.cancel("a", 1, graceMS: given.first)
      if isApart { try node.turn("a", [.waiting]) }
      node.cancel("a", 2, graceMS: given.second)
      let writes = node.takeWrites()
      if writes.isEmpty { try node.turn("a", [.waiting]) } else { try node.lands(writes[0]) }
      if !node.effects.isEmpty { try node.turn("a", [.waiting]) }
      let asked = node.rows["a"]?.history.count {
        if case .cancellationRequested = $0.kind { true } else { false }
      }
      #expect(asked == (given.isNews ? 2 : 1))
      #expect(node.rows["a"]?.inbox.isEmpty == true)
      guard let end = given.end else {
        #expect(node.dispatcher.nextDeadline == nil)
        continue
      }
      node.wait(end - node.now)
      _ = try Self.end(try node.takeWrite())
    }
  }

  @Test func aTurnThatIsOutMayLandBefore() throws {
    let node = try Self.cancelling()
    node.message("a", 2)
    _ = try node.takeTurn("a")
    node.wait(500)
    #expect(node.take().isEmpty)
    node.answer("a", .ran(TurnResult(actions: [Action(id: 3, after: 5, kind: .waiting)], retained: true)))
    try node.lands(try node.takeWrite())
    #expect(try Self.end(try node.takeWrite()).revision == 3)
  }

  @Test func aTurnThatFailedIsNotTriedAgain() throws {
    let node = try Self.cancelling()
    node.message("a", 2)
    _ = try node.takeTurn("a")
    node.fails("a", Failure(type: "T", message: "m"))
    node.wait(500)
    let commit = try Self.end(try node.takeWrite())
    #expect(commit.consumed.isEmpty, "what it did not see goes with it")
  }

  @Test func anEndThatCouldNotBeStoredIsStoredLater() throws {
    let node = try Self.cancelling()
    node.wait(500)
    let write = try node.takeWrite()
    node.wrote(write, RetryFlowTests.busy)
    node.wait(100)
    #expect(try node.takeWrite() == write)
    try node.lands(write)
    #expect(node.dispatcher.heldCount == 0)
  }

  @Test func anEndThatLostARaceIsDecidedAnew() throws {
    let node = try Self.cancelling()
    node.wait(500)
    node.wrote(try node.takeWrite(), .conflict)
    node.wrote(try node.takeWrite(), .instances(["a"]))
    try node.loads("a")
    _ = try Self.end(try node.takeWrite())
  }

  // MARK: Out of memory and back

  @Test func anEvictedInstanceIsDueThen() throws {
    let node = Node.started(cached: 0)
    node.starts("a")
    node.cancel("a", 1, graceMS: 500)
    try node.turn("a", [.waiting])
    // Start and request come in two turns.
    if node.takeWrites().isEmpty { try node.turn("a", [.waiting]) }
    _ = node.takeWrites()
    #expect(node.dispatcher.nextDeadline == 1_500)
    node.wait(500)
    let claim = try #require(node.takeWrites().first { $0.isInstanceClaim })
    node.wrote(claim, .instances(["a"]))
    try node.loads("a")
    let ended = node.takeWrites().contains { write in (try? Self.end(write)) != nil }
    #expect(ended)
  }

  @Test(arguments: [0, 500, 60_000] as [Int64])
  func whoeverTakesItKeepsTheDeadline(_ later: Int64) throws {
    let node = try Self.cancelling()
    let other = Node.started()
    other.rows = node.rows
    other.now = 1_000 + later
    other.message("a", 7)
    other.wrote(.claimInstance("a"), .instances(["a"]))
    _ = other.takeWrites()
    try other.loads("a")
    if later < 500 {
      #expect(try other.takeTurn("a").events.last?.kind.isDelivered == true)
      #expect(other.dispatcher.nextDeadline == 1_500)
    } else {
      _ = try Self.end(try other.takeWrite())
    }
  }

  // MARK: Continue-as-new

  @Test(arguments: [true, false])
  func theNextExecutionHasTheSameDeadline(_ hasState: Bool) throws {
    let node = Node.started()
    node.starts("a")
    try node.turn("a", [.waiting] + (hasState ? [.changeKV(.set(key: "k", value: .null))] : []))
    node.cancel("a", 1, graceMS: 500)
    try node.turn("a", end: .continuedAsNew(version: nil, input: .null))
    if hasState { try node.loads("a") }
    #expect(node.dispatcher.nextDeadline == 1_500, "before its code has seen the request")
    try node.turn("a", [.waiting])
    node.wait(499)
    #expect(node.take().isEmpty)
    node.wait(1)
    #expect(try Self.end(try node.takeWrite()).execution == 2)
  }

  @Test func anExecutionThatNeverRanIsEnded() throws {
    let node = try Self.cancelling()
    node.message("a", 2)
    try node.runs("a", end: .continuedAsNew(version: nil, input: .null))
    let write = try node.takeWrite()
    node.wait(500)
    try node.lands(write)
    let commit = try Self.end(try node.takeWrite())
    #expect(commit.execution == 2 && commit.events.count == 1)
  }
}
