import PerdureModel
import PerdureStore
import PerdureStoreSQL
import PerdureStoreSQLite
import Testing

@Suite("SQLite: rows")
struct SQLiteRowTests {
  let fixture: SQLiteFixture

  init() throws { fixture = try SQLiteFixture() }

  @Test("an instance that uses nothing special runs no statement for what it does not use")
  func plainInstance() throws {
    let store = try fixture.open()
    defer { store.close() }
    let node = try store.join(serving: NodeService())
    let before = try store.rareStatements()
    let claim = ActivityClaim(node: node, token: 1)
    var second = turn(revision: 1, events: 3...3, .running, owner: node)
    second.finished = [FinishedActivity(action: 1, claim: claim)]
    var last = turn(revision: 2, events: 4...4, .completed, owner: node)
    last.consumed = [1]
    let go = MessageKind.raised(channel: .event, name: "go", data: .null)
    let outcomes = try store.commit([
      fixture.start("a", owner: node), fixture.firstTurn("a", owner: node), .turn(second),
      .post(OutgoingMessage(to: "a", kind: go), now: fixture.now), .turn(last),
    ])
    #expect(outcomes.allSatisfy { $0.isSuccess })
    #expect(try store.load("a")?.description.status == .completed)
    // Once in a transaction with starts; all else is in the statements that are prepared at open.
    let used = try store.rareStatements().subtracting(before)
    #expect(used == ["SELECT 1 FROM kept LIMIT 1"])
  }

  private func turn(
    revision: Revision, events: ClosedRange<EventID>, _ status: InstanceStatus, owner: NodeID
  ) -> TurnCommit {
    TurnCommit(
      instance: "a", revision: revision, now: fixture.now, execution: 1,
      events: events.map { Event(id: $0, at: fixture.now, kind: .timerFired(action: 1)) }, status: status,
      orchestrationVersion: "1.0.0", owner: owner)
  }

  @Test("an activity that cannot be read holds up neither claims nor time limits of others")
  func damagedActivity() throws {
    let store = try fixture.open()
    defer { store.close() }
    let node = try store.join(serving: NodeService())
    for instance in ["a", "b"] {
      _ = try store.commit([fixture.start(instance), limited(instance)])
    }
    try fixture.execute(
      "UPDATE activities SET options = '{\"retry\":7}' WHERE instance = 1", on: fixture.path)
    let filter = ActivityFilter(names: ["Charge"])
    let claimed = try store.commit([.claimActivities(node: node, filter: filter, limit: 5, now: fixture.now)])
    guard case .success(.activities(let tasks, let damaged, _)) = claimed.first else {
      return #expect(Bool(false), "\(claimed)")
    }
    #expect(tasks.map(\.key.instance) == ["b"])
    #expect(damaged.map(\.instance) == ["a"])
    #expect(try store.describe("a")?.status == .quarantined)
    #expect(try store.describe("a")?.failure?.message == damaged.first?.message)
    let claims = tasks.compactMap { task in task.claim.map { ClaimedActivity(key: task.key, claim: $0) } }
    let later = fixture.now + 5_000
    let ended = try store.commit([.releaseActivities(claims), .expireActivities(limit: 5, now: later)])
    guard case .success(.delivered(let deliveries)) = ended.last else {
      return #expect(Bool(false), "\(ended)")
    }
    #expect(deliveries.map(\.instance) == ["b"])
    let refusal = #expect(throws: StoreError.self) { try store.activities(of: "a") }
    #expect(refusal?.code == .corrupt)
    for word in ["activity 1", "instance a", fixture.path] {
      #expect(refusal?.message.contains(word) == true, "\(refusal?.message ?? "")")
    }
  }

