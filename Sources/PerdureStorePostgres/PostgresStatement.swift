internal import PerdureStore
internal import PerdureStoreSQL

/// A statement on one connection. It is prepared when it runs first in a session, by the kinds of values that
/// are bound then.
final class PostgresStatement: PreparedStatement {
  private let connection: PostgresConnection
  private let sql: String
  /// Under which the server knows it, or its cursor; empty: it is not kept.
  private let name: String
  private let isBrowsed: Bool
  private var parameters = Parameters()
  private var rows: Rows?
  private var row: Int32 = -1
  private var hasCursor = false
  /// Of the last run whose answer was read.
  private var changed: Int64 = 0
  private var key: Int64 = 0
  private var unescaped: [[UInt8]] = []

  /// In the session of that number.
  private var preparedIn = 0
  var isPrepared: Bool {
    get { preparedIn == connection.generation }
    set { preparedIn = newValue ? connection.generation : 0 }
  }

  /// How many rows a cursor gets at once.
  private static let chunk: Int32 = 64

  init(_ connection: PostgresConnection, _ sql: String, _ use: Statement.Use, name: String) {
    self.connection = connection
    var sql = PostgresText.statement(sql)
    isBrowsed = if case .browsed = use { true } else { false }
    if case .inserting(let key) = use { sql += " RETURNING \(key)" }
    self.sql = isBrowsed ? "DECLARE \(name) NO SCROLL CURSOR FOR " + sql : sql
    if case .once = use { self.name = "" } else { self.name = name }
  }

  // MARK: Parameters

  func bind(_ index: Int32, integer: Int64) { parameters.set(Int(index) - 1, integer: integer) }
  func bind(_ index: Int32, text: UnsafeRawBufferPointer) { parameters.set(Int(index) - 1, text: text) }

  func bindNull(_ index: Int32, _ kind: Statement.Kind) {
    parameters.setNull(Int(index) - 1, isInteger: kind == .integer)
  }

  // MARK: Running

  func step() throws(StoreError) -> Bool {
    if rows == nil {
      let session = try connection.session()
      if isBrowsed {
        try session.send(sql, parameters, .done("opening a cursor"))
        hasCursor = true
      }
      try fetch(session)
    }
    row &+= 1
    let count = rows?.count ?? 0
    if row < count { return true }
    guard isBrowsed, count == Self.chunk else { return false }
    try fetch(try connection.session())
    row = 0
    return (rows?.count ?? 0) > 0
  }

  private func fetch(_ session: Session) throws(StoreError) {
    rows = nil
    unescaped = []
    if isBrowsed {
      try session.send("FETCH FORWARD " + String(Self.chunk) + " FROM " + name, .rows(self))
    } else {
      try send(session, .rows(self))
    }
    try connection.settle()
  }

  private func send(_ session: Session, _ whose: Session.Expected) throws(StoreError) {
    if name.isEmpty { return try session.send(sql, parameters, whose) }
    if !isPrepared {
      try session.prepare(self, name, sql, parameters)
      isPrepared = true
    }
    try session.send(prepared: name, parameters, whose)
  }

  func run() throws(StoreError) {
    try send(try connection.session(), .run(self))
    try connection.wasRun()
  }

  func changes() throws(StoreError) -> Int64 {
    try connection.settle()
    return changed
  }

  func insertedKey() throws(StoreError) -> Int64 {
    try connection.settle()
    return key
  }

  /// The answer of a run.
  func note(_ rows: consuming Rows) {
    changed = rows.changed
    key = rows.count > 0 ? rows.integer(0, 0) : 0
  }

  /// The answer that is stepped through.
  func take(_ rows: consuming Rows) { self.rows = consume rows }

  func reset() {
    rows = nil
    row = -1
    unescaped = []
    if hasCursor { connection.closeCursor(name) }
    hasCursor = false
  }

  func finalize() {
    reset()
    if isPrepared, !name.isEmpty, !isBrowsed { connection.forget(name) }
    preparedIn = 0
  }

  // MARK: Columns

  func integer(_ column: Int32) -> Int64 { rows?.integer(row, column) ?? 0 }
  func isNull(_ column: Int32) -> Bool { rows?.isNull(row, column) ?? true }

  func bytes(_ column: Int32) -> UnsafeRawBufferPointer {
    guard let bytes = rows?.bytes(row, column) else { return UnsafeRawBufferPointer(start: nil, count: 0) }
    guard let meant = PostgresText.unescaped(bytes) else { return bytes }
    unescaped.append(meant)
    // The array stays as it is in `unescaped`, and so does its memory.
    return meant.withUnsafeBytes { $0 }
  }

  var shown: String { Self.shown(sql) }

  /// The beginning of a statement, in one line.
  static func shown(_ sql: String) -> String {
    sql.prefix(60).split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }
}
