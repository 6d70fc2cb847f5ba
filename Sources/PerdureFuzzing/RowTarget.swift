internal import CSQLite
import Glibc
import PerdureModel
import PerdureReplay
import PerdureStore
import PerdureStoreSQL
import PerdureStoreSQLite

/// Rows of a SQLite store with values that no store wrote: whatever reads them answers or says what is
/// damaged.
enum RowTarget {
  static func run(_ input: borrowing [UInt8]) throws(Finding) {
    guard let file = RowFile.shared else { throw Finding("no SQLite store could be made for the test") }
    var script = ByteScript(copy input)
    try file.use { store, database throws(Finding) in
      for _ in 0...script.pick(4) { damage(database, &script) }
      try look(store, &script)
      try work(store, &script)
      try look(store, &script)
    }
  }

  // MARK: Damage

  private static let columns: [(table: String, name: String, isText: Bool)] =
    numbers.map { (table: $0.0, name: $0.1, isText: false) }
    + texts.map { (table: $0.0, name: $0.1, isText: true) }

  private static let numbers = [
    ("instances", "execution"), ("instances", "revision"), ("instances", "event_count"),
    ("instances", "inbox_count"), ("instances", "wake_at"), ("instances", "owner"), ("instances", "priority"),
    ("instances", "used"), ("instances", "created_at"), ("instances", "updated_at"),
    ("instances", "ended_at"),
    ("instances", "parent_execution"), ("instances", "parent_action"), ("instances", "custom_status_version"),
    ("instance_options", "start_at"), ("history", "event"), ("history", "execution"),
    ("activities", "attempt"),
    ("activities", "visible_at"), ("activities", "priority"), ("activities", "scheduled_at"),
    ("activities", "node"), ("activities", "token"), ("activities", "phase"), ("activities", "claimed_at"),
    ("activities", "beat_at"), ("activities", "failures"), ("activities", "expires_at"),
    ("activities", "action"), ("activities", "execution"), ("kv", "is_changed"), ("kv", "set_at"),
    ("kv", "base_set_at"), ("retention", "keep_ms"), ("audit", "at"), ("status_counts", "instances"),
    ("status_counts", "lives"), ("status_counts", "total_ms"), ("status_counts", "least_ms"),
    ("status_counts", "most_ms"), ("nodes", "pid"), ("kept", "number"), ("sessions", "used_at"),
    ("inbox", "sequence"),
  ]

  private static let texts = [
    ("instances", "status"), ("instances", "parent"), ("instances", "custom_status"), ("instances", "output"),
    ("instances", "failure"), ("instances", "start"), ("instances", "version"),
    ("instance_options", "close_policy"),
    ("instance_options", "attributes"), ("instance_options", "memo"), ("history", "json"), ("inbox", "json"),
    ("activities", "options"), ("activities", "last_failure"), ("activities", "heartbeat"),
    ("activities", "input"),
    ("activities", "trace"), ("activities", "session"), ("activities", "tag"), ("kv", "value"),
    ("kv", "base"),
    ("calls", "result"), ("calls", "failure"), ("kept", "json"), ("nodes", "service"),
    ("retention", "statuses"),
    ("audit", "detail"), ("status_counts", "status"),
  ]

  private static let words = [
    "Running", "Completed", "Pending", "Suspended", "ContinuedAsNew", "", "null", "{}", "cancel",
  ]

  /// Sets one column of one row, or of all.
  private static func damage(_ database: OpaquePointer, _ script: inout ByteScript) {
    let column = script.choose(columns)
    let row = script.byte()
    // The other tables have few rows, or none that SQLite numbers.
    let isNumbered = ["history", "instances", "activities"].contains(column.table) && row < 128
    let place = isNumbered ? " WHERE rowid = \(Int(row) % 8 + 1)" : ""
    let sql = "UPDATE OR IGNORE \(column.table) SET \(column.name) = ?1\(place)"
    var statement: OpaquePointer?
    guard sqlite3_prepare_v2(database, sql, -1, &statement, nil) == SQLITE_OK else { return }
    defer { sqlite3_finalize(statement) }
    if column.isText {
      let text = script.flag() ? script.chunk(limit: 64) : Array(script.choose(words).utf8)
      _ = text.withUnsafeBytes { perdure_sqlite_bind_text(statement, 1, $0.baseAddress, UInt64($0.count)) }
      if script.byte() == 7 { sqlite3_bind_null(statement, 1) }
    } else {
      sqlite3_bind_int64(statement, 1, script.number())
    }
    // A column that takes no such value keeps the one it has.
    _ = sqlite3_step(statement)
  }

