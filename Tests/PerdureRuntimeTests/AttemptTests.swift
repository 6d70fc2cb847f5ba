import PerdureClient
import PerdureModel
import PerdureRuntime
import PerdureStore
import Testing

/// Activities at hosts: being told to end, telling of progress, ending elsewhere.
@Suite struct AttemptTests {
  let bed = try! Bed()
  var client: Client { bed.client }

  static func name(_ answer: TicketAnswer) -> String { String("\(answer)".prefix { $0 != "(" }) }

  /// A runtime that has handed out the activity of "a", whose code waits for "go" too.
  func working(
    settings: RuntimeSettings = RuntimeSettings(), _ change: (inout ActivityOptions) -> Void = { _ in }
  ) throws -> (Runtime, ActivityTicket) {
    let runtime = try bed.runtime(settings: settings)
    try bed.start("a")
    try bed.runs(runtime, [.work(change), .wait("go")])
    return (runtime, try bed.activity(runtime))
  }

  /// The code gives the activity up.
  func cancel(_ runtime: Runtime) throws {
    try bed.send(.event, "go", to: "a", .null)
    try bed.runs(runtime, [.cancel(target: 1), .wait("go")])
  }

  // MARK: Being told

  @Test func theListenerIsCalledOnce() throws {
    let (runtime, ticket) = try working()
    let calls = Collected<Void>()
    #expect(ticket.onCancel { calls.add(()) })
    #expect(!ticket.onCancel { calls.add(()) }, "one only")
    #expect(!ticket.isCancelled)
    try cancel(runtime)
    calls.wait(for: 1)
    #expect(ticket.isCancelled)
    #expect(try control(.terminate) == .terminated)
    #expect(Self.name(ticket.end(.completed(.null))) == "stale")
    #expect(calls.all.count == 1)
  }

  @Test func aListenerThatComesLaterIsCalledAtOnce() throws {
    let (runtime, ticket) = try working()
    try cancel(runtime)
    try bed.wait { ticket.isCancelled }
    let calls = Collected<Void>()
    #expect(ticket.onCancel { calls.add(()) })
    #expect(calls.all.count == 1)
  }

  @Test func aListenerOfAnAnsweredTicketIsNotTaken() throws {
    let (_, ticket) = try working()
    let calls = Collected<Void>()
    #expect(Self.name(ticket.end(.completed(.null))) == "taken")
    #expect(!ticket.onCancel { calls.add(()) })
    #expect(try control(.terminate) == .terminated)
    #expect(calls.all.isEmpty && !ticket.isCancelled)
  }

  @Test func pollsTellOfWhatIsNoLongerWantedOnce() throws {
    let (runtime, ticket) = try working()
    runtime.watch(ticket, as: 77)
    try cancel(runtime)
    let told = runtime.poll(turnsMax: 0, activitiesMax: 1, timeoutMS: 30_000)
    #expect(told.cancelled == [77] && told.activities.isEmpty)
    #expect(runtime.poll(turnsMax: 0, activitiesMax: 1, timeoutMS: 0).cancelled.isEmpty)
  }

  @Test func aPollThatTakesNoActivitiesIsNotToldOfThem() throws {
    let (runtime, ticket) = try working()
    runtime.watch(ticket, as: 77)
    try cancel(runtime)
    try bed.wait { ticket.isCancelled }
    #expect(runtime.poll(turnsMax: 1, activitiesMax: 0, timeoutMS: 0).cancelled.isEmpty)
    #expect(runtime.poll(turnsMax: 0, activitiesMax: 1, timeoutMS: 30_000).cancelled == [77])
  }

  func control(_ verb: ControlVerb) throws -> InstanceStatus {
    try ClientTests.control(client, "a", verb)
  }

  // MARK: Deadlines

  @Test func theTicketKnowsItsDeadline() throws {
    let before = bed.hub.clock.now()
    let (_, ticket) = try working {
      $0.startToCloseMS = 50_000
      $0.scheduleToCloseMS = 90_000
    }
    let deadline = try #require(ticket.deadline)
    #expect((before + 50_000...bed.hub.clock.now() + 50_000).contains(deadline))
    #expect(try working2().deadline == nil)
  }

