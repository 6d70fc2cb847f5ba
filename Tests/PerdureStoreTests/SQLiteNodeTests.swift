import Foundation
import Glibc
import PerdureModel
import PerdureStore
import PerdureStoreSQL
import PerdureStoreSQLite
import Testing

@Suite("SQLite: nodes and other processes")
struct SQLiteNodeTests {
  let fixture: SQLiteFixture

  init() throws { fixture = try SQLiteFixture() }

  /// Joins as another process does: a row, and the lock on its byte.
  private static let joining = """
    import fcntl, sqlite3, sys
    connection = sqlite3.connect(sys.argv[1], isolation_level=None)
    connection.execute('BEGIN IMMEDIATE')
    node = connection.execute("INSERT INTO nodes(service, pid, host) VALUES('{}', 1, '')").lastrowid
    locks = open(sys.argv[1] + '-dxlock', 'r+b')
    fcntl.lockf(locks, fcntl.LOCK_EX, 1, node)
    connection.execute('UPDATE instances SET owner = ?', (node,))
    connection.execute('UPDATE activities SET node = ?, token = 1, phase = 1', (node,))
    connection.execute('COMMIT')
    print(node, flush=True)
    sys.stdin.read()
    """

  /// Keeps everybody else from writing.
  private static let holding = """
    import sqlite3, sys
    connection = sqlite3.connect(sys.argv[1], isolation_level=None)
    connection.execute('BEGIN IMMEDIATE')
    print('held', flush=True)
    sys.stdin.read()
    """

  private func claims(_ node: NodeID) -> [StoreEntry] {
    [
      .claimInstances(node: node, orchestrations: ["Other", "Order"], limit: 10, now: fixture.now),
      .claimActivities(node: node, filter: ActivityFilter(names: ["Charge"]), limit: 10, now: fixture.now),
    ]
  }

  @Test("what a killed process held is open to others as soon as somebody looks")
  func killedProcess() throws {
    let store = try fixture.open()
    defer { store.close() }
    _ = try store.commit([fixture.start("new"), fixture.start("a"), fixture.firstTurn("a")])
    let other = try OtherProcess(python: Self.joining, [fixture.path])
    let theirs = try #require(NodeID(other.line()))
    let ours = try store.join(serving: NodeService())
    #expect(ours > theirs)
    #expect(try store.reapNodes() == 0)
    #expect(try store.commit(claims(ours)) == [.success(.instances([])), .success(.activities([]))])
    #expect(try store.load("new")?.owner == theirs)
    other.kill()
    #expect(try store.load("new")?.owner == theirs)
    #expect(try store.reapNodes() == 1)
    #expect(try store.load("new")?.owner == nil)
    let outcomes = try store.commit(claims(ours))
    #expect(outcomes.first == .success(.instances(["new"])))
    guard case .success(.activities(let tasks, _, _)) = outcomes.last else {
      return #expect(Bool(false), "\(outcomes)")
    }
    #expect(tasks.map(\.claim) == [ActivityClaim(node: ours, token: 2)])
    #expect(tasks.map(\.attempt) == [2])
  }

