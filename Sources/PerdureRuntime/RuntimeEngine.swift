import PerdureDispatch
import PerdureDriver
import PerdureModel
import PerdureStore

/// The engine of a runtime: inputs to the dispatcher, its effects to the world.
///
/// It has a thread of its own. Where that sleeps when there is something to do, the thread that brings it
/// does it (`stepHere`): to wake one costs more than most steps, and a lone orchestration waits for each.
final class RuntimeEngine: @unchecked Sendable {
  /// Hosts are woken for several pieces of work together, though not for too many: they begin meanwhile.
  private static let effectsPerWake = 32
  /// Then a thread that has something else to do goes back to it.
  private static let roundsElsewhere = 4

  private let runtime: Runtime
  private let hub: Hub
  private let node: NodeID
  /// Whoever steps has it.
  private let turnstile = Monitor()
  private var dispatcher: Dispatcher
  private var leftovers = Leftovers()
  /// What the engine's thread was told before it slept; nil: for ever.
  private var sleepsUntil: TimestampMS?
  /// At hosts, also those that nobody waits for any more.
  private var running: [ClaimedActivity: ActivityTicket] = [:]
  private var writes: [Committer.Job] = []
  private var samples: [HostSample] = []
  /// Hosts have work that they were not woken for yet.
  private var hasNewWork = false
  private var isDone = false
  /// Inputs that hold a virtual clock until what follows from them is under way.
  private var inputsHeld = 0
  /// When a stop has waited long enough for hosts, by the system's time: virtual time waits for them.
  private var graceEndsNS: Int64?

  init(runtime: Runtime, node: NodeID, registry: Registry) {
    self.runtime = runtime
    self.node = node
    hub = runtime.hub
    let given = runtime.settings
    var settings = DispatchSettings(
      node: node, activitySlots: given.activitySlots, cacheIsOn: given.isCaching,
      cachedInstances: given.cachedInstances)
    settings.filter = ActivityFilter(
      names: [], tags: given.activityTags, takesUntagged: given.takesUntagged, sessionsMax: given.sessionsMax,
      sessionIdleMS: given.sessionIdleMS)
    settings.activityGraceMS = given.activityGraceMS
    settings.failsNondeterminism = given.failsNondeterminism
    settings.limits = hub.limits
    dispatcher = Dispatcher(settings: settings, registry: registry)
  }

  func run() {
    if runtime.account != nil {
      while !isDone, let inputs = nextInputs(dispatcher.nextDeadline) { step(inputs) }
    } else {
      while let due = goOn() {
        if due.isPause {
          let tookMS = Leftovers.giveBack()
          turnstile.locked { leftovers.gaveBack(tookMS: tookMS, now: hub.clock.now()) }
        }
        guard runtime.inputs.sleep(untilMonotonicNS: due.monotonicNS) else { break }
      }
    }
    runtime.ended(node: node)
  }

  /// Does what there is to do; when there is more by time. nil: it has stopped.
  private func goOn() -> Sleep? {
    turnstile.locked {
      if !isDone { step(runtime.inputs.takeNow()) }
      let isPause = leftovers.dueAt != nil && leftovers.areDue(now: hub.clock.now())
      sleepsUntil = nextDue
      return isDone
        ? nil : Sleep(monotonicNS: sleepsUntil.map { hub.clock.monotonicNS(at: $0) }, isPause: isPause)
    }
  }

  private var nextDue: TimestampMS? { soonest(dispatcher.nextDeadline, leftovers.dueAt) }

  private struct Sleep {
    /// nil: for ever.
    var monotonicNS: Int64?
    /// Nothing has happened for a while after much work.
    var isPause: Bool
  }

  /// The same on a thread that does something else otherwise, while the engine's own sleeps. Who finds
  /// somebody at it leaves what it brings to them: they look again when they are through.
  func stepHere() {
    var rounds = 0
    while rounds < Self.roundsElsewhere, runtime.inputs.hasSleeper {
      var mustWake = false
      let hasStepped = turnstile.tryLocked {
        if !isDone { step(runtime.inputs.takeNow()) }
        mustWake = isDone || soonest(nextDue, sleepsUntil) != sleepsUntil
      }
      guard hasStepped else { return }
      if mustWake { return runtime.inputs.nudge() }
      rounds += 1
    }
    runtime.inputs.wake()
  }

