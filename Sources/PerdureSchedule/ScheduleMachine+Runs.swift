package import PerdureModel
import PerdureWire

/// What becomes of a due time, and of a run.
extension ScheduleMachine {
  /// A time is due: start, buffer or skip, as the overlap policy says.
  mutating func offer(_ run: ScheduledRun) {
    if run.overlap == .allow || (record.running.isEmpty && record.buffered.isEmpty) { return start(run) }
    switch run.overlap {
    case .allow: break
    case .skip: record.counts.skipped &+= 1
    case .bufferOne:
      if record.buffered.isEmpty { record.buffered.append(run) } else { record.counts.skipped &+= 1 }
    case .bufferAll: record.buffered.append(run)
    case .cancelOther:
      let before = record.buffered.count
      record.buffered.removeAll { $0.overlap == .cancelOther }
      record.counts.skipped &+= Int64(before - record.buffered.count)
      record.buffered.append(run)
      cancelRunning()
    }
  }

  private mutating func cancelRunning() {
    for index in record.running.indices where !record.running[index].isCancelling {
      record.running[index].isCancelling = true
      let reason = "schedule '\(name)': the next run is due"
      emit(.send(SentMessage(to: record.running[index].instance, content: .cancel(reason: reason))))
    }
  }

  /// Those that waited, one after the other. While it is paused only triggers and backfills go on.
  mutating func startBuffered() {
    while record.running.isEmpty,
      let index = record.buffered.firstIndex(where: { !record.isPaused || $0.suffix != nil })
    {
      start(record.buffered.remove(at: index))
    }
  }

  /// The id has the due time in it: the same time never has two runs.
  private mutating func start(_ run: ScheduledRun) {
    let instance = run.instance(ofSchedule: name)
    let action = record.definition.action
    var labels = StartOptions()
    if action.priority != 0 { labels.priority = action.priority }
    if let attributes = action.attributes { labels.attributes = attributes }
    if let memo = action.memo { labels.memo = memo }
    let child = emit(
      .scheduleSubOrchestration(
        name: action.orchestration, version: action.version, instance: instance, input: action.input,
        closePolicy: .abandon, labels: labels))
    children[child] = instance
    record.running.append(ScheduleRun(instance: instance, dueAt: run.dueAt, startedAt: now))
    record.counts.runs &+= 1
  }

  mutating func childEnded(_ action: ActionID, _ outcome: Outcome) {
    guard let instance = children.removeValue(forKey: action),
      let index = record.running.firstIndex(where: { ExactText($0.instance) == ExactText(instance) })
    else { return }
    var run = record.running.remove(at: index)
    run.end(outcome, at: now)
    keep(run)
  }

  private mutating func keep(_ run: ScheduleRun) {
    record.recent.insert(run, at: 0)
    if record.recent.count > Limits.scheduleRecent { record.recent.removeLast() }
  }

  // MARK: Runs of earlier executions

  private var carried: [ScheduleRun] {
    let own = Set(children.values.map { ExactText($0) })
    return record.running.filter { !own.contains(ExactText($0.instance)) }
  }

  private var hasCarried: Bool { record.running.count > children.count }

  /// What is decided about a time that is due depends on runs of which nobody tells.
  func mustLook(_ overlap: ScheduleOverlap) -> Bool { overlap != .allow && hasCarried && !isLookFresh }

  mutating func askLook() {
    guard look == nil, hasCarried else { return }
    if let lookTimer { emit(.cancel(target: lookTimer)) }
    lookTimer = nil
    look = emit(activity(Reserved.scheduleLook, ScheduleWire.payload(carried.map { $0.instance })))
  }

  mutating func looked(_ result: Payload) {
    isLookFresh = true
    lookPauseMS = min(lookPauseMS &* 2, Self.lookLastMS)
    for ended in ScheduleWire.look(result)?.ended ?? [] {
      let index = record.running.firstIndex { ExactText($0.instance) == ExactText(ended.instance) }
      guard let index else { continue }
      var run = record.running.remove(at: index)
      run.status = ended.status
      run.endedAt = ended.endedAt ?? now
      run.result = ended.result
      run.failure = ended.failure
      keep(run)
    }
  }

  mutating func watchCarried() {
    guard hasCarried, look == nil, lookTimer == nil else { return }
    lookTimer = emit(.createTimer(fireAt: now &+ lookPauseMS))
  }
}

extension ScheduledRun {
  /// The id of the run: `nightly@2026-11-21T02:30:00Z`, with its suffix after a `+`.
  package func instance(ofSchedule name: String) -> InstanceID {
    "\(name)@\(utcText(ofMS: dueAt))" + (suffix.map { "+\($0)" } ?? "")
  }
}

extension ScheduleRun {
  /// - at: when that was heard.
  package mutating func end(_ outcome: Outcome, at: TimestampMS) {
    endedAt = at
    switch outcome {
    case .completed(let result):
      status = .completed
      if result.bytes.count <= Limits.scheduleResultBytes { self.result = result }
    case .failed(let failure):
      switch failure.type {
      case FailureType.cancelled: status = .cancelled
      case FailureType.terminated: status = .terminated
      case FailureType.alreadyExists: status = .unknown
      default: status = .failed
      }
      let text = String("\(failure.type): \(failure.message)".prefix(Limits.scheduleResultBytes / 4))
      self.failure = text.clipped(toBytes: Limits.scheduleResultBytes)
    }
  }
}