  private func working2() throws -> ActivityTicket {
    let runtime = try bed.runtime(["other"])
    try bed.start("b", "other")
    try bed.runs(runtime, [.work()])
    return try bed.activity(runtime)
  }

  @Test func anAttemptThatRunsOutOfTimeIsTriedAgain() throws {
    let (runtime, ticket) = try working {
      $0.startToCloseMS = 20
      $0.retry = RetryPolicy()
      $0.retry?.backoff = .none
    }
    let again = try bed.activity(runtime)
    #expect(ticket.isCancelled)
    #expect(again.task.attempt == 2 && again.task.failures == 1)
    #expect(again.task.lastFailure?.type == FailureType.timeout)
    #expect(Self.name(ticket.end(.completed(Payload("1")))) == "stale")
    try bed.wait { try bed.store.activities(of: "a").first?.failures != 1 }
  }

  @Test func theNextAttemptWaitsForTheSlotOfOneThatStillRuns() throws {
    var settings = RuntimeSettings()
    settings.activitySlots = 1
    let (runtime, ticket) = try working(settings: settings) {
      $0.startToCloseMS = 20
      $0.retry = RetryPolicy()
      $0.retry?.backoff = .none
    }
    // Failed, and claimed anew.
    try bed.wait {
      try bed.store.activities(of: "a").first.map { $0.failures == 1 && $0.claim != nil } ?? false
    }
    #expect(ticket.isCancelled)
    #expect(runtime.poll(turnsMax: 0, activitiesMax: 1, timeoutMS: 50).activities.isEmpty)
    #expect(Self.name(ticket.end(.completed(.null))) == "stale")
    #expect(try bed.activity(runtime).task.attempt == 2)
  }

  // MARK: Progress

  @Test func detailsOfAHeartbeatReachTheNextAttempt() throws {
    let (runtime, ticket) = try working {
      $0.retry = RetryPolicy()
      $0.retry?.backoff = .none
    }
    #expect(ticket.task.lastHeartbeat == nil)
    #expect(Self.name(ticket.beat(Payload("1"))) == "taken")
    #expect(Self.name(ticket.beat(Payload("2"))) == "taken")
    #expect(Self.name(ticket.end(.failed(Failure(type: "T", message: "m")))) == "taken")
    #expect(Self.name(ticket.beat(Payload("3"))) == "isGone")
    let again = try bed.activity(runtime)
    #expect(again.task.attempt == 2 && again.task.lastHeartbeat == Payload("2"))
    #expect(again.task.lastFailure?.type == "T")
  }

  @Test func aHeartbeatOfWhatIsNotWantedIsStale() throws {
    let (runtime, ticket) = try working()
    try cancel(runtime)
    try bed.wait { ticket.isCancelled }
    #expect(Self.name(ticket.beat(.null)) == "stale")
  }

  @Test func afterTheRuntimeEverythingIsStale() throws {
    let (runtime, ticket) = try working()
    let stopped = Collected<Void>()
    try runtime.stop(graceMS: 0) { stopped.add(()) }
    stopped.wait(for: 1)
    #expect(ticket.isCancelled)
    #expect(Self.name(ticket.beat(.null)) == "stale")
    #expect(Self.name(ticket.defer()) == "stale")
    #expect(Self.name(ticket.end(.completed(.null))) == "isGone")
  }

  // MARK: Elsewhere

