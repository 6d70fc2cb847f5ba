internal import PerdureStore
internal import PerdureStoreSQL

/// A statement on one connection. It is prepared when it runs first in a session, by the kinds of values that
/// are bound then.
final class PostgresStatement: PreparedStatement {
  private let connection: PostgresConnection
  private let use: Statement.Use
  /// For one run.
  private let one: ServerStatement
  /// For many, in arrays; nil: there is none such.
  private let many: ServerStatement?
  private var parameters = Parameters()
  /// The parameters of what may be sent together with others.
  private var row: [RowValue] = []
  /// What a gathering statement is about.
  private var gathered: [[RowValue]] = []
  private var rows: Rows?
  private var position: Int32 = -1
  /// An answer is on its way that is stepped through.
  private var isAsked = false
  private var hasCursor = false
  /// Of the last run whose answer was read.
  private var changed: Int64 = 0
  private var key: Int64 = 0
  /// Of the last run, if that is held back or was.
  private var later: Int64?
  private var unescaped: [[UInt8]] = []

  init(_ connection: PostgresConnection, _ sql: String, _ use: Statement.Use, name: String) {
    self.connection = connection
    self.use = use
    let text = PostgresText.statement(sql)
    switch use {
    case .kept:
      (one, many) = (ServerStatement(text, name: name), nil)
    case .once:
      (one, many) = (ServerStatement(text, name: ""), nil)
    case .browsed:
      (one, many) = (ServerStatement("DECLARE \(name) NO SCROLL CURSOR FOR " + text, name: name), nil)
    case .inserting(let key):
      (one, many) = (ServerStatement("\(text) RETURNING \(key)", name: name), nil)
    case .collected(let write):
      let answer = write.key.map { " RETURNING \($0)" } ?? ""
      one = ServerStatement(text + answer, name: name)
      many = ServerStatement(
        PostgresText.gathered(write.gathered) + answer, name: name.isEmpty ? "" : name + "m")
    case .gathering:
      one = ServerStatement(text, name: "")
      many = ServerStatement(PostgresText.gathered(sql), name: name)
    }
  }

  /// How many rows a cursor gets at once: they may be locked as they come.
  private var chunk: Int32 {
    if case .browsed(let wanted) = use { Int32(clamping: max(1, min(wanted, 64))) } else { 0 }
  }

  private var isBrowsed: Bool { if case .browsed = use { true } else { false } }

  // MARK: Parameters

  func bind(_ index: Int32, integer: Int64) {
    if many == nil {
      parameters.set(Int(index) - 1, integer: integer)
    } else {
      row.set(Int(index) - 1, .integer(integer))
    }
  }

  func bind(_ index: Int32, text: UnsafeRawBufferPointer) {
    if many == nil {
      parameters.set(Int(index) - 1, text: text)
    } else {
      row.set(Int(index) - 1, .text(PostgresText.escaped(text) ?? Array(text)))
    }
  }

  func bindNull(_ index: Int32, _ kind: Statement.Kind) {
    if many == nil {
      parameters.setNull(Int(index) - 1, isInteger: kind == .integer)
    } else {
      row.set(Int(index) - 1, .null(kind))
    }
  }

  func addRow() { gathered.append(row) }

  // MARK: Running

  func step() throws(StoreError) -> Bool {
    if rows == nil {
      if !isAsked { try ask() }
      try settle()
    }
    position &+= 1
    let count = rows?.count ?? 0
    if position < count { return true }
    guard isBrowsed, count == chunk else { return false }
    rows = nil
    unescaped = []
    try fetch()
    try settle()
    position = 0
    return (rows?.count ?? 0) > 0
  }

  func ask() throws(StoreError) {
    rows = nil
    isAsked = true
    try connection.sendCollected()
    if let many, case .gathering = use {
      var columns = Parameters()
      columns.set(columnsOf: gathered)
      gathered = []
      return try connection.send(many, columns, .rows(self))
    }
    guard isBrowsed else { return try connection.send(one, parameters, .rows(self)) }
    try connection.session().send(one.text, parameters, .done("opening a cursor"))
    hasCursor = true
    try fetch()
  }

  private func fetch() throws(StoreError) {
    isAsked = true
    let sql = "FETCH FORWARD " + String(chunk) + " FROM " + one.name
    try connection.session().send(sql, .rows(self))
  }

  private func settle() throws(StoreError) {
    defer { isAsked = false }
    try connection.settle()
  }

  func run() throws(StoreError) {
    if case .collected(let write) = use, !connection.isIdle {
      later = try connection.collect(row, of: self, write)
    } else {
      try runAlone()
    }
  }

  func runAlone() throws(StoreError) {
    later = nil
    try connection.sendCollected()
    if many == nil {
      try connection.send(one, parameters, .run(self))
    } else {
      var parameters = Parameters()
      parameters.set(row)
      try connection.send(one, parameters, .run(self))
    }
    try connection.wasRun()
  }

  /// Sends what was collected.
  func send(_ batch: CollectedWrites.Batch) throws(StoreError) {
    var parameters = Parameters()
    if batch.rows.count > 1, let many {
      parameters.set(columnsOf: batch.rows)
      try connection.send(many, parameters, .written(batch))
    } else if let row = batch.rows.first {
      parameters.set(row)
      try connection.send(one, parameters, .written(batch))
    }
  }

  func changes() throws(StoreError) -> Int64 {
    try connection.settle()
    return changed
  }

  func insertedKey() throws(StoreError) -> Int64 {
    if later != nil { try connection.sendCollected() }
    try connection.settle()
    return later.map { connection.key($0) } ?? key
  }

  func laterKey() throws(StoreError) -> Int64 {
    if let later { return later }
    return try insertedKey()
  }

  /// The answer of a run.
  func note(_ rows: consuming Rows) {
    changed = rows.changed
    key = rows.count > 0 ? rows.integer(0, 0) : 0
  }

  /// The answer of many runs. Keys grow from row to row, in whatever order they are told.
  func note(_ rows: consuming Rows, of batch: CollectedWrites.Batch) {
    if batch.keys.isEmpty { return }
    let keys = (0..<rows.count).map { rows.integer($0, 0) }.sorted()
    for (number, key) in zip(batch.keys, keys) { connection.note(key, at: number) }
  }

  /// The answer that is stepped through.
  func take(_ rows: consuming Rows) { if isAsked { self.rows = consume rows } }

  func reset() {
    rows = nil
    position = -1
    isAsked = false
    gathered = []
    unescaped = []
    if hasCursor { connection.closeCursor(one.name) }
    hasCursor = false
  }

  func finalize() {
    reset()
    for statement in [one, many] {
      guard let statement, !isBrowsed, !statement.name.isEmpty else { continue }
      if statement.preparedIn == connection.generation { connection.forget(statement.name) }
      statement.preparedIn = 0
    }
  }

  // MARK: Columns

  func integer(_ column: Int32) -> Int64 { rows?.integer(position, column) ?? 0 }
  func isNull(_ column: Int32) -> Bool { rows?.isNull(position, column) ?? true }

  func bytes(_ column: Int32) -> UnsafeRawBufferPointer {
    guard let bytes = rows?.bytes(position, column) else {
      return UnsafeRawBufferPointer(start: nil, count: 0)
    }
    guard let meant = PostgresText.unescaped(bytes) else { return bytes }
    unescaped.append(meant)
    // The array stays as it is in `unescaped`, and so does its memory.
    return meant.withUnsafeBytes { $0 }
  }

  var shown: String { one.shown }
}
