internal import PerdureModel
internal import PerdureStore

/// The key-value state of an instance: what it is now, and what it was when the execution began. A row says
/// both, and has two values only where they differ.
extension Writer {
  private static let remember = """
    base = CASE WHEN kv.is_changed <> 0 THEN kv.base ELSE kv.value END,
    base_set_at = CASE WHEN kv.is_changed <> 0 THEN kv.base_set_at ELSE kv.set_at END, is_changed = 1
    """

  func change(_ changes: [TimedKVChange], of pk: Int64) throws(StoreError) {
    for change in changes {
      switch change.change {
      case .set(let key, let value):
        try rare.run(
          """
          INSERT INTO kv(instance, key, is_changed, set_at, value) VALUES(?1, ?2, 1, ?3, ?4)
          ON CONFLICT(instance, key) DO UPDATE
          SET \(Self.remember), set_at = excluded.set_at, value = excluded.value
          """, pk, key, change.at, value.bytes)
      case .clear(let key): try clear("instance = ?1 AND key = ?2", pk, key)
      case .clearAll: try clear("instance = ?1 AND ?2 IS NULL", pk, nil)
      }
    }
  }

  private func clear(_ condition: String, _ pk: Int64, _ key: String?) throws(StoreError) {
    // What this execution brought goes without a trace.
    try rare.run("DELETE FROM kv WHERE \(condition) AND is_changed <> 0 AND base IS NULL", pk, key)
    try rare.run(
      "UPDATE kv SET \(Self.remember), value = NULL WHERE \(condition) AND value IS NOT NULL", pk, key)
  }

  /// The next execution begins with what is there now.
  func rebase(_ pk: Int64) throws(StoreError) {
    try rare.run("DELETE FROM kv WHERE instance = ?1 AND value IS NULL", pk)
    try rare.run(
      """
      UPDATE kv SET is_changed = 0, base = NULL, base_set_at = NULL WHERE instance = ?1 AND is_changed <> 0
      """, pk)
  }

  /// Back to where the current execution began.
  func unchange(_ pk: Int64) throws(StoreError) {
    try rare.run("DELETE FROM kv WHERE instance = ?1 AND is_changed <> 0 AND base IS NULL", pk)
    try rare.run(
      """
      UPDATE kv SET value = base, set_at = base_set_at, is_changed = 0, base = NULL, base_set_at = NULL
      WHERE instance = ?1 AND is_changed <> 0
      """, pk)
  }

  /// What another orchestration is told: `{"value":V}`, or `{}` for a key that is not there.
  func read(_ request: KVReadRequest) throws(StoreError) -> Outcome {
    guard let row = try find(request.instance) else {
      return .failed(.unknownReceiver(request.instance))
    }
    guard row.used.contains(.keyValues) else { return .completed(Payload("{}")) }
    let value = try rare.first(
      "SELECT value FROM kv WHERE instance = ?1 AND key = ?2", row.pk, request.key
    ) { $0.optionalBytes(0) }
    guard let value = value ?? nil else { return .completed(Payload("{}")) }
    return .completed(Payload(bytes: Array("{\"value\":".utf8) + value + Array("}".utf8)))
  }
}
