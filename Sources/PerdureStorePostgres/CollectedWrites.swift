internal import PerdureStoreSQL

/// Runs of writes that were called in the open transaction and not sent yet, in statements of many rows.
///
/// Once all are sent, in the order of the statements here, everything is as if each had run where it was
/// called. Two runs *meet* if they are of one table and one scope (`RowWrite.scope`); others change nothing
/// that the other one looks at, so their order does not matter. Of two that meet, the later one
/// - comes into a later statement; or
/// - into the same, if that inserts or deletes: rows are inserted in the order in which they come, and what
///   several deletions name goes once; or
/// - into the same, if that updates and none of its rows is the one that this run changes.
/// For a run looks for its place from the last statement backwards: it comes into the first of its own kind
/// that takes it, or behind all others as soon as it passes one that it meets. So keys that the database
/// makes are in the order of the runs as well: no insert ever comes before another of its kind.
///
/// Whatever reads, or writes without being collected, sends all of these first.
struct CollectedWrites {
  /// A statement to be.
  final class Batch {
    let statement: PostgresStatement
    fileprivate let write: RowWrite
    fileprivate(set) var rows: [[RowValue]] = []
    /// For which of the later keys the rows are; none: nobody asks for them.
    fileprivate(set) var keys: [Int] = []
    private var scopes: Set<Int64> = []
    /// The rows that it updates.
    private var updated: Set<[Int64]> = []

    fileprivate init(_ statement: PostgresStatement, _ write: RowWrite) {
      self.statement = statement
      self.write = write
    }

    /// False: it has an update of the same row.
    fileprivate func add(_ row: [RowValue], scope: Int64, key: Int?) -> Bool {
      if write.kind == .update {
        let changed = write.row.map { CollectedWrites.key(row, $0) }
        guard updated.insert(changed).inserted else { return false }
      }
      rows.append(row)
      scopes.insert(scope)
      if let key { keys.append(key) }
      return true
    }

    fileprivate func meets(_ table: String, _ scope: Int64) -> Bool {
      write.table == table && scopes.contains(scope)
    }
  }

  /// More than these are not held back.
  private static let rowsMax = 1_000
  private static let sizeMax = 1 << 20
  private static let batchesMax = 100

  private var batches: [Batch] = []
  private var rows = 0
  private var size = 0

  var isEmpty: Bool { batches.isEmpty }
  /// They are to be sent now.
  var isFull: Bool {
    rows >= Self.rowsMax || size >= Self.sizeMax || batches.count >= Self.batchesMax
  }

  /// - key: the number of the later key that the row makes.
  mutating func add(
    _ row: [RowValue], of statement: PostgresStatement, _ write: RowWrite, key: Int?
  ) {
    rows &+= 1
    size &+= row.reduce(0) { $0 &+ $1.size }
    let scope = Self.key(row, write.scope)
    for batch in batches.reversed() {
      if batch.statement === statement, batch.add(row, scope: scope, key: key) { return }
      if batch.meets(write.table, scope) { break }
    }
    let batch = Batch(statement, write)
    _ = batch.add(row, scope: scope, key: key)
    batches.append(batch)
  }

  /// Hands all over, in the order in which they are to be sent.
  mutating func take() -> [Batch] {
    defer { self = CollectedWrites() }
    return batches
  }

  /// - parameter: from 1.
  private static func key(_ row: [RowValue], _ parameter: Int) -> Int64 {
    row.indices.contains(parameter - 1) ? row[parameter - 1].key : .min
  }
}
