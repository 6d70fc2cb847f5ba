import PerdureDispatch
import PerdureModel
import Testing

/// Which activity is next, and how many of one name there may be.
@Suite struct LimitedActivityTests {
  static func node(
    slots: Int, _ limits: ActivityLimits, names: [String] = ["work", "other"],
    filter: ((inout ActivityFilter) -> Void)? = nil
  ) -> Node {
    Node.started(slots: slots) { settings, registry in
      for name in names { _ = registry.addActivity(name) }
      registry.limit("work", limits)
      filter?(&settings.filter)
    }
  }

  /// Names or actions that begin now.
  static func begin(_ node: Node) -> [ActionID] { node.takeActivities().map { $0.key.action } }

  static func schedule(_ node: Node, _ instance: InstanceID, _ kinds: [ActionKind]) throws -> TurnCommit {
    node.starts(instance)
    try node.runs(instance, kinds)
    let write = try #require(node.takeWrites().first { if case .turn = $0 { true } else { false } })
    try node.lands(write)
    guard case .turn(let commit, _) = write else { throw Surprise("\(write)") }
    return commit
  }

  // MARK: Priority

  @Test func higherPrioritiesComeFirstThenTheLongestWaiting() throws {
    let node = Node.started(slots: 1)
    try node.claims(
      [(1, 0), (2, 5), (3, -1), (4, 5), (5, 0), (6, 1_000)].map { action, priority in
        .far(action) { $0.priority = priority }
      })
    var order: [ActionID] = []
    while let task = node.takeActivities().first {
      order.append(task.key.action)
      node.ends(task)
      node.wrote(.claimInstance("far"), .owned)
      for write in node.takeWrites() { node.wrote(write, .done) }
    }
    #expect(order == [6, 2, 4, 1, 5, 3])
  }

  @Test func limitedAndFreeOnesShareOneOrder() throws {
    let node = Self.node(slots: 1, ActivityLimits(concurrency: 5))
    try node.claims([
      .far(1, "work"), .far(2, "other"), .far(3, "work") { $0.priority = 1 },
      .far(4, "other") { $0.priority = 1 },
      .far(5, "other"), .far(6, "work"),
    ])
    var order: [ActionID] = []
    while let task = node.takeActivities().first {
      order.append(task.key.action)
      node.ends(task)
      node.wrote(.claimInstance("far"), .owned)
      for write in node.takeWrites() { node.wrote(write, .done) }
    }
    #expect(order == [3, 4, 1, 2, 5, 6])
  }

  @Test func instancesWithAHigherPriorityTakeTheirTurnsFirst() throws {
    let node = Node.started()
    // More than may be out at one time.
    for number in 0..<256 { node.starts("busy-\(number)") }
    node.starts("low", priority: -5)
    node.starts("high", priority: 9)
    node.starts("middle")
    #expect(throws: Surprise.self) { try node.takeTurn("high") }
    for (busy, next) in zip(["busy-0", "busy-1", "busy-2"], ["high", "middle", "low"]) {
      node.answer(busy, .ran(TurnResult(actions: [Action(id: 1, after: 1, kind: .waiting)])))
      _ = try node.takeTurn(next)
    }
  }

  // MARK: Concurrency

  @Test func noMoreThanSoManyRunAtOnce() throws {
    let node = Self.node(slots: 10, ActivityLimits(concurrency: 2))
    try node.claims((1...4).map { .far($0, "work") } + (5...7).map { .far($0, "other") })
    let tasks = node.takeActivities()
    #expect(tasks.map { $0.key.action } == [1, 2, 5, 6, 7], "it holds up nobody else")
    node.ends(tasks[0])
    #expect(Self.begin(node).isEmpty, "its result is not on disk yet")
    node.wrote(.claimInstance("far"), .owned)
    for write in node.takeWrites() { node.wrote(write, .done) }
    #expect(Self.begin(node) == [3])
  }

  @Test func aLingeringOneCounts() throws {
    let node = Self.node(slots: 10, ActivityLimits(concurrency: 1))
    try node.claims([.far(1) { $0.startToCloseMS = 500 }, .far(2)])
    let first = try #require(node.takeActivities().first)
    node.wait(500)
    #expect(Self.begin(node).isEmpty)
    node.ends(first)
    #expect(Self.begin(node) == [2])
  }

