internal import PerdureModel
internal import PerdureStore
internal import PerdureWire

/// Key-value state, calls, pending activities.
extension Reader {
  private func entry(_ row: Statement, of instance: InstanceID) throws(StoreError) -> KVEntry {
    let key = row.text(0)
    do {
      return KVEntry(key: key, value: try row.payload(1), at: row.integer(2))
    } catch {
      throw corrupt("key '\(key)' of instance \(instance)", error)
    }
  }

  /// What the current execution began with.
  func initialState(_ pk: Int64, of instance: InstanceID) throws(StoreError) -> [KVEntry] {
    try rare.rows(
      """
      SELECT key, CASE WHEN is_changed <> 0 THEN base ELSE value END,
        CASE WHEN is_changed <> 0 THEN base_set_at ELSE set_at END
      FROM kv WHERE instance = ?1 AND CASE WHEN is_changed <> 0 THEN base ELSE value END IS NOT NULL
      ORDER BY key
      """, pk
    ) { row throws(StoreError) in try entry(row, of: instance) }
  }

  func keyValues(_ query: KVQuery) throws(StoreError) -> [KVEntry]? {
    try connection.read { () throws(StoreError) in
      guard let row = try row(query.instance) else { return nil }
      guard let key = query.key else {
        return try rare.rows(
          "SELECT key, value, set_at FROM kv WHERE instance = ?1 AND value IS NOT NULL ORDER BY key", row.pk
        ) { found throws(StoreError) in try entry(found, of: query.instance) }
      }
      return try rare.rows(
        "SELECT key, value, set_at FROM kv WHERE instance = ?1 AND key = ?2 AND value IS NOT NULL", row.pk,
        key
      ) { found throws(StoreError) in try entry(found, of: query.instance) }
    }
  }

  func callState(of instance: InstanceID, call: String) throws(StoreError) -> CallState {
    try rare.first(
      """
      SELECT c.result, c.failure FROM calls AS c JOIN instances AS i ON i.pk = c.instance
      WHERE i.id = ?1 AND c.call = ?2
      """, instance, call
    ) { row throws(StoreError) in try answer(row, to: call, of: instance) } ?? .unknown
  }

  func answer(
    _ row: Statement, to call: String, of instance: InstanceID
  ) throws(StoreError) -> CallState {
    do throws(WireError) {
      if let result = try row.optionalPayload(0) { return .answered(.completed(result)) }
      if row.isNull(1) { return .waiting }
      let failure = try row.withBytes(1) { bytes throws(WireError) in try FailureWire.decode(bytes) }
      return .answered(.failed(failure))
    } catch {
      throw corrupt("the answer to call \(call) of instance \(instance)", error)
    }
  }

  func activities(of instance: InstanceID) throws(StoreError) -> [ActivityTask] {
    let path = connection.path
    return try rare.rows(
      """
      SELECT \(ActivityRow.columns) FROM instances AS i JOIN activities AS a ON a.instance = i.pk
      WHERE i.id = ?1 ORDER BY a.execution, a.action
      """, instance
    ) { row throws(StoreError) in try ActivityRow.decode(row, of: instance, path: path).task }
  }

  func lostClaims(of claims: [ClaimedActivity]) throws(StoreError) -> [ClaimedActivity] {
    try connection.read { () throws(StoreError) in
      var lost: [ClaimedActivity] = []
      for held in claims {
        let isValid = try rare.first(
          """
          SELECT 1 FROM instances AS i JOIN activities AS a ON a.instance = i.pk
          WHERE i.id = ?1 AND a.execution = ?2 AND a.action = ?3 AND a.node = ?4 AND a.token = ?5
          """, held.key.instance, held.key.execution, held.key.action, held.claim.node, held.claim.token
        ) { _ in true }
        if isValid != true { lost.append(held) }
      }
      return lost
    }
  }
}
