import PerdureDispatch
import PerdureModel
import PerdureReplay
import Testing

/// Hosts that fail, stores that fail, races that are lost.
@Suite struct FailureTests {
  static let failure = Failure(type: "Host", message: "out of memory")
  static let busy = WriteOutcome.failed(message: "the disk is full", isTransient: true)

  static func waiting() throws -> Node {
    let node = Node.started()
    node.starts("a")
    try node.turn("a", [.waiting])
    return node
  }

  // MARK: The host

  @Test(arguments: [true, false])
  func aHostThatFailsTenTimesQuarantinesTheInstance(_ isFirstTurn: Bool) throws {
    let node = Node.started()
    node.starts("a")
    if !isFirstTurn {
      try node.turn("a", [.waiting])
      node.message("a", 1)
    }
    var waits: [Int64] = []
    for _ in 1..<Limits.turnFailures {
      _ = try node.takeTurn("a")
      node.fails("a", Self.failure)
      #expect(node.effects.isEmpty, "it backs off")
      let due = try #require(node.dispatcher.nextDeadline)
      waits.append(due - node.now)
      node.wait(due - node.now)
      if !isFirstTurn { try node.loads("a") }
    }
    #expect(waits == [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600])
    _ = try node.takeTurn("a")
    node.fails("a", Self.failure)
    let write = try node.takeWrite()
    guard case .quarantine("a", let revision, let failure) = write else { throw Surprise("\(write)") }
    #expect(revision == (isFirstTurn ? 0 : 1))
    #expect(failure.type == FailureType.poison && failure.cause?.message == "out of memory")
    node.wrote(write, .done)
    #expect(node.dispatcher.heldCount == 0)
  }

  static let poison = Failure(type: FailureType.poison, message: "it kills")

  private static func poisoned() throws -> (Node, ActivityTask) {
    let node = Node.started()
    node.starts("a")
    try node.turn("a", [.tuned { _ in }])
    let task = try #require(node.takeActivities().first)
    #expect(node.ends(task, .failed(poison)))
    return (node, task)
  }

  @Test func poisonThatCodeDoesNotCatchQuarantinesTheInstance() throws {
    let (node, task) = try Self.poisoned()
    try node.runs("a", end: .failed(Self.poison))
    let write = try node.takeWrite()
    #expect(write == .quarantine("a", 1, Self.poison))
    node.wrote(write, .done)
    let claim = try #require(task.claim)
    #expect(try node.takeWrite() == .activityEnded(task.key, claim, .failed(Self.poison)), "for a retry")
    #expect(node.dispatcher.heldCount == 0)
  }

  @Test(arguments: [TurnEndKind.completed(output: .null), .failed(FailureTests.failure)])
  func poisonThatCodeCatchesIsLikeAnyFailure(_ end: TurnEndKind) throws {
    let (node, _) = try Self.poisoned()
    try node.turn("a", end: end)
  }

  @Test func codeThatWentOnAfterPoisonMayFailWithIt() throws {
    let (node, _) = try Self.poisoned()
    try node.turn("a", [.waiting])
    node.message("a", 1)
    try node.turn("a", end: .failed(Self.poison))
  }

  @Test func aGoodTurnMakesUpForFailures() throws {
    let node = Node.started()
    node.starts("a")
    for round in 1...Int64(2 * Limits.turnFailures) {
      _ = try node.takeTurn("a")
      node.fails("a", Self.failure)
      node.wait(100)
      if round > 1 { try node.loads("a") }
      try node.turn("a", [.waiting])
      node.message("a", round)
    }
    #expect(!node.logs.contains { $0.message.contains("quarantined") })
  }

  @Test func failuresOfTheStoreAreNotTheHosts() throws {
    let node = try Self.waiting()
    node.message("a", 1)
    try node.runs("a")
    let write = try node.takeWrite()
    node.wrote(write, Self.busy)
    for _ in 0..<20 {
      node.wait(30_000)
      #expect(try node.takeWrite() == write)
      node.wrote(write, Self.busy)
    }
    node.wait(30_000)
    _ = node.takeWrites()
    try node.lands(write)
    node.message("a", 2)
    _ = try node.takeTurn("a")
    node.fails("a", Self.failure)
    #expect(node.effects.isEmpty, "one failure of the host is one")
  }

