import PerdureDispatch
import PerdureModel
import Testing

/// An instance under which process after process died.
@Suite struct LostTurnTests {
  /// Of a runtime that just began, with what it took from its predecessor.
  private static func taking(_ lostTurns: Int64) throws -> Node {
    let node = Node()
    node.starts("a")
    let found = try #require(node.rows["a"])
    let next = Node()
    next.rows["a"] = found
    next.rows["a"]?.lostTurns = lostTurns
    next.dispatcher.start(now: next.now)
    for case .claimInstances(let names, let limit) in next.takeWrites() {
      next.wrote(.claimInstances(orchestrations: names, limit: limit), .instances(["a"]))
    }
    try next.loads("a")
    return next
  }

  @Test func itIsQuarantinedAfterTheTenth() throws {
    let node = try Self.taking(Limits.turnLosses)
    let message = "the process of instance 'a' died 10 times in a row while a turn of it was due"
    #expect(
      node.takeWrites().contains(.quarantine("a", 0, Failure(type: FailureType.poison, message: message))))
    #expect(node.logs.contains { $0.level == .error && $0.message == "quarantined: \(message)" })
    #expect(node.dispatcher.figures().turnsAtHosts == 0)
  }

  @Test func untilThenItIsTried() throws {
    let node = try Self.taking(Limits.turnLosses - 1)
    #expect(node.dispatcher.figures().turnsAtHosts == 1)
  }

  /// After it was resumed, its row says that it is due, and stays so.
  @Test func oneThatIsDueForNothingIsHandedBack() throws {
    let node = Node.started()
    node.starts("a")
    try node.turn("a", [.waiting])
    let next = Node()
    next.rows["a"] = node.rows["a"]
    next.rows["a"]?.lostTurns = Limits.turnLosses
    next.dispatcher.start(now: next.now)
    for case .claimInstances(let names, let limit) in next.takeWrites() {
      next.wrote(.claimInstances(orchestrations: names, limit: limit), .instances(["a"]))
    }
    try next.loads("a")
    #expect(next.takeWrites() == [.releaseInstances(["a"])])
  }

  @Test func whatAClaimOfActivitiesPutOffIsAskedForThen() throws {
    let node = Node.started()
    node.dispatcher.storeChanged(now: node.now, byOthers: false)
    for write in node.takeWrites() {
      guard case .claimActivities = write else { continue }
      node.wrote(write, .activities([], pausedUntil: 4_000))
    }
    #expect(node.dispatcher.nextDeadline == 4_000)
    node.wait(3_000)
    #expect(node.takeWrites().contains { if case .claimActivities = $0 { true } else { false } })
  }
}