  @Test("all go by the clock that is furthest ahead, until the machine is started anew")
  func sharedTime() throws {
    let stores = [try fixture.open(), try fixture.open()]
    let times = try stores.map { try #require($0.sharedTime) }
    #expect(times[0].agree(-5) == -5)
    #expect(times[1].agree(-7) == -5)
    #expect(times[1].agree(9) == 9)
    #expect(times[0].agree(1) == 9)
    for store in stores { store.close() }
    let later = try fixture.open()
    defer { later.close() }
    let time = try #require(later.sharedTime)
    #expect(time.agree(2) == 9, "it outlives the processes")
    let path = fixture.path + "-dxlock"
    var head = try Data(contentsOf: URL(fileURLWithPath: path))
    #expect(head.count == 16)
    head[0] ^= 1
    try head.write(to: URL(fileURLWithPath: path))
    #expect(time.agree(2) == 2, "of another boot")
    head[0] ^= 1
    head.replaceSubrange(8..., with: Data(repeating: 0x7f, count: 8))
    try head.write(to: URL(fileURLWithPath: path))
    #expect(time.agree(3) == 3, "of no year that a clock shows")
  }

  @Test("what was due by the time that all go by counts as lost, also when the system's clock was set back")
  func lostByAgreedTime() throws {
    let store = try fixture.open()
    defer { store.close() }
    let time = try #require(store.sharedTime)
    let system = time.now()
    var monotonic = timespec()
    clock_gettime(CLOCK_MONOTONIC, &monotonic)
    let hourMS: Int64 = 3_600_000
    _ = time.agree((system + hourMS) * 1_000_000 - Int64(monotonic.tv_sec) * 1_000_000_000)
    #expect(time.now() >= system + hourMS)
    guard case .start(var start, _, _) = fixture.start("a") else { return #expect(Bool(false)) }
    start.options.startAt = system + hourMS / 2
    let node = try store.join(serving: NodeService())
    let outcomes = try store.commit([
      .start(start, owner: nil, now: system),
      .claimInstances(node: node, orchestrations: ["Order"], limit: 1, now: system + hourMS),
    ])
    #expect(outcomes.last == .success(.instances(["a"])))
    store.abandon(node)
    #expect(try store.reapNodes() == 1)
    #expect(try store.load("a")?.lostTurns == 1)
  }

  @Test("a node that cannot say that it leaves is gone all the same")
  func failedLeave() throws {
    var settings = StoreSettings()
    settings.busyTimeoutMS = 20
    let store = try SQLiteStore.open(path: fixture.path, settings: settings)
    let other = try fixture.open()
    defer {
      store.close()
      other.close()
    }
    let node = try store.join(serving: NodeService())
    _ = try store.commit([fixture.start("a", owner: node)])
    let stranger = try OtherProcess(python: Self.holding, [fixture.path])
    #expect(stranger.line() == "held")
    #expect(throws: StoreError.self) { try store.leave(node) }
    stranger.kill()
    #expect(try other.reapNodes() == 1)
    #expect(try other.load("a")?.owner == nil)
  }

  @Test("opening reaps")
  func openingReaps() throws {
    let first = try fixture.open()
    _ = try first.commit([fixture.start("a")])
    let node = try first.join(serving: NodeService())
    _ = try first.commit(claims(node))
    first.close()
    let gone = try fixture.open()
    let other = try gone.join(serving: NodeService())
    #expect(other > node)
    #expect(try gone.load("a")?.owner == nil)
    gone.close()
  }

  @Test("two handles in one process see each other's nodes alive")
  func twoHandles() throws {
    let one = try fixture.open()
    let two = try fixture.open()
    let first = try one.join(serving: NodeService())
    let second = try two.join(serving: NodeService())
    #expect(try one.reapNodes() + two.reapNodes() == 0)
    #expect(
      try one.commit([fixture.start("a", owner: first), .claimInstance(node: second, instance: "a")]).last
        == .failure(.owned(first)))
    try one.leave(first)
    #expect(try two.commit([.claimInstance(node: second, instance: "a")]) == [.success(.instances(["a"]))])
    one.close()
    #expect(try two.reapNodes() == 0)
    #expect(try two.commit([fixture.start("b")]).allSatisfy { $0.isSuccess })
    two.close()
    let three = try fixture.open()
    defer { three.close() }
    #expect(try three.load("b") != nil)
  }

  @Test("a write of another process is told, one of our own is not", .timeLimit(.minutes(1)))
  func foreignWrites() async throws {
    let store = try fixture.open()
    defer { store.close() }
    let (told, teller) = AsyncStream.makeStream(of: Void.self)
    store.observeForeignWrites { teller.yield() }
    _ = try store.commit([fixture.start("ours")])
    // Time for the watcher to see our own write and keep quiet about it.
    try await Task.sleep(for: .milliseconds(200))
    let other = try OtherProcess(
      python: """
        import sqlite3, sys
        connection = sqlite3.connect(sys.argv[1], isolation_level=None)
        connection.execute('UPDATE instances SET wake_at = 5')
        """, [fixture.path])
    var tellings = told.makeAsyncIterator()
    let start = ContinuousClock.now
    await tellings.next()
    // The slow look would come after five seconds.
    #expect(ContinuousClock.now - start < .seconds(4))
    #expect(try store.nextDue(after: 0) == 5)
    _ = other.finish()
    store.observeForeignWrites(nil)
    teller.finish()
    var rest = 0
    for await _ in told { rest += 1 }
    #expect(rest <= 1)
  }

  @Test("many threads commit and read at once")
  func threads() async throws {
    let store = try fixture.open()
    defer { store.close() }
    await withTaskGroup(of: Int.self) { group in
      for worker in 0..<4 {
        let entries = (0..<50).map { index in
          let instance = "\(worker)-\(index)"
          return (instance: instance, group: [fixture.start(instance), fixture.firstTurn(instance)])
        }
        group.addTask {
          entries.count { entry in
            (try? store.commit(entry.group))?.allSatisfy(\.isSuccess) == true
              && (try? store.load(entry.instance))?.history.count == 2
          }
        }
      }
      #expect(await group.reduce(0, +) == 200)
    }
    #expect(try store.list(ListQuery(limit: 1_000)).instances.count == 200)
  }
}
