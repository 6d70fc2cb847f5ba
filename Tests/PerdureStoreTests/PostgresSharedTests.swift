import Foundation
import PerdureModel
import PerdureStore
import PerdureStorePostgres
import PerdureStoreSQL
import Synchronization
import Testing

/// A body on a thread of its own, and what it threw.
private final class Side: Sendable {
  private let failure = Mutex<String?>(nil)
  private let end = DispatchSemaphore(value: 0)
  private let isOver = Atomic(false)

  init(_ body: @escaping @Sendable () throws -> Void) {
    let thread = Thread { [self] in
      do { try body() } catch { failure.withLock { $0 = "\(error)" } }
      isOver.store(true, ordering: .releasing)
      end.signal()
    }
    thread.stackSize = 4 << 20
    thread.start()
  }

  var hasEnded: Bool { isOver.load(ordering: .acquiring) }

  /// Waits for its end.
  func join() throws {
    try #require(end.wait(timeout: .now() + 120) == .success)
    #expect(failure.withLock { $0 } == nil)
  }
}

@Suite("PostgreSQL: several write at once", .enabled(if: PostgresServer.url != nil))
struct PostgresSharedTests {
  private static let now = SharedLoad.now

  private func start(_ instance: InstanceID, _ orchestration: String = "order") -> StoreEntry {
    .start(
      InstanceStart(instance: instance, orchestration: orchestration, input: .null), owner: nil, now: Self.now
    )
  }

  private func post(_ name: String, to instance: InstanceID) -> StoreEntry {
    let kind = MessageKind.raised(channel: .event, name: name, data: .null)
    return .post(OutgoingMessage(to: instance, kind: kind), now: Self.now)
  }

  /// Writes messages that must all land.
  private func send(_ entries: [StoreEntry], _ store: PostgresStore) throws {
    for outcome in try store.commit(entries) {
      guard case .success(.posted) = outcome else { throw SharedLoad.Wrong("\(outcome)") }
    }
  }

  /// Writes a group that must be answered so.
  private func write(_ entries: [StoreEntry], _ store: PostgresStore, _ expected: [StoreOutcome]) throws {
    #expect(try store.commit(entries) == expected)
  }

  // MARK: A transaction in the middle of which one can wait

  /// From here on whoever inserts a row for which the condition holds waits there until `open`.
  private func gate(_ store: PostgresStore, _ table: String, when condition: String) throws {
    try store.run("CREATE TABLE IF NOT EXISTS gate(open INTEGER)")
    try store.run(
      """
      CREATE OR REPLACE FUNCTION wait_at_gate() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
      AS $$
      BEGIN
        WHILE NOT EXISTS(SELECT 1 FROM gate) LOOP PERFORM pg_sleep(0.005); END LOOP;
        RETURN NEW;
      END $$
      """)
    try store.run(
      """
      CREATE TRIGGER gate BEFORE INSERT ON \(table) FOR EACH ROW WHEN (\(condition))
      EXECUTE FUNCTION wait_at_gate()
      """)
  }

  private func open(_ store: PostgresStore) throws { try store.run("INSERT INTO gate VALUES(1)") }

  /// Until as many sessions as that are for what the condition says (of `pg_stat_activity`).
  private func wait(_ store: PostgresStore, until count: Int, are condition: String, of name: String) throws {
    let deadline = Date(timeIntervalSinceNow: 60)
    while try store.run(
      "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE $1 AND \(condition)", name + "%")
      != [String(count)]
    {
      try #require(Date() < deadline)
    }
  }

  private static let isAtGate = "wait_event = 'PgSleep'"
  private static let isAtLock = "wait_event_type = 'Lock'"

  /// Stores on one schema, whose sessions go by names of their own.
  private func stores(_ count: Int, _ options: String = "") throws -> (stores: [PostgresStore], name: String)
  {
    let name = "n" + UUID().uuidString.lowercased()
    let url = try PostgresServer.newURL(options)
    let stores = try (0..<count).map { try PostgresStore.open(url: url + "&application_name=\(name)-\($0)") }
    return (stores, name)
  }

  // MARK: Tests