  private func step(_ inputs: [RuntimeInput]) {
    let now = hub.clock.now()
    leftovers.worked(inputs.count, now: now)
    if let due = dispatcher.nextDeadline, due <= now { dispatcher.tick(now: now) }
    for input in inputs { handle(input, now) }
    for (count, effect) in dispatcher.takeEffects().enumerated() {
      perform(effect, now)
      if count % Self.effectsPerWake == Self.effectsPerWake - 1 { wakeHosts() }
    }
    wakeHosts()
    if !writes.isEmpty {
      hub.submit(writes)
      writes = []
    }
    if !samples.isEmpty {
      hub.metrics.add(samples)
      samples.removeAll(keepingCapacity: true)
    }
    let figures = dispatcher.figures()
    runtime.setHasRoom(figures.hasRoom)
    runtime.setGauges(Gauges(figures))
  }

  /// In virtual time: waits for inputs, or until something is due. nil: the queue is closed.
  private func nextInputs(_ due: TimestampMS?) -> [RuntimeInput]? {
    guard let account = runtime.account else { return nil }
    let isResting = account.rest(until: due, releasing: inputsHeld)
    if isResting { inputsHeld = 0 }
    guard let inputs = runtime.inputs.take(untilMonotonicNS: isResting ? graceEndsNS : 0) else { return nil }
    inputsHeld += inputs.count
    if let graceEndsNS, graceEndsNS <= monotonicNowNS() {
      self.graceEndsNS = nil
      account.hold()
      inputsHeld += 1
      dispatcher.endGrace(now: hub.clock.now())
    }
    return inputs
  }

  private func handle(_ input: RuntimeInput, _ now: TimestampMS) {
    switch input {
    case .start:
      dispatcher.start(now: now)
      dispatcher.sweepWanted(at: now &+ Limits.sweepPauseMS, now: now)
    case .sweep: dispatcher.sweepWanted(at: now, now: now)
    case .instanceStarted(let start, let createdAt):
      dispatcher.instanceStarted(start, createdAt: createdAt, now: now)
    case .messageStored(let instance, let message):
      dispatcher.messageStored(instance, message, now: now)
    case .storeChanged(let byOthers):
      dispatcher.storeChanged(now: now, byOthers: byOthers)
      // They may have made a rule.
      if byOthers { dispatcher.sweepWanted(at: now &+ Limits.foreignSweepMS, now: now) }
    case .turnAnswered(let ticket, let answer, let tookNS):
      samples.append(.turn(ticket.request.orchestration, tookNS: tookNS))
      dispatcher.turnAnswered(ticket.request.turn, ticket.request.instance, answer, now: now)
    case .turnFailed(let ticket, let failure, let tookNS):
      samples.append(.turn(ticket.request.orchestration, tookNS: tookNS))
      dispatcher.turnFailed(ticket.request.turn, ticket.request.instance, failure, now: now)
    case .instancesDeleted(let instances): dispatcher.instancesDeleted(instances, now: now)
    case .activityEnded(let ticket, let outcome):
      if let tookNS = ticket.tookNS { samples.append(.attemptEnded(ticket.task.name, tookNS: tookNS)) }
      if hub.logs(.debug) { hub.log(.attempt("ended", ticket.task, node: node, now: now)) }
      guard let attempt = attempt(of: ticket) else { return }
      running[attempt] = nil
      _ = dispatcher.activityEnded(attempt, outcome, now: now)
    case .activityDeferred(let ticket):
      guard let attempt = attempt(of: ticket) else { return }
      running[attempt] = nil
      _ = dispatcher.activityDeferred(attempt, now: now)
    case .activityBeat(let ticket, let details):
      guard let attempt = attempt(of: ticket) else { return ticket.cancel() }
      if !dispatcher.activityBeat(attempt, details, now: now) { ticket.cancel() }
    case .claimsLost(let claims): dispatcher.claimsLost(claims, now: now)
    case .instanceChanged(let instance): dispatcher.instanceChanged(instance, now: now)
    case .checkClaims: dispatcher.checkClaims()
    case .wrote(let write, let outcome):
      // Asked first: to take the commit out is to copy it.
      if hub.logs(.debug), case .turned = outcome, case .turn(let commit, _) = write {
        hub.log(.turn(commit, node: node, now: now))
      }
      dispatcher.wrote(write, outcome, now: now)
    case .loaded(let instance, let result): dispatcher.loaded(instance, result, now: now)
    case .foundMessages(let instance, let messages):
      dispatcher.foundMessages(instance, messages, now: now)
    case .foundDue(let instances): dispatcher.foundDue(instances, now: now)
    case .nextDueFound(let at): dispatcher.nextDueFound(at, now: now)
    case .missed: dispatcher.mayHaveMissed(now: now)
    case .stop(let graceMS):
      if runtime.account != nil, graceEndsNS == nil {
        graceEndsNS = monotonicNowNS() + max(0, min(graceMS, 1 << 40)) * 1_000_000
      }
      dispatcher.stop(graceMS: graceMS, now: now)
    // The tick was enough.
    case .timeMoved: break
    }
  }

