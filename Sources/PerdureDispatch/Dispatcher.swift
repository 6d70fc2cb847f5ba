package import PerdureModel
import PerdureReplay

package struct DispatchSettings: Hashable, Sendable {
  package var node: NodeID
  /// Activities at once.
  package var activitySlots: Int
  /// false: every turn replays its history.
  package var cacheIsOn: Bool
  /// Parked instances that stay in memory.
  package var cachedInstances: Int
  /// Which activities are taken, by tag and session; the names come from the registry.
  package var filter: ActivityFilter
  /// How long an activity that was told to end keeps its slot.
  package var activityGraceMS: Int64 = 10_000
  /// Code that differs from its history fails its instance instead of quarantining it.
  package var failsNondeterminism = false
  package var limits = LimitSettings()

  package init(node: NodeID, activitySlots: Int = 16, cacheIsOn: Bool = true, cachedInstances: Int = 10_000) {
    self.node = node
    self.activitySlots = activitySlots
    self.cacheIsOn = cacheIsOn
    self.cachedInstances = cachedInstances
    filter = ActivityFilter(names: [])
  }
}

/// One runtime, as a machine: something happened in, effects out. No clock, thread, store or host in here;
/// the driver (or the simulator) performs the effects and says what came of them.
///
///     created -> start -> running -> stop -> stopping -> (nothing out, or grace over) -> stopped
///
/// Instances are in `held` while in memory (`Held` has their states); activities in `ActivityDesk`.
package struct Dispatcher {
  enum Stage: Hashable {
    case created, running
    case stopping(until: TimestampMS)
    case stopped
  }

  let settings: DispatchSettings
  let registry: Registry
  var filter: ActivityFilter
  var stage = Stage.created

  var held: [ExactText: Held] = [:]
  /// Instances whose turn is due.
  var ready = PriorityFIFO<Held>()
  /// The numbers of turns that are at hosts.
  var turnsOut: Set<Int64> = []
  var turnNumber: Int64 = 0
  var writesOut = 0

  var timers = TimerQueue<DueTimer>()
  var retries = TimerQueue<InstanceID>()
  /// Writes that failed and must not be lost.
  var deferred = TimerQueue<Write>()
  var parked = FIFO<(held: Held, parking: Int)>()
  var parkedCount = 0

  var desk: ActivityDesk
  /// Attempts that are over, as the store is yet to hear: their claims are still ours.
  var unsettled: [ActivityKey: ActivityClaim] = [:]
  var backlog = Backlog()
  /// Other processes are on the store.
  var isShared = false
  var pace = Pace()
  var sweeping = Sweeping()
  /// When to ask the store for all that we may not have been told of; nil: we were told of everything.
  var asksAgainAt: TimestampMS?
  var effects: [Effect] = []

  struct DueTimer: Hashable {
    var instance: InstanceID
    var execution: ExecutionID
    /// nil: the time to clean up after a cancellation.
    var action: ActionID?
  }

  /// What is known of work in the store that nobody holds.
  struct Backlog {
    /// When some of it, instances or activities, is due; nil: not before something else happens.
    var dueAt: TimestampMS?
    /// What was due then is asked for; what became due since is not.
    var lookedAt: TimestampMS = 0
    var mayHaveInstances = false
    var isClaimingInstances = false
    var mayHaveActivities = false
    /// Since when that is known and none was claimed.
    var openSince: TimestampMS?
    /// Activities that were there first are known to lie in the store.
    var isBehind = false
    /// Or giving back what a claim took whose answer was lost.
    var isClaimingActivities = false
    /// Processes may have died under what lies there: no more of it is claimed than begins at once. What a
    /// process merely held when it died counts as begun, and would be taken for the cause in the end.
    var isCautious = true
    /// A claim failed: it may have landed all the same.
    var mayHaveUnheld = false
    var mayHaveExpired = false
    /// Activities that the last claim passed over, because enough of them wait here under their limit.
    var leftOut: [String] = []
    var isExpiring = false
    var isFindingNextDue = false
    /// The answer that is on its way may not know of what happened since it was asked for.
    var mustFindNextDueAgain = false
    /// When a session was last used here, if it may still be held.
    var sessionUsedAt: TimestampMS?
  }

  package init(settings: DispatchSettings, registry: Registry) {
    self.settings = settings
    self.registry = registry
    var filter = settings.filter
    filter.names = registry.activities
    self.filter = filter
    desk = ActivityDesk(
      slots: settings.activitySlots, graceMS: settings.activityGraceMS, limits: registry.limits)
  }

  /// Takes the effects that came up since the last call.
  package mutating func takeEffects() -> [Effect] {
    defer { effects = [] }
    return effects
  }

  /// From when on `.findNextDue` has to look.
  package var lookedAt: TimestampMS { backlog.lookedAt }

  /// When `tick` is wanted next.
  package var nextDeadline: TimestampMS? {
    var next = soonest(
      soonest(timers.earliest, retries.earliest), soonest(deferred.earliest, desk.nextDeadline))
    if isRunning { next = soonest(next, soonest(backlog.dueAt, asksAgainAt)) }
    if isRunning, !sweeping.isUnderWay { next = soonest(next, sweeping.dueAt) }
    if case .stopping(let until) = stage, !isAtRest { next = soonest(next, until) }
    return next
  }

  /// What is held at the moment.
  package struct Figures: Hashable, Sendable {
    package var instancesHeld: Int
    package var turnsAtHosts: Int
    package var activitiesRunning: Int
    package var activitiesQueued: Int
    package var hasRoom: Bool
  }

  /// Mutating for the sake of the caller, who would copy all of this to read it.
  package mutating func figures() -> Figures {
    Figures(
      instancesHeld: held.count, turnsAtHosts: turnsOut.count, activitiesRunning: desk.runningCount,
      activitiesQueued: desk.queuedCount, hasRoom: hasRoom)
  }

  /// Instances in memory. For tests and figures.
  package var heldCount: Int { held.count }
  package var isStopped: Bool { stage == .stopped }

  /// More instances may be taken into memory.
  package var hasRoom: Bool { held.count < max(settings.cachedInstances, Dispatcher.heldMin) * 2 }

  /// Room for instances at work, even when none are cached.
  static let heldMin = 1_000
  /// Turns at hosts at one time.
  static let turnsOutMax = 256
  /// Instances taken from the store at one time.
  static let claimLimit = 256

  var isRunning: Bool { stage == .running }
}