  @Test("a group is committed while another one is in the middle of its transaction")
  func overlap() throws {
    let (stores, name) = try stores(2)
    let (one, other) = (stores[0], stores[1])
    defer { for store in stores { store.close() } }
    #expect(try one.commit([start("a"), start("b")]) == [.success(.done), .success(.done)])
    try gate(one, "inbox", when: "NEW.json LIKE '%slow%'")
    let slow = Side { try send([post("slow", to: "a"), post("x", to: "a")], one) }
    try wait(other, until: 1, are: Self.isAtGate, of: name)
    try send([post("quick", to: "b")], other)
    #expect(try other.commit([start("c")]) == [.success(.done)])
    // Who wants the same instance waits for it, and comes later.
    let next = Side { try send([post("next", to: "a")], other) }
    try wait(stores[0], until: 1, are: Self.isAtLock, of: name)
    #expect(!slow.hasEnded)
    #expect(!next.hasEnded)
    try open(other)
    try slow.join()
    try next.join()
    let names = try other.inbox(of: "a", after: 0).map { message in
      if case .raised(_, let name, _) = message.kind { name } else { "" }
    }
    #expect(names == ["slow", "x", "next"])
  }

  @Test(
    "what looks at more than its instances waits until it is alone",
    arguments: [
      .publish(Publication(topic: "t", data: .null), now: now),
      .control("b", .suspend, reason: "", now: now),
      .delete("b", force: true),
      .setRetention(RetentionRule(orchestration: "order", keepMS: 1_000, statuses: [.completed])),
      .post(
        OutgoingMessage(to: "nobody", kind: .raised(channel: .event, name: "n", data: .null), isKept: true),
        now: now),
    ] as [StoreEntry])
  func alone(entry: StoreEntry) throws {
    let (stores, name) = try stores(2)
    let (one, other) = (stores[0], stores[1])
    defer { for store in stores { store.close() } }
    #expect(try one.commit([start("a"), start("b")]) == [.success(.done), .success(.done)])
    try gate(one, "inbox", when: "NEW.json LIKE '%slow%'")
    let slow = Side { try send([post("slow", to: "a")], one) }
    try wait(other, until: 1, are: Self.isAtGate, of: name)
    let alone = Side {
      let outcomes = try other.commit([entry])
      guard case .success = outcomes.first else { throw SharedLoad.Wrong("\(outcomes)") }
    }
    try wait(one, until: 1, are: Self.isAtLock, of: name)
    #expect(!alone.hasEnded)
    try open(one)
    try slow.join()
    try alone.join()
  }

  @Test("of two who start an id at the same time one does, and the other is told")
  func clash() throws {
    let (stores, name) = try stores(2)
    let (one, other) = (stores[0], stores[1])
    defer { for store in stores { store.close() } }
    try gate(one, "instances", when: "NEW.id = 'slow'")
    let slow = Side {
      try write([start("a"), start("slow")], one, [.success(.done), .success(.done)])
    }
    try wait(other, until: 1, are: Self.isAtGate, of: name)
    let late = Side {
      try write([start("b"), start("a")], other, [.success(.done), .failure(.alreadyExists(.pending))])
    }
    try wait(one, until: 1, are: Self.isAtLock, of: name)
    try open(one)
    try slow.join()
    try late.join()
    #expect(try one.statusCounts(of: "order").map(\.count) == [3])
  }

  @Test("of two who wait for each other one begins anew, and nobody notices")
  func deadlock() throws {
    let (stores, name) = try stores(2, "&options=-cdeadlock_timeout%3D50ms")
    let (one, other) = (stores[0], stores[1])
    defer { for store in stores { store.close() } }
    try gate(
      one, "instances",
      when: "right(current_setting('application_name'), 2) || NEW.id IN ('-0b', '-1a')")
    let sides = Results()
    let first = Side { sides.add(try one.commit([start("a"), start("b")])) }
    let second = Side { sides.add(try other.commit([start("b"), start("a")])) }
    try wait(one, until: 2, are: Self.isAtGate, of: name)
    try open(one)
    try first.join()
    try second.join()
    let done: [StoreOutcome] = [.success(.done), .success(.done)]
    let taken: [StoreOutcome] = Array(repeating: .failure(.alreadyExists(.pending)), count: 2)
    #expect(sides.all.withLock { $0 == [done, taken] || $0 == [taken, done] })
    #expect(try one.statusCounts(of: "order").map(\.count) == [2])
  }

