internal import PerdureModel
internal import PerdureStore
internal import PerdureWire

/// The columns of an instance that a description is made of.
enum DescriptionColumns {
  static let plain = """
    pk, id, orchestration, version, status, execution, revision, parent, parent_execution, parent_action, \
    custom_status, custom_status_version, output, failure, created_at, updated_at, ended_at, event_count, \
    priority
    """
  static let plainCount: Int32 = 19
  static let options = "o.start_at, o.attributes, o.memo, o.dedup_key, o.suspend_reason"
  static let list = "\(plain), \(options)"
  static let tables = "instances LEFT JOIN instance_options AS o ON o.instance = pk"

  /// What cannot be read is left out, and told of. An instance that has not ended then shows as Quarantined,
  /// for that cause: the engine will make it so as soon as it comes to it.
  ///
  /// - options: the column where `options` begin; nil: they are not there.
  static func decode(
    _ row: Statement, optionsFrom options: Int32? = nil, path: String
  ) -> (InstanceDescription, damage: StoreError?) {
    let instance = row.text(1)
    let status = InstanceStatus(rawValue: row.text(4))
    var damage = Damage(path: path, instance: instance)
    if status == nil {
      damage.found = StoreError(
        .corrupt, "The store \(path) has instance \(instance) with the unknown status \(row.text(4)).")
    }
    var description = InstanceDescription(
      instance: instance, orchestration: row.text(2), version: row.optionalText(3),
      status: status ?? .quarantined, execution: row.integer(5), revision: row.integer(6),
      parent: row.optionalText(7).map {
        ParentLink(instance: $0, execution: row.integer(8), action: row.integer(9))
      },
      customStatus: damage.read("the custom status") { () throws(WireError) in try row.optionalPayload(10) },
      customStatusVersion: row.integer(11),
      output: damage.read("the output") { () throws(WireError) in try row.optionalPayload(12) },
      failure: damage.read("the failure") { () throws(WireError) in
        if row.isNull(13) { return nil }
        return try row.withBytes(13) { bytes throws(WireError) in try FailureWire.decode(bytes) }
      },
      createdAt: row.integer(14), updatedAt: row.integer(15), endedAt: row.optionalInteger(16),
      eventCount: row.integer(17))
    description.priority = row.integer(18)
    _ = damage.read("the numbers") { () throws(WireError) -> Bool? in
      try row.checkIntegers([5, 6, 8, 9, 11, 14, 15, 16, 17, 18])
      return nil
    }
    if let options { decodeOptions(row, from: options, into: &description, &damage) }
    damage.mark(&description)
    return (description, damage.found)
  }

  /// - column: where `options` begin.
  static func decodeOptions(
    _ row: Statement, from column: Int32, into description: inout InstanceDescription, _ damage: inout Damage
  ) {
    description.startAt = row.integer(column)
    description.attributes = damage.read("the attributes") { () throws(WireError) in
      try row.optionalPayload(column + 1)
    }
    description.memo = damage.read("the memo") { () throws(WireError) in
      try row.optionalPayload(column + 2)
    }
    description.dedupKey = row.optionalText(column + 3)
    description.suspendReason = row.optionalText(column + 4)
    _ = damage.read("the numbers") { () throws(WireError) -> Bool? in
      try row.checkIntegers([column])
      return nil
    }
  }

  /// What of a row cannot be read.
  struct Damage {
    let path: String
    let instance: InstanceID
    var found: StoreError?

    mutating func read<Value>(_ what: String, _ body: () throws(WireError) -> Value?) -> Value? {
      do throws(WireError) { return try body() } catch {
        found = StoreError(
          .corrupt, "The store \(path) cannot read \(what) of instance \(instance): \(error.message)")
        return nil
      }
    }

    func mark(_ description: inout InstanceDescription) {
      guard let found else { return }
      if !description.status.isTerminal { description.status = .quarantined }
      description.failure = Failure(type: FailureType.corruptHistory, message: found.message)
    }
  }
}

