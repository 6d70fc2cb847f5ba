internal import PerdureModel
internal import PerdureStore

/// What a turn does to others, in this order: starts, messages, looks at key-value state, topics, calls, ends
/// of children.
extension Writer {
  func send(
    _ commit: TurnCommit, _ row: InstanceRow, into receipt: inout TurnReceipt
  ) throws(StoreError) {
    if !commit.starts.isEmpty {
      let isDeepest = row.parent == nil ? false : try generation(of: row) >= depthLimit
      for child in commit.starts { try start(child, isDeepest, now: commit.now, into: &receipt) }
    }
    for message in commit.messages { try send(message, commit, into: &receipt) }
    for request in commit.kvReads {
      try tell(try read(request), to: request.action, commit, into: &receipt)
    }
    if !commit.status.isTerminal { try subscribe(commit.topicChanges, of: row.pk) }
    for publication in commit.publications { receipt.deliveries += try publish(publication) }
    try answer(commit.callAnswers, of: row.pk)
    for child in commit.terminations {
      try terminate(
        child, by: commit.instance, reason: "the parent ended", now: commit.now,
        deliveries: &receipt.deliveries, gone: &receipt.terminated)
    }
  }

  /// So many parents it has, as far as the limit goes.
  private func generation(of row: InstanceRow) throws(StoreError) -> Int {
    let count = try rare.first(
      """
      WITH RECURSIVE line(id, generation) AS (
        SELECT parent, 1 FROM instances WHERE pk = ?1
        UNION ALL
        SELECT above.parent, line.generation + 1
        FROM line JOIN instances AS above ON above.id = line.id
        WHERE above.parent IS NOT NULL AND line.generation < ?2)
      SELECT count(*) FROM line
      """, row.pk, Int64(depthLimit)
    ) { $0.integer(0) }
    return Int(count ?? 0)
  }

  /// A child whose id is taken tells its parent, as does one that is too deep; a detached start has nobody to
  /// tell.
  private func start(
    _ child: ChildStart, _ parentIsDeepest: Bool, now: TimestampMS, into receipt: inout TurnReceipt
  ) throws(StoreError) {
    if parentIsDeepest, let parent = child.start.parent {
      let failure = Failure.tooDeep(child.start.instance, limit: depthLimit)
      try tell(parent, failure).map { receipt.deliveries.append($0) }
    } else if try create(child.start, owner: child.owner, now: now) {
      receipt.started.append(child.start.instance)
    } else {
      try tellTaken(child.start).map { receipt.deliveries.append($0) }
    }
  }

  /// There is another instance with the id of the child. nil: nobody waits for it.
  func tellTaken(_ start: InstanceStart) throws(StoreError) -> Delivery? {
    guard let parent = start.parent, let taken = try find(start.instance) else { return nil }
    return try tell(parent, .alreadyExists(start.instance, taken.status))
  }

  /// A child has failed, without having done so itself.
  func tell(_ parent: ParentLink, _ failure: Failure) throws(StoreError) -> Delivery? {
    let ended = MessageKind.subOrchestrationEnded(
      execution: parent.execution, action: parent.action, outcome: .failed(failure))
    return try deliver(ended, to: parent.instance)
  }

  /// Without an action to be told, only unknown and finished receivers are passed over: ends of children and
  /// cancels go also into a full inbox.
  private func send(
    _ message: OutgoingMessage, _ commit: TurnCommit, into receipt: inout TurnReceipt
  ) throws(StoreError) {
    var outcome = Outcome.completed(.null)
    if let row = try find(message.to) {
      if row.status.isTerminal {
        outcome = .failed(.finishedReceiver(message.to, row.status))
      } else if message.action != nil, row.inboxCount >= inboxLimit {
        outcome = .failed(.fullInbox(message.to, limit: Int(inboxLimit)))
      } else {
        receipt.deliveries.append(try insert(message.kind, to: message.to, row))
      }
    } else if !message.isKept {
      outcome = .failed(.unknownReceiver(message.to))
    } else if case .failure = try keep(message) {
      outcome = .failed(.fullInbox(message.to, limit: Int(inboxLimit)))
    }
    if let action = message.action { try tell(outcome, to: action, commit, into: &receipt) }
  }

  /// Nobody is left to be told when the turn ends its execution.
  private func tell(
    _ outcome: Outcome, to action: ActionID, _ commit: TurnCommit, into receipt: inout TurnReceipt
  ) throws(StoreError) {
    if commit.status.isTerminal || commit.nextExecution != nil { return }
    let message = MessageKind.requestEnded(execution: commit.execution, action: action, outcome: outcome)
    if let delivery = try deliver(message, to: commit.instance) { receipt.deliveries.append(delivery) }
  }
}
