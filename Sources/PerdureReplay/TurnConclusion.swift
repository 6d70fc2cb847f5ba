package import PerdureModel

/// What a turn came to: the commit, and what the runtime needs to go on once it is durable.
package struct TurnConclusion: Hashable, Sendable {
  package var commit: TurnCommit
  /// Messages that arrived with the turn and that its code did not live to see. They stay in the inbox.
  package var unseen: [Incoming] = []
  /// Continue-as-new: the state of the next execution, whose first turn is due.
  package var next: ExecutionState?
  /// Lines that the code logged, and measurements that it made.
  package var logs: [LogLine] = []
  package var metrics: [MetricLine] = []
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
    latestVersion: String, now: TimestampMS, limits: LimitSettings = LimitSettings()
  ) throws(TurnFault) -> TurnConclusion {
    if let recorded {
      let matcher = ActionMatcher(instance: instance, execution: execution, replayed: lastDelivered)
      try matcher.check(
        recorded: recorded.filter { $0.kind.origin != nil }, actions: result.actions, end: result.end)
    }
    let at = max(now, lastEventAt, prepared.lines.last?.event.at ?? now)
    var writer = TurnWriter(
      state: take(), revision: revision, latestVersion: latestVersion, now: at, limits: limits)
    writer.conclusion.logs = result.logs
    writer.conclusion.metrics = result.metrics
    writer.fold(prepared, result.actions, end: result.end)
    writer.finish(prepared, end: result.end)
    self = writer.state
    return writer.conclusion
  }

  /// An end that the code has no part in: the time to clean up is over, or its failure is known. What has
  /// not been folded goes with the instance.
  package mutating func conclude(ending end: TurnEndKind, revision: Revision, now: TimestampMS) -> TurnCommit
  {
    for event in initial { apply(event) }
    initial = []
    let at = max(now, lastEventAt)
    var writer = TurnWriter(state: take(), revision: revision, latestVersion: version, now: at)
    writer.finish(PreparedTurn(), end: TurnEnd(after: writer.state.lastDelivered, kind: end))
    self = writer.state
    return writer.conclusion.commit
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
struct TurnWriter {
  var state: ExecutionState
  var conclusion: TurnConclusion
  private var events: [Event] = []
  var scheduled: [ActionID: ActivityTask] = [:]
  /// First events of the execution that the code did not live to see.
  private(set) var unseenStored: [Event] = []
  private var nextID: EventID
  let now: TimestampMS
  let latestVersion: String
  private let limits: LimitCheck
  /// The time of the event that the code reacts to.
  private(set) var eventAt: TimestampMS = 0
  /// A limit that an action broke: ends the execution.
  private var breach: Failure?

  init(
    state: consuming ExecutionState, revision: Revision, latestVersion: String, now: TimestampMS,
    limits: LimitSettings = LimitSettings()
  ) {
    var commit = TurnCommit(
      instance: state.instance, revision: revision, now: now, execution: state.execution, events: [],
      status: .running, orchestrationVersion: state.version, owner: nil)
    commit.orchestration = state.orchestration
    conclusion = TurnConclusion(commit: commit)
    nextID = state.lastEvent + 1
    self.state = state
    self.latestVersion = latestVersion
    self.now = now
    self.limits = LimitCheck(limits: limits)
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
      note(line.event.kind)
      state.apply(line.event)
      eventAt = line.event.at
      while breach == nil, next < actions.count, actions[next].after <= line.event.id {
        let action = actions[next]
        next += 1
        breach = limits.breach(
          of: action, open: state.open.count, child: state.childID(of: action.id), kvKeys: state.kvKeys)
        // What is over a limit is not stored, nor is anything that came of it.
        if breach != nil { break }
        let row = makeEvent(eventKind(of: action))
        made.append(row)
        effects(of: row.kind)
        note(row.kind)
        label(action)
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

  mutating func add(_ kind: EventKind) {
    let event = makeEvent(kind)
    events.append(event)
    note(kind)
    state.apply(event)
  }

  /// What ends an activity, before the state forgets its name.
  private mutating func note(_ kind: borrowing EventKind) {
    let end: (action: ActionID, kind: ActivityEnd.Kind)
    switch kind {
    case .activityCompleted(let action, _): end = (action, .completed)
    case .activityFailed(let action, _): end = (action, .failed)
    case .workCancelled(_, let action, .activity): end = (action, .cancelled)
    default: return
    }
    guard let name = state.activityName(end.action) else { return }
    conclusion.commit.activityEnds.append(ActivityEnd(name: name, kind: end.kind))
  }

  private mutating func makeEvent(_ kind: EventKind) -> Event {
    defer { nextID += 1 }
    return Event(id: nextID, at: now, kind: kind)
  }
}

extension TurnWriter {
  /// The limit that ends the execution, if one does. Code that ends by itself may do so on the last event.
  private func overrun(_ end: TurnEnd?) -> Failure? {
    if let breach { return breach }
    if let end { return limits.breach(of: end.kind) }
    return limits.breach(events: state.lastEvent, bytes: state.historyBytes)
  }
}
