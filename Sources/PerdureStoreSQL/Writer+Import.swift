internal import PerdureModel
internal import PerdureStore
internal import PerdureWire

/// Instances that were exported elsewhere.
extension Writer {
  func importInstances(
    _ instances: [InstanceExport], isSuspended: Bool, now: TimestampMS
  ) throws(StoreError) -> StoreOutcome {
    for instance in instances {
      if let taken = try find(instance.description.instance) { return .failure(.alreadyExists(taken.status)) }
    }
    for instance in instances { try add(instance, isSuspended: isSuspended, now: now) }
    return .success(.instances(instances.map(\.description.instance)))
  }

  private func add(
    _ instance: InstanceExport, isSuspended: Bool, now: TimestampMS
  ) throws(StoreError) {
    var row = instance.description
    if let key = row.dedupKey, try holder(ofDedupKey: key) != nil { row.dedupKey = nil }
    if isSuspended, row.status == .pending || row.status == .running {
      row.status = .suspended
      row.suspendReason = importedReason
    }
    let isOpen = !row.status.isTerminal
    let pk = try insert(row, instance, wakeAt: Self.wakeAt(row, instance, now: now), now: now)
    count(row)
    try addOptions(row, instance.closePolicy, to: pk)
    for history in instance.executions {
      try append(history.events, to: pk, execution: history.execution)
    }
    for message in instance.inbox {
      statements.insertMessage.bind(1, pk)
      statements.insertMessage.bind(2, StoreWire.encode(message))
      try statements.insertMessage.run()
    }
    for record in instance.kv { try add(record, to: pk) }
    for record in instance.calls { try add(record, to: pk) }
    guard isOpen else { return }
    for record in instance.activities { try add(record, to: pk) }
    try subscribe(instance.topics.map { TopicChange(topic: $0, isSubscribed: true) }, of: pk)
    if try mayHaveKept() { try takeKept(for: row.instance) }
  }

  /// As it would be had it just been resumed.
  private static func wakeAt(
    _ row: InstanceDescription, _ instance: InstanceExport, now: TimestampMS
  ) -> TimestampMS? {
    guard row.status == .pending || row.status == .running else { return nil }
    let hasCancel = instance.inbox.contains { if case .cancel = $0 { true } else { false } }
    let waits = instance.start != nil && row.startAt > now && !hasCancel
    return waits ? row.startAt : 0
  }

  private func insert(
    _ row: InstanceDescription, _ instance: InstanceExport, wakeAt: TimestampMS?, now: TimestampMS
  ) throws(StoreError) -> Int64 {
    var used: Used = [.options]
    if !instance.kv.isEmpty { used.insert(.keyValues) }
    if !instance.calls.isEmpty { used.insert(.calls) }
    if !instance.topics.isEmpty { used.insert(.topics) }
    return try rare.insert(
      key: "pk",
      """
      INSERT INTO instances(id, orchestration, version, status, execution, revision, event_count, inbox_count,
        wake_at, owner, priority, used, created_at, updated_at, ended_at, parent, parent_execution,
        parent_action, custom_status_version, custom_status, output, failure, start)
      VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, NULL, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
        ?21, ?22)
      """, row.instance, row.orchestration, row.version, row.status.rawValue, row.execution, now,
      row.eventCount, Int64(instance.inbox.count), wakeAt, row.priority, used.rawValue, row.createdAt,
      row.updatedAt, row.endedAt, row.parent?.instance, row.parent?.execution, row.parent?.action,
      row.customStatusVersion, row.customStatus?.bytes, row.output?.bytes,
      row.failure.map { FailureWire.encode($0) }, instance.start.map { StoreWire.encode($0) })
  }

  private func addOptions(
    _ row: InstanceDescription, _ policy: ParentClosePolicy, to pk: Int64
  ) throws(StoreError) {
    try rare.run(
      """
      INSERT INTO instance_options(instance, start_at, close_policy, suspend_reason, dedup_key, attributes,
        memo)
      VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)
      """, pk, row.startAt, policy == .cancel ? nil : policy.rawValue, row.suspendReason, row.dedupKey,
      row.attributes?.bytes, row.memo?.bytes)
    if let attributes = row.attributes { try label(pk, attributes) }
  }

  /// As if it had come to its status here.
  private func count(_ row: InstanceDescription) {
    let pending = StatusTally.Kind(row.orchestration, row.version, .pending)
    tally.add(pending)
    guard row.status != .pending else { return }
    let life = row.status.isTerminal ? (row.endedAt ?? row.updatedAt) &- row.createdAt : nil
    tally.move(pending, to: StatusTally.Kind(row.orchestration, row.version, row.status), lifeMS: life)
  }

  private func add(_ record: KVRecord, to pk: Int64) throws(StoreError) {
    let isChanged = record.now != record.base
    try rare.run(
      """
      INSERT INTO kv(instance, key, is_changed, set_at, base_set_at, value, base)
      VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)
      """, pk, record.key, isChanged ? 1 as Int64 : 0, record.now?.at ?? record.base?.at ?? 0,
      isChanged ? record.base?.at : nil, record.now?.value.bytes, isChanged ? record.base?.value.bytes : nil)
  }

  private func add(_ record: CallRecord, to pk: Int64) throws(StoreError) {
    var result: [UInt8]?
    var failure: [UInt8]?
    switch record.answer {
    case .completed(let payload)?: result = payload.bytes
    case .failed(let cause)?: failure = FailureWire.encode(cause)
    case nil: break
    }
    try rare.run(
      "INSERT INTO calls(instance, call, result, failure) VALUES(?1, ?2, ?3, ?4)", pk, record.call, result,
      failure)
  }

  private func add(_ record: ActivityRecord, to pk: Int64) throws(StoreError) {
    let task = record.task
    let phase: ActivityRow.Phase =
      switch record.phase {
      case .unrun: .unrun
      case .run: .run
      case .deferred: .deferred
      }
    try rare.run(
      """
      INSERT INTO activities(instance, execution, action, name, orchestration, attempt, visible_at, node,
        token, input, phase, scheduled_at, claimed_at, beat_at, priority, failures, expires_at, tag, session,
        options, last_failure, heartbeat, trace)
      VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
        ?21, ?22)
      """, pk, task.key.execution, task.key.action, task.name, task.orchestration, task.attempt,
      task.visibleAt, record.token, task.input.bytes, phase.rawValue, task.scheduledAt, record.claimedAt,
      record.beatAt, task.options.priority, task.failures, task.expiresAt(record.wait), task.options.tag,
      task.options.session, task.options.isDefault ? nil : ActivityOptionsWire.encode(task.options),
      task.lastFailure.map { FailureWire.encode($0) }, task.lastHeartbeat?.bytes,
      task.trace?.text)
  }
}
