package import PerdureStore

/// One connection to a database, and the transactions on it. Used by one thread at a time.
package protocol Connection: AnyObject {
  /// The store as the user named it, without secrets: for messages.
  var path: String { get }
  var dialect: Dialect { get }
  /// No transaction is open.
  var isIdle: Bool { get }

  /// - Parameter sql: with parameters ?1, ?2 and so on, or all of them ?.
  func prepare(_ sql: String, _ use: Statement.Use) throws(StoreError) -> any PreparedStatement
  /// Runs statements that return nothing of interest.
  func execute(_ sql: String) throws(StoreError)

  /// Groups may be written while others are, as `WriteMode.shared` has it.
  var canShare: Bool { get }
  /// Where the counts go that shared groups of this connection change. Others, if they have the same, wait.
  var share: Int64 { get }
  /// The transaction met another one and was undone for that.
  var hasClashed: Bool { get }

  /// Waits as the mode says. Everything that is read from here on is what those left who were waited for.
  func beginWrite(_ mode: WriteMode) throws(StoreError)
  /// When it returns, what was written is durable, and others see it.
  func commitWrite() throws(StoreError)
  /// What is read from here on is the store at one moment.
  func beginRead() throws(StoreError)
  func endRead() throws(StoreError)
  /// Ends whatever transaction an error left behind, so that nobody else waits for our lock.
  ///
  /// - Parameter error: why. Some leave more behind than a transaction.
  func rollBack(after error: StoreError)

  /// Forgets the runs that are held back: what they belong to is rolled back.
  func forgetCollected()
  /// The key that `laterKey` answered something for, once the transaction has ended; any other number as it
  /// is.
  func key(_ later: Int64) -> Int64

  /// Ends the use, with all statements. A second call does nothing.
  func close()
}

/// Who may write at the same time.
package enum WriteMode: Sendable {
  /// Nobody else is between the begin and the commit.
  case alone
  /// Other shared ones may be: rows are locked before they are looked at.
  case shared
}

/// Of a database that runs everything where it is called.
extension Connection {
  package func forgetCollected() {}
  package func key(_ later: Int64) -> Int64 { later }
}

extension Connection {
  package var canShare: Bool { false }
  package var share: Int64 { 0 }
  package var hasClashed: Bool { false }

  /// The single integer that a statement answers; 0 for no row.
  package func integer(_ sql: String) throws(StoreError) -> Int64 { try first(sql) { $0.integer(0) } ?? 0 }

  /// The single text that a statement answers; empty for no row.
  package func text(_ sql: String) throws(StoreError) -> String { try first(sql) { $0.text(0) } ?? "" }

  /// A statement that writes does so when it ends: it answers first, and may fail then.
  private func first<R>(_ sql: String, _ read: (Statement) -> R) throws(StoreError) -> R? {
    let statement = try Statement(self, sql, .once)
    defer { statement.finalize() }
    guard try statement.step() else { return nil }
    let first = read(statement)
    while try statement.step() {}
    return first
  }

  /// Runs `body` on one unchanging view of the store.
  func read<R>(_ body: () throws(StoreError) -> R) throws(StoreError) -> R {
    do {
      try beginRead()
      let result = try body()
      try endRead()
      return result
    } catch {
      rollBack(after: error)
      throw error
    }
  }
}

extension StoreError {
  /// The failure belongs to what one entry touched; the rest of its group may well land without it.
  var isConfinedToEntry: Bool { code == .corrupt || code == .internalError }
}
