internal import CSQLite
internal import Glibc
internal import PerdureModel
internal import PerdureStore
internal import PerdureStoreSQL

/// How a path becomes a store, or a refusal that names path and cause and leaves the file as it was.
///
///     examine the file -> open -> claim it (application_id) -> WAL, read back -> migrate -> check
///     -> readers, locks
enum Opening {
  struct Opened: Sendable {
    let writer: SQLiteWriter
    let readers: [Reader]
    let locks: NodeLocks
    let logPath: String
  }

  /// Databases up to this many pages are checked whole at open, each index against its table: a row that no
  /// index leads to would be missing without a word. It takes up to some 100 ms.
  private static let checkedPages: Int64 = 4_096

  static func open(path: String, settings: StoreSettings) throws(StoreError) -> Opened {
    let file = try DatabaseFile.examine(path)
    return try SystemCalls.openingStore { code throws(StoreError) in
      guard code == SQLITE_OK else {
        throw StoreError(
          .internalError, "SQLite does not start (code \(code)): the store \(path) stays closed.")
      }
      return try open(file, settings)
    }
  }

  private static func open(_ file: DatabaseFile, _ settings: StoreSettings) throws(StoreError) -> Opened {
    let busyTimeoutMS = settings.busyTimeoutMS
    let writing = try SQLiteConnection(
      path: file.path, file: file.resolved, creating: true, busyTimeoutMS: busyTimeoutMS)
    // Until it is known to be ours.
    writing.leaveUntouched()
    var connections = [writing]
    do {
      try writing.harden()
      // KiB of memory for pages: the writer touches the ends of every index, readers mostly what is asked for
      // once.
      try writing.execute("PRAGMA cache_size=-32768")
      try claim(writing)
      try useLog(writing, busyTimeoutMS: busyTimeoutMS)
      try Schema.refuseUnknown(writing.integer("PRAGMA user_version"), path: file.path)
      try Schema.migrate(writing)
      try Schema.check(writing)
      try check(writing)
      try writing.execute("PRAGMA wal_autocheckpoint=4000")
      try writing.execute("PRAGMA journal_size_limit=67108864")
      let writer = try SQLiteWriter(writing, limits: settings.limits)
      func reader() throws(StoreError) -> Reader {
        let reading = try SQLiteConnection(
          path: file.path, file: file.resolved, creating: false, busyTimeoutMS: busyTimeoutMS)
        connections.append(reading)
        reading.leaveUntouched()
        try reading.harden()
        try reading.execute("PRAGMA cache_size=-8192")
        try reading.execute("PRAGMA query_only=ON")
        return try Reader(reading)
      }
      let readers = [try reader(), try reader()]
      let locks = try NodeLocks(database: writing.file, path: file.path)
      _ = perdure_sqlite_switch(writing.handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
      return Opened(writer: writer, readers: readers, locks: locks, logPath: writing.file + "-wal")
    } catch {
      for connection in connections { connection.close() }
      // SQLite's general error has its cause in the file here: what we ask for is always the same.
      guard error.code == .internalError else { throw error }
      throw StoreError(.corrupt, error.message)
    }
  }

  /// Puts our mark into an empty database. It goes into the file itself before there is a log, so that
  /// `DatabaseFile` finds it there whatever happens later.
  private static func claim(_ connection: SQLiteConnection) throws(StoreError) {
    if try connection.integer("PRAGMA application_id") == Schema.applicationID { return }
    try connection.write { () throws(StoreError) in
      let application = try connection.integer("PRAGMA application_id")
      if application == Schema.applicationID { return }
      guard application == 0, try connection.integer("SELECT count(*) FROM sqlite_schema") == 0 else {
        throw StoreError(
          .foreign, "The store \(connection.path) is a database of another application: left untouched.")
      }
      try connection.execute("PRAGMA application_id=\(Schema.applicationID)")
    }
  }

  /// The switch to WAL does not wait for other openers by itself.
  private static func useLog(_ connection: SQLiteConnection, busyTimeoutMS: Int) throws(StoreError) {
    var waited = 0
    while true {
      do throws(StoreError) {
        let mode = try connection.text("PRAGMA journal_mode=WAL")
        guard mode == "wal" else {
          throw StoreError(
            .cannotOpen,
            "The store \(connection.path) is refused: SQLite answered journal_mode=\(mode), not wal (a file "
              + "system without shared memory?)")
        }
        return
      } catch {
        guard error.code == .busy, waited < busyTimeoutMS else { throw error }
        usleep(5_000)
        waited += 5
      }
    }
  }

  private static func check(_ connection: SQLiteConnection) throws(StoreError) {
    guard try connection.integer("PRAGMA page_count") <= checkedPages else { return }
    _ = SystemCalls.takeFailure(of: .reading)
    let answer = try connection.text("PRAGMA integrity_check(1)")
    guard answer == "ok" else {
      let cause = SystemCalls.takeFailure(of: .reading)
      if cause != 0 { throw connection.unreadable(cause, "checking it") }
      let finding = answer.split(separator: "\n").joined(separator: " ")
      throw StoreError(.corrupt, "The store \(connection.path) is damaged: \(finding).")
    }
  }
}
