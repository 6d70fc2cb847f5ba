package import PerdureModel
package import PerdureStore
package import PerdureStoreSQL
internal import Synchronization

/// A store in one SQLite file, for the processes of one machine.
///
/// One connection writes, under a lock; two read. A call that returned is on the device: the log is synced
/// with every commit (`synchronous=FULL`), which is why commits come in groups.
package final class SQLiteStore: SQLStore {
  private let path: String
  private let writer: Mutex<SQLiteWriter?>
  private let readers: ReaderPool
  private let locks: Mutex<NodeLocks?>
  private let logPath: String
  private let lockPath: String
  private let time: TimeRecord
  private let observer = Mutex<ForeignWrites?>(nil)
  private let lost = Mutex<StoreError?>(nil)
  private let known = Mutex<Known?>(nil)

  /// The nodes at the last look outside, and how much this process had written before it.
  private struct Known {
    let changeCount: Int64
    let nodes: [NodeID]
  }

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
    time = TimeRecord(opened.locks.file)
    locks = Mutex(opened.locks)
    readers = ReaderPool(opened.readers)
    writer = Mutex(opened.writer)
  }

  package var sharedTime: (any SharedTime)? { time }

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
    // Also when the row stays: it is then that of a node that is gone.
    defer { locks.release(node) }
    _ = try write { writer throws(StoreError) in try writer.forget([node], deadAt: nil) }
  }

  package func reapNodes() throws(StoreError) -> Int {
    try reap(read { reader throws(StoreError) in try reader.nodeIDs() })
  }

  private func reap(_ nodes: [NodeID]) throws(StoreError) -> Int {
    let locks = try openLocks()
    let gone = nodes.filter { !locks.isAlive($0) }
    if gone.isEmpty { return 0 }
    let now = time.now()
    return try write { writer throws(StoreError) in try writer.forget(gone, deadAt: now) }
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
      _ = try? withWriter { writer throws(StoreError) in try writer.files.check() }
      if fault != nil { return true }
    }
    let seen = try? withWriter { writer throws(StoreError) in
      (isForeign: try writer.sawForeignWrite(), changeCount: writer.changeCount)
    }
    if seen?.isForeign ?? true { known.withLock { $0 = nil } }
    let reaped = reaping ? (try? reap(nodes(asOf: seen?.changeCount))) ?? 0 : 0
    return seen?.isForeign ?? false || reaped > 0
  }

  /// All there are, read anew when something may have been written since.
  private func nodes(asOf changeCount: Int64?) throws(StoreError) -> [NodeID] {
    if let known = known.withLock({ $0 }), known.changeCount == changeCount { return known.nodes }
    let nodes = try read { reader throws(StoreError) in try reader.nodeIDs() }
    known.withLock { $0 = changeCount.map { Known(changeCount: $0, nodes: nodes) } }
    return nodes
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

  package func write<R: Sendable>(
    _ body: (Writer) throws(StoreError) -> R
  ) throws(StoreError) -> R {
    try withWriter { writer throws(StoreError) in try body(writer.writer) }
  }

  private func withWriter<R: Sendable>(
    _ body: (SQLiteWriter) throws(StoreError) -> R
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

  package func read<R: Sendable>(
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
