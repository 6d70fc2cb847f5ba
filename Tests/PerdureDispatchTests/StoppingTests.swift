import PerdureDispatch
import PerdureModel
import PerdureReplay
import Testing

@Suite struct StoppingTests {
  static func stops(_ effects: [Effect]) -> Int { effects.count { $0 == .stopped } }

  @Test func beforeTheStart() {
    let node = Node()
    node.stop(grace: 1_000)
    #expect(node.take() == [.stopped])
    node.stop(grace: 1_000)
    node.wait(5_000)
    #expect(node.take().isEmpty && node.dispatcher.isStopped)
  }

  @Test func idle() {
    let node = Node.started()
    node.stop(grace: 60_000)
    #expect(node.take() == [.stopped])
  }

  @Test func theQueueIsHandedBackAndRunningOnesMayFinish() throws {
    let node = try ActivityTests.working(4)
    let running = node.takeActivities()
    node.stop(grace: 5_000)
    let releases = node.takeWrites()
    guard case .releaseActivities(let unrun)? = releases.first else { throw Surprise("\(releases)") }
    #expect(unrun.map { $0.key.action } == [3, 4])
    #expect(releases.dropFirst() == [.releaseInstances(["a"])], "others may go on with it meanwhile")
    for release in releases { node.wrote(release, .done) }
    #expect(node.dispatcher.nextDeadline == 6_000)

    #expect(node.ends(running[0]))
    let ended = try node.takeWrite()
    let claim = ActivityClaim(node: Node.id, token: 1)
    #expect(ended == .activityEnded(running[0].key, claim, .completed(.null)))
    node.wrote(ended, .done)
    #expect(node.ends(running[1]))
    #expect(Self.stops(node.effects) == 0, "the last result is on its way")
    node.wrote(try node.takeWrite(), .done)
    #expect(node.take() == [.stopped])
    node.wait(60_000)
    #expect(node.take().isEmpty, "once")
  }

  @Test func afterTheGraceRunningOnesAreCancelled() throws {
    let node = try ActivityTests.working(2)
    let running = node.takeActivities()
    try node.drains(grace: 5_000)
    node.wait(4_999)
    #expect(node.take().isEmpty)
    node.wait(1)
    #expect(node.take() == running.map { .cancelActivity($0.ticket) } + [.stopped])
    #expect(!node.ends(running[0]))
  }

  @Test func withoutGraceItEndsAtOnce() throws {
    let node = try ActivityTests.working(1)
    _ = node.takeActivities()
    node.stop(grace: 0)
    #expect(Self.stops(node.effects) == 0, "what it gives back is on its way")
    node.wrote(try node.takeWrite(), .done)
    #expect(Self.stops(node.effects) == 1)
  }

  @Test func aTurnThatIsOutMayFinish() throws {
    let node = Node.started()
    node.starts("a")
    node.starts("b")
    node.stop(grace: 5_000)
    try node.runs("a", [.work])
    let first = try node.takeWrite()
    guard case .turn(let commit, _) = first else { throw Surprise("\(first)") }
    #expect(commit.scheduled.map { $0.claim } == [nil], "its work is for others")
    try node.runs("b")
    let second = try node.takeWrite()
    #expect(Self.stops(node.effects) == 0)
    try node.lands(first)
    #expect(node.takeActivities().isEmpty, "no new work")
    try node.lands(second)
    #expect(node.take() == [.stopped])
  }

  @Test(arguments: [5_000, 0] as [Int64])
  func whatATurnOnItsWayHadScheduledForUsIsHandedBack(grace: Int64) throws {
    let node = Node.started()
    node.starts("a")
    try node.runs("a", [.work, .waiting, .work])
    let write = try node.takeWrite()
    guard case .turn(let commit, _) = write else { throw Surprise("\(write)") }
    #expect(commit.scheduled.allSatisfy { $0.claim != nil })
    node.stop(grace: grace)
    try node.lands(write)
    let release = try node.takeWrite()
    #expect(release == .releaseActivities(commit.scheduled))
    #expect(node.take().isEmpty, "it counts as lost if we sign off before")
    node.wrote(release, .done)
    #expect(node.take() == [.stopped])
  }

  /// A node whose one activity runs on while it stops; "b" is where `phase` says.
  private static func draining(_ phase: (Node) throws -> Void) throws -> (Node, ActivityTask) {
    let node = try ActivityTests.working(1)
    let task = try #require(node.takeActivities().first)
    node.starts("b")
    try phase(node)
    node.stop(grace: 60_000)
    return (node, task)
  }

  @Test func instancesAtRestAreHandedBackAtOnceWhileAnActivityRunsOn() throws {
    let (node, task) = try Self.draining { try $0.turn("b", [.waiting]) }
    let release = try node.takeWrite()
    #expect(release == .releaseInstances(["a", "b"]))
    #expect(node.dispatcher.heldCount == 0)
    node.wrote(release, .done)
    node.ends(task)
    let claim = ActivityClaim(node: Node.id, token: 1)
    let ended = try node.takeWrite()
    #expect(ended == .activityEnded(task.key, claim, .completed(.null)), "whoever has it now is told")
    node.wrote(ended, .done)
    #expect(node.take() == [.stopped])
  }

