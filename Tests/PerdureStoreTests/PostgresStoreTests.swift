import Foundation
import PerdureModel
import PerdureStore
import PerdureStorePostgres
import PerdureStoreSQL
import PerdureStoreSQLite
import Testing

/// What of a PostgreSQL store the contract does not say.
@Suite("PostgreSQL: connections, nodes, schemas", .enabled(if: PostgresServer.url != nil))
struct PostgresStoreTests {
  private static let now: TimestampMS = 1_700_000_000_000

  private func start(_ instance: InstanceID, owner: NodeID? = nil) -> StoreEntry {
    .start(
      InstanceStart(instance: instance, orchestration: "Order", input: .null), owner: owner, now: Self.now)
  }

  /// A URL whose sessions go by a name of their own.
  private func namedURL(_ options: String = "") throws -> (url: String, name: String) {
    let name = "n" + UUID().uuidString.lowercased()
    return (try PostgresServer.newURL("&application_name=\(name)" + options), name)
  }

  /// Ends the server's side of all sessions of a name.
  private func terminate(_ name: String, _ store: PostgresStore) throws {
    try store.run(
      """
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE application_name = $1 AND pid <> pg_backend_pid()
      """, name)
  }

  private func refusal(of url: String) -> StoreError? {
    do {
      try PostgresStore.open(url: url).close()
      return nil
    } catch {
      return error
    }
  }

  @Test("calls go on when the server ends the sessions between them")
  func lostSessions() throws {
    let (url, name) = try namedURL()
    let store = try PostgresStore.open(url: url)
    defer { store.close() }
    for number in 0..<5 {
      let id = "order-\(number)"
      #expect(try store.commit([start(id)]) == [.success(.done)])
      try terminate(name, store)
      #expect(try store.load(id)?.description.status == .pending)
      try terminate(name, store)
    }
    #expect(try store.list(ListQuery()).instances.count == 5)
  }

  @Test("a node whose session is lost keeps what it has, if it comes back in time")
  func lostNode() throws {
    let (url, name) = try namedURL("&grace_ms=60000")
    let store = try PostgresStore.open(url: url)
    let other = try PostgresStore.open(url: url)
    defer {
      store.close()
      other.close()
    }
    let node = try store.join(serving: NodeService())
    #expect(try store.commit([start("a", owner: node)]) == [.success(.done)])
    try terminate(name, store)
    #expect(try other.reapNodes() == 0)
    #expect(try store.nodes().map(\.id) == [node])
    let mine = try other.join(serving: NodeService())
    let claim = StoreEntry.claimInstance(node: mine, instance: "a")
    #expect(try other.commit([claim]) == [.failure(.owned(node))])
  }

  @Test("a node that was taken for dead goes on with a row of its own")
  func takenNode() throws {
    let (url, name) = try namedURL("&grace_ms=0&lease_ms=1000")
    let store = try PostgresStore.open(url: url)
    let other = try PostgresStore.open(url: url)
    defer {
      store.close()
      other.close()
    }
    let node = try store.join(serving: NodeService(activities: ["pay"]))
    try terminate(name, store)
    #expect(try other.reapNodes() == 1)
    #expect(try other.nodes() == [])
    // It notices, as somebody listens.
    let told = DispatchSemaphore(value: 0)
    store.observeForeignWrites { told.signal() }
    while try other.nodes().map(\.id) != [node] {
      try #require(told.wait(timeout: .now() + 60) == .success)
    }
    #expect(try other.services() == [NodeService(activities: ["pay"])])
    #expect(try store.commit([start("a", owner: node)]) == [.success(.done)])
    #expect(try other.load("a")?.owner == node)
  }

  /// Two processes on one store.
  private func withTwo(
    _ options: String, _ body: (_ store: PostgresStore, _ other: PostgresStore) throws -> Void
  ) throws {
    let url = try PostgresServer.newURL(options)
    let store = try PostgresStore.open(url: url)
    let other = try PostgresStore.open(url: url)
    defer {
      store.close()
      other.close()
    }
    try body(store, other)
  }

  @Test("a node that cannot say that it leaves is gone all the same")
  func failedLeave() throws {
    try withTwo("&grace_ms=0") { store, other in
      let node = try store.join(serving: NodeService())
      try store.run("ALTER TABLE sessions RENAME TO away")
      #expect(throws: StoreError.self) { try store.leave(node) }
      try store.run("ALTER TABLE away RENAME TO sessions")
      #expect(try other.reapNodes() == 1)
    }
  }

  @Test("a node that shows no sign of life is gone when its lease ends")
  func lease() throws {
    try withTwo("&lease_ms=5000") { store, other in
      let node = try store.join(serving: NodeService())
      #expect(try other.reapNodes() == 0)
      try store.run("UPDATE nodes SET seen_at = seen_at - 6000 WHERE id = CAST($1 AS BIGINT)", String(node))
      #expect(try other.reapNodes() == 1)
    }
  }

  @Test("a write of another process is told at once, one of our own is not")
  func notifications() throws {
    let url = try PostgresServer.newURL()
    let store = try PostgresStore.open(url: url)
    let other = try PostgresStore.open(url: url)
    defer {
      store.close()
      other.close()
    }
    let told = DispatchSemaphore(value: 0)
    store.observeForeignWrites { told.signal() }
    _ = try store.commit([start("own")])
    // The net of the slow look comes after five seconds.
    #expect(told.wait(timeout: .now() + 1) == .timedOut)
    _ = try other.commit([start("other")])
    #expect(told.wait(timeout: .now() + 3) == .success)
    #expect(try store.load("other") != nil)
  }

