internal import CSQLite
internal import Glibc
internal import PerdureStore
internal import PerdureStoreSQL

/// One SQLite connection with the settings that durability rests on. Used by one thread at a time.
final class SQLiteConnection: Connection {
  let handle: OpaquePointer
  /// As the user named it: for messages.
  let path: String
  private var isOpen = true
  /// Of a connection that writes: the files that every commit must be in.
  var files: OpenFiles?
  private var begin, commit: SQLiteStatement?

  var dialect: Dialect { .sqlite }

  /// Opens the file for reading and writing; creates it if `creating`.
  /// - Parameter busyTimeoutMS: how long a statement waits for somebody else's lock.
  init(path: String, file: String, creating: Bool, busyTimeoutMS: Int) throws(StoreError) {
    let flags =
      SQLITE_OPEN_READWRITE | (creating ? SQLITE_OPEN_CREATE : 0) | SQLITE_OPEN_NOMUTEX
      | SQLITE_OPEN_EXRESCODE
    var opened: OpaquePointer?
    let code = sqlite3_open_v2(file, &opened, flags, nil)
    guard let opened else { throw StoreError(.io, "The store \(path) cannot be opened: out of memory.") }
    handle = opened
    self.path = path
    guard code == SQLITE_OK else {
      let failure = error(code, "opening it")
      close()
      throw failure
    }
    if sqlite3_db_readonly(handle, "main") == 1 {
      close()
      throw StoreError(.readOnly, "The store \(path) cannot be written: the file is read-only.")
    }
    setBusyTimeout(busyTimeoutMS)
  }

  /// Waits in short, even steps: SQLite's own handler grows to steps of 100 ms, an age when two processes
  /// alternate.
  private func setBusyTimeout(_ milliseconds: Int) {
    let limit = UnsafeMutableRawPointer(bitPattern: UInt(max(1, min(milliseconds, 3_600_000))))
    sqlite3_busy_handler(
      handle,
      { limit, count in
        let shortSteps = min(count, 40)
        let waitedMicroseconds = Int(shortSteps) * 250 + (Int(count) - Int(shortSteps)) * 2_000
        if waitedMicroseconds >= Int(bitPattern: limit) &* 1_000 { return 0 }
        usleep(count < 40 ? 250 : 2_000)
        return 1
      }, limit)
  }

  /// Settings that every connection has, read back where losing them would lose data.
  func harden() throws(StoreError) {
    for (option, on) in [
      (SQLITE_DBCONFIG_DEFENSIVE, 1), (SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0),
      (SQLITE_DBCONFIG_ENABLE_TRIGGER, 0), (SQLITE_DBCONFIG_ENABLE_VIEW, 0),
    ] as [(Int32, Int32)] {
      let code = perdure_sqlite_switch(handle, option, on)
      guard code == SQLITE_OK else { throw error(code, "hardening the connection") }
    }
    try execute("PRAGMA cell_size_check=ON")
    try execute("PRAGMA trusted_schema=OFF")
    try execute("PRAGMA temp_store=MEMORY")
    try execute("PRAGMA synchronous=FULL")
    let synchronous = try integer("PRAGMA synchronous")
    guard synchronous == 2 else {
      throw StoreError(
        .cannotOpen, "The store \(path) is refused: SQLite answered synchronous=\(synchronous), not FULL (2)."
      )
    }
  }

  /// Runs statements that return nothing of interest.
  func execute(_ sql: String) throws(StoreError) {
    let code = sqlite3_exec(handle, sql, nil, nil, nil)
    guard code == SQLITE_OK else { throw error(code, "running \(Self.shown(sql))") }
  }

  func prepare(_ sql: String, _ use: Statement.Use) throws(StoreError) -> any PreparedStatement {
    switch use {
    case .kept, .inserting, .collected, .gathering: try SQLiteStatement(self, sql, isKept: true)
    case .once, .browsed: try SQLiteStatement(self, sql, isKept: false)
    }
  }

  /// No transaction is open.
  var isIdle: Bool { sqlite3_get_autocommit(handle) != 0 }

  // MARK: Transactions

  func beginWrite(_ mode: WriteMode) throws(StoreError) {
    try files?.refuseReplaced()
    try run("BEGIN IMMEDIATE", &begin)
  }

