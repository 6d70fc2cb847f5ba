import PerdureDispatch
import PerdureModel
import PerdureReplay
import Testing

/// From a start to its end, one step after the other.
@Suite struct TurnFlowTests {
  static let served = ServedOrchestration(name: "order", versions: ["1.0.0"])

  @Test func startingAsksTheStoreForWork() throws {
    let node = Node()
    node.dispatcher.start(now: 5)
    node.dispatcher.start(now: 6)
    #expect(
      Set(node.takeWrites()) == [
        .claimActivities(ActivityFilter(names: ["work"]), limit: 2),
        .claimInstances(orchestrations: [Self.served], limit: 256),
        .expireActivities(limit: Limits.expiriesPerWrite),
      ])
    node.wrote(.claimInstances(orchestrations: [Self.served], limit: 256), .instances([]))
    #expect(node.take() == [.findNextDue])
    node.dispatcher.nextDueFound(9_000, now: 6)
    #expect(node.dispatcher.nextDeadline == 9_000)
    node.wait(8_000)
    #expect(node.takeWrites().contains(.claimInstances(orchestrations: [Self.served], limit: 256)))
  }

  @Test func anAnswerThatMayBeTooOldIsAskedForAgain() throws {
    let node = Node.started()
    let claim = Write.claimInstances(orchestrations: [Self.served], limit: 256)
    for now: TimestampMS in [1_000, 1_010] {
      node.dispatcher.storeChanged(now: now, byOthers: false)
      #expect(node.takeWrites().contains(claim))
      node.now = now
      node.wrote(claim, .instances([]))
    }
    #expect(node.take() == [.findNextDue], "one question at a time")
    node.dispatcher.nextDueFound(nil, now: 1_020)
    node.gather()
    #expect(node.take() == [.findNextDue])
    node.dispatcher.nextDueFound(9_000, now: 1_030)
    #expect(node.dispatcher.nextDeadline == 9_000)
  }

  @Test func aStepEndToEnd() throws {
    let node = Node.started()
    node.starts("a")
    let first = try node.runs("a", [.work])
    #expect(first.from == 0 && first.replayed == 0 && first.firstAction == 1)
    #expect(first.events.map { $0.id } == [1])

    let write = try node.takeWrite()
    guard case .turn(let commit, _) = write else { throw Surprise("\(write)") }
    #expect(commit.owner == Node.id)
    #expect(commit.scheduled.map { $0.claim } == [ActivityClaim(node: Node.id, token: 1)])
    #expect(node.takeActivities().isEmpty, "nothing is dispatched before it is durable")
    try node.lands(write)

    let task = try #require(node.takeActivities().first)
    #expect(node.ends(task))
    let second = try node.runs("a", end: .completed(output: .null))
    #expect(second.from == 1 && second.replayed == 1 && second.firstAction == 2, "warm: only what is new")
    #expect(second.events.map { $0.id } == [3])
    let last = try node.takeWrite()
    guard case .turn(let end, _) = last else { throw Surprise("\(last)") }
    #expect(end.finished == [FinishedActivity(action: 1, claim: ActivityClaim(node: Node.id, token: 1))])
    try node.lands(last)
    #expect(node.dispatcher.heldCount == 0)
    #expect(node.take().isEmpty)
  }

  @Test func messagesThatComeWhileATurnIsOutWaitForTheNext() throws {
    let node = Node.started()
    node.starts("a")
    node.message("a", 1)
    node.message("a", 1)
    try node.turn("a", [.waiting])
    let request = try node.runs("a", [.waiting])
    #expect(request.events.count == 1, "a message that is told twice counts once")
    node.message("a", 2)
    node.message("a", 3)
    #expect(node.takeWrites().count == 1)
  }

  @Test func aMissBuildsTheCodeAnew() throws {
    let node = Node.started()
    node.starts("a")
    try node.turn("a", [.waiting])
    node.message("a", 1)
    #expect(try node.takeTurn("a").from == 1)
    node.answer("a", .miss)
    try node.loads("a")
    let request = try node.runs("a", [.waiting])
    #expect(request.from == 0 && request.replayed == 1 && request.firstAction == 1)
    #expect(request.events.map { $0.id } == [1, 3], "the whole history, as code sees it, and the message")
    try node.lands(try node.takeWrite())
    node.message("a", 2)
    #expect(try node.takeTurn("a").from == 3, "warm again")
  }

  @Test func codeThatIsNotRetainedIsBuiltAnew() throws {
    let node = Node.started()
    node.starts("a")
    try node.turn("a", [.waiting], retained: false)
    node.message("a", 1)
    try node.loads("a")
    #expect(try node.takeTurn("a").from == 0)
  }

  @Test func withoutCacheEveryTurnLoads() throws {
    let node = Node.started(cacheIsOn: false)
    node.starts("a")
    try node.turn("a", [.waiting])
    for sequence in 1...Int64(3) {
      node.message("a", sequence)
      try node.loads("a")
      let request = try node.turn("a", [.waiting])
      #expect(request.from == 0 && request.events.count == Int(sequence) + 1)
    }
  }

  @Test func continueAsNewGoesOnAtOnce() throws {
    let node = Node.started(versions: ["1.0.0", "1.2.0", "1.10.0"])
    node.starts("a", version: "1.2.0")
    #expect(try node.turn("a", end: .continuedAsNew(version: nil, input: .null)).version == "1.2.0")
    let request = try node.takeTurn("a")
    #expect(request.execution == 2 && request.version == "1.10.0" && request.from == 0)
    #expect(request.events.map { $0.id } == [1])
  }

  @Test func logsComeOnceTheTurnIsDurable() throws {
    let node = Node.started()
    node.starts("a")
    _ = try node.takeTurn("a")
    node.answer("a", .ran(TurnResult(logs: [LogLine(level: .info, message: "here")])))
    #expect(node.logs.isEmpty)
    try node.lands(try node.takeWrite())
    #expect(node.logs.map { $0.message } == ["here"])
    #expect(node.logs.first?.instance == "a" && node.logs.first?.orchestration == "order")
  }

  @Test func childrenThatWeServeAreOurs() throws {
    let node = Node.started()
    node.starts("a")
    try node.runs(
      "a",
      [
        .startDetached(name: "order", version: nil, instance: "b", input: .null),
        .startDetached(name: "elsewhere", version: nil, instance: "c", input: .null),
        .scheduleActivity(name: "elsewhere", input: .null, options: ActivityOptions()),
      ])
    guard case .turn(let commit, _) = try node.takeWrite() else { throw Surprise("no turn") }
    #expect(commit.starts.map { $0.owner } == [Node.id, nil])
    #expect(commit.scheduled.map { $0.claim } == [nil])
  }

  @Test func aVersionThatNobodyRegisteredWaitsInTheStore() throws {
    let node = Node.started()
    node.starts("a", version: "9.0.0")
    #expect(node.take() == [.write(.releaseInstances(["a"]))], "another node may have it")
    #expect(node.dispatcher.heldCount == 0)
    #expect(node.logs.map { $0.level } == [.warn])
  }

  @Test func strayMessagesAreClearedWithoutCode() throws {
    let node = Node.started()
    node.starts("a")
    try node.turn("a", [.waiting])
    let stray = MessageKind.activityEnded(execution: 1, action: 9, outcome: .completed(.null))
    node.dispatcher.messageStored("a", InboxMessage(sequence: 4, kind: stray), now: node.now)
    let write = try node.takeWrite()
    guard case .turn(let commit, _) = write else { throw Surprise("\(write)") }
    #expect(commit.events.isEmpty && commit.consumed == [4] && commit.revision == 1)
    try node.lands(write)
    node.message("a", 5)
    #expect(try node.takeTurn("a").from == 1, "the host's code is still good")
  }

  @Test func manyMessagesTakeSeveralTurns() throws {
    let node = Node.started()
    node.starts("a")
    try node.turn("a", [.waiting])
    node.message("a", 1)
    let first = try node.runs("a")
    for sequence in 2...Int64(Limits.messagesPerTurn) + 2 { node.message("a", sequence) }
    try node.lands(try node.takeWrite())
    #expect(first.events.count == 1)
    #expect(try node.turn("a").events.count == Limits.messagesPerTurn)
    #expect(try node.turn("a").events.count == 1)
  }

  // MARK: Timers

  @Test func timersFireInTheOrderInWhichTheyAreDue() throws {
    let node = Node.started()
    node.starts("a")
    try node.turn(
      "a", [.createTimer(fireAt: 9_000), .createTimer(fireAt: 5_000), .createTimer(fireAt: 7_000)])
    #expect(node.dispatcher.nextDeadline == 5_000)
    node.now = 4_999
    node.wait(0)
    #expect(node.take().isEmpty, "never early")
    node.wait(1)
    let request = try node.turn("a", [.cancel(target: 3)])
    #expect(request.events.map { $0.kind } == [.timerFired(action: 2)])
    node.wait(2_500)
    #expect(node.take().isEmpty, "a cancelled timer does not fire")
    node.wait(10_000)
    #expect(try node.takeTurn("a").events.map { $0.kind } == [.timerFired(action: 1)])
  }

  @Test func restoredTimersThatArePastFireAtOnceTheEarliestFirst() throws {
    let node = Node.started()
    node.starts("a")
    let timers: [TimestampMS] = [9_000, 5_000, 70_000]
    try node.turn("a", timers.map { .createTimer(fireAt: $0) }, retained: false)
    let other = Node.started()
    other.rows = node.rows
    other.now = 20_000
    other.dispatcher.storeChanged(now: other.now, byOthers: false)
    other.wrote(try #require(other.takeWrites().first { $0.isInstanceClaim }), .instances(["a"]))
    try other.loads("a")
    let request = try other.turn("a")
    #expect(
      request.events.map { $0.kind }.suffix(2) == [.timerFired(action: 2), .timerFired(action: 1)])
    #expect(other.dispatcher.nextDeadline == 70_000)
  }
}

extension Write {
  var isInstanceClaim: Bool { if case .claimInstances = self { true } else { false } }
}