  @Test("texts with NUL come back, and are told apart from those without")
  func nul() throws {
    let store = try PostgresStore.open(url: PostgresServer.newURL())
    defer { store.close() }
    let ids = ["a", "a\u{0}", "a\u{0}b", "a\u{1}", "a\u{1}\u{1}", "a\u{2}", "ab"]
    for id in ids.reversed() { #expect(try store.commit([start(id)]) == [.success(.done)]) }
    for id in ids { #expect(try store.describe(id)?.instance == id) }
    let listed = try store.list(ListQuery(instancePrefix: "a\u{0}")).instances.map(\.instance)
    #expect(Set(listed) == ["a\u{0}", "a\u{0}b"])
  }

  @Test("another application's tables, a newer store and one that must not be migrated are refused")
  func refusals() throws {
    let url = try PostgresServer.newURL()
    #expect(refusal(of: url + "&migrate=verify")?.code == .cannotOpen)
    let store = try PostgresStore.open(url: url)
    #expect(refusal(of: url + "&migrate=verify") == nil)
    try store.run("UPDATE perdure_store SET version = 99")
    #expect(refusal(of: url)?.code == .foreign)
    try store.run("DROP TABLE perdure_store")
    #expect(refusal(of: url)?.code == .foreign)
    store.close()
  }

  @Test("a store whose schema was put in the place of another is not the one that was opened")
  func replaced() throws {
    let (url, name) = try namedURL()
    let store = try PostgresStore.open(url: url)
    defer { store.close() }
    try store.run("UPDATE perdure_store SET id = 'another'")
    try terminate(name, store)
    #expect(throws: StoreError.self) { try store.commit([start("a")]) }
    #expect(store.fault?.code == .replaced)
  }

  @Test("its tables have the columns that those of SQLite have")
  func columns() throws {
    let fixture = try SQLiteFixture()
    let file = try fixture.open()
    defer { file.close() }
    let store = try PostgresStore.open(url: PostgresServer.newURL())
    defer { store.close() }
    let ours = try store.run(
      """
      SELECT table_name || '.' || column_name FROM information_schema.columns
      WHERE table_schema = current_schema()
      """
    ).compactMap { $0 }
    let theirs = try #require(
      try file.answers(
        to: """
          SELECT group_concat(t.name || '.' || c.name, ' ') FROM sqlite_schema AS t
          JOIN pragma_table_info(t.name) AS c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'
          """
      ).first)
    let own: Set = ["nodes.seen_at", "nodes.is_leased", "perdure_store.id", "perdure_store.version"]
    #expect(
      Set(ours.filter { !$0.hasPrefix("status_count_shares.") }).subtracting(own)
        == Set(theirs.split(separator: " ").map(String.init)))
  }
}

@Suite("PostgreSQL: URLs") struct PostgresURLTests {
  private static let wrong = [
    "schema=", "schema=" + String(repeating: "x", count: 64), "pool_size=0", "pool_size=many", "lease_ms=5",
    "migrate=perhaps", "notify=1", "pooled=yes", "statement_timeout_ms=-1", "grace_ms=",
  ]

  @Test("an option that makes no sense is refused", arguments: wrong)
  func refused(_ option: String) {
    #expect {
      _ = try PostgresURL("postgresql://me:secret@db/app?\(option)")
    } throws: { error in
      guard let error = error as? StoreError else { return false }
      return error.code == .cannotOpen && !error.message.contains("secret")
    }
  }

  private static let secrets: [(url: String, line: String, isIn: Bool)] = [
    ("me:sesame@db/app", #"host name "sesame""#, true),
    ("me:se%73ame@db/app", #"database "sesame" does not exist"#, true),
    ("me:se%same@db/app", #"invalid percent-encoded token: "se%same""#, true),
    ("me:pa/ss@db/app", #"invalid integer value "pa" for connection option "port""#, true),
    ("me:p@ssword@db/app", #"could not translate host name "ssword@db""#, true),
    ("me@db/app?password=p%zz", #"invalid percent-encoded token: "p%zz""#, true),
    ("me@db/app?sslpassword=open", "the key is open", true),
    ("me:a@db/app", #"password authentication failed for user "me""#, false),
    ("me@db/app", #"password authentication failed for user "me""#, false),
    ("db/app?application_name=app", #"database "app" does not exist"#, false),
  ]

  @Test("pieces of a password are known in a message, as words", arguments: secrets)
  func secret(_ url: String, _ line: String, _ isIn: Bool) throws {
    #expect(try PostgresURL("postgresql://" + url).secrets.areIn(line) == isIn)
  }

  @Test("a password with a ? is not taken for options")
  func question() {
    #expect {
      _ = try PostgresURL("postgresql://me:ses?ame@db/app")
    } throws: { error in
      guard let error = error as? StoreError else { return false }
      return error.code == .cannotOpen && !error.message.contains("ses") && !error.message.contains("ame@")
    }
  }

  @Test("options of libpq are left to it, ours are taken out")
  func options() throws {
    let url = try PostgresURL("postgres://me:secret@db:5433/app?sslmode=require&schema=a%20b&pool_size=3")
    #expect(url.path == "postgres://db:5433/app (schema a b)")
    #expect(
      url.server
        == "postgres://me:secret@db:5433/app?sslmode=require&fallback_application_name=perdure"
        + "&connect_timeout=10")
    let own = try PostgresURL("postgresql:///app?connect_timeout=3&fallback_application_name=x")
    #expect(own.server == "postgresql:///app?connect_timeout=3&fallback_application_name=x")
  }
}
