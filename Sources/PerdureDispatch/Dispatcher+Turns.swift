package import PerdureModel
import PerdureReplay

extension Dispatcher {
  // MARK: Input

  /// A host answered a turn.
  ///
  /// - turn: the number in the request. An answer to a turn that nobody waits for is dropped.
  package mutating func turnAnswered(
    _ turn: Int64, _ instance: InstanceID, _ answer: TurnAnswer, now: TimestampMS
  ) {
    defer { pump(now) }
    guard let held = turnIsBack(turn, instance) else { return }
    do throws(TurnFault) {
      if let request = held.request { try AnswerCheck.run(answer, of: request) }
      switch answer {
      case .miss, .query: reload(held)
      case .ran(let result): try conclude(held, result, now)
      }
    } catch {
      switch error {
      case .nondeterminism(let report): differs(held, report, now)
      case .protocolViolation(let message):
        turnFailed(held, FailureType.protocolViolation, message, logged: message, now)
      }
    }
  }

  /// A host could not run a turn.
  package mutating func turnFailed(
    _ turn: Int64, _ instance: InstanceID, _ failure: Failure, now: TimestampMS
  ) {
    defer { pump(now) }
    guard let held = turnIsBack(turn, instance) else { return }
    // What a host says may be the user's text, which is for the status and not for the log.
    turnFailed(held, failure.type, failure.message, logged: failure.type, now)
  }

  private mutating func turnIsBack(_ turn: Int64, _ instance: InstanceID) -> Held? {
    guard turnsOut.remove(turn) != nil, let held = held[ExactText(instance)] else { return nil }
    return held.phase == .turning && held.request?.turn == turn ? held : nil
  }

  mutating func timerIsDue(_ due: DueTimer, _ now: TimestampMS) {
    guard let held = held[ExactText(due.instance)], let state = held.state else { return }
    guard let action = due.action else {
      guard state.execution == due.execution, let end = state.endBy, end <= now else { return }
      held.mustEnd = true
      return becameReady(held)
    }
    // The time is asked for again: an instance that was deleted and started anew may have another timer of
    // this number.
    guard state.execution == due.execution, let fireAt = state.timers[action], fireAt <= now else {
      return
    }
    held.incoming.append(.timerDue(action))
    becameReady(held)
  }

  // MARK: Turns

  /// Queues the instance if it is at rest and has work.
  mutating func becameReady(_ held: Held) {
    guard held.phase == .idle, held.hasWork else { return }
    held.phase = .ready
    held.isDueForNothing = false
    ready.append(held, priority: held.priority)
  }

  mutating func pumpTurns(_ now: TimestampMS) {
    while turnsOut.count < Self.turnsOutMax, let held = ready.popFirst() {
      if held.phase == .ready { beginTurn(held, now) }
    }
  }

  private mutating func beginTurn(_ held: Held, _ now: TimestampMS) {
    guard let version = version(of: held) else {
      log(.warn, "no registered version fits this instance; it waits in the store for one", now, held)
      return handBack(held)
    }
    if held.state == nil, let start = held.start {
      held.state = ExecutionState(start: start, version: version, now: now)
    }
    guard let state = held.state else { return reload(held) }
    if held.mustEnd { return endNow(held, .cancelled, now) }
    let needsHistory = state.lastDelivered > 0 && (held.hostEvents == 0 || !settings.cacheIsOn)
    if needsHistory && held.history == nil { return reload(held) }
    fold(held, state, now)
    guard !held.prepared.lines.isEmpty else {
      let commit = state.conclude(strays: held.prepared, revision: held.revision, now: now)
      held.isRetained = held.hostEvents > 0
      return commit.consumed.isEmpty ? settle(held) : commitTurn(held, assign(commit, held))
    }
    held.phase = .turning
    turnNumber += 1
    turnsOut.insert(turnNumber)
    let request = request(held, state, version)
    held.request = request
    effects.append(.runTurn(request))
  }

  private func version(of held: Held) -> String? {
    if let state = held.state { return registry.resolve(state.orchestration, state.version) }
    guard let start = held.start else { return nil }
    return registry.resolve(start.orchestration, start.version)
  }

  private mutating func fold(_ held: Held, _ state: ExecutionState, _ now: TimestampMS) {
    held.folding = Array(held.incoming.prefix(Limits.messagesPerTurn))
    held.incoming.removeFirst(held.folding.count)
    held.prepared = state.prepare(held.folding, start: held.start, now: now, limits: settings.limits)
    // What we hold may be older than the row: work that we do not know may be waited for all the same. The
    // store takes the result if that is so.
    for case .activity(let finished, let execution, let outcome) in held.prepared.strays {
      let key = ActivityKey(instance: held.instance, execution: execution, action: finished.action)
      forward(key, finished.claim, outcome)
    }
  }