  @Test func anAnswerThatBreaksTheRulesIsATurnThatFailed() throws {
    let node = Node.started()
    node.starts("a")
    _ = try node.takeTurn("a")
    let action = Action(id: 5, after: 1, kind: .work)
    node.answer("a", .ran(TurnResult(actions: [action])))
    #expect(node.effects.isEmpty)
    #expect(node.logs.last?.message.contains("action 5 stands where action 1 is due") == true)
    node.wait(100)
    try node.turn("a", [.work])
  }

  @Test func aMissOfTheWholeHistoryIsATurnThatFailed() throws {
    let node = Node.started()
    node.starts("a")
    _ = try node.takeTurn("a")
    node.answer("a", .miss)
    node.wait(100)
    try node.turn("a", [.work])
  }

  @Test func changedCodeIsQuarantined() throws {
    let node = try Self.waiting()
    node.message("a", 1)
    _ = try node.takeTurn("a")
    node.answer("a", .miss)
    try node.loads("a")
    _ = try node.takeTurn("a")
    node.answer("a", .ran(TurnResult(actions: [Action(id: 1, after: 1, kind: .work)])))
    let write = try node.takeWrite()
    guard case .quarantine("a", 1, let failure) = write else { throw Surprise("\(write)") }
    #expect(failure.type == FailureType.nondeterminism && failure.details != nil)
    #expect(node.logs.last?.level == .error)

    node.wrote(write, Self.busy)
    node.wait(100)
    try node.loads("a")
    #expect(try node.takeTurn("a").from == 0, "it is found out again")
  }

  @Test func answersThatNobodyAskedForAreIgnored() throws {
    let node = try Self.waiting()
    node.answer("a", .ran(TurnResult()))
    node.answer("stranger", .miss)
    node.fails("a", Self.failure)
    #expect(node.effects.isEmpty)
  }

  // MARK: The store

  @Test func aTurnThatCouldNotBeStoredIsStoredLaterAsItWas() throws {
    let node = try Self.waiting()
    node.message("a", 1)
    try node.runs("a", [.work])
    let write = try node.takeWrite()
    var wait: Int64 = 100
    for _ in 0..<12 {
      node.wrote(write, Self.busy)
      #expect(node.takeWrites().isEmpty)
      node.wait(wait - 1)
      #expect(node.takeWrites().isEmpty)
      node.wait(1)
      #expect(try node.takeWrite() == write)
      wait = min(wait * 2, 3_200)
    }
    node.message("a", 2)
    try node.lands(write)
    #expect(node.takeActivities().count == 1)
    #expect(try node.takeTurn("a").events.count == 1, "the message that came meanwhile")
  }

