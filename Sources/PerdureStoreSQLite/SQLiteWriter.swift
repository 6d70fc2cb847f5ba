internal import PerdureModel
internal import PerdureStore
internal import PerdureStoreSQL

/// The writer of a store, and what only SQLite has: the files, and whether other processes wrote to them.
/// Used under the store's lock.
final class SQLiteWriter: @unchecked Sendable {
  let writer: Writer
  let files: OpenFiles
  private let connection: SQLiteConnection
  private let dataVersion: Statement
  private var seenDataVersion: Int64

  init(_ connection: SQLiteConnection, limits: LimitSettings) throws(StoreError) {
    self.connection = connection
    writer = try Writer(connection, limits: limits)
    dataVersion = try Statement(connection, "PRAGMA data_version")
    files = try OpenFiles(connection)
    seenDataVersion = 0
    connection.files = files
    seenDataVersion = try readDataVersion()
  }

  /// Another connection committed since the last call.
  func sawForeignWrite() throws(StoreError) -> Bool {
    let current = try readDataVersion()
    defer { seenDataVersion = current }
    return current != seenDataVersion
  }

  /// Rows that this connection has written so far.
  var changeCount: Int64 { connection.changeCount }

  private func readDataVersion() throws(StoreError) -> Int64 {
    defer { dataVersion.reset() }
    return try dataVersion.step() ? dataVersion.integer(0) : 0
  }

  /// Copies the log into the database and closes.
  func close() {
    if (try? files.check()) != nil {
      // Best effort: whatever stays in the log is read from there at the next open.
      try? connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    } else {
      // The last to close removes the log by its name, which may be somebody else's log by now.
      connection.leaveUntouched()
    }
    connection.close()
  }
}
