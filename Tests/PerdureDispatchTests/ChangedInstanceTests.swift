import PerdureDispatch
import PerdureModel
import PerdureReplay
import Testing

/// Somebody suspends, resumes or retries an instance as a whole: what a runtime has of it is void, whatever
/// it is at.
@Suite struct ChangedInstanceTests {
  static let claim = ActivityClaim(node: Node.id, token: 1)

  enum At: String, CaseIterable, Sendable {
    case loading, idle, ready, turning, committing, waiting
  }

  /// "a" in that phase, with an activity that runs and one whose result no turn has taken (but while
  /// loading).
  static func node(_ at: At) throws -> (Node, done: ActivityTask, running: ActivityTask) {
    let node = Node.started(cached: 1_000)
    node.starts("a")
    try node.turn("a", [.work, .work, .waiting])
    let tasks = node.takeActivities()
    if at == .ready {
      // So many turns are out that this one must wait.
      for number in 0..<256 { node.starts("busy-\(number)") }
    }
    if at != .idle { node.ends(tasks[0]) }
    switch at {
    case .idle, .ready: break
    case .turning: _ = try node.takeTurn("a")
    case .committing: try node.runs("a")
    case .waiting:
      _ = try node.takeTurn("a")
      node.fails("a", Failure(type: "T", message: "m"))
    case .loading:
      _ = try node.takeTurn("a")
      node.answer("a", .miss)
    }
    return (node, tasks[0], tasks[1])
  }

  @Test(arguments: At.allCases)
  func itIsForgottenAndNothingIsLost(_ at: At) throws {
    let (node, done, running) = try Self.node(at)
    let committing = node.takeWrites()
    #expect(committing.count == (at == .committing ? 1 : 0))
    let held = node.dispatcher.heldCount
    node.changed("a")
    #expect(node.dispatcher.heldCount == held - 1)
    let result = Write.activityEnded(done.key, Self.claim, .completed(.null))
    let writes = node.takeWrites()
    #expect(writes == (at == .idle ? [] : [result]), "a result that no turn has taken goes to the store")

    // What was under way comes to nothing.
    node.answer("a", .ran(TurnResult(end: TurnEnd(after: 9, kind: .completed(output: .null)))))
    if let commit = committing.first { node.wrote(commit, .conflict) }
    if at == .loading { try node.loads("a") }
    node.wait(60_000)
    #expect(node.takeWrites().isEmpty)
    #expect(node.dispatcher.heldCount == held - 1)

    // Its activities go on; a suspended instance keeps their results.
    #expect(!node.effects.contains(.cancelActivity(running.ticket)))
    for write in writes { node.wrote(write, .done) }
    #expect(node.ends(running))
    #expect(node.takeWrites() == [.claimInstance("a")])
    node.wrote(.claimInstance("a"), .owned)
    #expect(node.takeWrites() == [.activityEnded(running.key, Self.claim, .completed(.null))])
  }

