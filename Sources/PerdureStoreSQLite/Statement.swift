internal import CSQLite
internal import PerdureModel
internal import PerdureStore
internal import PerdureWire

/// A prepared statement. Every parameter is bound before each run (bindings stay from the run before), and a
/// run ends with `reset`, because a statement left in the middle keeps its transaction open.
final class Statement {
  private let handle: OpaquePointer
  private let connection: Connection
  /// The first binding that failed: told by `step`, so that no run uses a stale value.
  private var bindingCode: Int32 = SQLITE_OK

  init(_ connection: Connection, _ sql: String, isKept: Bool = true) throws(StoreError) {
    var prepared: OpaquePointer?
    let flags = isKept ? UInt32(SQLITE_PREPARE_PERSISTENT) : 0
    let code = sqlite3_prepare_v3(connection.handle, sql, -1, flags, &prepared, nil)
    guard code == SQLITE_OK, let prepared else {
      throw connection.error(code, "preparing \(Connection.shown(sql))")
    }
    handle = prepared
    self.connection = connection
  }

  // MARK: Parameters, from 1

  func bind(_ index: Int32, _ value: Int64) { note(sqlite3_bind_int64(handle, index, value)) }

  func bind(_ index: Int32, _ value: Int64?) {
    note(value.map { sqlite3_bind_int64(handle, index, $0) } ?? sqlite3_bind_null(handle, index))
  }

  func bind(_ index: Int32, _ value: String) {
    var value = value
    value.withUTF8 { bytes in
      note(perdure_sqlite_bind_text(handle, index, bytes.baseAddress, UInt64(bytes.count)))
    }
  }

  func bind(_ index: Int32, _ value: String?) {
    if let value { bind(index, value) } else { note(sqlite3_bind_null(handle, index)) }
  }

  /// UTF-8 text.
  func bind(_ index: Int32, _ value: [UInt8]) {
    value.withUnsafeBytes { bytes in
      note(perdure_sqlite_bind_text(handle, index, bytes.baseAddress, UInt64(bytes.count)))
    }
  }

  func bind(_ index: Int32, _ value: [UInt8]?) {
    if let value { bind(index, value) } else { note(sqlite3_bind_null(handle, index)) }
  }

  private func note(_ code: Int32) {
    if code != SQLITE_OK, bindingCode == SQLITE_OK { bindingCode = code }
  }

  // MARK: Running

  /// Goes to the next row; false at the end.
  func step() throws(StoreError) -> Bool {
    guard bindingCode == SQLITE_OK else {
      let code = bindingCode
      bindingCode = SQLITE_OK
      throw connection.error(code, "binding a value")
    }
    let code = sqlite3_step(handle)
    if code == SQLITE_ROW { return true }
    if code == SQLITE_DONE { return false }
    throw connection.error(code, "running \(Connection.shown(sql))")
  }

  /// Runs a statement that answers no rows.
  func run() throws(StoreError) {
    defer { reset() }
    _ = try step()
  }

  /// Rows that the last run changed.
  var changes: Int64 { sqlite3_changes64(connection.handle) }
  var lastInsertedRow: Int64 { sqlite3_last_insert_rowid(connection.handle) }

  func reset() { sqlite3_reset(handle) }
  func finalize() { sqlite3_finalize(handle) }

  private var sql: String { sqlite3_sql(handle).map { String(cString: $0) } ?? "" }

  // MARK: Columns of the row, from 0

  /// What the engine writes is within what JSON holds. What somebody else wrote is brought there, so that
  /// arithmetic on it cannot overflow.
  func integer(_ column: Int32) -> Int64 {
    max(-Self.integerMax, min(Self.integerMax, sqlite3_column_int64(handle, column)))
  }

  /// As it is stored, to be compared with only.
  func exactInteger(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

  private static var integerMax: Int64 { 1 << 53 }

  /// Throws if one of the columns has an integer that the engine did not write.
  func checkIntegers(_ columns: [Int32]) throws(WireError) {
    for column in columns where abs(integer(column)) == Self.integerMax {
      throw WireError("The number \(sqlite3_column_int64(handle, column)) is out of range.")
    }
  }

  func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }

  func optionalInteger(_ column: Int32) -> Int64? { isNull(column) ? nil : integer(column) }

  func text(_ column: Int32) -> String { withBytes(column) { String(decoding: $0, as: UTF8.self) } }

  func optionalText(_ column: Int32) -> String? { isNull(column) ? nil : text(column) }

  func bytes(_ column: Int32) -> [UInt8] { withBytes(column) { [UInt8]($0) } }

  func optionalBytes(_ column: Int32) -> [UInt8]? { isNull(column) ? nil : bytes(column) }

  /// JSON that goes into messages as it is, and so must be JSON whoever wrote it.
  func payload(_ column: Int32) throws(WireError) -> Payload {
    try withBytes(column) { bytes throws(WireError) in
      // An empty text is null to the decoder, but nobody here writes one.
      guard !bytes.isEmpty else { throw WireError("The JSON is empty.") }
      return try PayloadWire.decode(bytes)
    }
  }

  func optionalPayload(_ column: Int32) throws(WireError) -> Payload? {
    isNull(column) ? nil : try payload(column)
  }

  /// The bytes of a text, valid until `body` returns.
  func withBytes<R, E: Error>(
    _ column: Int32, _ body: (UnsafeRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    // As a blob: SQLite then need not terminate the text with a zero.
    let start = sqlite3_column_blob(handle, column)
    let size = sqlite3_column_bytes(handle, column)
    return try body(UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : Int(size)))
  }
}