  @Test func onesThatWereCancelledWhileTheyWaitedCountForNothing() throws {
    let node = Self.node(slots: 10, ActivityLimits(concurrency: 1, rate: 2, ratePeriodMS: 1_000))
    node.starts("a")
    try node.turn("a", Array(repeating: .work, count: 2))
    let first = try #require(node.takeActivities().first)
    node.message("a", 1)
    try node.turn("a", [.cancel(target: 2)])
    node.ends(first)
    try node.turn("a", [.work])
    #expect(Self.begin(node) == [4], "only the first has used up the rate")
  }

  // MARK: Rate

  @Test func exactlySoManyBeginInAnyPeriod() throws {
    let node = Self.node(slots: 100, ActivityLimits(rate: 3, ratePeriodMS: 1_000))
    try node.claims((1...20).map { .far($0) })
    var begun: [TimestampMS] = []
    for _ in 0..<70 {
      for _ in Self.begin(node) { begun.append(node.now) }
      node.wait(97)
    }
    #expect(begun.count == 20)
    for (index, at) in begun.enumerated() {
      let inPeriod = begun[index...].prefix { $0 < at + 1_000 }.count
      #expect(inPeriod <= 3, "from \(at) on")
      if index + 3 < begun.count {
        #expect(begun[index + 3] < at + 1_000 + 97, "and not fewer than there may be")
      }
    }
  }

  @Test func theNextPermitIsADeadline() throws {
    let node = Self.node(slots: 100, ActivityLimits(rate: 2, ratePeriodMS: 1_000))
    try node.claims((1...5).map { .far($0) })
    #expect(Self.begin(node) == [1, 2])
    #expect(node.dispatcher.nextDeadline == 2_000)
    node.wait(999)
    #expect(Self.begin(node).isEmpty)
    node.wait(1)
    #expect(Self.begin(node) == [3, 4])
    #expect(node.dispatcher.nextDeadline == 3_000)
    node.wait(1_000)
    #expect(Self.begin(node) == [5])
    #expect(node.dispatcher.nextDeadline == nil)
  }

  @Test func aRateDoesNotCountWhatEnds() throws {
    let node = Self.node(slots: 100, ActivityLimits(rate: 1, ratePeriodMS: 1_000))
    try node.claims([.far(1), .far(2)])
    node.ends(try #require(node.takeActivities().first))
    node.wrote(.claimInstance("far"), .owned)
    for write in node.takeWrites() { node.wrote(write, .done) }
    #expect(Self.begin(node).isEmpty)
    node.wait(1_000)
    #expect(Self.begin(node) == [2])
  }

  @Test func aFullHouseWakesForNoPermit() throws {
    let node = Self.node(slots: 1, ActivityLimits(rate: 1, ratePeriodMS: 1_000))
    try node.claims([.far(1), .far(2)])
    _ = node.takeActivities()
    #expect(node.dispatcher.nextDeadline == nil, "there is no slot to begin in")
  }

  // MARK: What is taken from the store

  static func claimed(_ writes: [Write]) -> [[String]] {
    writes.compactMap { if case .claimActivities(let filter, _) = $0 { filter.names } else { nil } }
  }

  @Test(arguments: [ActivityLimits(concurrency: 1), ActivityLimits(rate: 1, ratePeriodMS: 60_000)])
  func namesOfWhichEnoughWaitHereAreLeftToOthers(_ limits: ActivityLimits) throws {
    let node = Self.node(slots: 2, limits)
    try node.claims((1...4).map { .far($0, "work") })
    #expect(Self.begin(node) == [1])
    node.dispatcher.storeChanged(now: node.now, byOthers: false)
    #expect(Self.claimed(node.takeWrites()) == [["other"]], "and they do not keep others from being taken")
  }

  @Test func theyAreAskedForWhenThereIsRoomAgain() throws {
    let node = Self.node(slots: 2, ActivityLimits(concurrency: 1))
    try node.claims((1...3).map { .far($0, "work") })
    let first = try #require(node.takeActivities().first)
    node.dispatcher.storeChanged(now: node.now, byOthers: false)
    for write in node.takeWrites() {
      if case .claimActivities = write { node.wrote(write, .activities([])) }
    }
    #expect(Self.claimed(node.takeWrites()).isEmpty)
    node.ends(first)
    node.wrote(.claimInstance("far"), .owned)
    var names: [[String]] = []
    for _ in 0..<3 {
      let writes = node.takeWrites()
      names += Self.claimed(writes)
      for write in writes { if case .activityEnded = write { node.wrote(write, .done) } }
    }
    #expect(names == [["other", "work"]], "nobody else may have told us of them")
  }

  @Test func aRuntimeOfOneLimitedNameDoesNotAskForNothing() throws {
    let node = Self.node(slots: 2, ActivityLimits(concurrency: 1), names: [])
    try node.claims((1...3).map { .far($0, "work") })
    node.dispatcher.storeChanged(now: node.now, byOthers: false)
    #expect(Self.claimed(node.takeWrites()).isEmpty)
  }

  @Test func ofATurnOnlyAFewLimitedOnesAreOurs() throws {
    let node = Self.node(slots: 10, ActivityLimits(concurrency: 1))
    let first = try Self.schedule(node, "a", Array(repeating: .work, count: 6))
    #expect(first.scheduled.count { $0.claim != nil } == 6, "none waits yet")
    let second = try Self.schedule(node, "b", Array(repeating: .work, count: 6))
    #expect(second.scheduled.count { $0.claim != nil } == 0, "others may take them")
  }

  // MARK: Tags and sessions

  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var tag: String?
    var session: String?
    var tags: [String]? = []
    var takesUntagged = true
    var isOurs: Bool
  }