  @Test func anInstanceAtAHostIsHandedBackWhenItsTurnIsOnDisk() throws {
    let (node, _) = try Self.draining { _ in }
    #expect(try node.takeWrite() == .releaseInstances(["a"]))
    try node.runs("b", [.waiting])
    let commit = try node.takeWrite()
    #expect(node.dispatcher.heldCount == 1)
    try node.lands(commit)
    #expect(try node.takeWrite() == .releaseInstances(["b"]))
    #expect(node.dispatcher.heldCount == 0)
  }

  @Test func aTurnThatHasToBeTriedAgainWhileItDrainsIsLeftToOthers() throws {
    let (node, _) = try Self.draining { _ in }
    _ = node.takeWrites()
    node.fails("b", Failure(type: "T", message: "m"))
    node.wait(200)
    #expect(try node.takeWrite() == .releaseInstances(["b"]))
  }

  @Test func aClaimThatComesBackWhileItDrainsIsHandedBack() throws {
    let (node, _) = try Self.draining { node in
      try node.turn("b", [.waiting])
      node.dispatcher.storeChanged(now: node.now, byOthers: false)
    }
    let writes = node.takeWrites()
    let claim = try #require(writes.first { $0.isInstanceClaim })
    node.wrote(claim, .instances(["c"]))
    #expect(node.take() == [.write(.releaseInstances(["c"]))])
  }

  @Test func aWriteThatIsOutIsAwaitedEvenAfterTheGrace() throws {
    let node = Node.started()
    node.starts("a")
    try node.runs("a")
    let write = try node.takeWrite()
    node.stop(grace: 0)
    node.wait(10_000)
    #expect(node.take().isEmpty)
    #expect(node.dispatcher.nextDeadline == nil, "there is nothing to wake up for")
    try node.lands(write)
    #expect(node.take() == [.stopped])
  }

  @Test func resultsThatNoTurnTookAreHandedOver() throws {
    let node = try ActivityTests.working(2)
    let running = node.takeActivities()
    node.ends(running[0])
    _ = try node.takeTurn("a")
    node.ends(running[1])
    node.stop(grace: 1_000)
    node.fails("a", Failure(type: "T", message: "m"))
    let claim = ActivityClaim(node: Node.id, token: 1)
    let writes = node.takeWrites()
    #expect(
      writes == [
        .activityEnded(running[0].key, claim, .completed(.null)),
        .activityEnded(running[1].key, claim, .completed(.null)),
      ])
    for write in writes { node.wrote(write, .done) }
    #expect(node.take() == [.stopped])
  }

  @Test func aResultThatCouldNotBeWrittenIsTriedAgainWithinTheGrace() throws {
    for grace in [Int64(500), 5_000] {
      let node = try ActivityTests.working(1)
      let task = try #require(node.takeActivities().first)
      try node.drains(grace: grace)
      node.ends(task)
      let write = try node.takeWrite()
      node.wrote(write, .failed(message: "busy", isTransient: true))
      #expect(node.take().isEmpty)
      node.wait(min(grace, 1_000))
      if grace < 1_000 {
        #expect(node.take() == [.stopped])
      } else {
        node.wrote(try node.takeWrite(), .done)
        #expect(node.take() == [.stopped])
      }
    }
  }

  @Test func nothingNewIsTaken() throws {
    let node = try ActivityTests.working(1)
    _ = node.takeActivities()
    node.dispatcher.nextDueFound(2_000, now: node.now)
    try node.drains(grace: 60_000)
    node.starts("b")
    node.message("a", 1)
    node.message("c", 2)
    node.dispatcher.storeChanged(now: node.now, byOthers: true)
    node.wait(5_000)
    #expect(node.take().isEmpty)
    #expect(node.dispatcher.nextDeadline == 61_000, "work that is due does not keep it awake")
  }

  @Test func claimsThatComeBackAreHandedBack() throws {
    let node = Node()
    node.dispatcher.start(now: node.now)
    let writes = node.takeWrites()
    node.stop(grace: 1_000)
    let task = ActivityTask(
      key: ActivityKey(instance: "far", execution: 1, action: 1), orchestration: "order", name: "work",
      input: .null, attempt: 1, visibleAt: 0, claim: ActivityClaim(node: Node.id, token: 1))
    for write in writes { node.wrote(write, write.isInstanceClaim ? .instances([]) : .activities([task])) }
    let release = try #require(node.takeWrites().first)
    #expect(release == .releaseActivities([task]))
    node.wrote(release, .done)
    #expect(node.effects.last == .stopped)
  }
}