// MARK: - What happens

extension Dispatcher {
  package mutating func start(now: TimestampMS) {
    guard stage == .created else { return }
    stage = .running
    backlog.dueAt = now
    pump(now)
  }

  /// Time has passed.
  package mutating func tick(now: TimestampMS) {
    while let due = timers.popDue(now) { timerIsDue(due, now) }
    while let instance = retries.popDue(now) { retry(instance, now) }
    while let late = deferred.popDue(now) { rewrite(late) }
    if let due = asksAgainAt, due <= now {
      asksAgainAt = nil
      effects.append(.lookAgain)
      lookAround(now, byOthers: true)
    }
    for (ended, limit) in desk.tick(now, into: &effects) { activityTimedOut(ended, limit, now) }
    pump(now)
  }

  /// Another process wrote to the store, or work lies there that no runtime of this process took.
  package mutating func storeChanged(now: TimestampMS, byOthers: Bool) {
    if byOthers { isShared = true }
    lookAround(now, byOthers: byOthers)
  }

  private mutating func lookAround(_ now: TimestampMS, byOthers: Bool) {
    guard isRunning else { return }
    backlog.dueAt = now
    if byOthers {
      effects.append(.findDue)
      checkClaims()
    }
    pump(now)
  }

  /// Something may be in the store that nobody told us of: a group of writes of this process failed, and may
  /// have landed all the same, or what others wrote could not be read. A little later it is asked for: by
  /// then what was on its way has landed, and a store that is down is not asked for each call that it fails.
  package mutating func mayHaveMissed(now: TimestampMS) {
    asksAgainAt = soonest(asksAgainAt, now &+ Limits.missedPauseMS)
  }

  /// A write came back.
  package mutating func wrote(_ write: Write, _ outcome: WriteOutcome, now: TimestampMS) {
    writesOut -= 1
    switch write {
    case .turn(let commit, let told): turnWritten(commit, told, outcome, now)
    case .claimInstances(_, let limit): instancesClaimed(outcome, limit: limit, now)
    case .claimInstance(let instance): instanceClaimed(instance, outcome, now)
    case .claimActivities(_, let limit): activitiesClaimed(outcome, limit: limit, now)
    case .activityEnded, .activityRetry, .deferActivity, .releaseInstances, .releaseActivities:
      rewriteIfFailed(write, outcome, now)
    case .activityHeartbeat(let key, let claim, _): heartbeatWritten(key, claim, outcome, now)
    case .expireActivities(let limit): activitiesExpired(outcome, limit: limit, now)
    case .releaseUnheldActivities: unheldReleased(outcome, now)
    case .sweep: swept(outcome, now)
    case .quarantine(let instance, _, _): quarantined(instance, outcome, now)
    }
    pump(now)
  }

