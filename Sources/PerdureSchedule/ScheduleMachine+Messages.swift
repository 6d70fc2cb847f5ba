import PerdureModel

/// What operators ask of a schedule.
extension ScheduleMachine {
  mutating func take(_ message: ScheduleMessage) {
    switch message {
    case .update(let update): change(update)
    case .pause(let note): pause(true, note)
    case .resume(let note): pause(false, note)
    case .trigger(let run):
      if record.buffered.count < Limits.scheduleBuffer { offer(run) } else { record.counts.skipped &+= 1 }
    case .backfill(let backfill):
      if record.backfills.count < Limits.scheduleBackfills { record.backfills.append(backfill) }
    case .delete: finish(.completed(output: .null))
    }
  }

  /// What falls due while it is paused is not run, also not afterwards.
  private mutating func pause(_ isPaused: Bool, _ note: String?) {
    if let note { record.note = note }
    if !isPaused { record.problem = nil }
    guard isPaused != record.isPaused else { return }
    record.isPaused = isPaused
    forgetTimes()
    if !isPaused { record.last = max(record.last, now) }
  }

  private mutating func change(_ update: ScheduleUpdate) {
    if let action = update.action { record.definition.action = action }
    if let overlap = update.overlap { record.definition.overlap = overlap }
    if let catchUp = update.catchUpMS { record.definition.catchUpMS = catchUp < 0 ? nil : catchUp }
    if let spec = update.spec, spec != record.definition.spec {
      record.definition.spec = spec
      if record.problem != nil { record.isPaused = false }
      record.problem = nil
      // From here on the new times hold; those of before that nobody ran are not made up for.
      record.last = max(record.last, now)
      forgetTimes()
    }
    if let isPaused = update.isPaused {
      pause(isPaused, update.note)
    } else if let note = update.note {
      record.note = note
    }
  }
}
