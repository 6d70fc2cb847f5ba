import PerdureModel
import PerdureWire

/// Which times are due.
extension ScheduleMachine {
  /// Does what can be done now.
  mutating func advance() {
    startBuffered()
    takeDue()
    fill()
    ask()
    arm()
    watchCarried()
  }

  /// Waiting for the end of runs needs no more room than this.
  private var hasRoom: Bool {
    record.buffered.count < Limits.scheduleBuffer && record.running.count < Limits.scheduleRuns
  }

  private mutating func takeDue() {
    guard !record.isPaused else { return }
    while let first = times.first, first.at <= now, hasRoom {
      if mustLook(record.definition.overlap) { return askLook() }
      times.removeFirst()
      record.last = first.due
      if let catchUp = record.definition.catchUpMS, now &- first.at > catchUp {
        record.counts.missed &+= 1
      } else {
        offer(ScheduledRun(dueAt: first.due, overlap: record.definition.overlap))
      }
    }
  }

  private mutating func ask() {
    guard !record.isPaused, !isExhausted, question == nil, times.count < Self.timesLow else { return }
    let after = times.last?.due ?? record.last
    let asked = ScheduleQuestion(schedule: name, spec: record.definition.spec, after: after)
    question = emit(activity(Reserved.scheduleNext, ScheduleWire.payload(asked)))
  }

  private mutating func arm() {
    guard !record.isPaused, timer == nil, let first = times.first, first.at > now else { return }
    timer = emit(.createTimer(fireAt: first.at))
  }

  /// What was worked out is void: the times have changed, or no time is wanted.
  mutating func forgetTimes() {
    times = []
    isExhausted = false
    for open in [question, timer] { if let open { emit(.cancel(target: open)) } }
    question = nil
    timer = nil
  }

  /// Retried for ever: another runtime may have the time zone that this one lacks.
  func activity(_ name: String, _ input: Payload) -> ActionKind {
    var retry = RetryPolicy()
    retry.maxAttempts = 0
    retry.initialIntervalMS = 1_000
    retry.maxIntervalMS = 60_000
    var options = ActivityOptions()
    options.retry = retry
    options.priority = ActivityOptions.priorityRange.upperBound
    return .scheduleActivity(name: name, input: input, options: options)
  }

  mutating func answered(_ action: ActionID, _ result: Payload) {
    if action == look {
      look = nil
      return looked(result)
    }
    guard action == question || action == fillQuestion else { return }
    let isFill = action == fillQuestion
    if isFill { fillQuestion = nil } else { question = nil }
    guard let answer = ScheduleWire.times(result) else {
      return stop("the answer of '\(Reserved.scheduleNext)' cannot be read")
    }
    if isFill {
      filling += answer.times.map { $0.due }
      isFilled = answer.isComplete
    } else {
      times += answer.times
      isExhausted = answer.isComplete
    }
  }

  mutating func questionFailed(_ action: ActionID, _ failure: Failure) {
    if action == look {
      look = nil
      return
    }
    if action == fillQuestion {
      fillQuestion = nil
      record.backfills.removeFirst()
      filling = []
      isFilled = false
    } else if action == question {
      question = nil
    } else {
      return
    }
    stop(failure.message)
  }

  /// Goes on when it is updated or resumed.
  private mutating func stop(_ problem: String) {
    record.problem = String(problem.prefix(500)).clipped(toBytes: 2_000)
    record.isPaused = true
    forgetTimes()
  }

  // MARK: Backfills

  private mutating func fill() {
    while let first = record.backfills.first, fillQuestion == nil {
      while let due = filling.first, hasRoom {
        if mustLook(first.overlap) { return askLook() }
        filling.removeFirst()
        record.backfills[0].after = due
        offer(ScheduledRun(dueAt: due, suffix: first.id, overlap: first.overlap))
      }
      guard filling.isEmpty, hasRoom else { return }
      if isFilled {
        record.backfills.removeFirst()
        isFilled = false
      } else {
        let asked = ScheduleQuestion(
          schedule: name, spec: record.definition.spec, after: record.backfills[0].after, to: first.to)
        fillQuestion = emit(activity(Reserved.scheduleNext, ScheduleWire.payload(asked)))
      }
    }
  }
}
