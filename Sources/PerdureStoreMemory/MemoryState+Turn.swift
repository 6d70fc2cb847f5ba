import PerdureModel
import PerdureStore

extension MemoryState {
  mutating func turn(_ commit: TurnCommit) -> StoreOutcome {
    guard let order = locate(commit.instance) else { return .failure(.notFound) }
    if let refusal = check(commit, of: order) { return .failure(refusal) }

    for finished in commit.finished {
      let session = records[order]?.activities[finished.action]?.task.options.session
      use(session, by: finished.claim.node, now: commit.now)
      removeActivity(finished.action, of: order)
    }
    for action in commit.cancelled { removeActivity(action, of: order) }
    update(order) { $0.take(commit) }
    if commit.status.isTerminal || commit.nextExecution != nil { removeActivities(of: order) }
    if commit.status.isTerminal {
      endSubscriptions(of: order)
    } else {
      let execution = records[order]?.description.execution
      for task in commit.scheduled where task.key.execution == execution {
        schedule(task, of: order, revision: commit.revision, now: commit.now)
      }
      for topic in commit.topicChanges { change(topic, of: order) }
    }

    var receipt = TurnReceipt()
    if !commit.starts.isEmpty {
      let isDeepest = generation(of: commit.instance) >= depthLimit
      for child in commit.starts { start(child, isDeepest, now: commit.now, receipt: &receipt) }
    }
    for message in commit.messages { send(message, in: commit, of: order, receipt: &receipt) }
    for read in commit.kvReads { answer(read, in: commit, of: order, receipt: &receipt) }
    for publication in commit.publications { receipt.deliveries += publish(publication) }
    terminate(commit.terminations, in: commit, receipt: &receipt)
    receipt.hasWaitingMessages = records[order]?.inbox.isEmpty == false
    return .success(.turned(receipt))
  }

  /// nil: every part of the commit can land. (A function of its own also because a copy of the record that
  /// lived on would make the change copy the history.)
  private func check(_ commit: TurnCommit, of order: Int64) -> StoreRefusal? {
    guard let record = records[order] else { return .notFound }
    let row = record.description
    guard row.revision == commit.revision, record.isServable else { return .conflict }
    if let createdAt = commit.createdAt, createdAt != row.createdAt { return .conflict }
    for finished in commit.finished
    where record.activities[finished.action]?.task.claim != finished.claim { return .conflict }
    func broken(_ what: String) -> StoreRefusal {
      .failed(
        StoreError(.internalError, "The turn of instance '\(row.instance)' \(what); nothing was stored."))
    }
    guard commit.execution == row.execution else {
      return broken("is of execution \(commit.execution), the instance is at execution \(row.execution)")
    }
    var last = row.eventCount
    for event in commit.events {
      guard event.id == last &+ 1 else { return broken("has event \(event.id) after event \(last)") }
      last = event.id
    }
    last = 0
    for event in commit.nextExecution ?? [] {
      guard event.id == last &+ 1 else {
        return broken("has event \(event.id) after event \(last) in its next execution")
      }
      last = event.id
    }
    for task in commit.scheduled where commit.nextExecution == nil {
      guard task.key.instance == row.instance, task.key.execution == row.execution else {
        return broken("schedules an activity of '\(task.key.instance)' execution \(task.key.execution)")
      }
    }
    if let last = commit.consumed.max() {
      let consumed = Set(commit.consumed)
      let older = record.inbox.prefix { $0.sequence <= last }
      if !older.allSatisfy({ consumed.contains($0.sequence) }) { return .conflict }
    }
    var gone = Set(commit.cancelled)
    for finished in commit.finished { gone.insert(finished.action) }
    var scheduled: Set<ActionID> = []
    for task in commit.scheduled {
      guard scheduled.insert(task.key.action).inserted else {
        return broken("schedules activity \(task.key.action) twice")
      }
      if commit.nextExecution == nil, record.activities[task.key.action] != nil,
        !gone.contains(task.key.action)
      {
        return broken("schedules activity \(task.key.action), which is there already")
      }
    }
    return nil
  }

  /// So many parents it has, as far as the limit goes.
  private func generation(of instance: InstanceID) -> Int {
    var count = 0
    var above = instance
    while count < depthLimit, let order = locate(above), let parent = records[order]?.description.parent {
      count += 1
      above = parent.instance
    }
    return count
  }

  /// A child whose id is taken tells its parent, as does one that is too deep; a detached start has nobody to
  /// tell.
  private mutating func start(
    _ child: ChildStart, _ parentIsDeepest: Bool, now: TimestampMS, receipt: inout TurnReceipt
  ) {
    if parentIsDeepest, let parent = child.start.parent {
      let failure = Failure.tooDeep(child.start.instance, limit: depthLimit)
      if let delivery = tell(parent, failure) { receipt.deliveries.append(delivery) }
    } else if let status = status(of: child.start.instance) {
      if let delivery = tellTaken(child.start, status) { receipt.deliveries.append(delivery) }
    } else {
      create(child.start, owner: child.owner, now: now)
      receipt.started.append(child.start.instance)
    }
  }

  /// nil: there is no such instance.
  func status(of instance: InstanceID) -> InstanceStatus? {
    locate(instance).flatMap { records[$0]?.description.status }
  }

