internal import PerdureModel
internal import PerdureStore
internal import PerdureWire

/// The columns of an instance that a description is made of.
enum DescriptionColumns {
  static let list = """
    pk, id, orchestration, version, status, execution, revision, parent, parent_execution, parent_action, \
    custom_status, custom_status_version, output, failure, created_at, updated_at, ended_at, event_count, \
    priority, coalesce(o.start_at, 0), o.attributes, o.memo, o.dedup_key, o.suspend_reason
    """
  static let count: Int32 = 24
  static let tables = "instances LEFT JOIN instance_options AS o ON o.instance = pk"

  static func decode(_ row: Statement, path: String) throws(StoreError) -> InstanceDescription {
    let instance = row.text(1)
    guard let status = InstanceStatus(rawValue: row.text(4)) else {
      throw StoreError(
        .corrupt, "The store \(path) has instance \(instance) with the unknown status \(row.text(4)).")
    }
    var failure: Failure?
    if !row.isNull(13) {
      do {
        failure = try row.withBytes(13) { bytes throws(WireError) in try FailureWire.decode(bytes) }
      } catch {
        throw StoreError(
          .corrupt, "The store \(path) cannot read the failure of instance \(instance): \(error.message).")
      }
    }
    var description = InstanceDescription(
      instance: instance, orchestration: row.text(2), version: row.optionalText(3), status: status,
      execution: row.integer(5), revision: row.integer(6),
      parent: row.optionalText(7).map {
        ParentLink(instance: $0, execution: row.integer(8), action: row.integer(9))
      },
      customStatus: row.optionalBytes(10).map { Payload(bytes: $0) }, customStatusVersion: row.integer(11),
      output: row.optionalBytes(12).map { Payload(bytes: $0) }, failure: failure,
      createdAt: row.integer(14), updatedAt: row.integer(15), endedAt: row.optionalInteger(16),
      eventCount: row.integer(17))
    description.priority = row.integer(18)
    description.startAt = row.integer(19)
    description.attributes = row.optionalBytes(20).map { Payload(bytes: $0) }
    description.memo = row.optionalBytes(21).map { Payload(bytes: $0) }
    description.dedupKey = row.optionalText(22)
    description.suspendReason = row.optionalText(23)
    return description
  }
}

extension Reader {
  /// A condition on the rows with the texts it compares with.
  private struct Condition {
    let sql: String
    var values: [[UInt8]] = []
  }

  func list(_ query: ListQuery) throws(StoreError) -> ListPage {
    let limit = max(1, min(query.limit, Limits.pageRows))
    let conditions = Self.conditions(query)
    let statement = try listing(conditions.map(\.sql).joined())
    defer { statement.reset() }
    statement.bind(1, query.cursor)
    let values = conditions.flatMap(\.values)
    for (offset, value) in values.enumerated() { statement.bind(Int32(clamping: offset + 2), value) }
    statement.bind(Int32(clamping: values.count + 2), Int64(limit) + 1)
    var page = ListPage(instances: [], next: nil)
    var last: Int64 = 0
    while try statement.step() {
      if page.instances.count == limit {
        page.next = last
        break
      }
      last = statement.integer(0)
      page.instances.append(try DescriptionColumns.decode(statement, path: connection.path))
    }
    return page
  }

  private static func conditions(_ query: ListQuery) -> [Condition] {
    var conditions: [Condition] = []
    if let name = query.orchestration {
      conditions.append(Condition(sql: " AND orchestration = ?", values: [Array(name.utf8)]))
    }
    if let status = query.status {
      conditions.append(Condition(sql: " AND status = ?", values: [Array(status.rawValue.utf8)]))
      // Lets SQLite use the index of what is not completed.
      if status != .completed { conditions.append(Condition(sql: " AND status <> 'Completed'")) }
    }
    if let prefix = query.instancePrefix, !prefix.isEmpty {
      conditions.append(
        Condition(sql: " AND id >= ? AND id < ?", values: [Array(prefix.utf8), end(ofPrefix: prefix)]))
    }
    if let parent = query.parent {
      conditions.append(Condition(sql: " AND parent = ?", values: [Array(parent.utf8)]))
    }
    return conditions
  }

  private func listing(_ conditions: String) throws(StoreError) -> Statement {
    if let kept = listings[conditions] { return kept }
    let statement = try Statement(
      connection,
      """
      SELECT \(DescriptionColumns.list) FROM \(DescriptionColumns.tables)
      WHERE pk > ?\(conditions) ORDER BY pk LIMIT ?
      """
    )
    listings[conditions] = statement
    return statement
  }

  /// The least text above all that begin with the prefix, in the order of bytes. The last byte of UTF-8 is
  /// never 255.
  private static func end(ofPrefix prefix: String) -> [UInt8] {
    var bytes = Array(prefix.utf8)
    if let last = bytes.popLast() { bytes.append(last &+ 1) }
    return bytes
  }
}