  func commitWrite() throws(StoreError) {
    try run("COMMIT", &commit)
    guard isIdle else {
      throw StoreError(.internalError, "The store \(path) did not end its transaction.")
    }
    try files?.check()
  }

  func beginRead() throws(StoreError) { try execute("BEGIN") }
  func endRead() throws(StoreError) { try execute("COMMIT") }

  private func run(_ sql: String, _ statement: inout SQLiteStatement?) throws(StoreError) {
    if statement == nil { statement = try SQLiteStatement(self, sql, isKept: true) }
    try statement?.run()
  }

  func rollBack(after error: StoreError) {
    if !isIdle { sqlite3_exec(handle, "ROLLBACK", nil, nil, nil) }
    if error.code == .replaced { files?.replaced = error }
  }

  /// Runs `body` in a write transaction; what it throws undoes it.
  func write<R>(_ body: () throws(StoreError) -> R) throws(StoreError) -> R {
    try execute("BEGIN IMMEDIATE")
    do {
      let result = try body()
      try execute("COMMIT")
      return result
    } catch {
      rollBack(after: error)
      throw error
    }
  }

  /// The resolved name of the database file.
  var file: String {
    guard let name = sqlite3_db_filename(handle, "main") else { return path }
    return String(cString: name)
  }

  /// Rows that it has inserted, updated or deleted so far.
  var changeCount: Int64 { sqlite3_total_changes64(handle) }

  /// The file at the path is not the one that SQLite holds open. Throws `.io` if the system does not tell.
  func hasMoved() throws(StoreError) -> Bool {
    var moved: Int32 = 0
    _ = SystemCalls.takeFailure(of: .looking)
    let code = sqlite3_file_control(handle, "main", SQLITE_FCNTL_HAS_MOVED, &moved)
    let cause = SystemCalls.takeFailure(of: .looking)
    if cause != 0 { throw unreadable(cause, "looking for its file") }
    return code == SQLITE_OK && moved != 0
  }

  /// Leaves the database and its log as they are: no checkpoint when this connection closes.
  func leaveUntouched() {
    _ = perdure_sqlite_switch(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
  }

  /// Closes, with all statements. A second call does nothing.
  func close() {
    guard isOpen else { return }
    isOpen = false
    (begin, commit) = (nil, nil)
    while let statement = sqlite3_next_stmt(handle, nil) { sqlite3_finalize(statement) }
    sqlite3_close_v2(handle)
  }

  /// The beginning of a statement, in one line.
  static func shown(_ sql: String) -> String {
    sql.prefix(60).split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  /// One sentence that names the store, what it was doing, and SQLite's cause.
  func error(_ code: Int32, _ doing: String) -> StoreError {
    let readFailure = SystemCalls.takeFailure(of: .reading)
    if code & 0xff == SQLITE_CORRUPT, readFailure != 0 { return unreadable(readFailure, doing) }
    let lookFailure = SystemCalls.takeFailure(of: .looking)
    if code == ResultCode.moved, lookFailure != 0 { return unreadable(lookFailure, doing) }
    let writeFailure = SystemCalls.takeFailure(of: .writing)
    let systemError =
      code & 0xff == SQLITE_IOERR && writeFailure != 0 ? writeFailure : sqlite3_system_errno(handle)
    let cause =
      sqlite3_extended_errcode(handle) == code
      ? sqlite3_errmsg(handle).map { String(cString: $0) } : sqlite3_errstr(code).map { String(cString: $0) }
    var message = "The store \(path) failed while \(doing): \(cause ?? "unknown cause") (SQLite code \(code)"
    switch code & 0xff {
    case SQLITE_IOERR, SQLITE_CANTOPEN, SQLITE_FULL, SQLITE_READONLY:
      if systemError != 0 { message += ", \(ResultCode.systemMessage(systemError))" }
    default: break
    }
    return StoreError(ResultCode.storeCode(code, systemError: systemError), message + ").")
  }

  /// The device did not give the bytes: nothing is known about them.
  func unreadable(_ cause: Int32, _ doing: String) -> StoreError {
    StoreError(
      .io, "The store \(path) could not be read while \(doing): \(ResultCode.systemMessage(cause)).")
  }

  deinit { close() }
}