  /// There is another instance with the id of the child. nil: nobody waits for it.
  mutating func tellTaken(_ start: InstanceStart, _ status: InstanceStatus) -> Delivery? {
    start.parent.flatMap { tell($0, .alreadyExists(start.instance, status)) }
  }

  /// A child has failed, without having done so itself.
  private mutating func tell(_ parent: ParentLink, _ failure: Failure) -> Delivery? {
    guard let order = locate(parent.instance), records[order]?.description.status.isTerminal == false else {
      return nil
    }
    let ended = MessageKind.subOrchestrationEnded(
      execution: parent.execution, action: parent.action, outcome: .failed(failure))
    return deliver(ended, to: order)
  }

  // MARK: Messages

  /// A message with an action is answered, whatever became of it; one without is the engine's own, and the
  /// limit of the inbox does not hold it up.
  private mutating func send(
    _ message: OutgoingMessage, in commit: TurnCommit, of sender: Int64, receipt: inout TurnReceipt
  ) {
    let outcome: Outcome
    if let receiver = locate(message.to), let status = records[receiver]?.description.status {
      if status.isTerminal {
        outcome = .failed(.finishedReceiver(message.to, status))
      } else if message.action != nil, let waiting = records[receiver]?.inbox.count, waiting >= inboxLimit {
        outcome = .failed(.fullInbox(message.to, limit: inboxLimit))
      } else {
        if let delivery = deliver(message.kind, to: receiver) { receipt.deliveries.append(delivery) }
        outcome = .completed(.null)
      }
    } else if message.isKept {
      if case .failure = keep(message) {
        outcome = .failed(.fullInbox(message.to, limit: inboxLimit))
      } else {
        outcome = .completed(.null)
      }
    } else {
      outcome = .failed(.unknownReceiver(message.to))
    }
    guard let action = message.action else { return }
    end(action, outcome, in: commit, of: sender, receipt: &receipt)
  }

  private mutating func answer(
    _ read: KVReadRequest, in commit: TurnCommit, of reader: Int64, receipt: inout TurnReceipt
  ) {
    var outcome = Outcome.failed(.unknownReceiver(read.instance))
    if let order = locate(read.instance), let values = records[order]?.keyValues {
      let value = values[read.key]?.value.bytes
      outcome = .completed(
        value.map { Payload(bytes: Array("{\"value\":".utf8) + $0 + Array("}".utf8)) } ?? Payload("{}"))
    }
    end(read.action, outcome, in: commit, of: reader, receipt: &receipt)
  }

  /// Tells the code of the execution, if it goes on.
  private mutating func end(
    _ action: ActionID, _ outcome: Outcome, in commit: TurnCommit, of order: Int64,
    receipt: inout TurnReceipt
  ) {
    guard !commit.status.isTerminal, commit.nextExecution == nil else { return }
    let kind = MessageKind.requestEnded(execution: commit.execution, action: action, outcome: outcome)
    if let delivery = deliver(kind, to: order) { receipt.deliveries.append(delivery) }
  }

  /// Only its own children: an id that was taken when the turn before asked for it belongs to somebody else.
  private mutating func terminate(
    _ children: [InstanceID], in commit: TurnCommit, receipt: inout TurnReceipt
  ) {
    var followed = Terminations()
    for child in children {
      guard let order = locate(child), let row = records[order]?.description, !row.status.isTerminal,
        let parent = row.parent?.instance, ExactText(parent) == ExactText(commit.instance)
      else { continue }
      terminate(
        order, reason: "the parent ended", now: commit.now, tellsParent: false, into: &followed)
    }
    receipt.deliveries += followed.deliveries
    receipt.terminated = followed.terminated
  }
}

extension InstanceRecord {
  /// Brings the row, the histories and the inbox to where the commit puts them. Checked before.
  fileprivate mutating func take(_ commit: TurnCommit) {
    histories[histories.count - 1].append(contentsOf: commit.events)
    description.eventCount = Int64(histories[histories.count - 1].count)
    for change in commit.kvChanges { keyValues.apply(change) }
    for answer in commit.callAnswers where calls[ExactText(answer.call)] == .waiting {
      calls[ExactText(answer.call)] = .answered(answer.outcome)
    }
    if let next = commit.nextExecution {
      keyValues.beginExecution()
      histories.append(next)
      description.execution &+= 1
      description.eventCount = Int64(next.count)
    }
    if !commit.consumed.isEmpty {
      let consumed = Set(commit.consumed)
      inbox.removeAll { consumed.contains($0.sequence) }
    }
    start = nil
    description.revision &+= 1
    description.status = commit.status
    description.version = commit.orchestrationVersion
    if let customStatus = commit.customStatus {
      description.customStatus = customStatus
      description.customStatusVersion &+= 1
    }
    description.output = commit.output
    description.failure = commit.failure
    description.updatedAt = commit.now
    (lostTurns, pausedAt) = (0, 0)
    if commit.status.isTerminal {
      inbox = []
      wakeAt = nil
      owner = nil
      description.endedAt = commit.now
    } else {
      wakeAt = inbox.isEmpty ? commit.wakeAt : 0
      owner = commit.owner
    }
  }
}