extension Reader {
  /// A part of the condition on the rows, with the values it compares with.
  private struct Condition {
    let sql: String
    var values: [any Bindable] = []
  }

  func list(_ query: ListQuery) throws(StoreError) -> ListPage {
    let limit = max(1, min(query.limit, Limits.pageRows))
    return try connection.read { () throws(StoreError) in
      var rows: [(pk: Int64, row: InstanceDescription)] = []
      if query.statuses.count > 1, !Self.isNarrow(query) {
        // Each status has its part of the index in the order of creation; all together have not.
        for status in query.statuses {
          var part = query
          part.statuses = [status]
          rows += try self.rows(part, limit + 1)
        }
        rows.sort { query.order == .newest ? $0.pk > $1.pk : $0.pk < $1.pk }
      } else {
        rows = try self.rows(query, limit + 1)
      }
      let hasMore = rows.count > limit
      rows = Array(rows.prefix(limit))
      return ListPage(instances: rows.map(\.row), next: hasMore ? rows.last?.pk : nil)
    }
  }

  /// Another filter leads to the rows better than their status.
  private static func isNarrow(_ query: ListQuery) -> Bool {
    query.orchestration != nil || query.parent != nil || !query.attributes.isEmpty
      || query.instancePrefix?.isEmpty == false
  }

  private func rows(
    _ query: ListQuery, _ limit: Int
  ) throws(StoreError) -> [(pk: Int64, row: InstanceDescription)] {
    let isNewest = query.order == .newest
    let labels = try rarestFirst(query.attributes)
    var from = DescriptionColumns.tables
    var conditions: [Condition] = []
    if let first = labels.first {
      // The index of labels has the order of creation, so it leads.
      from =
        "attributes AS a \(connection.dialect.leadingJoin) instances ON pk = a.instance "
        + "LEFT JOIN instance_options AS o ON o.instance = pk"
      conditions.append(Condition(sql: "a.key = ? AND a.value = ?", values: [first.key, first.value]))
    }
    let key = labels.isEmpty ? "pk" : "a.instance"
    let cursor = isNewest && query.cursor <= 0 ? Int64.max : query.cursor
    conditions.append(Condition(sql: "\(key) \(isNewest ? "<" : ">") ?", values: [cursor]))
    guard let leading = try leading(query) else { return [] }
    conditions += Self.conditions(query, leading, connection.dialect)
    for label in labels.dropFirst() {
      conditions.append(
        Condition(
          sql: "EXISTS(SELECT 1 FROM attributes WHERE key = ? AND value = ? AND instance = pk)",
          values: [label.key, label.value]))
    }
    let statement = try listing(
      """
      SELECT \(DescriptionColumns.list) FROM \(from) WHERE \(conditions.map(\.sql).joined(separator: " AND "))
      ORDER BY \(key)\(isNewest ? " DESC" : "") LIMIT ?
      """)
    defer { statement.reset() }
    let values = conditions.flatMap(\.values) + [Int64(limit)]
    for (offset, value) in values.enumerated() { value.bind(to: statement, at: Int32(clamping: offset + 1)) }
    var rows: [(pk: Int64, row: InstanceDescription)] = []
    while try statement.step() {
      let (row, _) = DescriptionColumns.decode(
        statement, optionsFrom: DescriptionColumns.plainCount, path: connection.path)
      rows.append((statement.integer(0), row))
    }
    return rows
  }

  /// Which of two indexes leads to the rows of a name and a status.
  private enum Leading {
    case name, status
  }

