import PerdureDispatch
import PerdureModel
import Testing

/// Progress of running attempts, and attempts that go on elsewhere.
@Suite struct HeartbeatTests {
  static func working(_ change: (inout ActivityOptions) -> Void = { _ in }) throws -> (Node, ActivityTask) {
    let node = try TimeLimitTests.working(1, change)
    return (node, try #require(node.takeActivities().first))
  }

  static func beat(_ task: ActivityTask, _ details: String) throws -> Write {
    .activityHeartbeat(task.key, try #require(task.claim), Payload(details))
  }

  @Test func oneWriteIsOnItsWayAtATimeAndTheNewestFollows() throws {
    let (node, task) = try Self.working()
    for details in ["1", "2", "3"] { #expect(node.beats(task, details)) }
    #expect(node.takeWrites() == [try Self.beat(task, "1")])
    node.wrote(try Self.beat(task, "1"), .done)
    #expect(node.takeWrites() == [try Self.beat(task, "3")], "what is older is not worth a write")
    node.wrote(try Self.beat(task, "3"), .done)
    #expect(node.takeWrites().isEmpty)
    #expect(node.beats(task, "4"))
    #expect(node.takeWrites() == [try Self.beat(task, "4")])
  }

  @Test func aFailedWriteIsMadeUpForByTheNext() throws {
    let (node, task) = try Self.working()
    node.beats(task, "1")
    node.beats(task, "2")
    node.wrote(node.takeWrites()[0], RetryFlowTests.busy)
    #expect(node.takeWrites() == [try Self.beat(task, "2")])
    node.wrote(try Self.beat(task, "2"), RetryFlowTests.busy)
    #expect(node.takeWrites().isEmpty)
    node.beats(task, "3")
    #expect(node.takeWrites() == [try Self.beat(task, "3")])
  }

  @Test func beatsKeepAnAttemptAlive() throws {
    let (node, task) = try Self.working { $0.heartbeatMS = 500 }
    for _ in 0..<5 {
      node.wait(499)
      #expect(node.effects.isEmpty)
      #expect(node.beats(task, "1"))
      for write in node.takeWrites() { node.wrote(write, .done) }
    }
    node.wait(499)
    #expect(node.effects.isEmpty)
    node.wait(1)
    #expect(node.effects.first == .cancelActivity(task.ticket))
    #expect(!node.beats(task, "2"), "it is too late for that")
  }

  @Test func beatsDoNotLengthenTheAttempt() throws {
    let (node, task) = try Self.working {
      $0.heartbeatMS = 500
      $0.startToCloseMS = 1_000
    }
    for _ in 0..<3 {
      node.wait(300)
      node.beats(task, "1")
    }
    node.wait(99)
    #expect(!node.effects.contains(.cancelActivity(task.ticket)))
    node.wait(1)
    #expect(node.effects.contains(.cancelActivity(task.ticket)))
  }

  @Test(arguments: [WriteOutcome.conflict, .notFound])
  func aBeatUnderALostClaimCancels(_ outcome: WriteOutcome) throws {
    let (node, task) = try Self.working()
    node.beats(task, "1")
    node.wrote(try node.takeWrite(), outcome)
    #expect(node.take() == [.cancelActivity(task.ticket)])
    #expect(!node.beats(task, "2"))
    #expect(!node.ends(task))
    #expect(node.take().isEmpty)
  }

  @Test func theDetailsGoWithTheRetry() throws {
    let (node, task) = try Self.working { $0.retry = .fixed() }
    node.beats(task, "1")
    node.beats(task, "2")
    _ = node.takeWrites()
    node.ends(task, .failed(RetryFlowTests.failure))
    guard case .activityRetry(_, _, _, _, let heartbeat) = try node.takeWrite() else {
      throw Surprise("no retry")
    }
    #expect(heartbeat == Payload("2"), "also those that were not written yet")
    node.wrote(try Self.beat(task, "1"), .done)
    #expect(node.takeWrites().isEmpty, "it has ended")
  }

  @Test func aBeatOfNobodyIsNotWanted() throws {
    let (node, task) = try Self.working()
    var stranger = task
    stranger.key.action = 9
    #expect(!node.beats(stranger, "1"))
    stranger = task
    stranger.claim?.token = 8
    #expect(!node.beats(stranger, "1"))
    #expect(node.take().isEmpty)
    node.ends(task)
    #expect(!node.beats(task, "1"))
  }

  // MARK: Deferral

  @Test func aDeferredAttemptIsTheStoresFromThereOn() throws {
    let (node, task) = try Self.working { $0.startToCloseMS = 500 }
    node.beats(task, "1")
    _ = node.takeWrites()
    #expect(node.deferred(task))
    let write = try node.takeWrite()
    #expect(write == .deferActivity(task.key, try #require(task.claim), heartbeat: Payload("1")))
    #expect(!node.deferred(task) && !node.ends(task) && !node.beats(task, "2"), "it is gone from here")
    node.wrote(write, .done)
    #expect(node.take() == [.findNextDue], "its time limit is kept by the store")
    node.dispatcher.nextDueFound(1_500, now: node.now)
    node.wait(500)
    #expect(node.takeWrites().contains(.expireActivities(limit: Limits.expiriesPerWrite)))
    #expect(!node.effects.contains(.cancelActivity(task.ticket)))
  }

  @Test func itsSlotIsFreeOnceThatIsWritten() throws {
    let node = try TimeLimitTests.working(2) { _ in }
    node.deferred(try #require(node.takeActivities().first))
    #expect(node.takeActivities().isEmpty)
    let write = try node.takeWrite()
    node.wrote(write, RetryFlowTests.busy)
    #expect(node.takeActivities().isEmpty)
    node.wait(1_000)
    #expect(try node.takeWrite() == write, "it is not lost")
    node.wrote(write, .done)
    #expect(node.takeActivities().map { $0.key.action } == [2])
  }

  @Test func aDeferralThatNobodyWantsFreesItsSlot() throws {
    let node = try TimeLimitTests.working(2) { _ in }
    let task = try #require(node.takeActivities().first)
    node.message("a", 1)
    try node.turn("a", [.cancel(target: 1)])
    #expect(!node.deferred(task))
    #expect(node.takeWrites().isEmpty)
    #expect(node.takeActivities().map { $0.key.action } == [2])
  }

  @Test func aStopWaitsForADeferral() throws {
    let (node, task) = try Self.working()
    try node.drains(grace: 5_000)
    #expect(node.deferred(task))
    let write = try node.takeWrite()
    #expect(node.take().isEmpty)
    node.wrote(write, .done)
    #expect(node.take().last == .stopped)
  }

  // MARK: Claims of others

  @Test func othersMayHaveCancelledWhatRunsHere() throws {
    let node = try TimeLimitTests.working(3, slots: 2) { _ in }
    let tasks = node.takeActivities()
    node.dispatcher.storeChanged(now: node.now, byOthers: true)
    node.gather()
    var claims: [ActivityKey: ActivityClaim] = [:]
    for task in tasks { claims[task.key] = task.claim }
    #expect(node.effects.contains(.checkClaims(claims)), "those that run, not those that wait")
    _ = node.take()
    let lost = try #require(tasks.first?.key)
    node.dispatcher.claimsLost([lost: ActivityClaim(node: Node.id, token: 1)], now: node.now)
    node.gather()
    #expect(node.take() == [.cancelActivity(tasks[0].ticket)])
    node.dispatcher.claimsLost([tasks[1].key: ActivityClaim(node: Node.id, token: 9)], now: node.now)
    node.gather()
    #expect(node.take().isEmpty, "that is an older claim")
    #expect(node.ends(tasks[1]))
  }

  @Test func thereIsNothingToAskWhenNothingRuns() throws {
    let node = Node.started()
    node.dispatcher.checkClaims()
    node.gather()
    #expect(node.take().isEmpty)
  }
}
