internal import Glibc
internal import PerdureModel
internal import PerdureStore
internal import Synchronization

/// A session of its own that says who is alive, and hears of what others write.
///
/// Each node holds an advisory lock, which the server drops the moment the session is gone, and with it the
/// process. A session may also be lost while the process lives: so it has a short while to come back. And a
/// process may sleep while its session lives: so each node shows a sign of life, and counts as gone when that
/// is too old. Through a proxy that lends sessions for a transaction that sign is all there is, and nobody is
/// told of writes: it is looked whether there were any.
final class NodeWatch: @unchecked Sendable {
  private let url: PostgresURL
  private let store: StoreIdentity
  /// Whom our own notifications are from.
  private let sender: String
  let time = ServerTime()
  private let state = Mutex(State())

  private struct State: @unchecked Sendable {
    var session: Session?
    var own: [NodeID: NodeRow] = [:]
    /// Nodes without lock, and since when, in monotonic milliseconds.
    var missing: [NodeID: Int64] = [:]
    var nextSignMS: Int64 = 0
    /// The transactions of the server, as of the last look.
    var snapshot: String?
    var isClosed = false
  }

  /// What the row of a node says, should somebody have taken it for dead.
  private struct NodeRow {
    let service: String
    var isLocked = false
  }

  init(_ url: PostgresURL, _ store: StoreIdentity, sender: String) {
    self.url = url
    self.store = store
    self.sender = sender
  }

  // MARK: Our own nodes

  /// - service: what the row of the node says.
  func hold(_ node: NodeID, service: [UInt8]) throws(StoreError) {
    try use { session, state throws(StoreError) in
      state.own[node] = NodeRow(service: String(decoding: service, as: UTF8.self))
      do throws(StoreError) { try lock(node, session, &state) } catch {
        state.own[node] = nil
        throw error
      }
    }
  }

  func release(_ node: NodeID) {
    state.withLock { state in
      state.own[node] = nil
      if url.options.isPooled { return }
      let key = String(Int32(truncatingIfNeeded: node))
      _ = try? state.session?.ask(
        "SELECT pg_advisory_unlock(CAST($1 AS INTEGER), CAST($2 AS INTEGER))", String(store.space), key)
    }
  }

  private func lock(_ node: NodeID, _ session: Session, _ state: inout State) throws(StoreError) {
    if url.options.isPooled {
      state.own[node]?.isLocked = true
      return
    }
    let key = String(Int32(truncatingIfNeeded: node))
    let answer = try session.ask(
      "SELECT pg_try_advisory_lock(CAST($1 AS INTEGER), CAST($2 AS INTEGER))", String(store.space), key)
    // Who has it is our own session, which the server has not noticed to be gone.
    state.own[node]?.isLocked = answer.first?.first == "t"
  }

  // MARK: All nodes

  /// The nodes that are gone.
  func gone() throws(StoreError) -> Set<NodeID> {
    try url.answering { () throws(StoreError) in try goneNodes() }
  }

  private func goneNodes() throws(StoreError) -> Set<NodeID> {
    try use { session, state throws(StoreError) in
      let rows = try session.ask(
        """
        WITH held AS MATERIALIZED (
          SELECT CAST(objid AS BIGINT) AS node FROM pg_locks
          WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND classid = CAST($1 AS OID)
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
        SELECT n.id, n.is_leased OR n.id & 4294967295 IN (SELECT node FROM held),
          CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) - n.seen_at
        FROM nodes AS n
        """, String(UInt32(bitPattern: Int32(truncatingIfNeeded: store.space))))
      let now = SystemTime.monotonicNS() / 1_000_000
      var gone: Set<NodeID> = []
      var missing: [NodeID: Int64] = [:]
      for row in rows where row.count == 3 {
        guard let node = row[0].flatMap({ Int64($0) }), state.own[node] == nil else { continue }
        let silentMS = row[2].flatMap { Int64($0) } ?? 0
        if row[1] != "t" {
          let since = state.missing[node] ?? now
          missing[node] = since
          if now - since >= Int64(url.options.graceMS) { gone.insert(node) }
        }
        if silentMS >= Int64(url.options.leaseMS) { gone.insert(node) }
      }
      state.missing = missing
      return gone
    }
  }

