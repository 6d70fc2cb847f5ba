internal import CSQLite
import Glibc
import PerdureModel
import PerdureStore
import PerdureStoreSQL
import PerdureStoreSQLite
import Synchronization

/// A SQLite store in memory-backed files with a row of every kind, put back as it was for each input.
final class RowFile: @unchecked Sendable {
  static let now: TimestampMS = 1_767_225_600_000
  static let instances: [InstanceID] = ["a", "b", "c", "kid"]
  static let shared = RowFile()

  /// Inputs come one at a time, but tests of several targets may run at once.
  private let lock = Mutex(())
  private let store: SQLiteStore
  private let database: OpaquePointer
  /// What the file had in it when it was made: a copy in memory.
  private let original: OpaquePointer

  private init?() {
    var template = Array(("/dev/shm/dx-rows-" + String(repeating: "X", count: 6)).utf8CString)
    if mkdtemp(&template) == nil {
      template = Array(("/tmp/dx-rows-" + String(repeating: "X", count: 6)).utf8CString)
      guard mkdtemp(&template) != nil else { return nil }
    }
    let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let path = folder + "/store.db"
    var opened: OpaquePointer?
    var kept: OpaquePointer?
    guard let store = try? SQLiteStore.open(path: path), (try? Self.fill(store)) != nil,
      sqlite3_open(path, &opened) == SQLITE_OK, let database = opened,
      sqlite3_open(":memory:", &kept) == SQLITE_OK, let original = kept
    else { return nil }
    self.store = store
    self.database = database
    self.original = original
    sqlite3_busy_timeout(database, 5_000)
    guard Self.copy(database, to: original) else { return nil }
    // Nobody needs the names any more: the files go with this process.
    for end in ["", "-wal", "-shm", "-dxlock"] { Self.unlinkAtExit.append(path + end) }
    Self.unlinkAtExit.append(folder)
    atexit { for path in RowFile.unlinkAtExit { Glibc.remove(path) } }
  }

  nonisolated(unsafe) private static var unlinkAtExit: [String] = []

  func use(_ body: (SQLiteStore, OpaquePointer) throws(Finding) -> Void) throws(Finding) {
    try lock.withLock { _ throws(Finding) in
      guard Self.copy(original, to: database) else { throw Finding("the rows could not be put back") }
      try body(store, database)
    }
  }

  private static func copy(_ source: OpaquePointer, to target: OpaquePointer) -> Bool {
    guard let backup = sqlite3_backup_init(target, "main", source, "main") else { return false }
    sqlite3_backup_step(backup, -1)
    return sqlite3_backup_finish(backup) == SQLITE_OK
  }

  // MARK: Rows

  private static func fill(_ store: SQLiteStore) throws(StoreError) {
    let node = try store.join(serving: NodeService(orchestrations: ["O"], activities: ["A"]))
    var options = StartOptions()
    options.attributes = Payload(#"{"k":"v"}"#)
    options.memo = Payload("[1]")
    options.dedupKey = "d"
    var later = options
    later.startAt = now + 1_000_000
    later.dedupKey = nil
    let entries: [StoreEntry] = [
      .start(
        InstanceStart(instance: "a", orchestration: "O", input: .null, options: options), owner: nil, now: now
      ),
      .start(InstanceStart(instance: "b", orchestration: "O", input: Payload("1")), owner: node, now: now),
      .start(
        InstanceStart(instance: "c", orchestration: "P", input: .null, options: later), owner: nil, now: now),
      .turn(turn("a", node)), .turn(turn("b", node)),
      .post(OutgoingMessage(to: "a", kind: .raised(channel: .event, name: "e", data: .null)), now: now),
      .post(OutgoingMessage(to: "a", kind: .call(id: "x", name: "c", input: .null)), now: now),
      .post(
        OutgoingMessage(to: "z", kind: .raised(channel: .queue, name: "q", data: .null), isKept: true),
        now: now),
      .setRetention(RetentionRule(orchestration: "O", keepMS: 1_000, statuses: [.completed])),
      .noted(
        .control("b", .suspend, reason: "r", now: now),
        AuditNote(actor: "me", operation: "suspend", target: "b", reason: "r", at: now)),
    ]
    for case .failure(let refusal) in try store.commit(entries) {
      throw StoreError(.internalError, "a row is refused: \(refusal)")
    }
  }

  private static func turn(_ instance: InstanceID, _ node: NodeID) -> TurnCommit {
    let origins = (1...4).map { Origin(action: Int64($0), after: 1) }
    var policy = ActivityOptions()
    policy.retry = RetryPolicy()
    policy.heartbeatMS = 5_000
    policy.scheduleToCloseMS = 60_000
    policy.session = "s"
    let kinds: [EventKind] = [
      .orchestrationStarted(name: "O", version: "1.0.0", input: .null, parent: nil),
      .activityScheduled(origins[0], name: "A", input: .null, options: policy),
      .timerCreated(origins[1], fireAt: now + 5_000),
      .kvChanged(origins[2], .set(key: "k", value: Payload("1"))),
      .topicSubscribed(origins[3], topic: "t"),
    ]
    let events = kinds.enumerated().map { Event(id: Int64($0.offset) + 1, at: now, kind: $0.element) }
    var commit = TurnCommit(
      instance: instance, revision: 0, now: now, execution: 1, events: events, status: .running,
      orchestrationVersion: "1.0.0", owner: instance == "b" ? node : nil)
    commit.scheduled = [
      ActivityTask(
        key: ActivityKey(instance: instance, execution: 1, action: 1), orchestration: "O", name: "A",
        input: .null,
        attempt: 1, visibleAt: now, claim: nil, options: policy, scheduledAt: now)
    ]
    commit.kvChanges = [TimedKVChange(change: .set(key: "k", value: Payload("1")), at: now)]
    commit.topicChanges = [TopicChange(topic: "t", isSubscribed: true)]
    commit.customStatus = .some(Payload("\"s\""))
    commit.wakeAt = now + 5_000
    if instance == "a" {
      let parent = ParentLink(instance: "a", execution: 1, action: 9)
      commit.starts = [
        ChildStart(
          start: InstanceStart(instance: "kid", orchestration: "O", input: .null, parent: parent), owner: nil)
      ]
    }
    return commit
  }
}
