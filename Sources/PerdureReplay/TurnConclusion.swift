package import PerdureModel

/// What a turn came to: the commit, and what the runtime needs to go on once it is durable.
package struct TurnConclusion: Hashable, Sendable {
  package var commit: TurnCommit
  /// Messages that arrived with the turn and that its code did not live to see. They stay in the inbox.
  package var unseen: [Incoming] = []
  /// Continue-as-new: the state of the next execution, whose first turn is due.
  package var next: ExecutionState?
  /// Lines that the code logged.
  package var logs: [LogLine] = []
}

extension ExecutionState {
  /// Ends a turn: folds events and actions, makes the commit. Throws before anything is changed. The result
  /// has passed `AnswerCheck`.
  ///
  /// - prepared: what the request delivered beyond `recorded`.
  /// - recorded: the stored history when the code was built anew (`from` 0); nil when it went on from where
  ///   it was.
  /// - revision: of the instance row that the turn is computed from.
  /// - latestVersion: what continue-as-new takes when the code names no version.
  package mutating func conclude(
    _ prepared: PreparedTurn, result: TurnResult, recorded: [Event]?, revision: Revision,
    latestVersion: String, now: TimestampMS
  ) throws(TurnFault) -> TurnConclusion {
    if let recorded {
      let matcher = ActionMatcher(instance: instance, execution: execution, replayed: lastDelivered)
      try matcher.check(
        recorded: recorded.filter { $0.kind.origin != nil }, actions: result.actions, end: result.end)
    }
    let at = max(now, lastEventAt, prepared.lines.last?.event.at ?? now)
    var writer = TurnWriter(state: take(), revision: revision, latestVersion: latestVersion, now: at)
    writer.conclusion.logs = result.logs
    writer.fold(prepared, result.actions, end: result.end)
    writer.finish(prepared, end: result.end)
    self = writer.state
    return writer.conclusion
  }

  /// A turn without code: drops strays, nothing else.
  package func conclude(strays prepared: PreparedTurn, revision: Revision, now: TimestampMS) -> TurnCommit {
    var writer = TurnWriter(
      state: self, revision: revision, latestVersion: version, now: max(now, lastEventAt))
    writer.finish(prepared, end: nil)
    return writer.conclusion.commit
  }

  /// Leaves an empty shell behind, so that the taker is the only owner of the collections.
  private mutating func take() -> ExecutionState {
    var taken = ExecutionState(
      instance: "", execution: execution, orchestration: "", version: "", parent: nil, at: lastEventAt)
    swap(&taken, &self)
    return taken
  }
}

/// Builds one commit. Works on a state that its owner gave up, so that no collection is copied.
private struct TurnWriter {
  var state: ExecutionState
  var conclusion: TurnConclusion
  private var events: [Event] = []
  private var scheduled: [ActionID: ActivityTask] = [:]
  /// First events of the execution that the code did not live to see.
  private var unseenStored: [Event] = []
  private var nextID: EventID
  private let now: TimestampMS
  private let latestVersion: String
  /// A limit that an action broke: ends the execution.
  private var breach: Failure?

  init(state: consuming ExecutionState, revision: Revision, latestVersion: String, now: TimestampMS) {
    conclusion = TurnConclusion(
      commit: TurnCommit(
        instance: state.instance, revision: revision, now: now, execution: state.execution, events: [],
        status: .running, orchestrationVersion: state.version, owner: nil))
    nextID = state.lastEvent + 1
    self.state = state
    self.latestVersion = latestVersion
    self.now = now
  }

  /// Events in order, each followed by the actions it caused; rows get all events first, then all actions.
  mutating func fold(_ prepared: PreparedTurn, _ actions: [Action], end: TurnEnd?) {
    var next = actions.firstIndex { $0.id > state.lastAction } ?? actions.count
    var made: [Event] = []
    state.initial = []
    let seen = prepared.lines.prefix { line in end.map { line.event.id <= $0.after } ?? true }
    let stored = prepared.lines.filter { $0.isStored }
    nextID = max(seen.last?.event.id ?? state.lastEvent, stored.last?.event.id ?? 0) + 1
    for line in seen {
      state.apply(line.event)
      while breach == nil, next < actions.count, actions[next].after <= line.event.id {
        let action = actions[next]
        next += 1
        breach = LimitCheck.breach(of: action, open: state.open.count, child: state.childID(of: action.id))
        // What is over a limit is not stored, nor is anything that came of it.
        if breach != nil { break }
        let row = makeEvent(eventKind(of: action))
        made.append(row)
        effects(of: row.kind)
        state.apply(row)
      }
    }
    events = seen.filter { !$0.isStored }.map { $0.event } + made
    conclusion.unseen = prepared.lines.dropFirst(seen.count).compactMap { $0.source }
    unseenStored = stored.dropFirst(seen.count).map { $0.event }
  }