  /// By the counts of both; nil: no row has both.
  private func leading(_ query: ListQuery) throws(StoreError) -> Leading? {
    guard let name = query.orchestration, query.statuses.count == 1, let status = query.statuses.first else {
      return .status
    }
    let dialect = connection.dialect
    let counts = try rare.first(
      """
      SELECT \(dialect.total("instances", where: "orchestration = ?1 AND status = ?2")),
        \(dialect.total("instances", where: "orchestration = ?1")),
        \(dialect.total("instances", where: "status = ?2"))
      FROM \(dialect.statusCounts)
      """, name, status.rawValue
    ) { (both: $0.integer(0), name: $0.integer(1), status: $0.integer(2)) }
    guard let counts, counts.both > 0 else { return nil }
    return counts.status < counts.name && status != .completed ? .status : .name
  }

  private static func conditions(
    _ query: ListQuery, _ leading: Leading, _ dialect: Dialect
  ) -> [Condition] {
    var conditions: [Condition] = []
    let isByStatus = query.statuses.count == 1 && leading == .status && query.parent == nil
    if let name = query.orchestration {
      conditions.append(
        Condition(sql: (isByStatus ? dialect.unindexed : "") + "orchestration = ?", values: [name]))
    }
    if let version = query.version { conditions.append(Condition(sql: "version = ?", values: [version])) }
    if let status = query.statuses.first, query.statuses.count == 1 {
      conditions.append(
        Condition(sql: (isByStatus ? "" : dialect.unindexed) + "status = ?", values: [status.rawValue]))
      // Lets SQLite use the index of what is not completed.
      if isByStatus, status != .completed { conditions.append(Condition(sql: "status <> 'Completed'")) }
    } else if !query.statuses.isEmpty {
      let marks = query.statuses.map { _ in "?" }.joined(separator: ",")
      conditions.append(
        Condition(sql: dialect.unindexed + "status IN (\(marks))", values: query.statuses.map(\.rawValue)))
    }
    for (column, span) in [
      ("created_at", query.created), ("updated_at", query.updated), ("ended_at", query.ended),
    ] {
      if let from = span.from { conditions.append(Condition(sql: "\(column) >= ?", values: [from])) }
      if let to = span.to { conditions.append(Condition(sql: "\(column) < ?", values: [to])) }
    }
    if let prefix = query.instancePrefix, !prefix.isEmpty {
      conditions.append(Condition(sql: "id >= ?", values: [prefix]))
      if let end = end(ofPrefix: prefix) { conditions.append(Condition(sql: "id < ?", values: [end])) }
    }
    if let parent = query.parent { conditions.append(Condition(sql: "parent = ?", values: [parent])) }
    if query.rootsOnly { conditions.append(Condition(sql: "parent IS NULL")) }
    return conditions
  }

  /// Beginning with the one that the fewest have, as far as a short look tells.
  private func rarestFirst(_ labels: [Attribute]) throws(StoreError) -> [Attribute] {
    guard labels.count > 1 else { return labels }
    var counted: [(count: Int64, label: Attribute)] = []
    for label in labels {
      let count = try rare.first(
        "SELECT count(*) FROM (SELECT 1 FROM attributes WHERE key = ?1 AND value = ?2 LIMIT 1000) AS counted",
        label.key,
        label.value
      ) { $0.integer(0) }
      counted.append((count ?? 0, label))
    }
    return counted.sorted { $0.count < $1.count }.map(\.label)
  }

  private func listing(_ sql: String) throws(StoreError) -> Statement {
    if let kept = listings[sql] { return kept }
    if listings.count >= 64 {
      for statement in listings.values { statement.finalize() }
      listings = [:]
    }
    let statement = try Statement(connection, sql)
    listings[sql] = statement
    return statement
  }

  /// The least text above all that begin with the prefix, in the order of bytes, which is that of scalars.
  /// nil: there is none.
  private static func end(ofPrefix prefix: String) -> String? {
    var scalars = prefix.unicodeScalars
    while let last = scalars.popLast() {
      // The surrogates are no scalars.
      let next = last.value == 0xd7ff ? 0xe000 : last.value + 1
      if let scalar = Unicode.Scalar(next) {
        scalars.append(scalar)
        return String(scalars)
      }
    }
    return nil
  }
}
