package import PerdureModel

/// Something that a turn is to fold: from the inbox, or straight from this process.
package enum Incoming: Hashable, Sendable {
  case message(InboxMessage)
  /// An activity that ran here, with the claim that it ran under.
  case activity(FinishedActivity, execution: ExecutionID, outcome: Outcome)
  case timerDue(ActionID)
}

extension Incoming {
  /// The place in the inbox; nil for what came straight from this process.
  var sequence: MessageSequence? {
    if case .message(let message) = self { message.sequence } else { nil }
  }
}

/// The new events of a turn, before code has seen them. Nothing is changed yet.
package struct PreparedTurn: Hashable, Sendable {
  package struct Line: Hashable, Sendable {
    package var event: Event
    /// nil for OrchestrationStarted and for events that are stored already.
    package var source: Incoming?
    package var isStored = false
  }

  package init() {}

  package var lines: [Line] = []
  /// Stale or double: of another execution, or answers to work that is not open. To be deleted with the turn.
  package var strays: [Incoming] = []

  package var events: [Event] { lines.map { $0.event } }
}

extension ExecutionState {
  /// The state of an instance whose first turn is about to run.
  package init(start: InstanceStart, version: String, now: TimestampMS) {
    self.init(
      instance: start.instance, execution: 1, orchestration: start.orchestration, version: version,
      parent: start.parent, trace: start.options.trace, at: now)
  }

  /// Turns messages into events, in their order. Duplicates and strays are found here, and only here.
  ///
  /// - start: set for the first turn of an instance; becomes OrchestrationStarted.
  package func prepare(
    _ incoming: [Incoming], start: InstanceStart?, now: TimestampMS, limits: LimitSettings = LimitSettings()
  ) -> PreparedTurn {
    var turn = PreparedTurn()
    var answered: Set<ActionID> = []
    let isCancelling = cancellationReason != nil || initial.contains { $0.kind.isCancellation }
    var cancelBy = isCancelling ? endBy ?? .max : nil
    let at = max(now, lastEventAt, initial.last?.at ?? now)
    turn.lines = initial.map { PreparedTurn.Line(event: $0, source: nil, isStored: true) }
    var next = (initial.last?.id ?? lastEvent) + 1
    var bytes = historyBytes
    func add(_ kind: EventKind, _ source: Incoming?) {
      bytes &+= kind.sizeEstimate
      let isLate = next >= limits.lateEvents || bytes >= limits.lateBytes
      turn.lines.append(.init(event: Event(id: next, at: at, kind: kind, isLate: isLate), source: source))
      next += 1
    }
    if let start {
      add(
        .orchestrationStarted(
          name: start.orchestration, version: version, input: start.input, parent: start.parent,
          trace: start.options.trace), nil)
    }
    for item in incoming {
      if let kind = event(of: item, at), isNews(kind, &answered, &cancelBy) {
        add(kind, item)
      } else {
        turn.strays.append(item)
      }
    }
    return turn
  }

  /// The event that an item means for this execution; nil if it is for another one.
  private func event(of item: Incoming, _ at: TimestampMS) -> EventKind? {
    switch item {
    case .timerDue(let action): return .timerFired(action: action)
    case .activity(let finished, let execution, let outcome):
      return execution == self.execution ? .activityEnded(finished.action, outcome) : nil
    case .message(let message):
      switch message.kind {
      case .raised(let channel, let name, let data):
        return .messageReceived(channel: channel, name: name, data: data)
      case .call(let id, let name, let input): return .callReceived(call: id, name: name, input: input)
      case .cancel(let reason, let graceMS):
        return .cancellationRequested(reason: reason, deadline: graceMS.map { at &+ max($0, 0) })
      case .requestEnded(let execution, let action, let outcome):
        guard execution == self.execution else { return nil }
        switch outcome {
        case .completed(let result): return .requestCompleted(action: action, result: result)
        case .failed(let failure): return .requestFailed(action: action, failure: failure)
        }
      case .activityEnded(let execution, let action, let outcome):
        return execution == self.execution ? .activityEnded(action, outcome) : nil
      case .subOrchestrationEnded(let execution, let action, let outcome):
        guard execution == self.execution else { return nil }
        switch outcome {
        case .completed(let result): return .subOrchestrationCompleted(action: action, result: result)
        case .failed(let failure): return .subOrchestrationFailed(action: action, failure: failure)
        }
      }
    }
  }

  /// - cancelBy: when its time to clean up is over; nil: nobody has asked it to cancel itself.
  private func isNews(
    _ kind: EventKind, _ answered: inout Set<ActionID>, _ cancelBy: inout TimestampMS?
  ) -> Bool {
    switch kind {
    case .activityCompleted(let action, _), .activityFailed(let action, _):
      return open[action]?.kind == .activity && answered.insert(action).inserted
    case .subOrchestrationCompleted(let action, _), .subOrchestrationFailed(let action, _):
      return open[action]?.kind == .subOrchestration && answered.insert(action).inserted
    case .timerFired(let action):
      return open[action]?.kind == .timer && answered.insert(action).inserted
    case .requestCompleted(let action, _), .requestFailed(let action, _):
      return open[action]?.kind == .request && answered.insert(action).inserted
    case .cancellationRequested(_, let deadline):
      // Who asks again may leave it less time, never more.
      let by = deadline ?? .max
      if let cancelBy, cancelBy <= by { return false }
      cancelBy = by
      return true
    default: return true
    }
  }
}

extension EventKind {
  var isCancellation: Bool {
    if case .cancellationRequested = self { true } else { false }
  }

  fileprivate static func activityEnded(_ action: ActionID, _ outcome: Outcome) -> EventKind {
    switch outcome {
    case .completed(let result): .activityCompleted(action: action, result: result)
    case .failed(let failure): .activityFailed(action: action, failure: failure)
    }
  }
}
