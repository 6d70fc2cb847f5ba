import PerdureModel
import PerdureStore
import PerdureStoreMemory
import Testing

@testable import PerdureClient
@testable import PerdureRuntime

/// Causes that are hard to bring about with real runtimes: rows made by hand.
@Suite struct WhyTests {
  let store = MemoryStore()
  let client: Client

  init() throws { client = Client(hub: try Hub(store: store) { _ in }) }

  func land(_ entry: StoreEntry) throws {
    let outcome = try store.commit([entry]).first
    guard case .success = outcome else {
      Issue.record("\(String(describing: outcome))")
      return
    }
  }

  /// An instance that waits for these activities.
  func open(_ tasks: [(name: String, options: ActivityOptions)]) throws {
    try land(
      .start(InstanceStart(instance: "a", orchestration: "order", input: .null), owner: nil, now: 1_000))
    var events = [
      Event(
        id: 1, at: 2_000,
        kind: .orchestrationStarted(name: "order", version: "1.0.0", input: .null, parent: nil))
    ]
    for (index, task) in tasks.enumerated() {
      let origin = Origin(action: Int64(index) + 1, after: 1)
      events.append(
        Event(
          id: Int64(index) + 2, at: 2_000,
          kind: .activityScheduled(origin, name: task.name, input: .null, options: task.options)))
    }
    var commit = TurnCommit(
      instance: "a", revision: 0, now: 2_000, execution: 1, events: events, status: .running,
      orchestrationVersion: "1.0.0", owner: nil)
    commit.scheduled = tasks.enumerated().map { index, task in
      ActivityTask(
        key: ActivityKey(instance: "a", execution: 1, action: Int64(index) + 1), orchestration: "order",
        name: task.name, input: .null, attempt: 1, visibleAt: 2_000, claim: nil, options: task.options,
        scheduledAt: 2_000)
    }
    try land(.turn(commit))
  }

  static let served = NodeService(orchestrations: ["order"], activities: ["pay"])

  @Test func aFreeSlot() throws {
    let node = try store.join(serving: Self.served)
    try open([("pay", ActivityOptions()), ("pay", ActivityOptions())])
    let why = try client.why("a")
    #expect(why.waitingFor.map(\.kind) == [.activityWaiting, .activityWaiting])
    #expect(why.waitingFor.first?.servedBy == [node])
    #expect(why.summary.contains("a free slot for activity 'pay' (2 of this name wait)"))
  }

  @Test func aSessionOfAnotherRuntime() throws {
    let holder = try store.join(serving: Self.served)
    _ = try store.join(serving: Self.served)
    var options = ActivityOptions()
    options.session = "s"
    try open([("pay", options), ("pay", options)])
    try land(.claimActivities(node: holder, filter: ActivityFilter(names: ["pay"]), limit: 1, now: 3_000))
    let why = try client.why("a")
    #expect(why.waitingFor.map(\.kind) == [.activityRunning, .activitySession])
    #expect(why.waitingFor.map(\.servedBy) == [[holder], [holder]])
  }

  @Test func aTag() throws {
    _ = try store.join(serving: Self.served)
    var options = ActivityOptions()
    options.tag = "gpu"
    try open([("pay", options)])
    let cause = try #require(try client.why("a").waitingFor.first)
    #expect(cause.kind == .activityUnserved)
    #expect(
      cause.advice
        == "Start a runtime that takes work with tag 'gpu': runtime 1 has the activity but not that tag.")
    #expect(
      client.pendingReason(try client.describe("a"))
        == "no living runtime takes activity 'pay' with tag 'gpu'; it is run when one does")
  }

  @Test func nobodyAtAll() throws {
    try open([("pay", ActivityOptions())])
    let why = try client.why("a")
    #expect(why.waitingFor.map(\.kind) == [.noRuntime, .activityUnserved])
    #expect(why.waitingFor.first?.advice.hasPrefix("No runtime is alive on this store") == true)
  }

  @Test func aQuarantine() throws {
    try open([])
    let failure = Failure(type: "perdure.Nondeterminism", message: "event 2 differs")
    try land(.quarantine("a", revision: 1, failure: failure, now: 5_000))
    let cause = try #require(try client.why("a").waitingFor.first)
    #expect(cause.kind == .quarantined)
    #expect(cause.releasedBy.contains("event 2 differs"))
    #expect(cause.since == 5_000)
  }

  @Test func aTurnThatIsDue() throws {
    let node = try store.join(serving: Self.served)
    try open([])
    let message = OutgoingMessage(to: "a", kind: .raised(channel: .event, name: "go", data: .null))
    try land(.post(message, now: 3_000))
    let why = try client.why("a")
    #expect(why.summary == "Instance 'a' waits for its next turn over 1 waiting message.")
    #expect(why.waitingFor.map(\.servedBy) == [[node]])
  }

  @Test func anEnd() throws {
    try open([])
    try land(.control("a", .terminate, reason: "", now: 3_000))
    #expect(try client.why("a") == Why(summary: "Instance 'a' has ended: it is Terminated."))
  }

  static let moments: [(Int64, String)] = [
    (0, "1970-01-01T00:00:00Z"), (951_782_400_000, "2000-02-29T00:00:00Z"),
    (1_795_258_494_794, "2026-11-21T10:54:54.794Z"), (4_107_542_399_000, "2100-02-28T23:59:59Z"),
    (4_107_542_400_000, "2100-03-01T00:00:00Z"), (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    (253_402_300_800_000, "253402300800000 ms"), (-1, "-1 ms"),
  ]

  @Test(arguments: moments) func momentsAreReadable(_ moment: Int64, _ text: String) {
    #expect(Moment.text(moment) == text)
  }
}
