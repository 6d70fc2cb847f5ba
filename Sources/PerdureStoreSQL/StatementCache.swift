internal import PerdureStore

/// A value for a parameter of a statement.
protocol Bindable {
  /// What it is when it is not there.
  static var kind: Statement.Kind { get }
  func bind(to statement: Statement, at index: Int32)
}

extension Int64: Bindable {
  static var kind: Statement.Kind { .integer }
  func bind(to statement: Statement, at index: Int32) { statement.bind(index, self) }
}
extension String: Bindable {
  static var kind: Statement.Kind { .text }
  func bind(to statement: Statement, at index: Int32) { statement.bind(index, self) }
}
extension [UInt8]: Bindable {
  static var kind: Statement.Kind { .text }
  func bind(to statement: Statement, at index: Int32) { statement.bind(index, self) }
}
extension Optional: Bindable where Wrapped: Bindable {
  static var kind: Statement.Kind { Wrapped.kind }
  func bind(to statement: Statement, at index: Int32) {
    if let self { self.bind(to: statement, at: index) } else { statement.bindNull(index, Wrapped.kind) }
  }
}

/// Statements that are not on the way of every turn: prepared at their first use, found again by their text.
/// Each call binds all parameters, ?1 first, and leaves the statement reset.
package final class StatementCache {
  private let connection: any Connection
  private var statements: [String: Statement] = [:]

  init(_ connection: any Connection) { self.connection = connection }

  /// Runs a statement that answers no rows.
  func run(_ sql: String, _ values: any Bindable...) throws(StoreError) { try bound(sql, values).run() }

  /// The same, of one that may be collected.
  func run(_ write: RowWrite, _ values: any Bindable...) throws(StoreError) {
    try bound(write.text, values, .collected(write)).run()
  }

  /// The same; how many rows it changed.
  func change(_ sql: String, _ values: any Bindable...) throws(StoreError) -> Int64 {
    let statement = try bound(sql, values)
    try statement.run()
    return try statement.changes
  }

  /// The key of the row that an insert makes; its column is named.
  func insert(
    key: StaticString, _ sql: String, _ values: any Bindable...
  ) throws(StoreError) -> Int64 {
    let statement = try bound(sql, values, .inserting(key: key))
    try statement.run()
    return try statement.insertedKey
  }

  /// What `read` makes of each row.
  func rows<R>(
    _ sql: String, _ values: any Bindable..., read: (Statement) throws(StoreError) -> R
  ) throws(StoreError) -> [R] {
    let statement = try bound(sql, values)
    defer { statement.reset() }
    var rows: [R] = []
    while try statement.step() { rows.append(try read(statement)) }
    return rows
  }

  /// What `read` makes of the first row; nil if there is none.
  func first<R>(
    _ sql: String, _ values: any Bindable..., read: (Statement) throws(StoreError) -> R
  ) throws(StoreError) -> R? {
    let statement = try bound(sql, values)
    defer { statement.reset() }
    return try statement.step() ? try read(statement) : nil
  }

  /// Those that were used so far.
  package var texts: Set<String> { Set(statements.keys) }

  /// The statement with this text, to be bound, run and reset by the caller.
  func statement(_ sql: String, _ use: Statement.Use = .kept) throws(StoreError) -> Statement {
    try bound(sql, [], use)
  }

  /// The same, of one that may be collected.
  func statement(_ write: RowWrite) throws(StoreError) -> Statement {
    try bound(write.text, [], .collected(write))
  }

  private func bound(
    _ sql: String, _ values: [any Bindable], _ use: Statement.Use = .kept
  ) throws(StoreError) -> Statement {
    let statement: Statement
    if let known = statements[sql] {
      statement = known
    } else {
      statement = try Statement(connection, sql, use)
      statements[sql] = statement
    }
    for (offset, value) in values.enumerated() { value.bind(to: statement, at: Int32(clamping: offset + 1)) }
    return statement
  }
}
