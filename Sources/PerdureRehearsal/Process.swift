import PerdureDispatch
import PerdureModel
import PerdureStore
import PerdureStoreMemory

/// An attempt at an activity, as long as its process lives.
final class Attempt {
  let task: ActivityTask
  let claimed: ClaimedActivity
  let name: String
  let fate: RehearsalChoice?
  let token: Int64
  /// When its time is over.
  let endsAt: TimestampMS
  /// The host has run it.
  var hasWorked = false
  /// nil: it was deferred.
  var outcome: Outcome?
  /// Nobody wants its result any more.
  var isCancelled = false

  init(
    _ task: ActivityTask, _ claimed: ClaimedActivity, name: String, fate: RehearsalChoice?, token: Int64,
    endsAt: TimestampMS
  ) {
    self.task = task
    self.claimed = claimed
    self.name = name
    self.fate = fate
    self.token = token
    self.endsAt = endsAt
  }
}

/// What is in memory: gone when the process dies.
final class Process {
  struct Job {
    enum Origin {
      case runtime(Write)
      case script(Int)
    }

    var entry: StoreEntry
    var origin: Origin
    /// Of the decision whether it lands; nil: it always does, as nobody's code is concerned.
    var name: String?
  }

  let number: Int
  let node: NodeID
  let registry: Registry
  var dispatcher: Dispatcher
  /// Writes on their way: they land one by one.
  var queue = FIFO<Job>()
  var isCommitting = false
  var attempts: [ClaimedActivity: Attempt] = [:]
  /// When the dispatcher is woken; nil: not.
  var wakesAt: TimestampMS?
  /// For what it asked to be woken.
  var deadline: TimestampMS?

  init(number: Int, node: NodeID, registry: Registry, dispatcher: Dispatcher) {
    self.number = number
    self.node = node
    self.registry = registry
    self.dispatcher = dispatcher
  }

  func attempt(_ token: Int64) -> Attempt? { attempts.values.first { $0.token == token } }
}

/// Processes come and die.
extension Rehearsal {
  func openProcess() {
    var registry = Registry()
    for orchestration in plan.orchestrations {
      _ = registry.addOrchestration(orchestration.name, version: orchestration.version)
    }
    for activity in plan.activities {
      _ = registry.addActivity(activity.name)
      if let limits = activity.limits { registry.limit(activity.name, limits) }
    }
    let service = NodeService(
      orchestrations: registry.orchestrations, activities: registry.activities, tags: nil)
    let node = store.join(serving: service)
    var settings = DispatchSettings(node: node, cacheIsOn: !plan.isReplaying)
    settings.filter = ActivityFilter(names: registry.activities, tags: nil)
    processes += 1
    let process = Process(
      number: processes, node: node, registry: registry,
      dispatcher: Dispatcher(settings: settings, registry: registry))
    self.process = process
    process.dispatcher.start(now: now)
    settle()
  }

  /// Everything in its memory is gone.
  func crash() {
    guard let dead = process else { return }
    note("crash", "", Int64(dead.number))
    report.crashes += 1
    process = nil
    works = FIFO()
    store.kill(dead.node, now: now)
    _ = store.reap()
    for case .script(let line) in dead.queue.elements.map(\.origin) { parked.append(line) }
    works.append(.restarted)
    let away = decider.delay("restart \(report.crashes) takes", neutral: Self.downMS)
    after(away, .restart, anyProcess: true)
  }

  func restart() {
    openProcess()
    let lines = parked
    parked = []
    for line in lines { act(line) }
  }

  // MARK: The dispatcher

  /// Does what the dispatcher wants, until it wants nothing more, and sees to it that it is woken in time.
  func settle() {
    guard let process else { return }
    while true {
      let effects = process.dispatcher.takeEffects()
      if effects.isEmpty { break }
      for effect in effects { perform(effect, process) }
    }
    guard let deadline = process.dispatcher.nextDeadline else {
      (process.deadline, process.wakesAt) = (nil, nil)
      return
    }
    guard process.deadline != deadline || process.wakesAt == nil else { return }
    var at = max(deadline, now &+ 1)
    if deadline > now {
      at &+= decider.delay("the timer at \(RehearsalChoice.seconds(deadline &- plan.startMS)) is late by")
    }
    (process.deadline, process.wakesAt) = (deadline, at)
    after(at &- now, .wake(at: at))
  }

  /// An older wish that has been replaced is passed over.
  func wake(_ at: TimestampMS) {
    guard let process, process.wakesAt == at else { return }
    process.wakesAt = nil
    process.dispatcher.tick(now: now)
    settle()
  }

  /// As a real driver does: what is due comes before whatever else happens.
  func tickIfDue() {
    guard let process, let deadline = process.dispatcher.nextDeadline, deadline <= now else { return }
    process.dispatcher.tick(now: now)
    settle()
  }

  private func perform(_ effect: Effect, _ process: Process) {
    switch effect {
    case .runTurn(let request): works.append(.turn(nextToken(), request))
    case .runActivity(let task): begin(task, process)
    case .cancelActivity(let claimed): cancel(claimed, process)
    case .write(let write): submit(write, process)
    case .checkClaims(let claims):
      let asked = claims.map { ClaimedActivity(key: $0.key, claim: $0.value) }
      let lost = store.lostClaims(of: asked).map { ($0.key, $0.claim) }
      process.dispatcher.claimsLost(Dictionary(lost, uniquingKeysWith: { one, _ in one }), now: now)
    case .load(let instance):
      process.dispatcher.loaded(instance, store.load(instance).map { .snapshot($0) } ?? .missing, now: now)
    case .loadInbox(let instance, let after):
      process.dispatcher.foundMessages(instance, store.inbox(of: instance, after: after), now: now)
    case .findDue:
      let due = store.dueInstances(ownedBy: process.node, now: now, limit: Limits.pageRows)
      process.dispatcher.foundDue(due, now: now)
    case .findNextDue:
      let next = store.nextDue(after: min(process.dispatcher.lookedAt, now))
      process.dispatcher.nextDueFound(next, now: now)
    case .log, .lookAgain, .stopped: break
    }
  }
}
