internal import Glibc
internal import PerdureStore
internal import PerdureStoreSQL

/// A connection that comes back when it is lost: between transactions it opens a new session, in the middle
/// of one the transaction fails. Used under the lock of its writer or reader.
final class PostgresConnection: Connection, @unchecked Sendable {
  /// What the session is for.
  enum Role { case writer, reader }

  let path: String
  let dialect = Dialect.postgresql
  private let url: PostgresURL
  private let role: Role
  private let busyTimeoutMS: Int
  private var current: Session?
  /// Of the session: statements are prepared in one.
  private(set) var generation = 0
  private(set) var isIdle = true
  /// The store that the first session found, and its lock.
  private let store: StoreIdentity
  /// Whom notifications are from.
  private let sender: String
  private var statements = 0
  private var forgotten: [String] = []
  private var isClosed = false
  /// The server was not there for as long as a call may wait.
  private(set) var isAway = false
  /// Of the last transaction: nobody knows whether it was committed.
  private(set) var isOutcomeUnknown = false

  /// More answers than these are not left unread.
  private static let backlogMax = 500
  private static let pausesMS: [UInt32] = [20, 50, 100, 200, 400]

  init(_ url: PostgresURL, _ store: StoreIdentity, _ role: Role, busyTimeoutMS: Int, sender: String) {
    self.url = url
    self.store = store
    self.role = role
    self.busyTimeoutMS = busyTimeoutMS
    self.sender = sender
    path = url.path
  }

  // MARK: Sessions

  /// The session of the transaction that is open; of none, one that seems alive.
  func session() throws(StoreError) -> Session {
    if let current, !current.isLost { return current }
    guard isIdle else {
      throw StoreError(.io, "The store \(path) has lost its connection in the middle of a transaction.")
    }
    return try connect()
  }

  var isLost: Bool { current?.isLost ?? true }

  /// Tries for as long as a call may wait: a server that starts anew is there within seconds.
  private func connect() throws(StoreError) -> Session {
    current = nil
    isAway = false
    guard !isClosed else { throw StoreError(.closed, "The store \(path) is closed.") }
    let password = try url.passwords?.take()
    var waitedMS = 0
    var attempt = 0
    while true {
      do throws(StoreError) {
        let session = try open(password)
        current = session
        generation &+= 1
        forgotten = []
        return session
      } catch {
        guard error.code == .cannotOpen || error.isTransient else { throw error }
        guard waitedMS < busyTimeoutMS else {
          isAway = true
          throw StoreError(.io, error.message)
        }
        let pause = Self.pausesMS.indices.contains(attempt) ? Self.pausesMS[attempt] : 500
        usleep(pause * 1_000)
        waitedMS += Int(pause)
        attempt += 1
      }
    }
  }

  private func open(_ password: String?) throws(StoreError) -> Session {
    let session = try Session(url, password)
    try session.configure(url, lockTimeoutMS: busyTimeoutMS)
    if role == .reader, !url.options.isPooled {
      _ = try session.ask("SET default_transaction_read_only = on")
    }
    try store.check(session)
    if url.options.isPooled { session.preamble.append(store.assertion) }
    return session
  }

  func settle() throws(StoreError) {
    if let current, current.backlog > 0 { try current.settle() }
  }

  /// A statement is out whose answer nobody has asked for yet.
  func wasRun() throws(StoreError) {
    if isIdle || (current?.backlog ?? 0) > Self.backlogMax { try settle() }
  }

  // MARK: Statements

  func prepare(_ sql: String, _ use: Statement.Use) throws(StoreError) -> any PreparedStatement {
    statements += 1
    // A cursor ends with its transaction; the server would know a statement in another session, or not.
    let isBrowsed = if case .browsed = use { true } else { false }
    if url.options.isPooled, !isBrowsed { return PostgresStatement(self, sql, use, name: "") }
    return PostgresStatement(self, sql, use, name: "dx\(statements)")
  }

  func execute(_ sql: String) throws(StoreError) {
    let session = try session()
    try session.send(sql, .done("running a statement"))
    try session.settle()
  }

  /// The end of its transaction would do, too.
  func closeCursor(_ name: String) {
    guard !isIdle, let current, !current.isLost, !current.isFailed else { return }
    try? current.send("CLOSE " + name, .done("closing a cursor"))
  }

  /// Between transactions the server is told.
  func forget(_ name: String) { forgotten.append(name) }

  private func begin(_ sql: String) throws(StoreError) -> Session {
    let session = try session()
    for name in forgotten { try session.send("DEALLOCATE " + name, .done("forgetting a statement")) }
    forgotten = []
    try session.begin(sql)
    isIdle = false
    isOutcomeUnknown = false
    return session
  }

  // MARK: Transactions

  func beginWrite() throws(StoreError) {
    let session = try begin("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
    var lock = Parameters()
    lock.set(0, integer: store.space)
    try session.send(
      "SELECT pg_advisory_xact_lock(CAST($1 AS INTEGER), 0)", lock, .done("waiting for the other writers"))
  }

  func commitWrite() throws(StoreError) {
    let session = try session()
    // Whatever failed so far is told here, and not by a COMMIT that rolls back.
    try session.end("COMMIT", "committing")
    do throws(StoreError) {
      try session.settle()
    } catch {
      guard session.isLost else { throw error }
      isOutcomeUnknown = true
      throw StoreError(
        .io,
        "The store \(path) lost its connection while committing: nobody knows whether that was stored.")
    }
    isIdle = true
    if url.options.notifies { try? tell(session) }
  }

  /// In a transaction of its own, which waits for no disk: the server lets one at a time tell something,
  /// until its commit. Should it be lost, the others look for themselves.
  private func tell(_ session: Session) throws(StoreError) {
    try session.send(
      "SELECT set_config('synchronous_commit', 'off', true)", .done("telling the others"))
    var news = Parameters()
    news.set(0, untyped: store.channel)
    news.set(1, untyped: sender)
    try session.send("SELECT pg_notify($1, $2)", news, .done("telling the others"))
    try session.push()
  }

  func beginRead() throws(StoreError) {
    _ = try begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
  }

  func endRead() throws(StoreError) {
    let session = try session()
    try session.end("COMMIT", "ending a read")
    try session.push()
    isIdle = true
  }

  func rollBack(after error: StoreError) {
    if isIdle { return }
    isIdle = true
    guard let session = current, !session.isLost else { return }
    do throws(StoreError) {
      try? session.settle()
      try session.end("ROLLBACK", "rolling back")
      try session.settle()
    } catch {
      current = nil
    }
  }

  func close() {
    isClosed = true
    current = nil
  }
}