  @Test("activities that cannot be read do not hide those behind them whose time is over")
  func damagedPage() throws {
    let store = try fixture.open()
    defer { store.close() }
    for instance in ["a", "b", "c", "d"] {
      _ = try store.commit([fixture.start(instance), limited(instance)])
    }
    try fixture.execute("UPDATE activities SET input = '{' WHERE instance <= 3", on: fixture.path)
    let expired = try store.commit([.expireActivities(limit: 2, now: fixture.now + 5_000)])
    guard case .success(.delivered(let deliveries)) = expired.first else {
      return #expect(Bool(false), "\(expired)")
    }
    #expect(deliveries.map(\.instance) == ["d"])
    for instance in ["a", "b", "c"] { #expect(try store.describe(instance)?.status == .quarantined) }
  }

  @Test(
    "a row that cannot be read shows as quarantined, can be made so, and can be removed",
    arguments: [
      "status = 'Odd'", "custom_status = '{'", "failure = 'x'", "revision = 9223372036854775807",
      "created_at = -9223372036854775807", "execution = 9223372036854775807", "start = CAST(x'ff00' AS TEXT)",
    ])
  func damagedRow(_ damage: String) throws {
    let store = try fixture.open()
    defer { store.close() }
    for instance in ["a", "b"] { _ = try store.commit([fixture.start(instance)]) }
    try fixture.execute("UPDATE instances SET \(damage) WHERE id = 'a'", on: fixture.path)
    let fault = #expect(throws: StoreError.self) { try store.load("a") }
    #expect(fault?.code == .corrupt)
    #expect(fault?.message.contains("instance a") == true)
    #expect(try store.list(ListQuery()).instances.map(\.instance) == ["a", "b"])
    let row = try #require(try store.describe("a"))
    #expect(damage.hasPrefix("start") || row.status == .quarantined)
    let failure = Failure(type: FailureType.corruptHistory, message: fault?.message ?? "")
    let quarantined = try store.commit([
      .quarantine("a", revision: row.revision, failure: failure, now: fixture.now)
    ])
    #expect(quarantined.allSatisfy { $0.isSuccess }, "\(quarantined)")
    #expect(try store.describe("a")?.failure != nil)
    #expect(try store.commit([.delete("a", force: true)]).allSatisfy { $0.isSuccess })
    #expect(try store.list(ListQuery()).instances.map(\.instance) == ["b"])
  }

  /// A first turn whose activity must begin within five seconds.
  private func limited(_ instance: InstanceID) -> StoreEntry {
    guard case .turn(var commit) = fixture.firstTurn(instance) else { return fixture.firstTurn(instance) }
    for index in commit.scheduled.indices {
      commit.scheduled[index].options.scheduleToStartMS = 5_000
      commit.scheduled[index].scheduledAt = fixture.now
    }
    return .turn(commit)
  }

  @Test("what is due is found among many that sleep, whatever the priorities", arguments: [0, 5] as [Int64])
  func manyAsleep(priority: Int64) throws {
    let store = try fixture.open()
    defer { store.close() }
    let node = try store.join(serving: NodeService())
    var entries: [StoreEntry] = []
    for index in 0..<2_000 {
      var options = StartOptions()
      options.startAt = fixture.now + 1_000_000
      options.priority = Int64(index % 3)
      let start = InstanceStart(
        instance: "asleep-\(index)", orchestration: "Order", input: .null, options: options)
      entries.append(.start(start, owner: nil, now: fixture.now))
    }
    var options = StartOptions()
    options.priority = priority
    let due = InstanceStart(instance: "due", orchestration: "Order", input: .null, options: options)
    entries.append(.start(due, owner: nil, now: fixture.now))
    _ = try store.commit(entries)
    let claim = StoreEntry.claimInstances(
      node: node, orchestrations: ["Order"], limit: 100, now: fixture.now)
    let claimed = try store.commit([claim])
    #expect(claimed == [.success(.instances(["due"]))])
    let found = try store.dueInstances(ownedBy: node, now: fixture.now, limit: 9)
    #expect(found == ["due"])
    #expect(try store.nextDue(after: fixture.now) == fixture.now + 1_000_000)
  }
}
