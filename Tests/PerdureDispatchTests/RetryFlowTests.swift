import PerdureDispatch
import PerdureModel
import Testing

/// Failed attempts, and those that follow.
@Suite struct RetryFlowTests {
  static let failure = Failure(type: "Boom", message: "it broke")
  static let busy = WriteOutcome.failed(message: "busy", isTransient: true)

  static func working(_ count: Int = 1, slots: Int = 1, _ policy: RetryPolicy = .fixed()) throws -> Node {
    let node = Node.started(slots: slots)
    node.starts("a")
    try node.turn("a", Array(repeating: .tuned { $0.retry = policy }, count: count))
    return node
  }

  /// The row is visible again, and ours.
  static func reclaim(_ node: Node, _ task: ActivityTask) throws -> ActivityTask {
    for write in node.takeWrites() {
      switch write {
      case .claimActivities: node.wrote(write, .activities([task]))
      case .claimInstances: node.wrote(write, .instances([]))
      case .expireActivities: node.wrote(write, .expired(0))
      default: throw Surprise("\(write)")
      }
    }
    node.effects.removeAll { $0 == .findNextDue }
    node.dispatcher.nextDueFound(nil, now: node.now)
    return try #require(node.takeActivities().first)
  }

  @Test func aFailedAttemptIsWrittenOnceAndTriedAgainWhenItIsDue() throws {
    let node = try Self.working()
    let first = try #require(node.takeActivities().first)
    #expect(node.ends(first, .failed(Self.failure)))
    let claim = try #require(first.claim)
    let write = try node.takeWrite()
    #expect(write == .activityRetry(first.key, claim, Self.failure, retryAt: 2_000, heartbeat: nil))
    #expect(!node.ends(first, .failed(Self.failure)), "once")
    #expect(throws: Surprise.self) { try node.takeTurn("a") }

    node.wrote(write, .done)
    #expect(node.dispatcher.nextDeadline == 2_000)
    node.wait(999)
    #expect(node.takeWrites().isEmpty)
    node.wait(1)
    let second = try Self.reclaim(node, first.again())
    #expect(node.ends(second))
    #expect(
      try node.runs("a", end: .completed(output: .null)).events.map { $0.kind } == [
        .activityCompleted(action: 1, result: .null)
      ])
    guard case .turn(let commit, _) = try node.takeWrite() else { throw Surprise("no turn") }
    #expect(commit.finished.map { $0.claim } == [second.claim])
  }

  @Test func itsSlotIsFreeOnceItIsWritten() throws {
    let node = try Self.working(2)
    let first = try #require(node.takeActivities().first)
    node.ends(first, .failed(Self.failure))
    let write = try node.takeWrite()
    #expect(node.takeActivities().isEmpty, "not before")
    node.wrote(write, .done)
    #expect(node.takeActivities().map { $0.key.action } == [2])
  }

  @Test(arguments: [WriteOutcome.conflict, .notFound])
  func aRetryThatNobodyWantsFreesItsSlot(_ outcome: WriteOutcome) throws {
    let node = try Self.working(2)
    node.ends(try #require(node.takeActivities().first), .failed(Self.failure))
    node.wrote(try node.takeWrite(), outcome)
    #expect(node.takeActivities().map { $0.key.action } == [2])
  }

  @Test func aRetryThatCouldNotBeWrittenIsNotLost() throws {
    let node = try Self.working()
    node.ends(try #require(node.takeActivities().first), .failed(Self.failure))
    let write = try node.takeWrite()
    for _ in 0..<3 {
      node.wrote(write, Self.busy)
      #expect(node.takeWrites().isEmpty)
      node.wait(1_000)
      #expect(try node.takeWrite() == write)
    }
  }

  @Test func theLastFailureIsTheResult() throws {
    let node = try Self.working()
    var task = try #require(node.takeActivities().first)
    for failures in 1...Int64(2) {
      node.ends(task, .failed(Self.failure))
      node.wrote(try node.takeWrite(), .done)
      node.wait(1_000)
      task = try Self.reclaim(node, task.again(failures: failures))
    }
    node.ends(task, .failed(Self.failure))
    #expect(try node.runs("a").events.map { $0.kind } == [.activityFailed(action: 1, failure: Self.failure)])
  }

  @Test(arguments: [
    Failure(type: "Boom", message: "m", isNonRetryable: true),
    Failure(type: FailureType.poison, message: "m"),
  ])
  func whatIsNotRetriedIsTheResultAtOnce(_ failure: Failure) throws {
    let node = try Self.working()
    node.ends(try #require(node.takeActivities().first), .failed(failure))
    #expect(try node.takeTurn("a").events.map { $0.kind } == [.activityFailed(action: 1, failure: failure)])
  }

  @Test func theFailureSaysWhen() throws {
    let node = try Self.working()
    var failure = Self.failure
    failure.retryAfterMS = 5_000
    node.ends(try #require(node.takeActivities().first), .failed(failure))
    guard case .activityRetry(_, _, _, let at, _) = try node.takeWrite() else { throw Surprise("no retry") }
    #expect(at == 6_000)
  }

  @Test func aRetryOfAnInstanceOfAnotherNodeIsTheSame() throws {
    let node = Node.started()
    let task = ActivityTask.far(4) { $0.retry = .fixed() }
    try node.claims([task])
    #expect(node.takeActivities() == [task])
    node.ends(task, .failed(Self.failure))
    guard case .activityRetry(task.key, _, _, _, _) = try node.takeWrite() else { throw Surprise("no retry") }
    #expect(node.dispatcher.heldCount == 0, "its instance hears nothing")
  }

  @Test func aCancelledAttemptIsNotRetried() throws {
    let node = try Self.working()
    let task = try #require(node.takeActivities().first)
    node.message("a", 1)
    try node.turn("a", [.cancel(target: 1)])
    #expect(!node.ends(task, .failed(Self.failure)))
    #expect(node.takeWrites().isEmpty)
  }

  // MARK: Poison

  @Test func tenLossesArePoison() throws {
    let node = Node.started()
    var tasks = (1...Int64(3)).map { ActivityTask.far($0, attempt: 11) { $0.retry = .fixed() } }
    tasks[0].failures = 1
    tasks[2].attempt = 12
    tasks[2].failures = 0
    try node.claims(tasks)
    #expect(node.takeActivities().map { $0.key.action } == [1], "nine were lost, and one failed")
    #expect(node.takeWrites() == [.claimInstance("far")])
    node.wrote(.claimInstance("far"), .owned)
    let writes = node.takeWrites()
    for (write, task) in zip(writes, tasks.dropFirst()) {
      guard case .activityEnded(task.key, let claim, .failed(let failure)) = write else {
        throw Surprise("\(write)")
      }
      #expect(claim == task.claim)
      #expect(failure.type == FailureType.poison && failure.isNonRetryable)
      #expect(failure.message.contains("begun \(task.attempt - 1) times"))
    }
    #expect(writes.count == 2)
  }

  /// What merely waits here when the process dies would count as lost again.
  @Test func ofLostWorkNoMoreIsClaimedThanBegins() throws {
    func limits(_ node: Node) -> [Int] {
      node.takeWrites().compactMap { if case .claimActivities(_, let limit) = $0 { limit } else { nil } }
    }
    let node = Node.started(slots: 2)
    try node.claims([.far(1, attempt: 2), .far(2, attempt: 2)])
    let first = try #require(node.takeActivities().first)
    node.dispatcher.storeChanged(now: node.now, byOthers: false)
    #expect(limits(node).isEmpty, "both slots are taken")
    node.ends(first)
    node.wrote(.claimInstance("far"), .owned)
    let end = try #require(node.takeWrites().first { if case .activityEnded = $0 { true } else { false } })
    node.wrote(end, .done)
    #expect(limits(node) == [1])
    node.wrote(.claimActivities(ActivityFilter(names: ["work"]), limit: 1), .activities([.far(3)]))
    #expect(node.takeActivities().map(\.key.action) == [3])
    node.dispatcher.storeChanged(now: node.now, byOthers: false)
    #expect(limits(node) == [64], "that one had not been begun before")
  }

  // MARK: Stopping

  @Test func aStopWaitsForTheRetryToBeWritten() throws {
    let node = try Self.working()
    let task = try #require(node.takeActivities().first)
    try node.drains(grace: 5_000)
    node.ends(task, .failed(Self.failure))
    let write = try node.takeWrite()
    guard case .activityRetry = write else { throw Surprise("\(write)") }
    #expect(node.take().isEmpty)
    node.wrote(write, .done)
    #expect(node.take() == [.stopped], "whoever is there then goes on")
  }

  @Test func aStopTriesARetryAgainWithinTheGrace() throws {
    let node = try Self.working()
    let task = try #require(node.takeActivities().first)
    try node.drains(grace: 5_000)
    node.ends(task, .failed(Self.failure))
    let write = try node.takeWrite()
    node.wrote(write, Self.busy)
    node.wait(1_000)
    #expect(try node.takeWrite() == write)
    node.wrote(write, .done)
    #expect(node.take() == [.stopped])
  }

  @Test func aStopDoesNotWaitForTheNextAttempt() throws {
    let node = try Self.working()
    node.ends(try #require(node.takeActivities().first), .failed(Self.failure))
    node.wrote(try node.takeWrite(), .done)
    node.stop(grace: 60_000)
    #expect(node.take() == [.stopped])
  }
}
