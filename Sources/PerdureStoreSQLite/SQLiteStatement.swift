internal import CSQLite
internal import PerdureStore
internal import PerdureStoreSQL

/// A statement of SQLite. The connection finalizes those that nobody did.
final class SQLiteStatement: PreparedStatement {
  private let handle: OpaquePointer
  private let connection: SQLiteConnection
  /// The first binding that failed: told by `step`, so that no run uses a stale value.
  private var bindingCode: Int32 = SQLITE_OK

  init(_ connection: SQLiteConnection, _ sql: String, isKept: Bool) throws(StoreError) {
    var prepared: OpaquePointer?
    let flags = isKept ? UInt32(SQLITE_PREPARE_PERSISTENT) : 0
    let code = sqlite3_prepare_v3(connection.handle, sql, -1, flags, &prepared, nil)
    guard code == SQLITE_OK, let prepared else {
      throw connection.error(code, "preparing \(SQLiteConnection.shown(sql))")
    }
    handle = prepared
    self.connection = connection
  }

  func bind(_ index: Int32, integer: Int64) { note(sqlite3_bind_int64(handle, index, integer)) }

  func bind(_ index: Int32, text: UnsafeRawBufferPointer) {
    note(perdure_sqlite_bind_text(handle, index, text.baseAddress, UInt64(text.count)))
  }

  func bindNull(_ index: Int32, _ kind: Statement.Kind) { note(sqlite3_bind_null(handle, index)) }

  private func note(_ code: Int32) {
    if code != SQLITE_OK, bindingCode == SQLITE_OK { bindingCode = code }
  }

  func step() throws(StoreError) -> Bool {
    guard bindingCode == SQLITE_OK else {
      let code = bindingCode
      bindingCode = SQLITE_OK
      throw connection.error(code, "binding a value")
    }
    let code = sqlite3_step(handle)
    if code == SQLITE_ROW { return true }
    if code == SQLITE_DONE { return false }
    throw connection.error(code, "running \(SQLiteConnection.shown(sql))")
  }

  func run() throws(StoreError) {
    defer { reset() }
    _ = try step()
  }

  func changes() -> Int64 { sqlite3_changes64(connection.handle) }
  func insertedKey() -> Int64 { sqlite3_last_insert_rowid(connection.handle) }

  func reset() { sqlite3_reset(handle) }
  func finalize() { sqlite3_finalize(handle) }

  private var sql: String { sqlite3_sql(handle).map { String(cString: $0) } ?? "" }

  func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }
  func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }

  func bytes(_ column: Int32) -> UnsafeRawBufferPointer {
    // As a blob: SQLite then need not terminate the text with a zero.
    let start = sqlite3_column_blob(handle, column)
    let size = sqlite3_column_bytes(handle, column)
    return UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : Int(size))
  }
}
