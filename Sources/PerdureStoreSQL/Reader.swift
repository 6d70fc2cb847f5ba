internal import PerdureModel
package import PerdureStore
internal import PerdureWire

/// A connection that only reads: it sees the store as it was when its transaction began, and blocks nobody.
/// Used under the lock of its place in the pool.
package final class Reader: @unchecked Sendable {
  package let connection: any Connection
  let rare: StatementCache
  private let find, findOptions, events, eventsAfter, messages: Statement
  /// By which filters they have.
  var listings: [String: Statement] = [:]

  package init(_ connection: any Connection) throws(StoreError) {
    self.connection = connection
    rare = StatementCache(connection)
    func prepare(_ sql: String) throws(StoreError) -> Statement { try Statement(connection, sql) }
    find = try prepare(
      """
      SELECT \(DescriptionColumns.plain), start, (SELECT id FROM nodes WHERE id = owner), used, lost_turns
      FROM instances WHERE id = ?1
      """
    )
    findOptions = try prepare(
      "SELECT \(DescriptionColumns.options) FROM instance_options AS o WHERE instance = ?1")
    events = try prepare(
      "SELECT event, json FROM history WHERE instance = ?1 AND execution = ?2 ORDER BY event")
    eventsAfter = try prepare(
      """
      SELECT event, json FROM history WHERE instance = ?1 AND execution = ?2 AND event > ?3
      ORDER BY event LIMIT ?4
      """)
    messages = try prepare(
      "SELECT sequence, json FROM inbox WHERE instance = ?1 AND sequence > ?2 ORDER BY sequence")
  }

  func load(_ instance: InstanceID) throws(StoreError) -> InstanceSnapshot? {
    try connection.read { () throws(StoreError) in
      if connection.dialect == .postgresql { return try loadAtOnce(instance) }
      guard let row = try row(instance) else { return nil }
      events.bind(1, row.pk)
      events.bind(2, row.description.execution)
      messages.bind(1, row.pk)
      messages.bind(2, 0)
      return try snapshot(row, events, messages)
    }
  }

  /// Asks for everything before the first answer is there: so all of a plain instance comes with one wait.
  private func loadAtOnce(_ instance: InstanceID) throws(StoreError) -> InstanceSnapshot? {
    let events = try rare.statement(Self.eventsByID)
    let messages = try rare.statement(Self.messagesByID)
    defer { for statement in [find, events, messages] { statement.reset() } }
    for statement in [find, events, messages] {
      statement.bind(1, instance)
      try statement.ask()
    }
    guard let row = try row(instance) else { return nil }
    return try snapshot(row, events, messages)
  }

  private static let eventsByID = """
    SELECT event, json FROM history
    WHERE instance = (SELECT pk FROM instances WHERE id = ?1)
      AND execution = (SELECT execution FROM instances WHERE id = ?1)
    ORDER BY event
    """
  private static let messagesByID = """
    SELECT sequence, json FROM inbox WHERE instance = (SELECT pk FROM instances WHERE id = ?1)
    ORDER BY sequence
    """

  private func snapshot(
    _ row: Row, _ events: Statement, _ messages: Statement
  ) throws(StoreError) -> InstanceSnapshot {
    if let damage = row.damage { throw damage }
    let instance = row.description.instance
    let start = try start(of: row)
    let history = try history(row, events)
    let inbox = try inbox(of: instance, messages)
    var snapshot = InstanceSnapshot(
      description: row.description, start: start, owner: row.owner, history: history, inbox: inbox,
      kv: row.used.contains(.keyValues) ? try initialState(row.pk, of: instance) : [])
    snapshot.lostTurns = row.lostTurns
    return snapshot
  }

  func describe(_ instance: InstanceID) throws(StoreError) -> InstanceDescription? {
    guard let row = try row(instance) else { return nil }
    // Of one that has not ended its failure tells of the damage. An end is told as it was, or not at all.
    if row.description.status.isTerminal, let damage = row.damage { throw damage }
    return row.description
  }

  func inbox(
    of instance: InstanceID, after: MessageSequence
  ) throws(StoreError) -> [InboxMessage] {
    try connection.read { () throws(StoreError) in
      guard let row = try row(instance) else { return [] }
      return try inbox(of: instance, pk: row.pk, after: after)
    }
  }

  func history(_ query: HistoryQuery) throws(StoreError) -> HistoryPage? {
    let limit = max(1, min(query.limit, Limits.pageRows))
    return try connection.read { () throws(StoreError) in
      guard let row = try row(query.instance) else { return nil }
      let current = row.description.execution
      let execution = query.execution ?? current
      guard execution >= 1, execution <= current else { return nil }
      eventsAfter.bind(1, row.pk)
      eventsAfter.bind(2, execution)
      eventsAfter.bind(3, query.after)
      eventsAfter.bind(4, Int64(limit) + 1)
      defer { eventsAfter.reset() }
      var page: [Event] = []
      while try eventsAfter.step() {
        if page.count == limit {
          return HistoryPage(
            instance: query.instance, execution: execution, currentExecution: current, events: page,
            hasMore: true)
        }
        page.append(try event(eventsAfter, of: query.instance, execution))
      }
      return HistoryPage(
        instance: query.instance, execution: execution, currentExecution: current, events: page,
        hasMore: false)
    }
  }

  // MARK: Rows

  struct Row {
    let pk: Int64
    var description: InstanceDescription
    /// What of it cannot be read.
    var damage: StoreError?
    /// Of a Pending instance.
    let start: [UInt8]?
    let owner: NodeID?
    let used: Used
    let lostTurns: Int64
  }

  func row(_ instance: InstanceID) throws(StoreError) -> Row? {
    guard var row = try plainRow(instance) else { return nil }
    guard row.used.contains(.options) else { return row }
    // Both from one moment.
    if connection.isIdle {
      return try connection.read { () throws(StoreError) in try self.row(instance) }
    }
    findOptions.bind(1, row.pk)
    defer { findOptions.reset() }
    if try findOptions.step() {
      var damage = DescriptionColumns.Damage(path: connection.path, instance: instance, found: row.damage)
      DescriptionColumns.decodeOptions(findOptions, from: 0, into: &row.description, &damage)
      damage.mark(&row.description)
      row.damage = damage.found
    }
    return row
  }

  /// Without its options, which few instances have: joining them costs every read of a row.
  private func plainRow(_ instance: InstanceID) throws(StoreError) -> Row? {
    find.bind(1, instance)
    defer { find.reset() }
    guard try find.step() else { return nil }
    let (description, damage) = DescriptionColumns.decode(find, path: connection.path)
    let column = DescriptionColumns.plainCount
    return Row(
      pk: find.integer(0), description: description, damage: damage, start: find.optionalBytes(column),
      owner: find.optionalInteger(column + 1), used: Used(rawValue: find.integer(column + 2)),
      lostTurns: find.integer(column + 3))
  }

  func start(of row: Row) throws(StoreError) -> InstanceStart? {
    guard let json = row.start else { return nil }
    let start: Result<InstanceStart, WireError> = json.withUnsafeBytes { bytes in
      do throws(WireError) { return .success(try StoreWire.decodeStart(bytes)) } catch {
        return .failure(error)
      }
    }
    do throws(WireError) { return try start.get() } catch {
      throw corrupt("the start of instance \(row.description.instance)", error)
    }
  }

  /// The whole history of the current execution: without gaps, and as long as the row says.
  func history(_ row: Row) throws(StoreError) -> [Event] {
    events.bind(1, row.pk)
    events.bind(2, row.description.execution)
    return try history(row, events)
  }

  private func history(_ row: Row, _ events: Statement) throws(StoreError) -> [Event] {
    let instance = row.description.instance
    let execution = row.description.execution
    defer { events.reset() }
    var history: [Event] = []
    history.reserveCapacity(Int(clamping: max(0, min(row.description.eventCount, Limits.historyEvents))))
    while try events.step() {
      let event = try event(events, of: instance, execution)
      guard event.id == Int64(history.count) + 1 else {
        throw corrupt(
          "instance \(instance), execution \(execution)",
          WireError("event \(history.count + 1) is missing, the next is \(event.id)"))
      }
      history.append(event)
    }
    guard Int64(history.count) == row.description.eventCount else {
      throw corrupt(
        "instance \(instance), execution \(execution)",
        WireError("event \(history.count + 1) is missing of \(row.description.eventCount)"))
    }
    return history
  }

  func event(
    _ row: Statement, of instance: InstanceID, _ execution: ExecutionID
  ) throws(StoreError) -> Event {
    let id = row.integer(0)
    do throws(WireError) {
      let event = try row.withBytes(1) { bytes throws(WireError) in try EventWire.decode(bytes) }
      guard event.id == id else { throw WireError("it calls itself \(event.id)") }
      return event
    } catch {
      throw corrupt("instance \(instance), execution \(execution), event \(id)", error)
    }
  }

  func inbox(
    of instance: InstanceID, pk: Int64, after: MessageSequence
  ) throws(StoreError) -> [InboxMessage] {
    messages.bind(1, pk)
    messages.bind(2, after)
    return try inbox(of: instance, messages)
  }

  private func inbox(of instance: InstanceID, _ messages: Statement) throws(StoreError) -> [InboxMessage] {
    defer { messages.reset() }
    var inbox: [InboxMessage] = []
    while try messages.step() {
      let sequence = messages.integer(0)
      do {
        let kind = try messages.withBytes(1) { bytes throws(WireError) in try StoreWire.decodeMessage(bytes) }
        inbox.append(InboxMessage(sequence: sequence, kind: kind))
      } catch {
        throw corrupt("message \(sequence) to instance \(instance)", error)
      }
    }
    return inbox
  }

  func corrupt(_ what: String, _ cause: WireError) -> StoreError {
    StoreError(.corrupt, "The store \(connection.path) cannot read \(what): \(cause.message).")
  }
}
