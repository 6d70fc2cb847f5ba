internal import PerdureModel
internal import PerdureStore
internal import PerdureWire

extension Writer {
  func start(
    _ start: InstanceStart, owner: NodeID?, now: TimestampMS
  ) throws(StoreError) -> StoreOutcome {
    if let key = start.options.dedupKey, let holder = try holder(ofDedupKey: key) {
      return .success(.existing(holder.instance, holder.status))
    }
    if try create(start, owner: owner, now: now) { return .success(.done) }
    guard let taken = try find(start.instance) else { return .failure(.conflict) }
    switch start.options.policy {
    case .fail: return .failure(.alreadyExists(taken.status))
    case .useExisting: return .success(.existing(start.instance, taken.status))
    case .restartIfFinished where !taken.status.isTerminal: return .failure(.alreadyExists(taken.status))
    case .restartIfFinished, .terminateAndRestart:
      if let parent = taken.parent { return .failure(.isChild(of: parent)) }
      // Whoever could be told of the ends of these goes with them.
      let gone = try remove(try family(of: taken.pk))
      let isCreated = try create(start, revision: taken.revision &+ 1, owner: owner, now: now)
      guard isCreated else { return .failure(.conflict) }
      return .success(.restarted(deleted: gone, deliveries: []))
    }
  }

  func holder(
    ofDedupKey key: String
  ) throws(StoreError) -> (instance: InstanceID, status: InstanceStatus)? {
    try mustBeAlone()
    return try rare.first(
      """
      SELECT i.id, i.status FROM instance_options AS o JOIN instances AS i ON i.pk = o.instance
      WHERE o.dedup_key = ?1 ORDER BY o.instance LIMIT 1
      """, key
    ) { row in (row.text(0), status(row, 1)) }
  }

  /// False if the id is taken.
  ///
  /// - Parameter revision: that it begins with; above that of an instance which had the id, so that no turn
  ///   of that one lands here.
  func create(
    _ start: InstanceStart, revision: Revision = 0, owner: NodeID?, now: TimestampMS
  ) throws(StoreError) -> Bool {
    if foresight.has(start.instance) { return false }
    let options = start.options
    let startsLater = options.startAt > now
    if options.dedupKey != nil { try mustBeAlone() }
    guard let insert = try insertion(of: start.instance) else { return false }
    insert.bind(1, start.instance)
    insert.bind(2, start.orchestration)
    insert.bind(3, start.version)
    insert.bind(4, startsLater ? nil : owner)
    insert.bind(5, now)
    insert.bind(6, start.parent?.instance)
    insert.bind(7, start.parent?.execution)
    insert.bind(8, start.parent?.action)
    insert.bind(9, StoreWire.encode(start))
    insert.bind(10, revision)
    insert.bind(11, startsLater ? options.startAt : 0)
    insert.bind(12, options.priority)
    let used: Used = options.hasMore ? .options : []
    insert.bind(13, used.rawValue)
    let key = try instanceKey()
    insert.bind(14, key)
    if foresight.takeAbsent(start.instance) || isShared {
      try insert.run()
    } else {
      try insert.runAlone()
      guard try insert.changes == 1 else { return false }
    }
    tally.add(StatusTally.Kind(start.orchestration, start.version, .pending))
    if options.hasMore {
      if let key { try add(options, to: key) } else { try add(options, to: insert.insertedKey) }
    }
    if try mayHaveKept() { try takeKept(for: start.instance) }
    return true
  }

  private func add(_ options: StartOptions, to pk: Int64) throws(StoreError) {
    try rare.run(
      Self.insertOptions, pk, options.startAt,
      options.closePolicy == .cancel ? nil : options.closePolicy.rawValue,
      options.dedupKey, options.attributes?.bytes, options.memo?.bytes)
    if let attributes = options.attributes { try label(pk, attributes) }
  }

  /// Puts the labels of an instance where it is found by them.
  func label(_ pk: Int64, _ attributes: Payload) throws(StoreError) {
    for label in AttributesWire.decode(attributes) {
      try rare.run(Self.insertLabel, label.key, label.value, pk)
    }
  }

  private static let insertOptions = RowWrite.insert(
    into: "instance_options", "instance, start_at, close_policy, dedup_key, attributes, memo",
    values: "?1, ?2, ?3, ?4, ?5, ?6", scope: 1)
  private static let insertLabel = RowWrite.insert(
    into: "attributes", "key, value, instance", values: "?1, ?2, ?3", scope: 3)

  /// The key of the next row of an instance; nil: the database makes it. Where an answer costs a wait keys
  /// are taken ahead, as many as a group has starts.
  private func instanceKey() throws(StoreError) -> Int64? {
    guard connection.dialect == .postgresql else { return nil }
    if instanceKeys.isEmpty {
      try rare.rows(Self.keysAhead, 1 as Int64) { $0.integer(0) }.forEach { instanceKeys.append($0) }
    }
    return instanceKeys.popFirst()
  }

  static let keysAhead = "SELECT nextval('instances_pk_seq') FROM generate_series(1, ?1)"

  // MARK: Messages from before the start

  /// Looked up once in a transaction, so that starts cost nothing as long as nothing is kept.
  func mayHaveKept() throws(StoreError) -> Bool {
    if let known = hasKept { return known }
    let found = try rare.first(Self.anyKept) { _ in true } ?? false
    hasKept = found
    return found
  }

  static let anyKept = "SELECT 1 FROM kept LIMIT 1"

  /// `.kept`, or why not.
  func keep(_ message: OutgoingMessage) throws(StoreError) -> StoreOutcome {
    try mustBeAlone()
    let last = try rare.first("SELECT max(number) FROM kept WHERE instance = ?1", message.to) {
      $0.integer(0)
    }
    let number = (last ?? 0) &+ 1
    guard number <= inboxLimit else { return .failure(.inboxFull(limit: Int(inboxLimit))) }
    try rare.run(
      "INSERT INTO kept(instance, number, json) VALUES(?1, ?2, ?3)", message.to, number,
      StoreWire.encode(message.kind))
    hasKept = true
    return .success(.kept)
  }

  func takeKept(for instance: InstanceID) throws(StoreError) {
    let kept = try rare.rows("SELECT json FROM kept WHERE instance = ?1 ORDER BY number", instance) {
      $0.bytes(0)
    }
    guard !kept.isEmpty else { return }
    try mustBeAlone()
    try rare.run("DELETE FROM kept WHERE instance = ?1", instance)
    for json in kept {
      guard var row = try find(instance) else { return }
      // One that cannot be read goes in as it is: whoever reads the inbox says so.
      let kind = json.withUnsafeBytes { bytes in try? StoreWire.decodeMessage(bytes) }
      if case .call(let call, _, _)? = kind, try !note(call, &row) { continue }
      try insert(json, kind, row)
    }
  }
}

extension StartOptions {
  /// More than fits into the row of the instance.
  fileprivate var hasMore: Bool {
    startAt != 0 || closePolicy != .cancel || dedupKey != nil || attributes != nil || memo != nil
  }
}
