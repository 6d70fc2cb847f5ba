internal import PerdureStore

/// What an error of the server means to a caller. PostgreSQL's own taxonomy ends here.
enum SQLState {
  static func storeCode(_ state: String) -> StoreError.Code {
    switch state {
    // lock_not_available, serialization_failure, deadlock_detected
    case "55P03", "40001", "40P01": return .busy
    // disk_full
    case "53100": return .full
    // undefined_table, invalid_schema_name, undefined_column
    case "42P01", "3F000", "42703": return .replaced
    // data_corrupted, index_corrupted
    case "XX001", "XX002": return .corrupt
    // query_canceled
    case "57014": return .io
    default: break
    }
    switch state.prefix(2) {
    // Connection, resources, operator intervention, system error.
    case "08", "53", "57", "58": return .io
    default: return endsSession(state) ? .io : .internalError
    }
  }

  /// The transaction met another that wrote at the same time: of two of which either could have landed, one
  /// is undone. unique_violation, serialization_failure, deadlock_detected
  static func isClash(_ state: String) -> Bool { ["23505", "40001", "40P01"].contains(state) }

  /// A new session may fare better: the server goes down, or is a standby now.
  static func endsSession(_ state: String) -> Bool {
    switch state {
    // admin_shutdown, crash_shutdown, cannot_connect_now, database_dropped, idle_session_timeout
    case "57P01", "57P02", "57P03", "57P04", "57P05": true
    // idle_in_transaction_session_timeout, read_only_sql_transaction
    case "25P03", "25006": true
    default: state.hasPrefix("08")
    }
  }
}