  /// The turn landed, then the instance was suspended, both in one group: we hear of the suspend first.
  @Test func aTurnThatLandedBeforeIsNotForgotten() throws {
    let node = Node.started(slots: 1)
    node.starts("a")
    try node.turn("a", [.work, .work])
    let running = try #require(node.takeActivities().first)
    node.message("a", 1)
    try node.runs("a", [.work, .cancel(target: 1), .cancel(target: 2)])
    let commit = try node.takeWrite()
    node.changed("a")
    #expect(node.takeWrites().isEmpty)
    node.wrote(commit, .turned(hasWaitingMessages: false))
    #expect(node.effects.contains(.cancelActivity(running.ticket)), "it cancelled this one")
    let write = try node.takeWrite()
    guard case .releaseActivities(let tasks) = write else { throw Surprise("\(write)") }
    #expect(tasks.map { $0.key.action } == [3], "that was claimed for us, and we do not run it")
    node.ends(running)
    #expect(node.takeActivities().isEmpty)
    node.wrote(write, .done)
    #expect(
      node.takeWrites().contains { if case .claimActivities = $0 { true } else { false } }, "anybody may")
  }

  /// It will not be told of by the next turn, whose code is built anew.
  @Test(arguments: [true, false])
  func whatALandedTurnLoggedAndMeasuredIsTold(isDeleted: Bool) throws {
    let node = Node.started()
    node.starts("a")
    let request = try node.takeTurn("a")
    var result = TurnResult(actions: [Action(id: 1, after: 1, kind: .work)])
    result.logs = [LogLine(level: .info, message: "begun")]
    result.metrics = [MetricLine(name: "orders", kind: .counter, value: Payload("2"))]
    node.answer("a", .ran(result))
    let commit = try node.takeWrite()
    if isDeleted {
      node.dispatcher.instancesDeleted(["a"], now: node.now)
    } else {
      node.changed("a")
    }
    #expect(node.logs.isEmpty)
    node.wrote(commit, .turned(hasWaitingMessages: false))
    #expect(node.logs.map(\.message) == ["begun", "orders"])
    #expect(node.logs.map(\.instance) == ["a", "a"])
    #expect(node.logs.map(\.orchestration) == [request.orchestration, request.orchestration])
    #expect(node.logs.last?.metric == result.metrics.first)
  }

  /// The code runs again and says it then.
  @Test func whatATurnLoggedThatDidNotLandIsNotTold() throws {
    let node = Node.started()
    node.starts("a")
    _ = try node.takeTurn("a")
    var result = TurnResult(actions: [Action(id: 1, after: 1, kind: .work)])
    result.logs = [LogLine(level: .info, message: "begun")]
    node.answer("a", .ran(result))
    let commit = try node.takeWrite()
    node.changed("a")
    node.wrote(commit, .conflict)
    #expect(node.logs.isEmpty)
  }

  @Test func aTurnOfADeletedInstanceClaimsNothing() throws {
    let node = Node.started()
    node.starts("a")
    try node.runs("a", [.work])
    let commit = try node.takeWrite()
    node.dispatcher.instancesDeleted(["a"], now: node.now)
    node.gather()
    node.wrote(commit, .turned(hasWaitingMessages: false))
    #expect(node.takeActivities().isEmpty)
  }

  @Test(arguments: [InstanceStatus.suspended, .quarantined, .terminated, .completed])
  func whatDoesNotRunIsNotHeld(_ status: InstanceStatus) throws {
    let (node, _, running) = try Self.node(.idle)
    node.changed("a")
    node.rows["a"]?.description.status = status
    node.ends(running)
    node.wrote(.claimInstance("a"), .instances(["a"]))
    _ = node.takeWrites()
    try node.loads("a")
    #expect(node.dispatcher.heldCount == 0)
    let writes = node.takeWrites()
    #expect(
      writes.prefix(2) == [
        .activityEnded(running.key, Self.claim, .completed(.null)), .releaseInstances(["a"]),
      ])
    #expect(writes.contains { $0.isInstanceClaim } == !status.isTerminal)
  }

  /// It was resumed, and claimed by name for what came before that.
  @Test func aClaimThatLandsAfterwardsDoesNotLoseIt() throws {
    let (node, _, running) = try Self.node(.idle)
    node.changed("a")
    node.ends(running)
    #expect(node.takeWrites() == [.claimInstance("a")])
    node.changed("a")
    node.dispatcher.storeChanged(now: node.now, byOthers: false)
    let claim = try #require(node.takeWrites().first { $0.isInstanceClaim })
    node.wrote(.claimInstance("a"), .instances(["a"]))
    node.wrote(claim, .instances([]))
    let writes = node.takeWrites()
    #expect(writes.contains(.releaseInstances(["a"])), "it is ours, and nobody here has it")
    #expect(writes.contains(claim))
  }

  /// The first load was read before the instance was resumed, and comes back after.
  @Test func anOldSnapshotDoesNotLoseIt() throws {
    let (node, _, running) = try Self.node(.idle)
    node.changed("a")
    node.ends(running)
    node.wrote(.claimInstance("a"), .instances(["a"]))
    _ = node.takeWrites()
    node.changed("a")
    node.dispatcher.storeChanged(now: node.now, byOthers: false)
    for write in node.takeWrites() where write.isInstanceClaim { node.wrote(write, .instances(["a"])) }
    node.rows["a"]?.description.status = .suspended
    try node.loads("a")
    node.rows["a"]?.description.status = .running
    try? node.loads("a")
    let writes = node.takeWrites()
    #expect(writes.contains(.releaseInstances(["a"])))
    let claim = try #require(writes.first { $0.isInstanceClaim })
    node.wrote(claim, .instances(["a"]))
    try node.loads("a")
    #expect(node.dispatcher.heldCount == 1)
  }

  @Test func aStrangerIsNoMatter() {
    let node = Node.started()
    node.changed("stranger")
    #expect(node.take().isEmpty)
  }

  @Test func itComesBackWhenItIsResumed() throws {
    let (node, _, _) = try Self.node(.idle)
    node.changed("a")
    node.changed("a")
    node.message("a", 4)
    #expect(node.takeWrites() == [.claimInstance("a")])
    node.wrote(.claimInstance("a"), .instances(["a"]))
    try node.loads("a")
    #expect(try node.takeTurn("a").from == 0, "built anew")
  }
}