  private func request(_ held: Held, _ state: ExecutionState, _ version: String) -> TurnRequest {
    guard let history = held.history else {
      var request = TurnRequest(
        turn: turnNumber, instance: held.instance, execution: state.execution,
        orchestration: state.orchestration, version: version, from: held.hostEvents,
        replayed: state.lastDelivered, events: held.prepared.events, firstAction: state.lastAction + 1,
        isCancelling: state.cancellationReason != nil)
      request.trace = state.trace
      if request.from == 0 { request.kv = held.kv }
      return request
    }
    var request = TurnRequest(
      rebuilding: held.instance, execution: state.execution, orchestration: state.orchestration,
      version: version, history: history, seen: state.lastDelivered, kv: held.kv)
    request.turn = turnNumber
    request.events += held.prepared.events
    request.isCancelling = state.cancellationReason != nil
    return request
  }

  private mutating func conclude(
    _ held: Held, _ result: TurnResult, _ now: TimestampMS
  ) throws(TurnFault) {
    guard let name = held.state?.orchestration else { return reload(held) }
    if let failure = poison(held, result) {
      return quarantine(held, failure, logged: failure.message, now)
    }
    let latest = registry.resolve(name, nil) ?? SemanticVersion.first.text
    guard
      let conclusion = try held.state?.conclude(
        held.prepared, result: result, recorded: held.history, revision: held.revision,
        latestVersion: latest, now: now, limits: settings.limits)
    else { return reload(held) }
    held.request = nil
    held.incoming.insert(contentsOf: conclusion.unseen, at: 0)
    held.next = conclusion.next
    held.told = told(conclusion, held, now)
    held.isRetained = result.retained && result.end == nil && settings.cacheIsOn
    held.turnFailures = 0
    commitTurn(held, assign(conclusion.commit, held))
  }

  private func told(_ conclusion: TurnConclusion, _ held: Held, _ now: TimestampMS) -> [LogRecord] {
    let lines = conclusion.logs.map { record($0.level, $0.message, now, held) }
    return lines
      + conclusion.metrics.map { metric in
        var record = record(.info, metric.name, now, held)
        record.metric = metric
        return record
      }
  }

  /// That process after process died under an activity, if code does not catch it. It is no end: the activity
  /// may be innocent of that, and `retry` runs it again.
  private func poison(_ held: Held, _ result: TurnResult) -> Failure? {
    guard case .failed(let failure)? = result.end?.kind, failure.type == FailureType.poison,
      held.state?.cancellationReason == nil
    else { return nil }
    let isNews = held.prepared.lines.contains { line in
      if case .activityFailed(_, let cause) = line.event.kind {
        cause.type == FailureType.poison
      } else {
        false
      }
    }
    return isNews ? failure : nil
  }

  /// Who takes any activity claims by name nevertheless: what lies in the store, such as the next attempt.
  private mutating func learn(_ tasks: [ActivityTask]) {
    let known = Set(filter.names.map { ExactText($0) })
    filter.names += Set(tasks.map { ExactText($0.name) }).subtracting(known).map { $0.text }.sorted()
  }

  /// Decides who takes what the turn makes: we do, where we can.
  mutating func assign(_ commit: TurnCommit, _ held: Held) -> TurnCommit {
    if registry.takesAnyActivity { learn(commit.scheduled) }
    var commit = commit
    commit.createdAt = held.createdAt
    commit.owner = settings.node
    let firstToken = ActivityTask.tokenBase(since: held.createdAt ?? 0, revision: commit.revision) &+ 1
    var room = isRunning && !isBehind(commit.now) ? share(commit.now) - desk.count : 0
    for index in commit.scheduled.indices {
      let task = commit.scheduled[index]
      // Sessions are the store's to give.
      guard registry.runs(task.name), filter.takes(tag: task.options.tag), task.options.session == nil,
        desk.welcomes(task.name)
      else { continue }
      if room <= 0 {
        // What comes later does not overtake it.
        backlog.isBehind = true
        break
      }
      commit.scheduled[index].claim = ActivityClaim(node: settings.node, token: firstToken)
      room -= 1
    }
    if hasRoom {
      for index in commit.starts.indices where registry.resolve(commit.starts[index].start) != nil {
        commit.starts[index].owner = settings.node
      }
    }
    return commit
  }

  mutating func commitTurn(_ held: Held, _ commit: TurnCommit) {
    held.phase = .committing
    held.commit = commit
    write(.turn(commit, told: held.told))
  }