  mutating func finish(_ prepared: PreparedTurn, end: TurnEnd?) {
    for line in prepared.lines.dropLast(conclusion.unseen.count) { consume(line.source) }
    consumeStrays(prepared.strays)
    if let failure = overrun(end) {
      close(.failed(failure))
    } else if let end {
      close(end.kind)
    } else {
      conclusion.commit.wakeAt = state.nextTimer
    }
    conclusion.commit.events = events
    conclusion.commit.scheduled = scheduled.values.sorted { $0.key.action < $1.key.action }
  }

  /// The row of a stray activity result is gone already: only messages are left to delete. Those behind a
  /// message that code did not live to see stay with it: a turn takes messages in order, without gaps.
  private mutating func consumeStrays(_ strays: [Incoming]) {
    let firstUnseen = conclusion.unseen.compactMap { $0.sequence }.min() ?? .max
    for stray in strays {
      guard let sequence = stray.sequence else { continue }
      if sequence < firstUnseen {
        conclusion.commit.consumed.append(sequence)
      } else {
        conclusion.unseen.append(stray)
      }
    }
    conclusion.unseen.sort { ($0.sequence ?? 0) < ($1.sequence ?? 0) }
  }

  private mutating func consume(_ source: Incoming?) {
    switch source {
    case .message(let message): conclusion.commit.consumed.append(message.sequence)
    case .activity(let finished, _, _): conclusion.commit.finished.append(finished)
    case .timerDue, nil: break
    }
  }

  private mutating func add(_ kind: EventKind) {
    let event = makeEvent(kind)
    events.append(event)
    state.apply(event)
  }

  private mutating func makeEvent(_ kind: EventKind) -> Event {
    defer { nextID += 1 }
    return Event(id: nextID, at: now, kind: kind)
  }
}

// MARK: - Actions

extension TurnWriter {
  private func eventKind(of action: Action) -> EventKind {
    let origin = Origin(action: action.id, after: action.after)
    return switch action.kind {
    case .scheduleActivity(let name, let input): .activityScheduled(origin, name: name, input: input)
    case .createTimer(let fireAt): .timerCreated(origin, fireAt: fireAt)
    case .subscribe(let channel, let name): .subscribed(origin, channel: channel, name: name)
    case .scheduleSubOrchestration(let name, let version, let instance, let input):
      .subOrchestrationScheduled(
        origin, name: name, version: version, instance: instance ?? state.childID(of: action.id), input: input
      )
    case .startDetached(let name, let version, let instance, let input):
      .detachedOrchestrationScheduled(
        origin, name: name, version: version, instance: instance ?? state.childID(of: action.id), input: input
      )
    case .cancel(let target):
      if let work = state.open[target] {
        .workCancelled(origin, target: target, work: work.kind)
      } else {
        .cancelIgnored(origin, target: target)
      }
    case .setCustomStatus(let status): .customStatusUpdated(origin, status: status)
    }
  }

  private mutating func effects(of kind: EventKind) {
    switch kind {
    case .activityScheduled(let origin, let name, let input):
      // Visible at once by every clock: nodes whose clock is behind ours must not wait for it.
      scheduled[origin.action] = ActivityTask(
        key: ActivityKey(instance: state.instance, execution: state.execution, action: origin.action),
        orchestration: state.orchestration, name: name, input: input, attempt: 1, visibleAt: 0, claim: nil)
    case .subOrchestrationScheduled(let origin, let name, let version, let instance, let input):
      let parent = ParentLink(instance: state.instance, execution: state.execution, action: origin.action)
      start(name, version, instance, input, parent: parent)
    case .detachedOrchestrationScheduled(_, let name, let version, let instance, let input):
      start(name, version, instance, input, parent: nil)
    case .workCancelled(_, let target, _):
      giveUp(target, reason: "the parent gave it up")
    case .customStatusUpdated(_, let status):
      conclusion.commit.customStatus = .some(status)
    default: break
    }
  }

