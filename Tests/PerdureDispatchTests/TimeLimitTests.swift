import PerdureDispatch
import PerdureModel
import Testing

/// Time limits of attempts that this runtime holds, and what becomes of the host's function.
@Suite struct TimeLimitTests {
  static func working(
    _ count: Int = 1, slots: Int = 1, grace: Int64 = 10_000, _ change: (inout ActivityOptions) -> Void
  ) throws -> Node {
    let node = Node.started(slots: slots) { settings, _ in settings.activityGraceMS = grace }
    node.starts("a")
    try node.turn("a", Array(repeating: .tuned(change: change), count: count))
    return node
  }

  static func limit(_ event: EventKind?) -> String? {
    guard case .activityFailed(_, let failure)? = event, failure.type == FailureType.timeout else {
      return nil
    }
    return failure.details?.text
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var change: @Sendable (inout ActivityOptions) -> Void
    /// From the schedule, which is when the attempt begins too.
    var after: Int64
    var limit: ActivityTimeout

    init(
      _ name: String, after: Int64, _ limit: ActivityTimeout,
      _ change: @escaping @Sendable (inout ActivityOptions) -> Void
    ) {
      testDescription = name
      self.change = change
      self.after = after
      self.limit = limit
    }
  }

  static let limits: [Case] = [
    Case("one attempt", after: 500, .startToClose) { $0.startToCloseMS = 500 },
    Case("no heartbeat", after: 300, .heartbeat) {
      $0.startToCloseMS = 500
      $0.heartbeatMS = 300
    },
    Case("everything", after: 200, .scheduleToClose) {
      $0.startToCloseMS = 500
      $0.heartbeatMS = 300
      $0.scheduleToCloseMS = 200
    },
    Case("everything, though it would be tried again", after: 200, .scheduleToClose) {
      $0.retry = .fixed(1, attempts: 0)
      $0.scheduleToCloseMS = 200
    },
    Case("of two at one moment, that of the attempt", after: 200, .startToClose) {
      $0.startToCloseMS = 200
      $0.heartbeatMS = 200
      $0.scheduleToCloseMS = 200
    },
  ]

  @Test(arguments: limits)
  func theFirstLimitEndsIt(_ given: Case) throws {
    let node = try Self.working(1, given.change)
    let task = try #require(node.takeActivities().first)
    #expect(node.dispatcher.nextDeadline == node.now + given.after)
    node.wait(given.after - 1)
    #expect(node.take().isEmpty, "never early")
    node.wait(1)
    #expect(node.effects.first == .cancelActivity(task.ticket), "the host is told")
    #expect(!node.ends(task), "too late")
    let request = try node.runs("a")
    #expect(Self.limit(request.events.last?.kind) == #"{"timeout":"\#(given.limit.rawValue)"}"#)
    guard case .turn(let commit, _) = try node.takeWrite() else { throw Surprise("no turn") }
    #expect(commit.finished.map { $0.claim } == [task.claim], "its row goes with the turn")
  }

  @Test(arguments: [ActivityTimeout.startToClose, .heartbeat])
  func aLimitOfTheAttemptIsRetriedLikeAnyFailure(_ limit: ActivityTimeout) throws {
    let node = try Self.working {
      $0.retry = .fixed()
      if limit == .heartbeat { $0.heartbeatMS = 500 } else { $0.startToCloseMS = 500 }
    }
    let task = try #require(node.takeActivities().first)
    node.wait(500)
    #expect(node.effects.first == .cancelActivity(task.ticket))
    let write = try node.takeWrite()
    guard case .activityRetry(task.key, _, let failure, 2_500, nil) = write else {
      throw Surprise("\(write)")
    }
    #expect(failure.details?.text == #"{"timeout":"\#(limit.rawValue)"}"#)
    #expect(!node.ends(task, .completed(.null)), "another attempt follows")
    node.wrote(write, .done)
    node.wait(1_000)
    let second = try RetryFlowTests.reclaim(node, task.again())
    #expect(node.dispatcher.nextDeadline == node.now + 500, "the new attempt has a time of its own")
    #expect(node.ends(second))
    #expect(try node.runs("a").events.last?.kind == .activityCompleted(action: 1, result: .null))
  }

  @Test func aPauseThatReachesBeyondAllItsTimeIsNotBegun() throws {
    let node = try Self.working {
      $0.retry = .fixed()
      $0.scheduleToCloseMS = 1_000
      $0.startToCloseMS = 600
    }
    node.wait(600)
    #expect(Self.limit(try node.runs("a").events.last?.kind) == #"{"timeout":"startToClose"}"#)
  }

  // MARK: In the queue

  @Test func whatIsNotBegunInTimeLeavesTheQueue() throws {
    let node = try Self.working(2) {
      $0.scheduleToStartMS = 500
      $0.retry = .fixed()
    }
    let running = try #require(node.takeActivities().first)
    node.wait(500)
    #expect(!node.effects.contains(.cancelActivity(running.ticket)), "that one has begun")
    let request = try node.runs("a")
    #expect(request.events.count == 1)
    #expect(Self.limit(request.events.last?.kind) == #"{"timeout":"scheduleToStart"}"#)
    try node.lands(try node.takeWrite())
    node.ends(running)
    try node.turn("a")
    #expect(node.takeActivities().isEmpty, "it is gone")
  }