  /// The token that the activity hands on.
  func token(_ ticket: ActivityTicket) throws -> String {
    CompletionToken(key: ticket.task.key, token: try #require(ticket.task.claim?.token)).text
  }

  @Test func aDeferredAttemptIsCompletedByItsToken() throws {
    let (runtime, ticket) = try working()
    let token = try token(ticket)
    #expect(Self.name(ticket.defer()) == "taken")
    #expect(Self.name(ticket.end(.completed(.null))) == "isGone")
    try client.heartbeatActivity(token, Payload("1"))
    try client.completeActivity(token, .completed(Payload("9")))
    #expect(
      try bed.runs(runtime).events.map { $0.kind } == [.activityCompleted(action: 1, result: Payload("9"))])
    let late = try #require(throws: ClientError.self) {
      try client.completeActivity(token, .completed(.null))
    }
    guard case .stale = late else { throw late }
  }

  @Test func itsFailureIsRetried() throws {
    let (runtime, ticket) = try working {
      $0.retry = RetryPolicy()
      $0.retry?.backoff = .none
    }
    let token = try token(ticket)
    _ = ticket.defer()
    try client.heartbeatActivity(token, Payload("4"))
    try client.completeActivity(token, .failed(Failure(type: "T", message: "m")))
    let again = try bed.activity(runtime)
    #expect(again.task.attempt == 2 && again.task.lastFailure?.type == "T")
    #expect(again.task.lastHeartbeat == Payload("4"))
    #expect(throws: ClientError.self) { try client.completeActivity(token, .completed(.null)) }
    let second = try self.token(again)
    _ = again.defer()
    try client.completeActivity(second, .completed(Payload("5")))
    #expect(
      try bed.runs(runtime).events.map { $0.kind } == [.activityCompleted(action: 1, result: Payload("5"))])
  }

  /// The other side is fast: the deferral is still on its way.
  @Test func theTokenIsGoodBeforeTheDeferralIs() throws {
    let (runtime, ticket) = try working()
    try client.completeActivity(try token(ticket), .completed(Payload("9")))
    _ = ticket.defer()
    #expect(
      try bed.runs(runtime).events.map { $0.kind } == [.activityCompleted(action: 1, result: Payload("9"))])
  }

  // MARK: Limits

  @Test func limitsAreSetBeforeTheStart() throws {
    let runtime = try bed.runtime()
    #expect(throws: RuntimeError.self) { try runtime.limitActivity("work", ActivityLimits(concurrency: 1)) }
  }

  @Test func aLimitHolds() throws {
    let runtime = Runtime(hub: bed.hub, settings: RuntimeSettings())
    try runtime.registerOrchestration("order", version: .first, .poll)
    try runtime.registerActivity("work", .poll)
    try runtime.limitActivity("work", ActivityLimits(concurrency: 2))
    try runtime.start()
    try bed.start("a")
    try bed.runs(runtime, Array(repeating: .work(), count: 5))
    let two = [try bed.activity(runtime), try bed.activity(runtime)]
    #expect(runtime.poll(turnsMax: 0, activitiesMax: 9, timeoutMS: 0).activities.isEmpty)
    _ = two[0].end(.completed(.null))
    try bed.runs(runtime)
    _ = try bed.activity(runtime)
    #expect(runtime.poll(turnsMax: 0, activitiesMax: 9, timeoutMS: 0).activities.isEmpty)
    let stopped = Collected<Void>()
    try runtime.stop(graceMS: 0) { stopped.add(()) }
    stopped.wait(for: 1)
  }

  // MARK: Why nothing happens

  @Test func aTagThatNobodyServesIsSaid() throws {
    let runtime = try bed.runtime()
    try bed.start("a")
    try bed.runs(runtime, [.work { $0.tag = "gpu" }])
    try bed.wait { try !bed.store.activities(of: "a").isEmpty }
    let reason = client.pendingReason(try client.describe("a"))
    #expect(reason == "no living runtime takes activity 'work' with tag 'gpu'; it is run when one does")
    var settings = RuntimeSettings()
    settings.activityTags = ["gpu"]
    let other = try bed.runtime(["far"], settings: settings)
    #expect(try bed.activity(other).task.options.tag == "gpu")
    #expect(client.pendingReason(try client.describe("a")) == nil)
  }

  @Test func sessionsStayWithOneRuntime() throws {
    let one = try bed.runtime()
    try bed.start("a")
    try bed.runs(one, [.work { $0.session = "s" }, .wait("go")])
    let first = try bed.activity(one)
    _ = try bed.runtime(["far"])
    _ = first.end(.completed(.null))
    try bed.runs(one, [.work { $0.session = "s" }, .work { $0.session = "s" }])
    #expect(try bed.activity(one).task.options.session == "s")
    #expect(try bed.activity(one).task.options.session == "s")
  }
}