  /// Starts whatever can start. Called at the end of each input.
  mutating func pump(_ now: TimestampMS) {
    if isRunning {
      lookIfDue(now)
      pumpTurns(now)
      pumpActivities(now)
      pumpClaims(now)
      pumpSweep(now)
      evict()
    }
    finishStopping(now)
  }

  /// Here and not in `tick`, as time passes between ticks too: whatever clears the moment at which something
  /// is due asks for all that may be due then.
  private mutating func lookIfDue(_ now: TimestampMS) {
    guard let due = backlog.dueAt, due <= now else { return }
    backlog.dueAt = nil
    backlog.lookedAt = now
    backlog.mayHaveInstances = true
    backlog.mayHaveActivities = true
    backlog.openSince = backlog.openSince ?? now
    backlog.mayHaveExpired = true
  }

  /// Something that nobody holds is due then.
  mutating func awaitDue(at due: TimestampMS) { backlog.dueAt = min(backlog.dueAt ?? due, due) }

  mutating func write(_ write: Write) {
    writesOut += 1
    effects.append(.write(write))
  }

  mutating func log(_ level: LogLevel, _ message: String, _ now: TimestampMS, _ held: Held) {
    effects.append(.log(record(level, message, now, held)))
  }

  func record(_ level: LogLevel, _ message: String, _ now: TimestampMS, _ held: Held) -> LogRecord {
    var record = LogRecord(
      at: now, level: level, message: message, instance: held.instance, execution: held.state?.execution,
      orchestration: held.state?.orchestration ?? held.start?.orchestration, node: settings.node)
    record.trace = held.state?.trace ?? held.start?.options.trace?.span(of: held.instance, 1)
    return record
  }

  /// Of an attempt.
  mutating func log(_ level: LogLevel, _ message: String, _ now: TimestampMS, _ task: ActivityTask) {
    var record = LogRecord(
      at: now, level: level, message: message, instance: task.key.instance, execution: task.key.execution,
      orchestration: task.orchestration, activity: task.name, node: settings.node)
    record.attempt = task.attempt
    record.trace = task.trace?.span(of: task.key, attempt: task.attempt)
    effects.append(.log(record))
  }

  /// Failures of the store that make its next attempt wait longer: at most 3.2 s. A disk gets room again at
  /// once, and then everybody waits for nothing.
  static let storeFailuresMax = 6

  /// 100 ms, doubled with each failure, at most 30 s.
  static func backoffMS(_ failures: Int) -> Int64 { min(100 << Int64(min(max(failures, 1) - 1, 16)), 30_000) }
}

// MARK: - Stopping

extension Dispatcher {
  /// Ends the runtime: no new work; running activities have `graceMS` to finish; then everything is handed
  /// back.
  package mutating func stop(graceMS: Int64, now: TimestampMS) {
    switch stage {
    case .stopped, .stopping: return
    case .created:
      stage = .stopped
      effects.append(.stopped)
      return
    case .running: stage = .stopping(until: now + max(0, min(graceMS, 1 << 40)))
    }
    let unrun = desk.takeQueue()
    if !unrun.isEmpty { write(.releaseActivities(unrun)) }
    if isDraining { handBackAll() }
    pump(now)
  }

  /// Activities run on, perhaps for long: instances do not wait for them here, others may go on with them.
  var isDraining: Bool {
    if case .stopping = stage { !desk.isIdle } else { false }
  }

  /// A stop waits for hosts no longer, whatever time it is.
  package mutating func endGrace(now: TimestampMS) {
    guard case .stopping = stage else { return }
    stage = .stopping(until: now)
    pump(now)
  }

  private mutating func finishStopping(_ now: TimestampMS) {
    guard case .stopping(let until) = stage else { return }
    if now >= until {
      for attempt in desk.running { effects.append(.cancelActivity(attempt)) }
      desk.abandon()
      turnsOut = []
      deferred = TimerQueue()
    }
    guard isAtRest, writesOut == 0 else { return }
    // What ran here and no turn has taken is worth keeping: nobody then runs it again.
    for held in held.values.sorted(by: { $0.instance < $1.instance }) where !held.results.isEmpty {
      forwardResults(held)
      held.incoming = []
      held.folding = []
    }
    guard writesOut == 0 else { return }
    stage = .stopped
    held = [:]
    effects.append(.stopped)
  }

  /// Hosts have nothing of ours, and no write waits to be tried again.
  private var isAtRest: Bool { desk.isIdle && turnsOut.isEmpty && deferred.earliest == nil }
}