  // MARK: After a turn

  mutating func turnWritten(
    _ commit: TurnCommit, _ told: [LogRecord], _ outcome: WriteOutcome, _ now: TimestampMS
  ) {
    if case .turned = outcome { effects += told.map { .log($0) } }
    guard let held = held[ExactText(commit.instance)], held.phase == .committing,
      held.revision == commit.revision
    else { return turnLandedUnheld(commit, outcome, now) }
    switch outcome {
    case .turned(let hasWaitingMessages):
      let mayHaveMore = hasWaitingMessages || held.mustReadAgain
      landed(held, commit, now)
      let knowsOne = held.incoming.contains { if case .message = $0 { true } else { false } }
      if mayHaveMore && !knowsOne && !commit.status.isTerminal { readInbox(held) }
    case .failed(let message, let isTransient):
      held.failures += 1
      log(
        isTransient ? .warn : .error, "a turn could not be stored and is tried again: \(message)", now, held)
      wait(held, min(held.failures, Self.storeFailuresMax), now)
    case .notFound:
      forget(held)
    default:
      // Another runtime went on with the instance: what we computed is void.
      startOver(held)
    }
  }

  /// The instance was suspended or deleted in the same group commit, and we heard of that first. Nobody here
  /// holds what the turn claimed for us.
  private mutating func turnLandedUnheld(_ commit: TurnCommit, _ outcome: WriteOutcome, _ now: TimestampMS) {
    switch outcome {
    case .turned: desk.drop(commit.instance, commit.execution, commit.cancelled, now, into: &effects)
    // It may have landed all the same.
    case .failed: break
    default: return
    }
    giveBack(commit.scheduled)
  }

  private mutating func landed(_ held: Held, _ commit: TurnCommit, _ now: TimestampMS) {
    held.revision = commit.revision &+ 1
    held.forget(commit.consumed)
    held.failures = 0
    held.start = nil
    held.commit = nil
    held.history = nil
    held.folding = []
    held.prepared = PreparedTurn()
    held.told = []
    held.kv = []
    desk.drop(commit.instance, commit.execution, commit.cancelled, now, into: &effects)
    takeActivities(commit, now)
    if commit.status.isTerminal { return forget(held) }
    if let next = held.next {
      held.next = nil
      held.state = next
      held.hostEvents = 0
      held.incoming.removeAll { if case .message = $0 { false } else { true } }
      armEnd(next)
      // The values that it begins with are in the store.
      if !next.kvKeys.isEmpty { return reload(held) }
    } else {
      held.hostEvents = held.isRetained ? held.state?.lastDelivered ?? 0 : 0
      armTimers(commit)
    }
    settle(held)
  }

  /// The time to clean up, if it is limited.
  mutating func armEnd(_ state: ExecutionState) {
    guard let end = state.endBy else { return }
    arm(DueTimer(instance: state.instance, execution: state.execution, action: nil), end)
  }

  /// What was cancelled, or whose instance is not held any more, is forgotten in time.
  mutating func arm(_ due: DueTimer, _ at: TimestampMS) {
    timers.insert(due, at: at)
    guard timers.isCrowded else { return }
    var seen = Set<DueTimer>()
    timers.keep { [held] due, at in
      guard let state = held[ExactText(due.instance)]?.state, state.execution == due.execution else {
        return false
      }
      let isOpen = due.action.map { state.timers[$0] == at } ?? (state.endBy == at)
      return isOpen && seen.insert(due).inserted
    }
  }

  private mutating func armTimers(_ commit: TurnCommit) {
    for event in commit.events {
      switch event.kind {
      case .timerCreated(let origin, let fireAt):
        arm(
          DueTimer(instance: commit.instance, execution: commit.execution, action: origin.action), fireAt)
      case .cancellationRequested(_, let deadline?):
        arm(DueTimer(instance: commit.instance, execution: commit.execution, action: nil), deadline)
      default: break
      }
    }
  }

  private mutating func takeActivities(_ commit: TurnCommit, _ now: TimestampMS) {
    // The turn was on its way when we began to stop.
    guard isRunning else { return giveBack(commit.scheduled) }
    for task in commit.scheduled {
      if task.claim == nil {
        backlog.mayHaveActivities = true
      } else {
        desk.enqueue(task, now, into: &effects)
      }
    }
  }
}

extension Nondeterminism {
  var failure: Failure {
    Failure(
      type: FailureType.nondeterminism, message: message,
      details: .object([
        ("instance", instance), ("execution", String(execution)), ("event", String(event)),
        ("rule", rule.rawValue), ("expected", expected), ("found", found),
      ]), isNonRetryable: true)
  }
}