  @Test func aLaterAttemptNeedNotBegInTimeAnyMore() throws {
    let node = Node.started(slots: 1)
    try node.claims([.far(1), .far(2, attempt: 2) { $0.scheduleToStartMS = 100 }])
    _ = node.takeActivities()
    #expect(node.dispatcher.nextDeadline == nil)
  }

  @Test func allItsTimeMayEndInTheQueue() throws {
    let node = Node.started(slots: 1)
    try node.claims([.far(1), .far(2, attempt: 2) { $0.scheduleToCloseMS = 100 }])
    _ = node.takeActivities()
    node.wait(100)
    #expect(node.takeWrites() == [.claimInstance("far")])
  }

  @Test func whatCameTooLateToUsIsOverAtOnce() throws {
    let node = Node.started(slots: 1)
    node.now = 9_000
    try node.claims([.far(1) { $0.scheduleToCloseMS = 100 }])
    node.wait(0)
    #expect(node.takeActivities().count <= 1)
    #expect(node.takeWrites().contains(.claimInstance("far")))
  }

  // MARK: What lingers

  @Test func anAttemptThatWasToldToEndKeepsItsSlotForItsGrace() throws {
    let node = try Self.working(2, grace: 2_000) { $0.startToCloseMS = 500 }
    let first = try #require(node.takeActivities().first)
    node.wait(500)
    try node.turn("a")
    #expect(node.take() == [.cancelActivity(first.ticket)], "the function may still run")
    #expect(node.dispatcher.nextDeadline == 3_500)
    node.wait(1_999)
    #expect(node.take().isEmpty)
    node.wait(1)
    #expect(node.takeActivities().map { $0.key.action } == [2])
    #expect(!node.ends(first), "whenever it answers")
    #expect(node.take().isEmpty)
  }

  @Test func itsAnswerFreesTheSlotAtOnce() throws {
    let node = try Self.working(2) { $0.startToCloseMS = 500 }
    let first = try #require(node.takeActivities().first)
    node.wait(500)
    try node.turn("a")
    #expect(!node.ends(first))
    #expect(node.takeActivities().map { $0.key.action } == [2])
  }

  @Test func withoutGraceTheSlotIsFreeAtOnce() throws {
    let node = try Self.working(2, grace: 0) { $0.startToCloseMS = 500 }
    _ = node.takeActivities()
    node.wait(500)
    try node.turn("a")
    node.wait(0)
    #expect(node.takeActivities().map { $0.key.action } == [2])
  }

  @Test func anOldAnswerDoesNotEndTheNextAttempt() throws {
    let node = try Self.working(slots: 2) {
      $0.startToCloseMS = 500
      $0.retry = .fixed(100)
    }
    let first = try #require(node.takeActivities().first)
    node.wait(500)
    node.effects.removeAll { if case .cancelActivity = $0 { true } else { false } }
    node.wrote(try node.takeWrite(), .done)
    node.wait(100)
    let second = try RetryFlowTests.reclaim(node, first.again())
    #expect(!node.ends(first, .completed(Payload("1"))))
    #expect(!node.beats(first, "1"))
    #expect(!node.deferred(first))
    #expect(node.take().isEmpty)
    #expect(node.ends(second, .completed(Payload("2"))))
    #expect(try node.runs("a").events.last?.kind == .activityCompleted(action: 1, result: Payload("2")))
  }

  @Test func theDeadlinesOfAnEndedAttemptAreSilent() throws {
    let node = try Self.working { $0.startToCloseMS = 500 }
    node.ends(try #require(node.takeActivities().first))
    node.wait(500)
    let request = try node.runs("a", [.waiting])
    #expect(request.events.map { $0.kind } == [.activityCompleted(action: 1, result: .null)])
    try node.lands(try node.takeWrite())
    node.wait(60_000)
    #expect(node.take().isEmpty)
  }

  @Test func stoppingStillKeepsTime() throws {
    let node = try Self.working { $0.startToCloseMS = 500 }
    let task = try #require(node.takeActivities().first)
    try node.drains(grace: 60_000)
    node.wait(500)
    #expect(node.effects.first == .cancelActivity(task.ticket))
    let write = try node.takeWrite()
    guard case .activityEnded(task.key, _, .failed(let failure)) = write else { throw Surprise("\(write)") }
    #expect(failure.type == FailureType.timeout)
    _ = node.take()
    node.wrote(write, .done)
    #expect(node.take().isEmpty, "it has been told to end, and may clean up")
    node.ends(task)
    #expect(node.take() == [.stopped])
  }

  @Test func aTimedOutResultIsNotGivenBackWithWhatWeDoNotHold() throws {
    let node = try Self.working { $0.startToCloseMS = 500 }
    let task = try #require(node.takeActivities().first)
    node.dispatcher.storeChanged(now: node.now, byOthers: false)
    for write in node.takeWrites() {
      if case .claimActivities = write { node.wrote(write, RetryFlowTests.busy) }
    }
    node.wait(1_000)
    let claim = try #require(task.claim)
    #expect(node.takeWrites().contains(.releaseUnheldActivities(held: [task.key: claim])))
  }
}
