package import PerdureModel
package import PerdureStore
package import PerdureStoreSQL
internal import PerdureWire
internal import Synchronization

/// A store in one schema of a PostgreSQL database, for the processes of many machines.
///
/// One connection writes, some read, one watches. Those who write to a store do so one after the other, in
/// groups: they wait for each other at a lock of the store. Connections that are lost come back.
package final class PostgresStore: SQLStore {
  private let url: PostgresURL
  private let writing: PostgresConnection
  private let writer: Mutex<Writer?>
  private let readers: ReaderPool
  private let replica: Replica?
  private let watch: NodeWatch
  private let listener = Mutex<Listener?>(nil)
  private let lost = Mutex<StoreError?>(nil)
  private let isClosed = Atomic(false)

  /// A lost connection is tried again this often, before the caller is told.
  private static let attempts = 3

  /// Opens the store at a URL, makes its tables if there are none.
  ///
  /// - Parameters:
  ///   - url: `postgresql://…` as libpq has it, with options of ours (`PostgresURL`).
  ///   - settings: how long a write waits for another process's write, and a call for a server that is away.
  ///   - passwords: asked for the password of each connection; nil: the URL and libpq know it.
  /// - Throws: `.cannotOpen`; `.foreign` (not ours or from a newer version: left untouched); `.corrupt`.
  package static func open(
    url: String, settings: StoreSettings = StoreSettings(), passwords: (any PasswordSource)? = nil
  ) throws(StoreError) -> PostgresStore {
    var url = try PostgresURL(url)
    url.passwords = passwords.map(Passwords.init)
    let session = try Session.opened(url)
    try session.refuseIfShared(url)
    try session.configure(url, lockTimeoutMS: url.options.statementTimeoutMS)
    let identity = try PostgresSchema.prepare(session, url)
    let store = try PostgresStore(url, identity, settings)
    do {
      _ = try store.watch.look()
      _ = try store.reapNodes()
      try store.write { writer throws(StoreError) in try writer.forgetUnknown() }
    } catch {
      store.close()
      throw error
    }
    return store
  }

  private init(
    _ url: PostgresURL, _ identity: StoreIdentity, _ settings: StoreSettings
  ) throws(StoreError) {
    self.url = url
    let sender = String(UInt64.random(in: 0 ... .max), radix: 16)
    func connection(_ role: PostgresConnection.Role) -> PostgresConnection {
      PostgresConnection(url, identity, role, busyTimeoutMS: settings.busyTimeoutMS, sender: sender)
    }
    writing = connection(.writer)
    writer = Mutex(try Writer(writing, limits: settings.limits))
    var readers: [Reader] = []
    for _ in 0..<url.options.readers { readers.append(try Reader(connection(.reader))) }
    self.readers = ReaderPool(readers)
    if let url = try url.replica() {
      replica = try Replica(url, identity, sender: sender)
    } else {
      replica = nil
    }
    watch = NodeWatch(url, identity, sender: sender)
  }

  package var sharedTime: (any SharedTime)? { watch.time }

  // MARK: Nodes

  package func join(serving service: NodeService) throws(StoreError) -> NodeID {
    try write { writer throws(StoreError) in
      var held: NodeID?
      do throws(StoreError) {
        return try writer.join(serving: service) { node throws(StoreError) in
          try watch.hold(node, service: StoreWire.encode(service))
          held = node
          if url.options.isPooled { try markLeased(node) }
        }
      } catch {
        if let held { watch.release(held) }
        throw error
      }
    }
  }

  /// No lock will tell that it lives.
  private func markLeased(_ node: NodeID) throws(StoreError) {
    let statement = try Statement(writing, "UPDATE nodes SET is_leased = true WHERE id = ?1", .once)
    defer { statement.finalize() }
    statement.bind(1, node)
    try statement.run()
  }

  package func nodes() throws(StoreError) -> [RuntimeNode] {
    try checkOpen()
    let gone = try watch.gone()
    let nodes = try read { reader throws(StoreError) in try reader.nodes() }
    return nodes.filter { !gone.contains($0.id) }.compactMap(\.node)
  }

  package func leave(_ node: NodeID) throws(StoreError) {
    // Also when the row stays: no lock and no sign of life keeps it then.
    defer { watch.release(node) }
    _ = try write { writer throws(StoreError) in try writer.forget([node], deadAt: nil) }
  }

  package func reapNodes() throws(StoreError) -> Int {
    try checkOpen()
    let gone = try watch.gone()
    if gone.isEmpty { return 0 }
    let now = watch.time.now()
    return try write { writer throws(StoreError) in try writer.forget(gone.sorted(), deadAt: now) }
  }

  // MARK: The outside

  package func observeForeignWrites(_ changed: (@Sendable () -> Void)?) {
    let previous = listener.withLock { current in
      defer { current = nil }
      return current
    }
    previous?.stop()
    guard let changed, !isClosed.load(ordering: .relaxed) else { return }
    let reap: @Sendable () -> Int = { [weak self] in (try? self?.reapNodes()) ?? 0 }
    // Without a thread there is nobody to tell; the caller's own slow look remains.
    let next = try? Listener(watch, reap: reap, changed: changed)
    let superseded = listener.withLock { current in
      defer { current = next }
      return current
    }
    superseded?.stop()
  }

  package var fault: StoreError? { lost.withLock { $0 } }

  /// Who waits for a password must not hold up the end.
  package func willClose() { url.passwords?.close() }

  package func close() {
    isClosed.store(true, ordering: .relaxed)
    willClose()
    observeForeignWrites(nil)
    readers.close()
    replica?.close()
    writer.withLock { writer in
      writer = nil
      writing.close()
    }
    watch.close()
  }

  private func checkOpen() throws(StoreError) {
    if isClosed.load(ordering: .relaxed) { throw closedError }
  }

  private var closedError: StoreError { StoreError(.closed, "The store \(url.path) is closed.") }

  deinit { close() }

  // MARK: Connections

  package func write<R: Sendable>(
    _ body: (Writer) throws(StoreError) -> R
  ) throws(StoreError) -> R {
    try noting { () throws(StoreError) in
      try url.answering { () throws(StoreError) in
        try writer.withLock { writer throws(StoreError) -> R in
          guard let writer else { throw closedError }
          return try Self.again(writing) { () throws(StoreError) in try body(writer) }
        }
      }
    }
  }

  package func read<R: Sendable>(
    _ body: (Reader) throws(StoreError) -> R
  ) throws(StoreError) -> R {
    if let fault { throw fault }
    return try noting { () throws(StoreError) in
      try url.answering { () throws(StoreError) in
        try readers.withReader { reader throws(StoreError) -> R in
          guard let reader else { throw closedError }
          guard let connection = reader.connection as? PostgresConnection else { return try body(reader) }
          return try Self.again(connection) { () throws(StoreError) in try body(reader) }
        }
      }
    }
  }

  package func look<R: Sendable>(_ body: (Reader) throws(StoreError) -> R) throws(StoreError) -> R {
    try checkOpen()
    if let fault { throw fault }
    if let answer = try replica?.look(body) { return answer }
    return try read(body)
  }

  /// Begins anew what was lost with its connection before it could land.
  private static func again<R>(
    _ connection: PostgresConnection, _ body: () throws(StoreError) -> R
  ) throws(StoreError) -> R {
    for _ in 1..<attempts {
      do throws(StoreError) { return try body() } catch {
        guard error.code == .io, connection.isLost, !connection.isAway, !connection.isOutcomeUnknown,
          error != Passwords.wanted
        else { throw error }
      }
    }
    return try body()
  }

  /// Nothing more is done with a store that is not the one that was opened.
  private func noting<R>(_ body: () throws(StoreError) -> R) throws(StoreError) -> R {
    do throws(StoreError) { return try body() } catch {
      if error.code == .replaced { lost.withLock { $0 = $0 ?? error } }
      throw error
    }
  }

  // MARK: For tests

  /// Makes it look as if the process of one of our nodes died.
  package func abandon(_ node: NodeID) { watch.release(node) }

  /// Makes it look as if the process died: nothing is left or told, and its session is gone.
  package func crash() { watch.close() }

  /// Statements that the session which writes has sent, and how often it waited for answers.
  package var traffic: (statements: Int, waits: Int) { writer.withLock { _ in writing.traffic } }

  /// Runs a statement behind the back of the store; the first column of its rows.
  @discardableResult
  package func run(_ sql: String, _ values: String...) throws(StoreError) -> [String?] {
    let session = try Session.opened(url)
    try session.configure(url, lockTimeoutMS: url.options.statementTimeoutMS)
    return try session.ask(sql, values).map { $0.first ?? nil }
  }
}
