internal import CSQLite
package import PerdureModel
package import PerdureStore
internal import Synchronization

/// A store in one SQLite file, for the processes of one machine.
///
/// One connection writes, under a lock; two read. A call that returned is on the device: the log is synced
/// with every commit (`synchronous=FULL`), which is why commits come in groups.
package final class SQLiteStore: Store {
  private let path: String
  private let writer: Mutex<Writer?>
  private let readers: ReaderPool
  private let locks: Mutex<NodeLocks?>
  private let logPath: String
  private let lockPath: String
  package let sharedTime: (any SharedTime)?
  private let observer = Mutex<ForeignWrites?>(nil)
  private let lost = Mutex<StoreError?>(nil)

  /// Opens the store at a path, creates it if there is nothing (or an empty file).
  ///
  /// - Parameters:
  ///   - path: a file; its directory must exist and be writable. Never read as a URI.
  ///   - settings: how long a write waits for another process's write, before it fails with `.busy`.
  /// - Throws: `.cannotOpen`, `.readOnly`, `.foreign` (not ours or from a newer version: left untouched),
  ///   `.corrupt`.
  package static func open(
    path: String, settings: StoreSettings = StoreSettings()
  ) throws(StoreError) -> SQLiteStore {
    let opened = try Opening.open(path: path, settings: settings)
    let store = SQLiteStore(path: path, opened)
    do {
      _ = try store.reapNodes()
      try store.write { writer throws(StoreError) in try writer.forgetUnknown() }
    } catch {
      store.close()
      throw error
    }
    return store
  }

  private init(path: String, _ opened: Opening.Opened) {
    self.path = path
    logPath = opened.logPath
    lockPath = opened.locks.file
    sharedTime = TimeRecord(opened.locks.file)
    locks = Mutex(opened.locks)
    readers = ReaderPool(opened.readers.0, opened.readers.1)
    writer = Mutex(opened.writer)
  }

  package func commit(_ entries: [StoreEntry]) throws(StoreError) -> [StoreOutcome] {
    if entries.isEmpty { return [] }
    return try write { writer throws(StoreError) in try writer.commit(entries) }
  }

  // MARK: Reading

  package func load(_ instance: InstanceID) throws(StoreError) -> InstanceSnapshot? {
    try read { reader throws(StoreError) in try reader.load(instance) }
  }

  package func inbox(
    of instance: InstanceID, after: MessageSequence
  ) throws(StoreError) -> [InboxMessage] {
    try read { reader throws(StoreError) in try reader.inbox(of: instance, after: after) }
  }

  package func dueInstances(
    ownedBy node: NodeID, now: TimestampMS, limit: Int
  ) throws(StoreError) -> [InstanceID] {
    try read { reader throws(StoreError) in try reader.dueInstances(ownedBy: node, now: now, limit: limit) }
  }

  package func nextDue(after now: TimestampMS) throws(StoreError) -> TimestampMS? {
    try read { reader throws(StoreError) in try reader.nextDue(after: now) }
  }

  package func describe(_ instance: InstanceID) throws(StoreError) -> InstanceDescription? {
    try read { reader throws(StoreError) in try reader.describe(instance) }
  }

  package func list(_ query: ListQuery) throws(StoreError) -> ListPage {
    try read { reader throws(StoreError) in try reader.list(query) }
  }

  package func history(_ query: HistoryQuery) throws(StoreError) -> HistoryPage? {
    try read { reader throws(StoreError) in try reader.history(query) }
  }

  package func details(of instance: InstanceID) throws(StoreError) -> InstanceDetails? {
    try read { reader throws(StoreError) in try reader.details(of: instance) }
  }

  package func executions(_ query: ExecutionsQuery) throws(StoreError) -> [ExecutionSummary]? {
    try read { reader throws(StoreError) in try reader.executions(query) }
  }

  package func statusCounts(of orchestration: String?) throws(StoreError) -> [StatusCount] {
    try read { reader throws(StoreError) in try reader.statusCounts(of: orchestration) }
  }

  package func workload(now: TimestampMS) throws(StoreError) -> Workload {
    try read { reader throws(StoreError) in try reader.workload(now: now) }
  }

  package func holdings() throws(StoreError) -> [NodeID: NodeHoldings] {
    try read { reader throws(StoreError) in try reader.holdings() }
  }

  package func keyValues(_ query: KVQuery) throws(StoreError) -> [KVEntry]? {
    try read { reader throws(StoreError) in try reader.keyValues(query) }
  }

  package func callState(of instance: InstanceID, call: String) throws(StoreError) -> CallState {
    try read { reader throws(StoreError) in try reader.callState(of: instance, call: call) }
  }

  package func export(_ instance: InstanceID, children: Bool) throws(StoreError) -> [InstanceExport] {
    try read { reader throws(StoreError) in try reader.export(instance, children: children) }
  }

  package func activities(of instance: InstanceID) throws(StoreError) -> [ActivityTask] {
    try read { reader throws(StoreError) in try reader.activities(of: instance) }
  }

  package func lostClaims(of claims: [ClaimedActivity]) throws(StoreError) -> [ClaimedActivity] {
    try read { reader throws(StoreError) in try reader.lostClaims(of: claims) }
  }

  package func retentionRules() throws(StoreError) -> [RetentionRule] {
    try read { reader throws(StoreError) in try reader.retentionRules() }
  }

  package func audit(_ query: AuditQuery) throws(StoreError) -> AuditPage {
    try read { reader throws(StoreError) in try reader.audit(query) }
  }

  // MARK: Nodes

  package func join(serving service: NodeService) throws(StoreError) -> NodeID {
    let locks = try openLocks()
    return try write { writer throws(StoreError) in
      var held: NodeID?
      do throws(StoreError) {
        return try writer.join(serving: service) { node throws(StoreError) in
          try locks.hold(node)
          held = node
        }
      } catch {
        if let held { locks.release(held) }
        throw error
      }
    }
  }

  package func nodes() throws(StoreError) -> [RuntimeNode] {
    let locks = try openLocks()
    let nodes = try read { reader throws(StoreError) in try reader.nodes() }
    return nodes.filter { locks.isAlive($0.id) }.compactMap(\.node)
  }

  package func leave(_ node: NodeID) throws(StoreError) {
    let locks = try openLocks()
    _ = try write { writer throws(StoreError) in try writer.forget([node], dead: false) }
    locks.release(node)
  }

  package func reapNodes() throws(StoreError) -> Int {
    let locks = try openLocks()
    let nodes = try read { reader throws(StoreError) in try reader.nodes() }.map(\.id)
    let gone = nodes.filter { !locks.isAlive($0) }
    if gone.isEmpty { return 0 }
    return try write { writer throws(StoreError) in try writer.forget(gone, dead: true) }
  }

  private func openLocks() throws(StoreError) -> NodeLocks {
    guard let locks = locks.withLock({ $0 }) else { throw closedError }
    return locks
  }

  // MARK: The outside

  package func observeForeignWrites(_ changed: (@Sendable () -> Void)?) {
    let previous = observer.withLock { current in
      let previous = current
      current = nil
      return previous
    }
    previous?.stop()
    guard let changed else { return }
    let look: @Sendable (Bool) -> Bool = { [weak self] isNet in self?.lookOutside(reaping: isNet) ?? false }
    // Without a thread there is nobody to tell; the caller's own slow look remains.
    let next = try? ForeignWrites(log: logPath, locks: lockPath, look: look, changed: changed)
    let superseded = observer.withLock { current in
      let superseded = current
      current = next
      return superseded
    }
    superseded?.stop()
  }

  package var fault: StoreError? { lost.withLock { $0 } }

  private func lookOutside(reaping: Bool) -> Bool {
    if reaping {
      _ = try? write { writer throws(StoreError) in try writer.checkIdentity() }
      if fault != nil { return true }
    }
    let wrote = (try? write { writer throws(StoreError) in try writer.sawForeignWrite() }) ?? false
    let reaped = reaping ? (try? reapNodes()) ?? 0 : 0
    return wrote || reaped > 0
  }

  package func close() {
    observeForeignWrites(nil)
    readers.close()
    writer.withLock { writer in
      writer?.close()
      writer = nil
    }
    // Nodes that did not leave are gone from here on, as if the process were.
    locks.withLock { $0 = nil }
  }

  private var closedError: StoreError { StoreError(.closed, "The store \(path) is closed.") }

  deinit { close() }

  // MARK: Connections

  private func write<R: Sendable>(
    _ body: (Writer) throws(StoreError) -> R
  ) throws(StoreError) -> R {
    do throws(StoreError) {
      return try writer.withLock { writer throws(StoreError) -> R in
        guard let writer else { throw closedError }
        return try body(writer)
      }
    } catch {
      if error.code == .replaced { lost.withLock { $0 = $0 ?? error } }
      throw error
    }
  }

  private func read<R: Sendable>(
    _ body: (Reader) throws(StoreError) -> R
  ) throws(StoreError) -> R {
    // What the old file says is no longer true of the store.
    if let fault { throw fault }
    return try readers.withReader { reader throws(StoreError) -> R in
      guard let reader else { throw closedError }
      return try body(reader)
    }
  }

  // MARK: For tests

  /// Makes it look as if the process of one of our nodes died.
  package func abandon(_ node: NodeID) { locks.withLock { $0?.release(node) } }

  /// The statements of writing that not every turn runs, and that were used so far.
  package func rareStatements() throws(StoreError) -> Set<String> {
    try write { writer throws(StoreError) in writer.rare.texts }
  }

  /// What every connection, the writer first, answers to a statement such as `PRAGMA synchronous`.
  package func answers(to sql: String) throws(StoreError) -> [String] {
    var answers = [try write { writer throws(StoreError) in try writer.connection.text(sql) }]
    for reader in try readers.each({ reader throws(StoreError) in try reader.connection.text(sql) }) {
      answers.append(reader)
    }
    return answers
  }
}
