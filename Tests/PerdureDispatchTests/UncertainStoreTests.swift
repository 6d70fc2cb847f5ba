import PerdureDispatch
import PerdureModel
import PerdureReplay
import Testing

/// The store said that it failed, and did it all the same; or what we were told is not what it has. Found by
/// the simulator.
@Suite struct UncertainStoreTests {
  @Test func aLaterLifeOfAnIdleInstanceIsFoundThoughItsClaimWasLost() throws {
    let node = Node.started()
    node.starts("a", createdAt: 100)
    try node.turn("a", [.waiting])
    node.rows["a"]?.history = []
    node.rows["a"]?.start = InstanceStart(instance: "a", orchestration: "order", version: nil, input: .null)
    func isDue() -> [Effect] {
      node.dispatcher.foundDue(["a"], now: node.now)
      node.gather()
      return node.take()
    }
    #expect(isDue() == [.loadInbox("a", after: 0)], "a message, as a rule")
    #expect(isDue() == [], "the answer may still come")
    node.dispatcher.foundMessages("a", [], now: node.now)
    node.gather()
    #expect(node.take() == [.loadInbox("a", after: 0)], "it may be older than what was written")
    node.dispatcher.foundMessages("a", [], now: node.now)
    #expect(isDue() == [.load("a")])
    node.effects = [.load("a")]
    try node.loads("a")
    #expect(try node.turn("a").events.map { $0.id } == [1])
  }

  @Test func anInstanceThatTookATurnMeanwhileIsNotReadAnew() throws {
    let node = Node.started()
    node.starts("a")
    try node.turn("a", [.waiting])
    for message in 1...3 as ClosedRange<Int64> {
      node.dispatcher.foundDue(["a"], now: node.now)
      node.gather()
      #expect(node.take() == [.loadInbox("a", after: 0)])
      node.message("a", message)
      try node.turn("a", [.waiting])
      node.dispatcher.foundMessages("a", [], now: node.now)
    }
  }

  static let busy = WriteOutcome.failed(message: "the connection is lost", isTransient: true)
  static let claim = ActivityClaim(node: Node.id, token: 1)

  static func message(_ sequence: MessageSequence) -> InboxMessage {
    InboxMessage(sequence: sequence, kind: .raised(channel: .event, name: "go", data: .null))
  }

  @Test func activitiesOfATurnThatLandedUnnoticedAreGivenBack() throws {
    let node = Node.started()
    node.starts("a")
    try node.runs("a", [.work])
    let write = try node.takeWrite()
    node.wrote(write, Self.busy)
    node.wait(100)
    #expect(try node.takeWrite() == write)
    node.wrote(write, .conflict)
    let writes = node.takeWrites()
    guard case .releaseActivities(let tasks)? = writes.first else { throw Surprise("\(writes)") }
    #expect(tasks.map { $0.claim } == [Self.claim])
    #expect(writes.dropFirst() == [.claimInstance("a")])
    node.wrote(writes[0], .done)
    let again = try node.takeWrite()
    guard case .claimActivities = again else { throw Surprise("\(again)") }
  }

  /// The answer to the first try was lost; before another one is answered an operator changes the instance.
  @Test(arguments: [false, true])
  func activitiesOfATurnThatLandedUnnoticedAreGivenBackByAChange(isAgainOnItsWay: Bool) throws {
    let node = Node.started()
    node.starts("a")
    try node.runs("a", [.work])
    let write = try node.takeWrite()
    node.wrote(write, Self.busy)
    if isAgainOnItsWay {
      node.wait(100)
      #expect(try node.takeWrite() == write)
    }
    node.changed("a")
    let release = try node.takeWrite()
    guard case .releaseActivities(let tasks) = release else { throw Surprise("\(release)") }
    #expect(tasks.map { $0.claim } == [Self.claim])
  }

  @Test func activitiesOfAForgottenTurnThatMayHaveLandedAreGivenBack() throws {
    let node = Node.started()
    node.starts("a")
    try node.runs("a", [.work])
    let write = try node.takeWrite()
    node.changed("a")
    #expect(node.takeWrites().isEmpty, "its answer is on the way")
    node.wrote(write, Self.busy)
    let release = try node.takeWrite()
    guard case .releaseActivities(let tasks) = release else { throw Surprise("\(release)") }
    #expect(tasks.map { $0.claim } == [Self.claim])
  }

  @Test func whatIsClaimedAnewUnderTheSameTokenIsNotGivenBackLate() throws {
    let node = Node.started()
    node.starts("a")
    try node.runs("a", [.work])
    node.wrote(try node.takeWrite(), Self.busy)
    node.wait(100)
    node.wrote(try node.takeWrite(), .conflict)
    let writes = node.takeWrites()
    guard case .releaseActivities? = writes.first else { throw Surprise("\(writes)") }
    node.wrote(writes[0], Self.busy)
    node.wrote(writes[1], .instances(["a"]))
    try node.loads("a")
    try node.turn("a", [.work])
    #expect(node.takeActivities().map { $0.claim } == [Self.claim])
    node.wait(1_000)
    #expect(!node.takeWrites().contains(writes[0]))
  }

