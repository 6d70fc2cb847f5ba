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
  private var collected = CollectedWrites()
  /// Of this transaction; 0: not known yet.
  private var laterKeys: [Int64] = []
  private let withoutSync, notify: ServerStatement
  private var isClosed = false
  /// The server was not there for as long as a call may wait.
  private(set) var isAway = false
  /// Of the last transaction: nobody knows whether it was committed.
  private(set) var isOutcomeUnknown = false
  /// Of the transaction that is open, or was last.
  private var mode = WriteMode.alone
  private(set) var share: Int64 = 0

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
    let isPooled = url.options.isPooled
    withoutSync = ServerStatement(
      "SELECT set_config('synchronous_commit', 'off', true)", name: isPooled ? "" : "without_sync")
    notify = ServerStatement("SELECT pg_notify($1, $2)", name: isPooled ? "" : "notify")
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
  var traffic: (statements: Int, waits: Int) { (current?.sent ?? 0, current?.waits ?? 0) }

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
    if role == .writer, canShare { share = try takeShare(session) }
    return session
  }

  /// The first that no other session has; should all be taken, two have one.
  private func takeShare(_ session: Session) throws(StoreError) -> Int64 {
    // Nodes have the keys above that of the writers.
    let answer = try session.ask(
      """
      SELECT coalesce(
        (SELECT share FROM generate_series(1, 64) AS share
          WHERE pg_try_advisory_lock(CAST($1 AS INTEGER), -share) LIMIT 1), pg_backend_pid() % 64 + 1)
      """, String(store.space))
    return (answer.first?.first ?? nil).flatMap { Int64($0) } ?? 0
  }

  func settle() throws(StoreError) {
    guard let current, current.backlog > 0 else { return }
    do throws(StoreError) { try current.settle() } catch {
      forgetCollected()
      throw error
    }
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
    try sendCollected()
    try session().send(sql, .done("running a statement"))
    try settle()
  }

  func send(
    _ statement: ServerStatement, _ parameters: borrowing Parameters, _ whose: Session.Expected
  ) throws(StoreError) {
    let session = try session()
    if statement.name.isEmpty { return try session.send(statement.text, parameters, whose) }
    if statement.preparedIn != generation {
      try session.prepare(statement, parameters)
      statement.preparedIn = generation
    }
    try session.send(prepared: statement.name, parameters, whose)
  }

  // MARK: Writes that are held back

  /// Answers what stands for the key of the row, if it makes one that is asked for: below zero.
  func collect(
    _ row: [RowValue], of statement: PostgresStatement, _ write: RowWrite
  ) throws(StoreError) -> Int64? {
    var number: Int?
    if write.key != nil {
      number = laterKeys.count
      laterKeys.append(0)
    }
    collected.add(row, of: statement, write, key: number)
    if collected.isFull { try sendCollected() }
    return number.map { -1 - Int64($0) }
  }

  /// Before anything else that looks or writes.
  func sendCollected() throws(StoreError) {
    if collected.isEmpty { return }
    for batch in collected.take() { try batch.statement.send(batch) }
    try wasRun()
  }

  func forgetCollected() { collected = CollectedWrites() }

  func note(_ key: Int64, at number: Int) {
    if laterKeys.indices.contains(number) { laterKeys[number] = key }
  }

  func key(_ later: Int64) -> Int64 {
    let number = -1 - Int(clamping: later)
    return laterKeys.indices.contains(number) ? laterKeys[number] : later
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
    forgetCollected()
    laterKeys = []
    for name in forgotten { try session.send("DEALLOCATE " + name, .done("forgetting a statement")) }
    forgotten = []
    try session.begin(sql)
    isIdle = false
    isOutcomeUnknown = false
    mode = .alone
    session.hasClashed = false
    return session
  }

  // MARK: Transactions

  /// What a claim leaves to others, as they have their hands on it, is told by them.
  var canShare: Bool { url.options.sharesWrites && url.options.listens }

  var hasClashed: Bool { current?.hasClashed ?? false }

  func beginWrite(_ mode: WriteMode) throws(StoreError) {
    let session = try begin("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
    self.mode = mode
    var lock = Parameters()
    lock.set(0, integer: store.space)
    let sql =
      mode == .shared
      ? "SELECT pg_advisory_xact_lock_shared(CAST($1 AS INTEGER), 0)"
      : "SELECT pg_advisory_xact_lock(CAST($1 AS INTEGER), 0)"
    try session.send(sql, lock, .done("waiting for the other writers"))
  }

  func commitWrite() throws(StoreError) {
    try sendCollected()
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
    try send(withoutSync, Parameters(), .done("telling the others"))
    var news = Parameters()
    news.set(0, untyped: store.channel)
    news.set(1, untyped: sender)
    try send(notify, news, .done("telling the others"))
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
    forgetCollected()
    if isIdle { return }
    isIdle = true
    guard let session = current, !session.isLost else { return }
    do throws(StoreError) {
      try? session.settle()
      try session.end("ROLLBACK", "rolling back")
      try session.settle()
      // Others may have left to us what we had locked.
      if mode == .shared { try? tell(session) }
    } catch {
      current = nil
    }
  }

  func close() {
    isClosed = true
    current = nil
  }
}
