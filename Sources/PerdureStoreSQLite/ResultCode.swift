internal import CSQLite
internal import Glibc
internal import PerdureStore

/// What an SQLite result means to a caller. SQLite's own taxonomy ends here.
enum ResultCode {
  /// READONLY_DBMOVED: the file is no longer where its name says; or could not be looked for.
  static let moved = SQLITE_READONLY | (4 << 8)

  /// - Parameters:
  ///   - code: the extended result code.
  ///   - systemError: `sqlite3_system_errno`: some causes show in it alone.
  static func storeCode(_ code: Int32, systemError: Int32) -> StoreError.Code {
    switch code & 0xff {
    case SQLITE_BUSY, SQLITE_LOCKED, SQLITE_PROTOCOL: return .busy
    case SQLITE_FULL: return .full
    case SQLITE_NOMEM: return .io
    case SQLITE_IOERR: return ioCode(systemError)
    case SQLITE_READONLY: return code == moved ? .replaced : .readOnly
    case SQLITE_CORRUPT: return .corrupt
    case SQLITE_NOTADB: return .foreign
    case SQLITE_CANTOPEN, SQLITE_PERM:
      switch systemError {
      case ENOSPC, EDQUOT: return .full
      case EMFILE, ENFILE, EIO, ENOMEM: return .io
      case EROFS: return .readOnly
      default: return .cannotOpen
      }
    default: return .internalError
    }
  }

  private static func ioCode(_ systemError: Int32) -> StoreError.Code {
    switch systemError {
    case ENOSPC, EDQUOT, EFBIG: .full
    case EROFS: .readOnly
    default: .io
    }
  }

  /// The operating system's sentence for an errno.
  static func systemMessage(_ number: Int32) -> String {
    guard let text = strerror(number) else { return "error \(number)" }
    return String(cString: text)
  }
}
