internal import PerdureModel
internal import PerdureStore
internal import PerdureWire

extension Writer {
  func post(_ message: OutgoingMessage) throws(StoreError) -> StoreOutcome {
    guard var row = try find(message.to) else {
      return message.isKept ? try keep(message) : .failure(.notFound)
    }
    if case .call(let call, _, _) = message.kind, try isKnown(call, row) { return .success(.known) }
    if row.status.isTerminal { return .failure(.wrongStatus(row.status)) }
    if row.inboxCount >= inboxLimit { return .failure(.inboxFull(limit: Int(inboxLimit))) }
    if case .call(let call, _, _) = message.kind { _ = try note(call, &row) }
    return .success(.posted(try insert(message.kind, to: message.to, row)))
  }

  /// Sends on behalf of the engine: nil if the receiver is unknown or finished.
  func deliver(_ kind: MessageKind, to instance: InstanceID) throws(StoreError) -> Delivery? {
    guard let row = try find(instance), !row.status.isTerminal else { return nil }
    return try insert(kind, to: instance, row)
  }

  func insert(
    _ kind: MessageKind, to instance: InstanceID, _ row: InstanceRow
  ) throws(StoreError) -> Delivery {
    let (sequence, owner) = try insert(StoreWire.encode(kind), kind, row)
    foresight.delivered(to: instance, row, owner: owner)
    return Delivery(instance: instance, message: InboxMessage(sequence: sequence, kind: kind), owner: owner)
  }

  /// A suspended or quarantined instance keeps the message and sleeps on; one that starts later is only woken
  /// by a cancel. Answers the sequence (`Connection.key`), and who holds the instance.
  @discardableResult
  func insert(
    _ json: [UInt8], _ kind: MessageKind?, _ row: InstanceRow
  ) throws(StoreError) -> (MessageSequence, NodeID?) {
    statements.insertMessage.bind(1, row.pk)
    statements.insertMessage.bind(2, json)
    try statements.insertMessage.run()
    let sequence = try statements.insertMessage.laterKey
    let owner = try live(row.owner)
    var wakeAt: TimestampMS? = row.isServable ? 0 : nil
    if row.status == .pending, row.used.contains(.options) {
      if case .cancel? = kind {} else { wakeAt = try self.wakeAt(of: row) }
    }
    statements.noteMessage.bind(1, row.pk)
    statements.noteMessage.bind(2, wakeAt)
    statements.noteMessage.bind(3, owner)
    statements.noteMessage.bind(4, row.used.rawValue)
    try statements.noteMessage.run()
    return (sequence, owner)
  }

  private func wakeAt(of row: InstanceRow) throws(StoreError) -> TimestampMS? {
    try rare.first("SELECT wake_at FROM instances WHERE pk = ?1", row.pk) { $0.optionalInteger(0) } ?? nil
  }

  // MARK: Calls

  private func isKnown(_ call: String, _ row: InstanceRow) throws(StoreError) -> Bool {
    guard row.used.contains(.calls) else { return false }
    return try rare.first("SELECT 1 FROM calls WHERE instance = ?1 AND call = ?2", row.pk, call) { _ in true }
      ?? false
  }

  /// Notes that the call waits for an answer; false if it is known. The caller writes `row.used`.
  func note(_ call: String, _ row: inout InstanceRow) throws(StoreError) -> Bool {
    row.used.insert(.calls)
    return try rare.change(
      "INSERT INTO calls(instance, call) VALUES(?1, ?2) ON CONFLICT(instance, call) DO NOTHING", row.pk, call)
      == 1
  }

  /// The first answer stays.
  func answer(_ answers: [CallAnswer], of pk: Int64) throws(StoreError) {
    for answer in answers {
      var result: [UInt8]?
      var failure: [UInt8]?
      switch answer.outcome {
      case .completed(let payload): result = payload.bytes
      case .failed(let cause): failure = FailureWire.encode(cause)
      }
      try rare.run(
        """
        UPDATE calls SET result = ?3, failure = ?4
        WHERE instance = ?1 AND call = ?2 AND result IS NULL AND failure IS NULL
        """, pk, answer.call, result, failure)
    }
  }

  // MARK: Topics

  func publish(_ publication: Publication) throws(StoreError) -> [Delivery] {
    try mustBeAlone()
    let subscribers = try rare.rows(
      """
      SELECT i.id FROM subscriptions AS s JOIN instances AS i ON i.pk = s.instance
      WHERE s.topic = ?1 ORDER BY s.instance
      """, publication.topic
    ) { $0.text(0) }
    let message = MessageKind.raised(channel: .topic, name: publication.topic, data: publication.data)
    var deliveries: [Delivery] = []
    for subscriber in subscribers {
      guard let row = try find(subscriber), !row.status.isTerminal, row.inboxCount < inboxLimit else {
        continue
      }
      deliveries.append(try insert(message, to: subscriber, row))
    }
    return deliveries
  }

  func subscribe(_ changes: [TopicChange], of pk: Int64) throws(StoreError) {
    for change in changes {
      try rare.run(
        change.isSubscribed
          ? "INSERT INTO subscriptions(topic, instance) VALUES(?1, ?2) ON CONFLICT DO NOTHING"
          : "DELETE FROM subscriptions WHERE topic = ?1 AND instance = ?2", change.topic, pk)
    }
  }

  func unsubscribe(_ pk: Int64) throws(StoreError) {
    try rare.run("DELETE FROM subscriptions WHERE instance = ?1", pk)
  }
}