  /// nil: another ticket has its claim. An id that is deleted and started within a millisecond gives one
  /// twice.
  private func attempt(of ticket: ActivityTicket) -> ClaimedActivity? {
    guard let attempt = ticket.task.claimed, running[attempt] === ticket else { return nil }
    return attempt
  }

  private func perform(_ effect: Effect, _ now: TimestampMS) {
    switch effect {
    case .runTurn(let request): runTurn(request)
    case .runActivity(let task): runActivity(task, now)
    case .cancelActivity(let attempt): running[attempt]?.cancel()
    case .write(let write): enqueue(write, now)
    case .load(let instance): read { $0.load(instance) }
    case .loadInbox(let instance, let after): read { $0.inbox(instance, after) }
    case .checkClaims(let claims): read { $0.lost(claims) }
    case .findDue: read { [node] in $0.due(node, now) }
    case .findNextDue:
      let lookedAt = min(dispatcher.lookedAt, now)
      read { $0.nextDue(lookedAt) }
    case .lookAgain: hub.waits.recheck()
    case .log(let record):
      if let metric = record.metric { samples.append(.metric(metric)) }
      hub.log(record)
    case .stopped: isDone = true
    }
  }

  private func wakeHosts() {
    if hasNewWork { runtime.hosts.wake() }
    hasNewWork = false
  }

  private func runTurn(_ request: TurnRequest) {
    let ticket = TurnTicket(request, runtime)
    guard let function = runtime.function(for: request) else {
      let message = "no function is registered for '\(request.orchestration)' \(request.version)"
      _ = ticket.fail(Failure(type: FailureType.protocolViolation, message: message))
      return
    }
    runtime.hosts.add(ticket, function)
    hasNewWork = true
  }

  private func runActivity(_ task: ActivityTask, _ now: TimestampMS) {
    guard let attempt = task.claimed else { return }
    let ticket = ActivityTicket(task, runtime, now: now)
    running[attempt] = ticket
    samples.append(
      .attemptStarted(task.name, waitedMS: task.attempt == 1 ? max(0, now - task.scheduledAt) : nil))
    if hub.logs(.debug) { hub.log(.attempt("started", task, node: node, now: now)) }
    guard let function = runtime.function(for: task) else {
      let failure = Failure(
        type: FailureType.protocolViolation, message: "no function is registered for activity '\(task.name)'")
      _ = ticket.end(.failed(failure))
      return
    }
    runtime.hosts.add(ticket, function)
    hasNewWork = true
  }

  // MARK: Store

  private func enqueue(_ write: Write, _ now: TimestampMS) {
    let done: @Sendable (Committer.Result) -> Void = { [runtime] result in
      let outcome =
        switch result {
        case .answered(let outcome): WriteOutcome(outcome)
        case .failed(let error): WriteOutcome(error)
        }
      runtime.inputs.addQuietly(.wrote(write, outcome))
    }
    writes.append(Committer.Job(write.entry(node: node, now: now), done: done))
  }

  private func read(_ body: @escaping @Sendable (RuntimeReader) -> RuntimeInput) {
    let reader = RuntimeReader(hub: hub)
    runtime.reads.add { [runtime] in runtime.post(body(reader)) }
  }
}

extension Gauges {
  fileprivate init(_ figures: Dispatcher.Figures) {
    instancesHeld = figures.instancesHeld
    turnsAtHosts = figures.turnsAtHosts
    activitiesRunning = figures.activitiesRunning
    activitiesQueued = figures.activitiesQueued
  }
}

extension LogRecord {
  fileprivate static func attempt(
    _ what: String, _ task: ActivityTask, node: NodeID, now: TimestampMS
  ) -> LogRecord {
    var record = LogRecord(
      at: now, level: .debug, message: "attempt \(task.attempt) of activity '\(task.name)' \(what)",
      instance: task.key.instance, execution: task.key.execution, orchestration: task.orchestration,
      activity: task.name, node: node)
    record.attempt = task.attempt
    record.trace = task.trace?.span(of: task.key, attempt: task.attempt)
    return record
  }

  fileprivate static func turn(_ commit: TurnCommit, node: NodeID, now: TimestampMS) -> LogRecord {
    LogRecord(
      at: now, level: .debug,
      message: "a turn is on disk: \(commit.events.count) events, \(commit.status.rawValue)",
      instance: commit.instance, execution: commit.execution, orchestration: commit.orchestration, node: node)
  }
}