  private mutating func start(
    _ name: String, _ version: String?, _ instance: InstanceID, _ input: Payload, parent: ParentLink?
  ) {
    let start = InstanceStart(
      instance: instance, orchestration: name, version: version, input: input, parent: parent)
    conclusion.commit.starts.append(ChildStart(start: start, owner: nil))
  }

  /// Schedule and cancel in one turn come to nothing.
  private mutating func giveUp(_ target: ActionID, reason: String) {
    switch state.open[target] {
    case .activity:
      if scheduled.removeValue(forKey: target) == nil { conclusion.commit.cancelled.append(target) }
    case .subOrchestration(let instance):
      let neverStarted = conclusion.commit.starts.firstIndex {
        $0.start.parent?.action == target && $0.start.instance == instance
      }
      if let neverStarted {
        conclusion.commit.starts.remove(at: neverStarted)
      } else {
        conclusion.commit.messages.append(OutgoingMessage(to: instance, kind: .cancel(reason: reason)))
      }
    default: break
    }
  }
}

// MARK: - Ends

extension TurnWriter {
  private mutating func close(_ end: TurnEndKind) {
    abandonOpenWork()
    switch end {
    case .completed(let output):
      if let reason = state.cancellationReason {
        cancelled(reason, output)
      } else {
        add(.orchestrationCompleted(output: output))
        conclusion.commit.status = .completed
        conclusion.commit.output = output
        report(.completed(output))
      }
    case .failed(let failure):
      add(.orchestrationFailed(failure: failure))
      conclusion.commit.status = .failed
      conclusion.commit.failure = failure
      report(.failed(failure))
    case .cancelled:
      cancelled(state.cancellationReason ?? "", nil)
    case .continuedAsNew(let version, let input):
      continueAsNew(version, input)
    }
  }

  private mutating func cancelled(_ reason: String, _ output: Payload?) {
    add(.orchestrationCancelled(reason: reason, output: output))
    conclusion.commit.status = .cancelled
    conclusion.commit.output = output
    let failure = Failure(
      type: FailureType.cancelled, message: reason.isEmpty ? "cancelled" : "cancelled: \(reason)")
    conclusion.commit.failure = failure
    report(.failed(failure))
  }

  /// What is still open ends with the execution: activities and children are cancelled, and that is on
  /// record.
  private mutating func abandonOpenWork() {
    for (action, work) in state.open.sorted(by: { $0.key < $1.key }) {
      switch work {
      case .activity, .subOrchestration:
        giveUp(action, reason: "the parent ended")
        add(.workCancelled(nil, target: action, work: work.kind))
      case .timer, .wait: break
      }
    }
  }

  private mutating func report(_ outcome: Outcome) {
    guard let parent = state.parent else { return }
    conclusion.commit.messages.append(
      OutgoingMessage(
        to: parent.instance,
        kind: .subOrchestrationEnded(execution: parent.execution, action: parent.action, outcome: outcome)))
  }

  private mutating func continueAsNew(_ version: String?, _ input: Payload) {
    let untaken = state.mailbox.untaken.map {
      EventKind.messageReceived(channel: $0.channel, name: $0.name, data: $0.data)
    }
    let carried = untaken + unseenStored.map { $0.kind }
    add(.orchestrationContinuedAsNew(version: version, input: input))
    let pinned = version ?? latestVersion
    var next = ExecutionState(
      instance: state.instance, execution: state.execution + 1, orchestration: state.orchestration,
      version: pinned, parent: state.parent, at: now)
    let started = EventKind.orchestrationStarted(
      name: state.orchestration, version: pinned, input: input, parent: state.parent)
    var kinds = [started] + carried
    if let reason = state.cancellationReason { kinds.append(.cancellationRequested(reason: reason)) }
    next.initial = kinds.enumerated().map { Event(id: Int64($0.offset) + 1, at: now, kind: $0.element) }
    conclusion.commit.nextExecution = next.initial
    conclusion.commit.orchestrationVersion = pinned
    conclusion.commit.wakeAt = 0
    conclusion.next = next
  }

  /// The limit that ends the execution, if one does. Code that ends by itself may do so on the last event.
  private func overrun(_ end: TurnEnd?) -> Failure? {
    if let breach { return breach }
    if let end { return LimitCheck.breach(of: end.kind) }
    let last = state.lastEvent
    guard last > Limits.historyEvents else { return nil }
    return Failure(
      type: FailureType.limitExceeded,
      message:
        "the history has \(last) events; the limit is \(Limits.historyEvents) per execution: continue as new",
      isNonRetryable: true)
  }
}