  @Test func aLostRaceBeginsAgainFromTheStore() throws {
    let node = Node.started()
    node.starts("a")
    try node.turn("a", [.work, .waiting])
    let task = try #require(node.takeActivities().first)
    node.message("a", 1)
    node.ends(task)
    try node.runs("a")
    node.message("a", 2)
    let write = try node.takeWrite()
    node.wrote(write, .conflict)
    let claim = ActivityClaim(node: Node.id, token: 1)
    #expect(
      node.takeWrites() == [
        .activityEnded(task.key, claim, .completed(.null)), .claimInstance("a"),
      ], "the store knows whether the result still counts")
    node.wrote(.claimInstance("a"), .instances(["a"]))
    try node.loads("a")
    let request = try node.runs("a")
    #expect(request.from == 0)
    let kinds = request.events.filter { $0.id > request.replayed }.map { $0.kind }
    let message = EventKind.messageReceived(channel: .event, name: "go", data: .null)
    #expect(kinds == [message, message], "each once")
  }

  @Test func aLostRaceToALiveNodeHandsResultsOver() throws {
    let node = Node.started()
    node.starts("a")
    try node.turn("a", [.work])
    let task = try #require(node.takeActivities().first)
    node.ends(task)
    try node.runs("a")
    node.wrote(try node.takeWrite(), .conflict)
    let claim = ActivityClaim(node: Node.id, token: 1)
    #expect(node.takeWrites().first == .activityEnded(task.key, claim, .completed(.null)))
    node.wrote(.claimInstance("a"), .owned)
    #expect(node.takeWrites().isEmpty)
    #expect(node.dispatcher.heldCount == 0)
  }

  @Test func aClaimThatFailsIsTriedAgain() throws {
    let node = Node.started()
    node.message("far", 1)
    #expect(node.takeWrites() == [.claimInstance("far")])
    node.wrote(.claimInstance("far"), Self.busy)
    node.wait(100)
    #expect(node.take() == [.load("far")])
    node.dispatcher.loaded("far", .failed("I/O"), now: node.now)
    node.wait(200)
    #expect(node.take() == [.load("far")])
    node.dispatcher.loaded("far", .missing, now: node.now)
    #expect(node.dispatcher.heldCount == 0)
  }

  @Test func claimsThatFailAreTriedAgain() throws {
    let node = Node.started()
    node.dispatcher.storeChanged(now: node.now, byOthers: false)
    let writes = Set(node.takeWrites())
    #expect(writes.count == 3, "instances, activities, and those whose time is over")
    for write in writes { node.wrote(write, Self.busy) }
    #expect(node.takeWrites().isEmpty)
    node.wait(1_000)
    let claim = try #require(writes.first { if case .claimActivities = $0 { true } else { false } })
    let again = Set(node.takeWrites())
    #expect(again == writes.subtracting([claim]).union([.releaseUnheldActivities(held: [:])]))
    node.wrote(.releaseUnheldActivities(held: [:]), .done)
    #expect(node.takeWrites() == [claim])
  }

  @Test func aDamagedHistoryIsQuarantined() throws {
    let node = try Self.waiting()
    node.message("a", 1)
    _ = try node.takeTurn("a")
    node.answer("a", .miss)
    node.rows["a"]?.history.removeLast()
    node.rows["a"]?.history.append(
      Event(id: 9, at: 0, kind: .cancellationRequested(reason: "", deadline: nil)))
    try node.loads("a")
    let write = try node.takeWrite()
    guard case .quarantine("a", 1, let failure) = write else { throw Surprise("\(write)") }
    #expect(failure.type == FailureType.corruptHistory)
    #expect(failure.message.contains("'a'") && failure.message.contains("event 9"))
  }

  @Test func whatCannotBeReadIsQuarantined() throws {
    let node = try Self.waiting()
    node.message("a", 1)
    _ = try node.takeTurn("a")
    node.answer("a", .miss)
    node.dispatcher.loaded("a", .unreadable("event 2 of 'a' is no JSON", 4), now: node.now)
    let write = node.takeWrites()
    guard case .quarantine("a", 4, _) = write.first else { throw Surprise("\(write)") }
  }

  /// To claim it by name and to read it once more would never end.
  @Test func whatCannotBeReadAndIsQuarantinedAlreadyIsLetGo() throws {
    let node = try Self.waiting()
    node.message("a", 1)
    _ = try node.takeTurn("a")
    node.answer("a", .miss)
    node.dispatcher.loaded("a", .unreadable("event 2 of 'a' is no JSON", 4), now: node.now)
    node.wrote(try node.takeWrite(), .conflict)
    let writes = node.takeWrites()
    #expect(writes.contains(.releaseInstances(["a"])))
    #expect(!writes.contains(.claimInstance("a")))
    #expect(node.dispatcher.heldCount == 0)
  }

  @Test func anInstanceThatWasDeletedIsForgotten() throws {
    let node = try Self.waiting()
    node.message("a", 1)
    try node.runs("a")
    node.wrote(try node.takeWrite(), .notFound)
    #expect(node.dispatcher.heldCount == 0)
  }

  @Test func anIdThatIsUsedAnewBeginsAnew() throws {
    let node = try Self.waiting()
    node.starts("a")
    let request = try node.turn("a", [.createTimer(fireAt: 9_000)])
    #expect(request.from == 0 && request.events.map { $0.id } == [1])
  }

  @Test func whatIsOutWhenAnIdIsUsedAnewIsOfNoUse() throws {
    let node = try Self.waiting()
    node.message("a", 1)
    try node.runs("a")
    let old = try node.takeWrite()
    node.starts("a")
    try node.runs("a", [.waiting])
    let new = try node.takeWrite()
    node.wrote(old, .conflict)
    #expect(node.take().isEmpty)
    try node.lands(new)
    node.message("a", 2)
    let request = try node.takeTurn("a")
    node.dispatcher.instancesDeleted(["a"], now: node.now)
    node.starts("a")
    node.dispatcher.turnAnswered(request.turn, "a", .ran(TurnResult()), now: node.now)
    #expect(node.takeWrites().isEmpty, "an answer to the turn of the deleted one")
    try node.turn("a", [.waiting])
  }

  @Test func aDeletedInstanceIsForgottenAndItsActivitiesAreTold() throws {
    let node = try ActivityTests.working(3)
    let tasks = node.takeActivities()
    node.dispatcher.instancesDeleted(["a", "stranger"], now: node.now)
    node.gather()
    #expect(node.take() == tasks.map { .cancelActivity($0.ticket) })
    #expect(node.dispatcher.heldCount == 0)
    #expect(!node.ends(tasks[0]))
    #expect(node.take().isEmpty)
  }

  @Test func timersOfADeletedInstanceDoNotFireThoseOfTheNext() throws {
    let node = Node.started()
    node.starts("a")
    try node.turn("a", [.createTimer(fireAt: 2_000)])
    node.starts("a")
    try node.turn("a", [.createTimer(fireAt: 9_000)])
    node.wait(3_000)
    #expect(node.take().isEmpty)
    node.wait(6_000)
    #expect(try node.takeTurn("a").events.map { $0.kind } == [.timerFired(action: 1)])
  }

  // MARK: Messages of other processes

  @Test func waitingMessagesAreFetched() throws {
    let node = Node.started()
    node.starts("a")
    try node.runs("a", [.waiting])
    let message = InboxMessage(sequence: 3, kind: .raised(channel: .event, name: "go", data: .null))
    node.rows["a"]?.inbox = [message]
    try node.lands(try node.takeWrite(), hasWaitingMessages: true)
    #expect(node.take() == [.loadInbox("a", after: 0)])
    node.dispatcher.foundMessages("a", [message], now: node.now)
    node.gather()
    #expect(try node.takeTurn("a").events.count == 1)
  }

  @Test func aMessageOlderThanTheLastThatWeKnowIsFound() throws {
    let node = try Self.waiting()
    let older = InboxMessage(sequence: 3, kind: .raised(channel: .event, name: "go", data: .null))
    node.rows["a"]?.inbox = [older]
    node.message("a", 4)
    try node.runs("a")
    try node.lands(try node.takeWrite(), hasWaitingMessages: true)
    #expect(node.take() == [.loadInbox("a", after: 0)])
    node.dispatcher.foundMessages("a", [older], now: node.now)
    node.gather()
    #expect(
      try node.takeTurn("a").events.last?.kind == .messageReceived(channel: .event, name: "go", data: .null))
  }

  @Test func anInboxThatCannotBeReadIsLoadedAgain() throws {
    let node = try Self.waiting()
    node.rows["a"]?.inbox = [
      InboxMessage(sequence: 3, kind: .raised(channel: .event, name: "go", data: .null))
    ]
    node.dispatcher.foundDue(["a"], now: node.now)
    node.gather()
    #expect(node.take() == [.loadInbox("a", after: 0)])
    node.dispatcher.loaded("a", .failed("I/O"), now: node.now)
    node.wait(100)
    try node.loads("a")
    _ = try node.takeTurn("a")
  }

  @Test func dueInstancesOfOursAreTaken() throws {
    let node = Node.started()
    node.dispatcher.storeChanged(now: node.now, byOthers: true)
    node.gather()
    #expect(node.effects.contains(.findDue))
    _ = node.takeWrites()
    node.dispatcher.foundDue(["far"], now: node.now)
    #expect(node.takeWrites() == [.claimInstance("far")])
  }
}
