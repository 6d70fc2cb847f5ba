internal import PerdureModel
package import PerdureStore
internal import PerdureWire

/// What a database makes of a statement: the part of `Statement` that is its own. Parameters count from 1,
/// columns from 0.
package protocol PreparedStatement: AnyObject {
  /// A value that cannot be bound is told of by the run.
  func bind(_ index: Int32, integer: Int64)
  func bind(_ index: Int32, text: UnsafeRawBufferPointer)
  func bindNull(_ index: Int32, _ kind: Statement.Kind)

  /// Goes to the next row; false at the end.
  func step() throws(StoreError) -> Bool
  /// Runs a statement that answers no rows. It may fail as late as at the end of the transaction.
  func run() throws(StoreError)
  /// Rows that the last run changed.
  func changes() throws(StoreError) -> Int64
  /// The key of the row that the last run inserted.
  func insertedKey() throws(StoreError) -> Int64

  /// Runs a collected write where it is called: `changes` can be asked for then.
  func runAlone() throws(StoreError)
  /// The key of the row that the last run inserted, or what stands for it until the transaction has ended
  /// (`Connection.key`).
  func laterKey() throws(StoreError) -> Int64
  /// The parameters as they are bound are a row of what a gathering statement is about.
  func addRow()
  /// Sends a statement whose rows are wanted soon: so several answers come with one wait.
  func ask() throws(StoreError)

  func reset()
  func finalize()

  func integer(_ column: Int32) -> Int64
  func isNull(_ column: Int32) -> Bool
  /// Valid until the next step or reset.
  func bytes(_ column: Int32) -> UnsafeRawBufferPointer
}

/// Of a database that runs everything where it is called.
extension PreparedStatement {
  package func runAlone() throws(StoreError) { try run() }
  package func laterKey() throws(StoreError) -> Int64 { try insertedKey() }
  package func addRow() {}
  package func ask() throws(StoreError) {}
}

/// A prepared statement. Every parameter is bound before each run (bindings stay from the run before), and a
/// run ends with `reset`, because a statement left in the middle keeps its transaction open.
package final class Statement {
  /// How a statement is used: what is worth preparing, and what is asked for.
  package enum Use: Sendable {
    case kept
    /// Once, or each time with another text.
    case once
    /// Once, for more rows than are taken: about so many.
    case browsed(Int)
    /// An insert: the key is in the column of this name.
    case inserting(key: StaticString)
    /// Its runs may be held back until something could tell, and sent together.
    case collected(RowWrite)
    /// A question about many rows at once, which are in it as in `RowWrite.gathered`.
    case gathering
  }

  /// What a NULL is not.
  package enum Kind: Sendable { case integer, text }

  private let prepared: any PreparedStatement

  package init(_ connection: any Connection, _ sql: String, _ use: Use = .kept) throws(StoreError) {
    prepared = try connection.prepare(sql, use)
  }

  convenience init(_ connection: any Connection, _ write: RowWrite) throws(StoreError) {
    try self.init(connection, write.text, .collected(write))
  }

  // MARK: Parameters, from 1

  package func bind(_ index: Int32, _ value: Int64) { prepared.bind(index, integer: value) }

  func bind(_ index: Int32, _ value: Int64?) {
    if let value { prepared.bind(index, integer: value) } else { prepared.bindNull(index, .integer) }
  }

  package func bind(_ index: Int32, _ value: String) {
    var value = value
    value.withUTF8 { bytes in prepared.bind(index, text: UnsafeRawBufferPointer(bytes)) }
  }

  func bind(_ index: Int32, _ value: String?) {
    if let value { bind(index, value) } else { prepared.bindNull(index, .text) }
  }

  /// UTF-8 text.
  func bind(_ index: Int32, _ value: [UInt8]) {
    value.withUnsafeBytes { bytes in prepared.bind(index, text: bytes) }
  }

  func bind(_ index: Int32, _ value: [UInt8]?) {
    if let value { bind(index, value) } else { prepared.bindNull(index, .text) }
  }

  func bindNull(_ index: Int32, _ kind: Kind) { prepared.bindNull(index, kind) }

  // MARK: Running

  /// Goes to the next row; false at the end.
  package func step() throws(StoreError) -> Bool { try prepared.step() }

  /// Runs a statement that answers no rows. It may fail as late as at the end of the transaction.
  func run() throws(StoreError) { try prepared.run() }

  /// Rows that the last run changed.
  var changes: Int64 { get throws(StoreError) { try prepared.changes() } }

  /// The key of the row that the last run of an insert made.
  var insertedKey: Int64 { get throws(StoreError) { try prepared.insertedKey() } }

  func runAlone() throws(StoreError) { try prepared.runAlone() }
  var laterKey: Int64 { get throws(StoreError) { try prepared.laterKey() } }
  func addRow() { prepared.addRow() }
  func ask() throws(StoreError) { try prepared.ask() }

  package func reset() { prepared.reset() }
  package func finalize() { prepared.finalize() }

  // MARK: Columns of the row, from 0

  /// What the engine writes is within what JSON holds. What somebody else wrote is brought there, so that
  /// arithmetic on it cannot overflow.
  package func integer(_ column: Int32) -> Int64 {
    max(-Self.integerMax, min(Self.integerMax, prepared.integer(column)))
  }

  /// As it is stored, to be compared with only.
  func exactInteger(_ column: Int32) -> Int64 { prepared.integer(column) }

  private static var integerMax: Int64 { 1 << 53 }

  /// Throws if one of the columns has an integer that the engine did not write.
  func checkIntegers(_ columns: [Int32]) throws(WireError) {
    for column in columns where abs(integer(column)) == Self.integerMax {
      throw WireError("The number \(prepared.integer(column)) is out of range.")
    }
  }

  func isNull(_ column: Int32) -> Bool { prepared.isNull(column) }

  func optionalInteger(_ column: Int32) -> Int64? { isNull(column) ? nil : integer(column) }

  package func text(_ column: Int32) -> String { withBytes(column) { String(decoding: $0, as: UTF8.self) } }

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
    try body(prepared.bytes(column))
  }
}