  // MARK: Reading

  private static func attempt<Value>(_ call: () throws(StoreError) -> Value) throws(Finding) -> Value? {
    do throws(StoreError) {
      return try call()
    } catch {
      try expect(!error.message.isEmpty, "a refusal says nothing")
      return nil
    }
  }

  private static func look(_ store: SQLiteStore, _ script: inout ByteScript) throws(Finding) {
    for instance in RowFile.instances {
      if let snapshot = try attempt({ () throws(StoreError) in try store.load(instance) }) ?? nil {
        try replay(snapshot)
      }
      _ = try attempt { () throws(StoreError) in try store.describe(instance) }
      _ = try attempt { () throws(StoreError) in try store.history(HistoryQuery(instance: instance)) }
      _ = try attempt { () throws(StoreError) in try store.details(of: instance) }
      _ = try attempt { () throws(StoreError) in try store.executions(ExecutionsQuery(instance: instance)) }
      _ = try attempt { () throws(StoreError) in try store.keyValues(KVQuery(instance: instance)) }
      _ = try attempt { () throws(StoreError) in try store.export(instance, children: true) }
      _ = try attempt { () throws(StoreError) in try store.activities(of: instance) }
      _ = try attempt { () throws(StoreError) in try store.callState(of: instance, call: "x") }
    }
    var query = ListQuery()
    if script.flag() { query.cursor = script.number() }
    query.order = script.choose(ListQuery.Order.allCases)
    _ = try attempt { () throws(StoreError) in try store.list(query) }
    _ = try attempt { () throws(StoreError) in try store.statusCounts(of: nil) }
    _ = try attempt { () throws(StoreError) in try store.workload(now: RowFile.now) }
    _ = try attempt { () throws(StoreError) in try store.holdings() }
    _ = try attempt { () throws(StoreError) in try store.nodes() }
    _ = try attempt { () throws(StoreError) in try store.audit(AuditQuery()) }
    _ = try attempt { () throws(StoreError) in try store.retentionRules() }
    _ = try attempt { () throws(StoreError) in try store.nextDue(after: RowFile.now) }
  }

  /// As a runtime does with what it loads.
  private static func replay(_ snapshot: InstanceSnapshot) throws(Finding) {
    let row = snapshot.description
    let state = try? ExecutionState.folding(
      snapshot.history, instance: row.instance, execution: row.execution, kv: snapshot.kv)
    _ = try? HistoryCut(snapshot, at: .failedStep, now: RowFile.now)
    guard let state, !state.isEnded else { return }
    _ = state.prepare(snapshot.inbox.map { .message($0) }, start: nil, now: RowFile.now)
  }

  // MARK: Writing

  private static func work(_ store: SQLiteStore, _ script: inout ByteScript) throws(Finding) {
    let now = RowFile.now + Int64(script.byte())
    let node = NodeID(script.pick(3))
    let instance = script.choose(RowFile.instances)
    let filter = ActivityFilter(names: ["A"], tags: nil)
    var entries: [StoreEntry] = [
      .claimInstances(node: node, orchestrations: ["O"], limit: 4, now: now),
      .claimActivities(node: node, filter: filter, limit: 4, now: now),
      .expireActivities(limit: 4, now: now), .sweep(limit: 4, now: now),
      .post(OutgoingMessage(to: instance, kind: .raised(channel: .event, name: "e", data: .null)), now: now),
      .control(instance, script.choose(ControlVerb.allCases), reason: "r", now: now),
      .pruneExecutions(instance, keep: 1, limit: 2),
      .delete(instance, force: script.flag()),
      .publish(Publication(topic: "t", data: .null), now: now),
      .actOnActivity(
        ActivityKey(instance: instance, execution: 1, action: 1), .retry, now: now),
    ]
    for _ in 0..<script.pick(8) { entries.swapAt(script.pick(entries.count), script.pick(entries.count)) }
    entries.removeLast(script.pick(entries.count))
    _ = try attempt { () throws(StoreError) in try store.commit(entries) }
  }
}