  // MARK: The session

  /// Runs `body` with a session that works; once more if it was lost without our knowing.
  private func use<R: Sendable>(
    _ body: (Session, inout State) throws(StoreError) -> R
  ) throws(StoreError) -> R {
    try state.withLock { state throws(StoreError) -> R in
      do throws(StoreError) { return try body(try session(&state), &state) } catch {
        guard let session = state.session, session.isLost else { throw error }
      }
      return try body(try session(&state), &state)
    }
  }

  /// The one there is, or a new one with all that it must hold.
  private func session(_ state: inout State) throws(StoreError) -> Session {
    if let session = state.session, !session.isLost { return session }
    state.session = nil
    guard !state.isClosed else { throw StoreError(.closed, "The store \(url.path) is closed.") }
    let session: Session
    do throws(StoreError) {
      session = try Session(url, url.passwords?.take())
    } catch {
      throw StoreError(.io, error.message)
    }
    try session.configure(url, lockTimeoutMS: url.options.statementTimeoutMS)
    try store.check(session)
    if url.options.isPooled { session.preamble.append(store.assertion) }
    if url.options.listens { _ = try session.ask("LISTEN \(PostgresText.quoted(store.channel))") }
    for node in state.own.keys { try lock(node, session, &state) }
    state.session = session
    state.nextSignMS = 0
    return session
  }

  /// Keeps the session, shows that our nodes live, and takes what has come in. Answers whether somebody
  /// wrote, or one of our nodes was taken for dead meanwhile.
  func look() throws(StoreError) -> Bool {
    try url.answering { () throws(StoreError) in try lookOnce() }
  }

  private func lookOnce() throws(StoreError) -> Bool {
    try state.withLock { state throws(StoreError) in
      let isNew = state.session?.isLost ?? true
      let session = try self.session(&state)
      let now = SystemTime.monotonicNS() / 1_000_000
      var isNews = isNew
      if now >= state.nextSignMS {
        state.nextSignMS = now + Int64(url.options.leaseMS) / 3
        isNews = try showSign(session, &state) || isNews
      }
      if !url.options.listens { isNews = try hasChanged(session, &state) || isNews }
      for sender in try session.notifications() where sender != self.sender { isNews = true }
      return isNews
    }
  }

  /// Whether anybody has written to the server since the last look: nobody is told.
  private func hasChanged(_ session: Session, _ state: inout State) throws(StoreError) -> Bool {
    let seen = try session.ask("SELECT CAST(pg_current_snapshot() AS TEXT)").first?.first ?? nil
    defer { state.snapshot = seen }
    return seen != state.snapshot
  }

  private func showSign(_ session: Session, _ state: inout State) throws(StoreError) -> Bool {
    let clock = try session.ask("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)")
    if let text = clock.first?.first, let time = text.flatMap({ Int64($0) }) {
      self.time.note(serverMicroseconds: time)
    }
    guard !state.own.isEmpty else { return false }
    for (node, row) in state.own where !row.isLocked { try lock(node, session, &state) }
    let list = "{" + state.own.keys.map { String($0) }.joined(separator: ",") + "}"
    let seen = try session.ask(
      """
      UPDATE nodes SET seen_at = CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)
      WHERE id = ANY(CAST($1 AS BIGINT[])) RETURNING id
      """, list)
    let alive = Set(seen.compactMap { row in (row.first ?? nil).flatMap { Int64($0) } })
    var wasTaken = false
    for (node, row) in state.own where !alive.contains(node) {
      // What it held is open to others. It goes on with what it gets from here on.
      _ = try session.ask(
        """
        INSERT INTO nodes(id, service, pid, host, is_leased) VALUES($1, $2, $3, '', $4)
        ON CONFLICT(id) DO NOTHING
        """, String(node), row.service, String(getpid()), String(url.options.isPooled))
      wasTaken = true
    }
    return wasTaken
  }

  /// -1: there is none.
  var socket: Int32 {
    state.withLock { state in
      guard let session = state.session, !session.isLost else { return -1 }
      return session.socket
    }
  }

  /// Nodes that did not leave are gone from here on, as if the process were.
  func close() {
    state.withLock { state in
      state.session = nil
      state.own = [:]
      state.isClosed = true
    }
  }
}
