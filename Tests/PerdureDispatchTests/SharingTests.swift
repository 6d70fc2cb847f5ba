import PerdureDispatch
import PerdureModel
import PerdureReplay
import Testing

/// How many activities a node takes that is not alone on the store, and that none is overtaken for ever.
@Suite struct SharingTests {
  /// Begins an instance whose first turn makes so many activities; the claims of those.
  private static func fans(
    _ node: Node, _ count: Int, as instance: InstanceID = "a"
  ) throws -> [ActivityClaim?] {
    node.starts(instance)
    try node.runs(instance, Array(repeating: .work, count: count))
    for write in node.takeWrites() {
      guard case .turn(let commit, _) = write else { continue }
      try node.lands(write)
      return commit.scheduled.map { $0.claim }
    }
    throw Surprise("no turn")
  }

  private static func taken(_ claims: [ActivityClaim?]) -> Int { claims.count { $0 != nil } }

  /// Somebody else wrote, and left nothing for us.
  private static func meetsOthers(_ node: Node) {
    node.dispatcher.storeChanged(now: node.now, byOthers: true)
    node.findsNothing()
    node.effects.removeAll { $0 == .findDue }
  }

  @Test func aloneItTakesWhatItMakes() throws {
    #expect(Self.taken(try Self.fans(Node.started(slots: 2), 100)) == 100)
  }

  @Test func besideOthersItTakesWhatItsSlotsCanDoSoon() throws {
    let node = Node.started(slots: 2)
    Self.meetsOthers(node)
    #expect(Self.taken(try Self.fans(node, 100)) == 4)
    #expect(node.takeActivities().count == 2)
  }

  @Test func whoIsFastTakesWhatATwentiethOfASecondTakes() throws {
    let node = Node.started(slots: 2)
    Self.meetsOthers(node)
    for number in 0..<100 {
      _ = try Self.fans(node, 1, as: "quick-\(number)")
      for task in node.takeActivities() { node.ends(task) }
      try node.turn("quick-\(number)", end: .completed(output: .null))
    }
    #expect(Self.taken(try Self.fans(node, 100, as: "a")) == 20)
    let later = Node.started(slots: 2)
    Self.meetsOthers(later)
    _ = try Self.fans(later, 1, as: "quick")
    for task in later.takeActivities() { later.ends(task) }
    try later.turn("quick", end: .completed(output: .null))
    later.wait(10_000)
    #expect(Self.taken(try Self.fans(later, 100, as: "a")) == 4, "what was long ago says nothing")
  }

  @Test func whatItLeftToTheStoreIsNotOvertakenByWhatComesLater() throws {
    let node = Node.started(slots: 2)
    Self.meetsOthers(node)
    _ = try Self.fans(node, 10, as: "a")
    for task in node.takeActivities() { node.ends(task) }
    try node.turn("a")
    // There is room again, but older work lies in the store.
    #expect(Self.taken(try Self.fans(node, 1, as: "b")) == 0)
  }

  @Test func aClaimThatIsNotFilledSaysThatNothingIsLeftBehind() throws {
    let node = Node.started(slots: 2)
    Self.meetsOthers(node)
    _ = try Self.fans(node, 5, as: "a")
    for task in node.takeActivities() { node.ends(task) }
    try node.runs("a")
    let writes = node.takeWrites()
    for write in writes where write.isTurn { try node.lands(write) }
    for write in writes + node.takeWrites() where write.isActivityClaim { node.wrote(write, .activities([])) }
    for task in node.takeActivities() { node.ends(task) }
    #expect(Self.taken(try Self.fans(node, 1, as: "b")) == 1)
  }

  @Test func workOfOthersThatWaitedForASecondGoesFirst() throws {
    let node = Node.started(slots: 1)
    _ = try Self.fans(node, 3, as: "a")
    // It has enough to do, so it does not ask for what is said to be there.
    node.dispatcher.storeChanged(now: node.now, byOthers: false)
    #expect(node.takeWrites().allSatisfy { !$0.isActivityClaim })
    #expect(Self.taken(try Self.fans(node, 1, as: "b")) == 1)
    node.wait(1_000)
    #expect(Self.taken(try Self.fans(node, 1, as: "c")) == 0)
  }
}

extension Write {
  fileprivate var isTurn: Bool { if case .turn = self { true } else { false } }
  fileprivate var isActivityClaim: Bool { if case .claimActivities = self { true } else { false } }
}
