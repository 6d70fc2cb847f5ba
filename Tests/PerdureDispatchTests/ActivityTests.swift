import PerdureDispatch
import PerdureModel
import PerdureReplay
import Testing

@Suite struct ActivityTests {
  /// An instance with this many activities scheduled.
  static func working(_ count: Int, slots: Int = 2) throws -> Node {
    let node = Node.started(slots: slots)
    node.starts("a")
    try node.turn("a", Array(repeating: .work, count: count))
    return node
  }

  @Test func slotsAreRespected() throws {
    let node = try Self.working(5)
    var tasks = node.takeActivities()
    #expect(tasks.map { $0.key.action } == [1, 2])
    node.ends(tasks[1])
    #expect(node.takeActivities().isEmpty, "its result is not on disk yet")
    try node.turn("a", [])
    tasks = node.takeActivities()
    #expect(tasks.map { $0.key.action } == [3])
  }

  @Test func aResultCountsOnce() throws {
    let node = try Self.working(1)
    let task = try #require(node.takeActivities().first)
    #expect(node.ends(task))
    #expect(!node.ends(task))
    #expect(try node.runs("a").events.count == 1)
  }

  @Test func aStaleTokenIsDiscarded() throws {
    let node = try Self.working(1)
    var task = try #require(node.takeActivities().first)
    task.claim?.token = 2
    #expect(!node.ends(task))
  }

  @Test func cancelledOnesAreToldAndQueuedOnesForgotten() throws {
    let node = try Self.working(3)
    let tasks = node.takeActivities()
    node.message("a", 1)
    try node.turn("a", [.cancel(target: 1), .cancel(target: 3)])
    #expect(node.effects.contains(.cancelActivity(tasks[0].ticket)))
    #expect(!node.ends(tasks[0]), "its result is not wanted")
    #expect(node.ends(tasks[1]))
    #expect(node.takeActivities().isEmpty, "the third was in the queue")
  }

  @Test func anInstanceThatEndsCancelsItsActivities() throws {
    let node = try Self.working(3)
    let tasks = node.takeActivities()
    node.message("a", 1)
    try node.turn("a", end: .completed(output: .null))
    let told = node.take().filter { if case .cancelActivity = $0 { true } else { false } }
    #expect(told == tasks.map { .cancelActivity($0.ticket) })
  }

  @Test func aResultForAnInstanceOfAnotherNodeIsForwarded() throws {
    let node = Node.started()
    let key = ActivityKey(instance: "far", execution: 1, action: 4)
    let claim = ActivityClaim(node: Node.id, token: 2)
    let task = ActivityTask(
      key: key, orchestration: "order", name: "work", input: .null, attempt: 2, visibleAt: 0, claim: claim)
    node.dispatcher.storeChanged(now: node.now, byOthers: false)
    let write = try #require(
      node.takeWrites().first { if case .claimActivities = $0 { true } else { false } })
    node.wrote(write, .activities([task]))
    #expect(node.takeActivities() == [task])
    #expect(node.ends(task))
    #expect(node.takeWrites().contains(.claimInstance("far")))
    node.wrote(.claimInstance("far"), .owned)
    let forwarded = Write.activityEnded(key, claim, .completed(.null))
    #expect(node.takeWrites() == [forwarded])
    #expect(node.dispatcher.heldCount == 0)

    node.wrote(forwarded, .failed(message: "disk", isTransient: true))
    #expect(node.takeWrites().isEmpty)
    node.wait(1_000)
    #expect(node.takeWrites() == [forwarded], "it is not lost")
    node.wrote(forwarded, .conflict)
    node.wait(60_000)
    #expect(!node.takeWrites().contains(forwarded))
  }

  @Test func anInstanceThatTheStoreQuarantinedInPassingIsDroppedAndTold() throws {
    let node = try Self.working(1)
    node.dispatcher.storeChanged(now: node.now, byOthers: false)
    let write = try #require(
      node.takeWrites().first { if case .claimActivities = $0 { true } else { false } })
    node.wrote(write, .activities([], damaged: [DamagedInstance("a", "activity 4 cannot be read")]))
    #expect(node.dispatcher.heldCount == 0)
    #expect(
      node.logs.contains { $0.level == .error && $0.message == "quarantined: activity 4 cannot be read" })
  }

  @Test func theLogHasNothingOfWhatUsersSay() throws {
    let node = Node.started()
    node.starts("a")
    _ = try node.takeTurn("a")
    node.fails("a", Failure(type: "Odd", message: "card 4711"))
    #expect(node.logs.contains { $0.message.contains("Odd") })
    #expect(!node.logs.contains { $0.message.contains("4711") })
  }

  @Test func aResultForAnInstanceThatNobodyHoldsIsTakenHere() throws {
    let node = try Self.working(1)
    let task = try #require(node.takeActivities().first)
    let other = Node.started()
    other.rows = node.rows
    other.rows["a"]?.owner = nil
    let write = Write.claimActivities(ActivityFilter(names: ["work"]), limit: 64)
    var again = task
    again.attempt = 2
    again.claim?.token = 2
    other.dispatcher.storeChanged(now: other.now, byOthers: false)
    _ = other.takeWrites()
    other.wrote(write, .activities([again]))
    #expect(other.ends(try #require(other.takeActivities().first)))
    #expect(other.takeWrites().contains(.claimInstance("a")))
    other.wrote(.claimInstance("a"), .instances(["a"]))
    try other.loads("a")
    let request = try other.runs("a", end: .completed(output: .null))
    #expect(request.events.last?.kind == .activityCompleted(action: 1, result: .null))
  }

  @Test func moreAreClaimedWhileThereAreMore() throws {
    let node = Node.started(slots: 40)
    node.dispatcher.storeChanged(now: node.now, byOthers: false)
    let claim = Write.claimActivities(ActivityFilter(names: ["work"]), limit: 160)
    #expect(node.takeWrites().contains(claim))
    let tasks = (1...Int64(160)).map { action in
      ActivityTask(
        key: ActivityKey(instance: "far", execution: 1, action: action), orchestration: "order", name: "work",
        input: .null, attempt: 1, visibleAt: 0, claim: ActivityClaim(node: Node.id, token: 1))
    }
    node.wrote(claim, .activities(tasks))
    #expect(!node.takeWrites().contains(claim), "twice the slots are enough")
    var running = node.takeActivities()
    #expect(running.count == 40)
    var claimed = 0
    while !running.isEmpty, claimed == 0 {
      node.ends(running.removeFirst())
      // The instance is another node's; what ran here goes to it.
      node.wrote(.claimInstance("far"), .owned)
      for write in node.takeWrites() {
        if case .activityEnded = write { node.wrote(write, .done) }
        if write == claim { claimed += 1 }
      }
      running += node.takeActivities()
      claimed += node.takeWrites().count { $0 == claim }
    }
    #expect(claimed == 1)
  }
}