  private final class Results: Sendable {
    let all = Mutex<[[StoreOutcome]]>([])
    func add(_ outcomes: [StoreOutcome]) { all.withLock { $0.append(outcomes) } }
  }

  @Test("a claim leaves what others have their hands on to them, but not for ever")
  func claims() throws {
    let (stores, name) = try stores(2)
    let (one, other) = (stores[0], stores[1])
    defer { for store in stores { store.close() } }
    let node = try other.join(serving: NodeService(orchestrations: ["order"]))
    #expect(try one.commit([start("a"), start("b")]) == [.success(.done), .success(.done)])
    try gate(one, "inbox", when: "NEW.json LIKE '%slow%'")
    let slow = Side { try send([post("slow", to: "a")], one) }
    try wait(other, until: 1, are: Self.isAtGate, of: name)
    let claim = StoreEntry.claimInstances(node: node, orchestrations: ["order"], limit: 5, now: Self.now)
    #expect(try other.commit([claim]) == [.success(.instances(["b"]))])
    for _ in 0..<3 { #expect(try other.commit([claim]) == [.success(.instances([]))]) }
    let patient = Side { try write([claim], other, [.success(.instances(["a"]))]) }
    try wait(one, until: 1, are: Self.isAtLock, of: name)
    #expect(!patient.hasEnded)
    try open(one)
    try slow.join()
    try patient.join()
  }

  @Test("with shared_writes=off each group is alone")
  func off() throws {
    let (stores, name) = try stores(2, "&shared_writes=off")
    let (one, other) = (stores[0], stores[1])
    defer { for store in stores { store.close() } }
    #expect(try one.commit([start("a"), start("b")]) == [.success(.done), .success(.done)])
    try gate(one, "inbox", when: "NEW.json LIKE '%slow%'")
    let slow = Side { try send([post("slow", to: "a")], one) }
    try wait(other, until: 1, are: Self.isAtGate, of: name)
    let next = Side { try send([post("next", to: "b")], other) }
    try wait(one, until: 1, are: Self.isAtLock, of: name)
    try open(one)
    try slow.join()
    try next.join()
  }

  @Test("everything that was acknowledged is there, once and in order", arguments: [1, 2] as [UInt64])
  func load(seed: UInt64) throws {
    // Crossing starts are found out at once.
    let url = try PostgresServer.newURL("&options=-cdeadlock_timeout%3D20ms")
    let store = try PostgresStore.open(url: url)
    defer { store.close() }
    let load = SharedLoad()
    try load.prepare(store)
    let read = Log()
    let reader = Side { try read.follow(url) }
    let groups = Extent.isFull ? 1_000 : 100
    let workers = (1...6 as ClosedRange<UInt64>).map { number in
      Side {
        let own = try PostgresStore.open(url: url)
        defer { own.close() }
        let node = try own.join(serving: NodeService())
        var worker = SharedWorker(load: load, store: own, node: node, state: seed &* 1_000 &+ number)
        try worker.run(groups)
      }
    }
    for worker in workers { try worker.join() }
    read.isOver.store(true, ordering: .releasing)
    try reader.join()
    try load.check(store)
    let accepted = load.noted.withLock { $0.accepted[SharedLoad.log] ?? [] }
    #expect(
      read.sequences.withLock { $0 } == accepted.sorted(), "whoever reads on from the last has them all")
  }

  /// What somebody reads of an inbox who asks for what came after the last one that he has seen.
  private final class Log: Sendable {
    let sequences = Mutex<[MessageSequence]>([])
    let isOver = Atomic(false)

    func follow(_ url: String) throws {
      let store = try PostgresStore.open(url: url)
      defer { store.close() }
      var isLast = false
      while !isLast {
        isLast = isOver.load(ordering: .acquiring)
        let last = sequences.withLock { $0.last ?? 0 }
        let found = try store.inbox(of: SharedLoad.log, after: last).map(\.sequence)
        sequences.withLock { $0 += found }
      }
    }
  }
}