  static let preclaims = [
    Case(testDescription: "plain", isOurs: true),
    Case(
      testDescription: "plain, where only tagged ones run", tags: ["gpu"], takesUntagged: false, isOurs: false
    ),
    Case(testDescription: "tagged, where none are taken", tag: "gpu", isOurs: false),
    Case(testDescription: "tagged, where they are", tag: "gpu", tags: ["gpu", "tpu"], isOurs: true),
    Case(testDescription: "of another tag", tag: "gpu", tags: ["tpu"], isOurs: false),
    Case(testDescription: "tagged, where all are", tag: "gpu", tags: nil, takesUntagged: false, isOurs: true),
    Case(testDescription: "of a session", session: "s", isOurs: false),
    Case(testDescription: "of a session, tagged", tag: "gpu", session: "s", tags: nil, isOurs: false),
  ]

  @Test(arguments: preclaims)
  func aTurnClaimsWhatThisRuntimeTakes(_ given: Case) throws {
    let node = Node.started { settings, _ in
      settings.filter.tags = given.tags
      settings.filter.takesUntagged = given.takesUntagged
      settings.filter.sessionsMax = 3
      settings.filter.sessionIdleMS = 77
    }
    let commit = try Self.schedule(
      node, "a",
      [
        .tuned {
          $0.tag = given.tag
          $0.session = given.session
        }
      ])
    #expect(commit.scheduled.map { $0.claim != nil } == [given.isOurs])
    #expect(node.takeActivities().count == (given.isOurs ? 1 : 0))
    let filters = node.takeWrites().compactMap { write -> ActivityFilter? in
      if case .claimActivities(let filter, _) = write { filter } else { nil }
    }
    let expected = ActivityFilter(
      names: ["work"], tags: given.tags, takesUntagged: given.takesUntagged, sessionsMax: 3, sessionIdleMS: 77
    )
    #expect(filters == (given.isOurs ? [] : [expected]), "the store says who runs the others")
  }

  @Test func whatWasPassedOverForASessionIsAskedForWhenOneMayBeFree() throws {
    let node = Node.started { settings, _ in settings.filter.sessionIdleMS = 500 }
    try node.claims([.far(1) { $0.session = "s" }])
    let task = try #require(node.takeActivities().first)
    func asked() throws -> [TimestampMS] {
      var times: [TimestampMS] = []
      while let next = node.dispatcher.nextDeadline, times.count < 20 {
        times.append(next)
        node.wait(next - node.now)
        node.findsNothing()
      }
      return times
    }
    let soon = stride(from: TimestampMS(125), through: 1_125, by: 125)
    #expect(try asked() == soon.map { 1_000 + $0 }, "and no more while it is at work")
    node.ends(task)
    node.wrote(.claimInstance("far"), .owned)
    for write in node.takeWrites() { node.wrote(write, .done) }
    #expect(try asked() == soon.map { 2_125 + $0 }, "and no more, when none can be held")
  }
}
