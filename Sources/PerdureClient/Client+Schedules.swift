package import PerdureModel
import PerdureRuntime
import PerdureSchedule
import PerdureStore
import PerdureWire

/// Schedules: each is an instance of the engine's own orchestration, and is told what to do by messages.
extension Client {
  package func createSchedule(
    _ name: String, _ creation: ScheduleCreation, by requester: Requester
  ) throws(ClientError) -> InstanceID {
    try hub.atOneMoment { now throws(ClientError) in
      try createSchedule(name, creation, by: requester, now)
    }
  }

  private func createSchedule(
    _ name: String, _ creation: ScheduleCreation, by requester: Requester, _ now: TimestampMS
  ) throws(ClientError) -> InstanceID {
    try Check.schedule(name)
    try check(creation.definition, now)
    try Check.reason(creation.note)
    let instance = Reserved.instance(ofSchedule: name)
    var record = ScheduleRecord(creation.definition, last: now)
    record.isPaused = creation.isPaused
    record.note = creation.note
    var options = StartOptions()
    let row = try read { () throws(StoreError) in try hub.store.describe(instance) }
    if let row, row.status.isTerminal {
      // The runs go with the schedule that they belong to.
      try checkEnded(runsOf: instance, name)
      options.policy = .restartIfFinished
    } else if row != nil, creation.policy == .replace {
      try send(.update(ScheduleUpdate(creation)), to: name, as: "createSchedule", by: requester)
      return instance
    }
    let start = InstanceStart(
      instance: instance, orchestration: Reserved.schedule, input: ScheduleWire.payload(record),
      options: options)
    let entry = try noted(
      .start(start, owner: hub.owner(for: start), now: now), "createSchedule", name, by: requester)
    try write(entry, instance, "start")
    return instance
  }

  private func checkEnded(runsOf instance: InstanceID, _ name: String) throws(ClientError) {
    for status: InstanceStatus in [.pending, .running, .suspended, .quarantined] {
      let query = ListQuery(status: status, parent: instance, limit: 1)
      let open = try read { () throws(StoreError) in try hub.store.list(query) }
      guard let run = open.instances.first else { continue }
      throw .wrongStatus(
        run.instance, run.status,
        "a schedule '\(name)' was there before, and its run '\(run.instance)' is \(run.status.rawValue): "
          + "wait for its end or terminate it, or take another name")
    }
  }

  /// Changes something of a schedule. Durable on return; it takes effect as soon as a runtime takes it.
  ///
  /// - operation: the word under which it is recorded.
  package func send(
    _ message: ScheduleMessage, to name: String, as operation: String, by requester: Requester
  ) throws(ClientError) {
    try Check.schedule(name)
    switch message {
    case .update(let update): try check(update, of: name)
    case .pause(let note), .resume(let note): try Check.reason(note ?? "")
    case .trigger, .backfill, .delete: break
    }
    let kind = MessageKind.raised(
      channel: .queue, name: Reserved.schedule, data: ScheduleWire.payload(message))
    let instance = Reserved.instance(ofSchedule: name)
    do throws(ClientError) {
      try hub.atOneMoment { now throws(ClientError) in
        let post = StoreEntry.post(OutgoingMessage(to: instance, kind: kind), now: now)
        try write(try noted(post, operation, name, by: requester), instance, "be changed")
      }
    } catch { throw error.ofSchedule(name) }
  }

  /// A run now. Answers the instance that it will be, unless the overlap policy leaves it out.
  package func triggerSchedule(
    _ name: String, overlap: ScheduleOverlap?, by requester: Requester
  ) throws(ClientError) -> InstanceID {
    let usual = try record(of: name).definition.overlap
    let run = ScheduledRun(
      dueAt: hub.clock.now().flooredQuotient(1_000) &* 1_000, suffix: "trigger-\(Self.suffix())",
      overlap: overlap ?? usual)
    try send(.trigger(run), to: name, as: "triggerSchedule", by: requester)
    return run.instance(ofSchedule: name)
  }