  @Test func aClaimOfActivitiesThatFailedMayHaveTakenSome() throws {
    let node = try ActivityTests.working(1)
    let task = try #require(node.takeActivities().first)
    node.message("a", 1)
    try node.runs("a", [.work])
    let commit = try node.takeWrite()
    node.dispatcher.storeChanged(now: node.now, byOthers: false)
    for write in node.takeWrites() { node.wrote(write, Self.busy) }
    node.wait(1_000)
    var second = task.key
    second.action = 2
    guard case .turn(let turn, _) = commit else { throw Surprise("\(commit)") }
    let given = try #require(turn.scheduled.first?.claim)
    let release = Write.releaseUnheldActivities(held: [task.key: Self.claim, second: given])
    #expect(node.takeWrites().contains(release), "not what we run, nor what is about to land")
    node.wrote(release, Self.busy)
    node.wait(1_000)
    #expect(node.takeWrites().contains(release))
    try node.lands(commit)
  }

  @Test func aMessageThatATurnTookIsNotTakenAgainFromAnOldRead() throws {
    let node = try FailureTests.waiting()
    node.dispatcher.foundDue(["a"], now: node.now)
    node.gather()
    #expect(node.take() == [.loadInbox("a", after: 0)])
    node.message("a", 4)
    try node.turn("a")
    node.dispatcher.foundMessages("a", [Self.message(3), Self.message(4)], now: node.now)
    node.gather()
    #expect(try node.takeTurn("a").events.count == 1)
  }

  @Test func whatWeWereToldWhileLoadingIsReadAgain() throws {
    let node = try FailureTests.waiting()
    node.message("a", 4)
    try node.runs("a")
    node.wrote(try node.takeWrite(), .conflict)
    node.wrote(try node.takeWrite(), .instances(["a"]))
    // Another node took this one before the snapshot was made.
    node.dispatcher.messageStored("a", Self.message(5), now: node.now)
    node.rows["a"]?.inbox = []
    try node.loads("a")
    #expect(node.take() == [.loadInbox("a", after: 0)])
    node.dispatcher.foundMessages("a", [], now: node.now)
    node.gather()
    #expect(node.take().isEmpty)
  }

  /// A start, a message, a cancel... that failed may have landed, and nobody was told.
  @Test func whatMayHaveLandedIsLookedForALittleLater() throws {
    let node = Node.started()
    node.starts("a", createdAt: 100)
    try node.turn("a", [.waiting])
    node.gather()
    _ = node.take()
    for _ in 0..<3 { node.dispatcher.mayHaveMissed(now: node.now) }
    node.gather()
    #expect(node.take().isEmpty)
    #expect(node.dispatcher.nextDeadline == node.now + Limits.missedPauseMS)
    node.wait(Limits.missedPauseMS)
    let looks = node.take()
    #expect(looks.count { $0 == .findDue } == 1 && looks.count { $0 == .lookAgain } == 1)
    node.dispatcher.foundDue(["a"], now: node.now)
    node.gather()
    #expect(node.take().contains(.loadInbox("a", after: 0)))
  }

  @Test func aFullAnswerIsFollowedByAnotherLook() throws {
    let node = Node.started()
    let many = (0..<Limits.pageRows).map { "i\($0)" }
    node.dispatcher.foundDue(many, now: node.now)
    node.gather()
    _ = node.take()
    node.wait(Limits.missedPauseMS)
    #expect(node.take().contains(.findDue))
    node.dispatcher.foundDue(["i0"], now: node.now)
    node.gather()
    _ = node.take()
    node.wait(Limits.missedPauseMS)
    #expect(!node.take().contains(.findDue))
  }

  @Test func aResultThatNobodyWantsFreesItsSlotAtOnce() throws {
    let node = try ActivityTests.working(2, slots: 1)
    let task = try #require(node.takeActivities().first)
    node.message("a", 1)
    try node.turn("a", [.cancel(target: 1)])
    #expect(!node.ends(task))
    #expect(node.takeActivities().map { $0.key.action } == [2])
  }

  @Test func aStopWaitsForAResultThatNobodyWantsAndThenEnds() throws {
    let node = try ActivityTests.working(1)
    let task = try #require(node.takeActivities().first)
    node.message("a", 1)
    try node.turn("a", [.cancel(target: 1)])
    _ = node.take()
    try node.drains(grace: 60_000)
    #expect(node.take().isEmpty)
    #expect(!node.ends(task))
    #expect(node.take() == [.stopped])
  }
}
