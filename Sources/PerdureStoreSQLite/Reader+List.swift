internal import PerdureModel
internal import PerdureStore
internal import PerdureWire

/// The columns of an instance that a description is made of.
enum DescriptionColumns {
  static let list = """
    pk, id, orchestration, version, status, execution, revision, parent, parent_execution, parent_action, \
    custom_status, custom_status_version, output, failure, created_at, updated_at, ended_at, event_count
    """
  static let count: Int32 = 18

  static func decode(_ row: Statement, path: String) throws(StoreError) -> InstanceDescription {
    let instance = row.text(1)
    guard let status = InstanceStatus(rawValue: row.text(4)) else {
      throw StoreError(
        .corrupt, "the store \(path) has instance \(instance) with the unknown status \(row.text(4))")
    }
    var failure: Failure?
    if !row.isNull(13) {
      do {
        failure = try row.withBytes(13) { bytes throws(WireError) in try FailureWire.decode(bytes) }
      } catch {
        throw StoreError(
          .corrupt, "the store \(path) cannot read the failure of instance \(instance): \(error.message)")
      }
    }
    return InstanceDescription(
      instance: instance, orchestration: row.text(2), version: row.optionalText(3), status: status,
      execution: row.integer(5), revision: row.integer(6),
      parent: row.optionalText(7).map {
        ParentLink(instance: $0, execution: row.integer(8), action: row.integer(9))
      },
      customStatus: row.optionalBytes(10).map { Payload(bytes: $0) }, customStatusVersion: row.integer(11),
      output: row.optionalBytes(12).map { Payload(bytes: $0) }, failure: failure,
      createdAt: row.integer(14), updatedAt: row.integer(15), endedAt: row.optionalInteger(16),
      eventCount: row.integer(17))
  }
}

extension Reader {
  func list(_ query: ListQuery) throws(StoreError) -> ListPage {
    let limit = max(1, min(query.limit, Limits.pageRows))
    let statement = try listing(query)
    defer { statement.reset() }
    statement.bind(1, query.cursor)
    statement.bind(2, Int64(limit) + 1)
    statement.bind(3, query.orchestration)
    statement.bind(4, query.status?.rawValue)
    statement.bind(5, query.instancePrefix)
    statement.bind(6, query.instancePrefix.map { Self.end(ofPrefix: $0) })
    statement.bind(7, query.parent)
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

  private func listing(_ query: ListQuery) throws(StoreError) -> Statement {
    // Every parameter is named, so that all listings are bound alike.
    var filter = "pk > ?1 AND (?3 IS NULL OR TRUE) AND (?4 IS NULL OR TRUE) AND (?7 IS NULL OR TRUE)"
    filter += " AND (?5 IS NULL OR ?6 IS NULL OR TRUE)"
    if query.orchestration != nil { filter += " AND orchestration = ?3" }
    if let status = query.status {
      // The second condition lets SQLite use the index of what is not completed.
      filter += status == .completed ? " AND status = ?4" : " AND status = ?4 AND status <> 'Completed'"
    }
    if query.instancePrefix?.isEmpty == false { filter += " AND id >= ?5 AND id < ?6" }
    if query.parent != nil { filter += " AND parent = ?7" }
    if let kept = listings[filter] { return kept }
    let statement = try Statement(
      connection,
      "SELECT \(DescriptionColumns.list) FROM instances WHERE \(filter) ORDER BY pk LIMIT ?2")
    listings[filter] = statement
    return statement
  }

  /// The least text above all that begin with the prefix, in the order of bytes. The last byte of UTF-8 is never 255.
  private static func end(ofPrefix prefix: String) -> [UInt8] {
    var bytes = Array(prefix.utf8)
    if let last = bytes.popLast() { bytes.append(last &+ 1) }
    return bytes
  }
}
