package import PerdureModel
package import PerdureStore
internal import PerdureWire

/// What is due, level by level of priority: one index then serves, however many sleep or wait behind.
extension Reader {
  func dueInstances(
    ownedBy node: NodeID, now: TimestampMS, limit: Int
  ) throws(StoreError) -> [InstanceID] {
    let limit = max(0, limit)
    return try connection.read { () throws(StoreError) in
      var due: [(at: TimestampMS, pk: Int64, instance: InstanceID)] = []
      var level = try rare.nextPriority(ofInstancesOwnedBy: node, below: nil)
      while let priority = level {
        due += try rare.rows(
          """
          SELECT wake_at, pk, id FROM instances WHERE owner = ?1 AND priority = ?2 AND wake_at <= ?3
          ORDER BY wake_at, pk LIMIT ?4
          """, node, priority, now, Int64(limit)
        ) { ($0.integer(0), $0.integer(1), $0.text(2)) }
        level = try rare.nextPriority(ofInstancesOwnedBy: node, below: priority)
      }
      due.sort { ($0.at, $0.pk) < ($1.at, $1.pk) }
      return due.prefix(limit).map(\.instance)
    }
  }

  func nextDue(after now: TimestampMS) throws(StoreError) -> TimestampMS? {
    try connection.read { () throws(StoreError) in
      var next = try rare.first(
        """
        SELECT expires_at FROM activities WHERE node IS NULL AND expires_at > ?1
        ORDER BY expires_at LIMIT 1
        """,
        now
      ) { $0.integer(0) }
      var level = try rare.nextPriority(ofInstancesOwnedBy: nil, below: nil)
      while let priority = level {
        let wakeAt = try rare.first(
          """
          SELECT wake_at FROM instances WHERE owner IS NULL AND priority = ?1 AND wake_at > ?2
          ORDER BY wake_at LIMIT 1
          """, priority, now
        ) { $0.integer(0) }
        if let wakeAt { next = min(next ?? wakeAt, wakeAt) }
        level = try rare.nextPriority(ofInstancesOwnedBy: nil, below: priority)
      }
      level = try rare.nextPriorityOfActivities(below: nil)
      while let priority = level {
        let visibleAt = try rare.first(
          """
          SELECT visible_at FROM activities
          WHERE node IS NULL AND phase <> 2 AND priority = ?1 AND visible_at > ?2
          ORDER BY visible_at LIMIT 1
          """, priority, now
        ) { $0.integer(0) }
        if let visibleAt { next = min(next ?? visibleAt, visibleAt) }
        level = try rare.nextPriorityOfActivities(below: priority)
      }
      return next
    }
  }

  /// The nodes that have a row, and what each said that it serves (nil: it cannot be read).
  package func nodes() throws(StoreError) -> [(id: NodeID, node: RuntimeNode?)] {
    try rare.rows("SELECT id, service, pid, host FROM nodes ORDER BY id") { row in
      let service = row.withBytes(1) { bytes in try? StoreWire.decodeService(bytes) }
      let node = service.map {
        RuntimeNode(id: row.integer(0), service: $0, pid: row.integer(2), host: row.text(3))
      }
      return (row.integer(0), node)
    }
  }
  /// The nodes that have a row.
  package func nodeIDs() throws(StoreError) -> [NodeID] {
    try rare.rows("SELECT id FROM nodes ORDER BY id") { row in row.integer(0) }
  }
}