  /// Runs for all due times from `from` to `to`, both included.
  package func backfillSchedule(
    _ name: String, from: TimestampMS, to: TimestampMS, overlap: ScheduleOverlap?, by requester: Requester
  ) throws(ClientError) -> InstanceID {
    guard from <= to else {
      throw .invalidArgument("the backfill ends at \(to), before it begins at \(from)")
    }
    let open = try record(of: name).backfills.count
    guard open < Limits.scheduleBackfills else {
      throw .limitExceeded(
        "schedule '\(name)' has \(open) backfills under way; the limit is \(Limits.scheduleBackfills)")
    }
    // One after the other where nothing is said: the policies of the schedule would leave most of them out.
    let backfill = ScheduleBackfill(
      id: "backfill-\(Self.suffix())", after: from &- 1, to: to, overlap: overlap ?? .bufferAll)
    try send(.backfill(backfill), to: name, as: "backfillSchedule", by: requester)
    return Reserved.instance(ofSchedule: name)
  }

  private static func suffix() -> String { String(RandomID.make().prefix(8)) }

  // MARK: Look

  package func schedule(_ name: String) throws(ClientError) -> ScheduleDescription {
    let row = try row(of: name)
    var schedule = try describe(row, name)
    if !schedule.record.isPaused, let times = try? times(schedule.record.definition.spec) {
      let question = ScheduleQuestion(
        schedule: name, spec: schedule.record.definition.spec, after: schedule.record.last)
      schedule.next = times.next(question, count: Limits.scheduleRecent)
    }
    schedule.pendingReason = pendingReason(row)
    return schedule
  }

  /// Those that have not been deleted, in the order in which they were created.
  package func schedules(
    cursor: Int64, limit: Int
  ) throws(ClientError) -> (schedules: [ScheduleDescription], next: Int64?) {
    let query = ListQuery(orchestration: Reserved.schedule, cursor: cursor, limit: limit)
    let page = try read { () throws(StoreError) in try hub.store.list(query) }
    var schedules: [ScheduleDescription] = []
    for row in page.instances where !row.status.isTerminal {
      guard let name = Reserved.schedule(of: row.instance) else { continue }
      schedules.append(try describe(row, name))
    }
    return (schedules, page.next)
  }

  /// The first due times after a moment, without jitter.
  package func scheduleTimes(
    _ spec: ScheduleSpec, after: TimestampMS?, count: Int
  ) throws(ClientError) -> [TimestampMS] {
    let times = try times(spec)
    var last = after ?? hub.clock.now()
    var found: [TimestampMS] = []
    while found.count < count, let next = times.next(after: last) {
      found.append(next)
      last = next
    }
    return found
  }

  private func row(of name: String) throws(ClientError) -> InstanceDescription {
    try Check.schedule(name)
    let instance = Reserved.instance(ofSchedule: name)
    let row = try read { () throws(StoreError) in try hub.store.describe(instance) }
    guard let row else { throw Self.notFound(instance).ofSchedule(name) }
    return row
  }

  private func record(of name: String) throws(ClientError) -> ScheduleRecord {
    try describe(try row(of: name), name).record
  }

  /// What it shows of itself; before its first turn, what it was started with.
  private func describe(
    _ row: InstanceDescription, _ name: String
  ) throws(ClientError) -> ScheduleDescription {
    do throws(WireError) {
      if let status = row.customStatus {
        let shown = try ScheduleWire.status(status)
        return ScheduleDescription(
          name: name, instance: row.instance, status: row.status, record: shown.record,
          runningCount: shown.running, bufferedCount: shown.buffered, next: shown.next,
          createdAt: row.createdAt)
      }
      let snapshot = try? hub.store.load(row.instance)
      let input = snapshot?.start?.input ?? .null
      return ScheduleDescription(
        name: name, instance: row.instance, status: row.status, record: try ScheduleWire.record(input),
        runningCount: 0, bufferedCount: 0, next: [], createdAt: row.createdAt)
    } catch {
      throw .store(
        StoreError(.corrupt, "what schedule '\(name)' shows of itself cannot be read: \(error.message)"))
    }
  }
}
