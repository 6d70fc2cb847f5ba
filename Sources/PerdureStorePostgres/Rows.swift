internal import Glibc

/// What a statement answered. Columns are binary, but for those of `texts`.
struct Rows: ~Copyable {
  private let library: LibPQ
  private let outcome: LibPQ.Outcome
  let count: Int32

  init(_ library: LibPQ, _ outcome: LibPQ.Outcome) {
    self.library = library
    self.outcome = outcome
    count = library.rowCount(outcome)
  }

  deinit { library.clear(outcome) }

  /// How many rows the statement changed.
  var changed: Int64 { library.commandTuples(outcome).map { Int64(atoll($0)) } ?? 0 }

  func isNull(_ row: Int32, _ column: Int32) -> Bool { library.isNull(outcome, row, column) != 0 }

  func bytes(_ row: Int32, _ column: Int32) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(
      start: library.value(outcome, row, column), count: Int(max(0, library.length(outcome, row, column))))
  }

  /// Of integers of every size; 1 and 0 of true and false. NULL is 0.
  func integer(_ row: Int32, _ column: Int32) -> Int64 {
    let bytes = bytes(row, column)
    switch bytes.count {
    case 8: return Int64(bigEndian: bytes.loadUnaligned(as: Int64.self))
    case 4: return Int64(Int32(bigEndian: bytes.loadUnaligned(as: Int32.self)))
    case 2: return Int64(Int16(bigEndian: bytes.loadUnaligned(as: Int16.self)))
    case 1: return Int64(bytes.loadUnaligned(as: UInt8.self))
    default: return 0
    }
  }

  var texts: [[String?]] {
    let columns = library.columnCount(outcome)
    return (0..<count).map { row in
      (0..<columns).map { column in
        isNull(row, column) ? nil : String(decoding: bytes(row, column), as: UTF8.self)
      }
    }
  }
}
