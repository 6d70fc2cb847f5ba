package import PerdureModel
import PerdureStore

extension MemoryState {
  package func export(_ instance: InstanceID, children: Bool) -> [InstanceExport] {
    guard let root = locate(instance) else { return [] }
    return (children ? tree(of: root) : [root]).compactMap { records[$0]?.export }
  }

  mutating func importInstances(
    _ instances: [InstanceExport], isSuspended: Bool, now: TimestampMS
  ) -> StoreOutcome {
    for instance in instances {
      guard let order = locate(instance.description.instance) else { continue }
      return .failure(.alreadyExists(records[order]?.description.status ?? .running))
    }
    for instance in instances { add(instance, isSuspended: isSuspended, now: now) }
    return .success(.instances(instances.map(\.description.instance)))
  }

  private mutating func add(_ instance: InstanceExport, isSuspended: Bool, now: TimestampMS) {
    var row = instance.description
    if let key = row.dedupKey, dedupKeys[ExactText(key)] != nil { row.dedupKey = nil }
    if isSuspended, row.status == .pending || row.status == .running {
      row.status = .suspended
      row.suspendReason = importedReason
    }
    row.revision = now
    let order = insert(row.asStart(instance.closePolicy), revision: now, owner: nil, now: now)
    update(order) { record in
      record.description = row
      record.start = instance.start
      record.histories = instance.histories
      record.keyValues = KeyValues(instance.kv)
      record.wakeAt = nil
      for call in instance.calls {
        record.calls[ExactText(call.call)] = call.answer.map { .answered($0) } ?? .waiting
      }
    }
    for kind in instance.inbox {
      let message = InboxMessage(sequence: nextSequence(), kind: kind)
      update(order) { $0.inbox.append(message) }
    }
    if row.status.isTerminal { return }
    if row.status == .pending || row.status == .running { update(order) { $0.putBack(now: now) } }
    for record in instance.activities { add(record, to: order) }
    for topic in instance.topics { change(TopicChange(topic: topic, isSubscribed: true), of: order) }
    takeKept(for: row.instance, order)
  }

  private mutating func add(_ record: ActivityRecord, to order: Int64) {
    var row = ActivityRow(record.task, sequence: nextActivitySequence(), revision: 0, now: 0)
    row.token = record.token
    row.isUnrun = record.phase == .unrun
    row.claimedAt = record.claimedAt
    row.deferredBeatAt = record.phase == .deferred ? record.beatAt : nil
    records[order]?.activities[record.task.key.action] = row
    enter(row, of: order)
  }
}

extension InstanceRecord {
  fileprivate var export: InstanceExport {
    InstanceExport(
      description: description, start: start, closePolicy: closePolicy,
      executions: histories.enumerated().compactMap { index, events in
        events.isEmpty ? nil : ExecutionHistory(execution: Int64(index) + 1, events: events)
      }, inbox: inbox.map(\.kind), kv: keyValues.records,
      activities: activities.values.map(\.record).sorted { $0.task.key.action < $1.task.key.action },
      calls: calls.map { CallRecord(call: $0.key.text, answer: $0.value.answer) }
        .sorted { $0.call.utf8.lexicographicallyPrecedes($1.call.utf8) },
      topics: topics.map(\.text).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
  }
}

extension ActivityRow {
  fileprivate var record: ActivityRecord {
    ActivityRecord(
      task: task, token: token, phase: deferredBeatAt != nil ? .deferred : isUnrun ? .unrun : .run,
      claimedAt: claimedAt, beatAt: deferredBeatAt ?? claimedAt)
  }
}

extension CallState {
  fileprivate var answer: Outcome? { if case .answered(let outcome) = self { outcome } else { nil } }
}

extension InstanceExport {
  /// One for each execution up to the current one.
  fileprivate var histories: [[Event]] {
    var histories = Array(repeating: [Event](), count: Int(clamping: max(1, description.execution)))
    for history in executions {
      let index = Int(clamping: history.execution - 1)
      if histories.indices.contains(index) { histories[index] = history.events }
    }
    return histories
  }
}

extension InstanceDescription {
  /// The start that gives it its places in the indexes.
  fileprivate func asStart(_ closePolicy: ParentClosePolicy) -> InstanceStart {
    var options = StartOptions()
    options.closePolicy = closePolicy
    options.dedupKey = dedupKey
    options.priority = priority
    return InstanceStart(
      instance: instance, orchestration: orchestration, version: version, input: .null, parent: parent,
      options: options)
  }
}
