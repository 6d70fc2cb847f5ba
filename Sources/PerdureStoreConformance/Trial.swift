import PerdureModel
import PerdureStore

/// A fresh store and the verbs in which the cases tell their stories. Every verb that is not about a refusal
/// throws if the store refuses.
struct Trial: Sendable {
  let fixture: any StoreFixture
  let store: any Store

  /// The same verbs on another handle.
  func on(_ store: any Store) -> Trial { Trial(fixture: fixture, store: store) }

  // MARK: Entries

  func outcome(_ entry: StoreEntry) throws -> StoreOutcome {
    let outcomes = try store.commit([entry])
    guard let outcome = outcomes.first, outcomes.count == 1 else {
      throw ConformanceFailure("answers to one entry", expected: "1", found: "\(outcomes.count)")
    }
    return outcome
  }

  @discardableResult
  func land(_ entry: StoreEntry) throws -> StoreReceipt {
    switch try outcome(entry) {
    case .success(let receipt): return receipt
    case .failure(let refusal):
      throw ConformanceFailure("an entry that should land", expected: "a receipt", found: "\(refusal)")
    }
  }

  func refuse(_ entry: StoreEntry, _ refusal: StoreRefusal, _ what: String) throws {
    try expect(try outcome(entry), .failure(refusal), what)
  }

  /// For entries whose refusal may have more than one reason.
  func refuse(_ entry: StoreEntry, _ what: String) throws {
    if case .success(let receipt) = try outcome(entry) {
      throw ConformanceFailure(what, expected: "a refusal", found: "\(receipt)")
    }
  }

  // MARK: Instances

  func start(
    _ instance: InstanceID, _ orchestration: String = "order", owner: NodeID? = nil, now: TimestampMS = 1_000
  ) throws {
    let start = InstanceStart(instance: instance, orchestration: orchestration, input: Payload("1"))
    try expect(try land(.start(start, owner: owner, now: now)), .done, "the receipt of a start")
  }

  /// Started, and its first turn done: running, with one event, not due, owned by `owner`.
  func run(_ instance: InstanceID, _ orchestration: String = "order", owner: NodeID? = nil) throws {
    try start(instance, orchestration)
    try turn(instance) { $0.owner = owner }
  }

  func end(_ instance: InstanceID, _ status: InstanceStatus = .completed) throws {
    try turn(instance) {
      $0.status = status
      $0.output = status == .completed ? Payload("\"done\"") : nil
    }
  }

  func row(_ instance: InstanceID) throws -> InstanceDescription {
    guard let row = try store.describe(instance) else {
      throw ConformanceFailure("describe '\(instance)'", expected: "a row", found: "nil")
    }
    return row
  }

  func snapshot(_ instance: InstanceID) throws -> InstanceSnapshot {
    guard let snapshot = try store.load(instance) else {
      throw ConformanceFailure("load '\(instance)'", expected: "a snapshot", found: "nil")
    }
    return snapshot
  }

  func inbox(_ instance: InstanceID) throws -> [InboxMessage] { try store.inbox(of: instance, after: 0) }

  /// The names of the waiting messages that were raised.
  func waiting(_ instance: InstanceID) throws -> [String] {
    try inbox(instance).compactMap {
      if case .raised(_, let name, _) = $0.kind { name } else { nil }
    }
  }

  @discardableResult
  func post(_ name: String, to instance: InstanceID, now: TimestampMS = 1_500) throws -> Delivery {
    let receipt = try land(.post(OutgoingMessage(to: instance, kind: .named(name)), now: now))
    guard case .posted(let delivery) = receipt else {
      throw ConformanceFailure("the receipt of a post", expected: "posted", found: "\(receipt)")
    }
    return delivery
  }

  // MARK: Turns

  /// A turn computed from the row as it stands, with `events` more events.
  func draft(_ instance: InstanceID, events: Int = 1, now: TimestampMS = 2_000) throws -> TurnCommit {
    let row = try row(instance)
    return TurnCommit(
      instance: instance, revision: row.revision, now: now, execution: row.execution,
      events: numbered(events, after: row.eventCount, at: now), status: .running,
      orchestrationVersion: "1.0.0", owner: nil)
  }

  @discardableResult
  func turn(
    _ instance: InstanceID, events: Int = 1, now: TimestampMS = 2_000,
    _ change: (inout TurnCommit) -> Void = { _ in }
  ) throws -> TurnReceipt {
    var commit = try draft(instance, events: events, now: now)
    change(&commit)
    return try land(commit)
  }

  @discardableResult
  func land(_ commit: TurnCommit) throws -> TurnReceipt {
    let receipt = try land(.turn(commit))
    guard case .turned(let turned) = receipt else {
      throw ConformanceFailure("the receipt of a turn", expected: "turned", found: "\(receipt)")
    }
    return turned
  }

  // MARK: Claims

  func claim(
    _ node: NodeID, _ orchestrations: [ServedOrchestration] = ["order"], limit: Int = 100,
    now: TimestampMS = 3_000
  ) throws -> [InstanceID] {
    let entry = StoreEntry.claimInstances(
      node: node, orchestrations: orchestrations, limit: limit, now: now)
    let receipt = try land(entry)
    guard case .instances(let instances) = receipt else {
      throw ConformanceFailure("the receipt of a claim", expected: "instances", found: "\(receipt)")
    }
    return instances
  }

  func claimTasks(
    _ node: NodeID, _ names: [String] = ["pay"], limit: Int = 100, now: TimestampMS = 3_000,
    _ change: (inout ActivityFilter) -> Void = { _ in }
  ) throws -> [ActivityTask] {
    var filter = ActivityFilter(names: names)
    change(&filter)
    let receipt = try land(.claimActivities(node: node, filter: filter, limit: limit, now: now))
    guard case .activities(let tasks, _, _) = receipt else {
      throw ConformanceFailure("the receipt of a claim", expected: "activities", found: "\(receipt)")
    }
    return tasks
  }

  /// Claims the one task there should be.
  func claimTask(_ node: NodeID, now: TimestampMS = 3_000) throws -> (
    task: ActivityTask, claim: ActivityClaim
  ) {
    let tasks = try claimTasks(node, now: now)
    guard let task = tasks.first, tasks.count == 1, let claim = task.claim else {
      throw ConformanceFailure(
        "the tasks that a node can claim", expected: "one, with a claim", found: "\(tasks)")
    }
    return (task, claim)
  }

  /// An instance with activity 1 (`pay`) scheduled.
  func runWithTask(
    _ instance: InstanceID, claim: ActivityClaim? = nil, _ change: (inout ActivityOptions) -> Void = { _ in }
  ) throws {
    try start(instance)
    try turn(instance) { $0.scheduled = [.sample(instance, 1, claim: claim, change)] }
  }

  func ended(_ key: ActivityKey, _ claim: ActivityClaim) -> StoreEntry {
    .activityEnded(key, claim: claim, outcome: .completed(Payload("7")), now: 4_000)
  }

  /// The process of the node is gone, and the store was told to look.
  func kill(_ node: NodeID) throws {
    guard try fixture.kill(node, in: store) else { throw CaseSkipped(reason: "no node can be killed") }
    _ = try store.reapNodes()
  }
}
