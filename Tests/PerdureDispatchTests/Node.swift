import PerdureDispatch
import PerdureModel
import PerdureReplay
import Testing

/// A dispatcher and a hand that performs its effects: what the store and the hosts say is up to the test.
///
///     given   Node(...).started()
///     when    node.instanceStarted("a"), node.answer("a", ...), node.wrote(...)
///     then    node.take() are the effects that nobody has looked at
final class Node {
  var dispatcher: Dispatcher
  var now: TimestampMS = 1_000
  /// Not looked at yet.
  var effects: [Effect] = []
  var logs: [LogRecord] = []
  /// The last turn of each instance that was taken.
  var turns: [InstanceID: Int64] = [:]
  /// What the store would have: histories by instance, from the turns that landed.
  var rows: [InstanceID: InstanceSnapshot] = [:]
  /// Their key-value states as they are; a snapshot has the state that the execution began with.
  var kv: [InstanceID: [KVEntry]] = [:]

  static let id: NodeID = 7

  typealias Setup = (inout DispatchSettings, inout Registry) -> Void

  init(
    slots: Int = 2, cacheIsOn: Bool = true, cached: Int = 100, versions: [String] = ["1.0.0"],
    setup: Setup = { _, _ in }
  ) {
    var registry = Registry()
    for text in versions {
      if let version = SemanticVersion(text) { _ = registry.addOrchestration("order", version: version) }
    }
    _ = registry.addActivity("work")
    var settings = DispatchSettings(
      node: Self.id, activitySlots: slots, cacheIsOn: cacheIsOn, cachedInstances: cached)
    setup(&settings, &registry)
    dispatcher = Dispatcher(settings: settings, registry: registry)
  }

  /// Started, with nothing found in the store.
  static func started(
    slots: Int = 2, cacheIsOn: Bool = true, cached: Int = 100, versions: [String] = ["1.0.0"],
    setup: Setup = { _, _ in }
  ) -> Node {
    let node = Node(slots: slots, cacheIsOn: cacheIsOn, cached: cached, versions: versions, setup: setup)
    node.dispatcher.start(now: node.now)
    node.findsNothing()
    return node
  }

  /// The store has no work for it.
  func findsNothing() {
    for write in takeWrites() {
      switch write {
      case .claimInstances: wrote(write, .instances([]))
      case .claimActivities: wrote(write, .activities([]))
      case .expireActivities: wrote(write, .expired(0))
      default: break
      }
    }
    gather()
    effects.removeAll { $0 == .findNextDue }
    dispatcher.nextDueFound(nil, now: now)
  }

  func gather() {
    for effect in dispatcher.takeEffects() {
      if case .runTurn(let request) = effect { turns[request.instance] = request.turn }
      if case .log(let record) = effect { logs.append(record) } else { effects.append(effect) }
    }
  }

  // MARK: When

  func starts(
    _ instance: InstanceID, version: String? = nil, parent: ParentLink? = nil, priority: Int64 = 0,
    createdAt: TimestampMS? = nil
  ) {
    var start = InstanceStart(
      instance: instance, orchestration: "order", version: version, input: .null, parent: parent)
    start.options.priority = priority
    rows[instance] = InstanceSnapshot(
      description: Self.row(instance), start: start, owner: Self.id, history: [], inbox: [])
    dispatcher.instanceStarted(start, createdAt: createdAt, now: now)
    gather()
  }

  func message(_ instance: InstanceID, _ sequence: MessageSequence, _ name: String = "go") {
    let message = InboxMessage(
      sequence: sequence, kind: .raised(channel: .event, name: name, data: .null))
    rows[instance]?.inbox.append(message)
    dispatcher.messageStored(instance, message, now: now)
    gather()
  }

  func answer(_ instance: InstanceID, _ answer: TurnAnswer) {
    dispatcher.turnAnswered(turns[instance] ?? 0, instance, answer, now: now)
    gather()
  }

  /// The host cannot run the turn that is out.
  func fails(_ instance: InstanceID, _ failure: Failure) {
    dispatcher.turnFailed(turns[instance] ?? 0, instance, failure, now: now)
    gather()
  }

  /// Answers the turn that is out: these actions after its last event.
  @discardableResult
  func runs(
    _ instance: InstanceID, _ kinds: [ActionKind] = [], end: TurnEndKind? = nil, retained: Bool = true
  ) throws -> TurnRequest {
    let request = try takeTurn(instance)
    let last = try #require(request.events.last?.id)
    // Built anew, the code does again what history knows of.
    let recorded = request.firstAction == 1 ? (rows[instance]?.history ?? []).compactMap { Action($0) } : []
    let first = request.firstAction + Int64(recorded.count)
    let actions =
      recorded
      + kinds.enumerated().map { offset, kind in
        Action(id: first + Int64(offset), after: last, kind: kind)
      }
    let end = end.map { TurnEnd(after: last, kind: $0) }
    answer(instance, .ran(TurnResult(actions: actions, end: end, retained: retained)))
    return request
  }

  func wrote(_ write: Write, _ outcome: WriteOutcome) {
    dispatcher.wrote(write, outcome, now: now)
    gather()
  }

  /// The turn is durable.
  func lands(_ write: Write, hasWaitingMessages: Bool = false) throws {
    guard case .turn(let commit, _) = write else { throw Surprise("\(write) is no turn") }
    if var row = rows[commit.instance] {
      row.start = nil
      row.history = commit.nextExecution ?? row.history + commit.events
      for change in commit.kvChanges { kv[commit.instance, default: []].apply(change) }
      if commit.nextExecution != nil { row.kv = kv[commit.instance] ?? [] }
      row.inbox.removeAll { commit.consumed.contains($0.sequence) }
      row.description.status = commit.status
      row.description.revision = commit.revision + 1
      row.description.execution += commit.nextExecution == nil ? 0 : 1
      rows[commit.instance] = row
    }
    wrote(write, .turned(hasWaitingMessages: hasWaitingMessages))
  }

  /// Runs one whole turn: host and store.
  @discardableResult
  func turn(
    _ instance: InstanceID, _ kinds: [ActionKind] = [], end: TurnEndKind? = nil, retained: Bool = true
  ) throws -> TurnRequest {
    let request = try runs(instance, kinds, end: end, retained: retained)
    try lands(try takeWrite())
    return request
  }

  func loads(_ instance: InstanceID) throws {
    let effect = Effect.load(instance)
    guard let index = effects.firstIndex(of: effect) else {
      throw Surprise("no load of \(instance) in \(effects)")
    }
    effects.remove(at: index)
    dispatcher.loaded(instance, rows[instance].map { .snapshot($0) } ?? .missing, now: now)
    gather()
  }

  /// Somebody asks an instance to cancel itself.
  func cancel(_ instance: InstanceID, _ sequence: MessageSequence, graceMS: Int64? = nil) {
    let message = InboxMessage(sequence: sequence, kind: .cancel(reason: "why", graceMS: graceMS))
    rows[instance]?.inbox.append(message)
    dispatcher.messageStored(instance, message, now: now)
    gather()
  }

  /// Activities of instances of other nodes, claimed for us.
  func claims(_ tasks: [ActivityTask]) throws {
    dispatcher.storeChanged(now: now, byOthers: false)
    for write in takeWrites() {
      switch write {
      case .claimActivities: wrote(write, .activities(tasks))
      case .claimInstances: wrote(write, .instances([]))
      case .expireActivities: wrote(write, .expired(0))
      default: throw Surprise("\(write)")
      }
    }
    effects.removeAll { $0 == .findNextDue }
    dispatcher.nextDueFound(nil, now: now)
  }

  @discardableResult
  func deferred(_ task: ActivityTask) -> Bool {
    let isWanted = dispatcher.activityDeferred(task.ticket, now: now)
    gather()
    return isWanted
  }

  @discardableResult
  func beats(_ task: ActivityTask, _ details: String) -> Bool {
    let isWanted = dispatcher.activityBeat(task.ticket, Payload(details), now: now)
    gather()
    return isWanted
  }

  @discardableResult
  func ends(_ task: ActivityTask, _ outcome: Outcome = .completed(.null)) -> Bool {
    let isWanted = dispatcher.activityEnded(task.ticket, outcome, now: now)
    gather()
    return isWanted
  }

  func wait(_ milliseconds: Int64) {
    now += milliseconds
    dispatcher.tick(now: now)
    gather()
  }

  func changed(_ instance: InstanceID) {
    dispatcher.instanceChanged(instance, now: now)
    gather()
  }

  /// Stops while an activity runs; what it handed back at once is on disk.
  func drains(grace: Int64) throws {
    stop(grace: grace)
    let release = try takeWrite()
    guard case .releaseInstances = release else { throw Surprise("\(release)") }
    wrote(release, .done)
  }

  func stop(grace: Int64) {
    dispatcher.stop(graceMS: grace, now: now)
    gather()
  }

  // MARK: Then

  func take() -> [Effect] {
    defer { effects = [] }
    return effects
  }

  func takeTurn(_ instance: InstanceID) throws -> TurnRequest {
    for (index, effect) in effects.enumerated() {
      if case .runTurn(let request) = effect, request.instance == instance {
        effects.remove(at: index)
        turns[instance] = request.turn
        return request
      }
    }
    throw Surprise("no turn of \(instance) in \(effects)")
  }

  func takeWrites() -> [Write] {
    gather()
    var writes: [Write] = []
    effects.removeAll { effect in
      guard case .write(let write) = effect else { return false }
      writes.append(write)
      return true
    }
    return writes
  }

  /// The one write that is wanted.
  func takeWrite() throws -> Write {
    let writes = takeWrites()
    guard writes.count == 1 else { throw Surprise("one write expected, not \(writes)") }
    return writes[0]
  }

  func takeActivities() -> [ActivityTask] {
    var tasks: [ActivityTask] = []
    effects.removeAll { effect in
      guard case .runActivity(let task) = effect else { return false }
      tasks.append(task)
      return true
    }
    return tasks
  }

  static func row(_ instance: InstanceID) -> InstanceDescription {
    InstanceDescription(
      instance: instance, orchestration: "order", version: nil, status: .running, execution: 1, revision: 0,
      parent: nil, customStatus: nil, customStatusVersion: 0, output: nil, failure: nil, createdAt: 0,
      updatedAt: 0, endedAt: nil, eventCount: 0)
  }
}

extension ActivityTask {
  /// Of an instance that another node holds, claimed for us.
  static func far(
    _ action: ActionID, _ name: String = "work", attempt: Int64 = 1,
    _ change: (inout ActivityOptions) -> Void = { _ in }
  ) -> ActivityTask {
    var options = ActivityOptions()
    change(&options)
    return ActivityTask(
      key: ActivityKey(instance: "far", execution: 1, action: action), orchestration: "order", name: name,
      input: .null, attempt: attempt, visibleAt: 0, claim: ActivityClaim(node: Node.id, token: attempt),
      options: options, scheduledAt: 1_000)
  }

  /// What the host has of an attempt.
  var ticket: ClaimedActivity { ClaimedActivity(key: key, claim: claim ?? ActivityClaim(node: 0, token: 0)) }

  /// As the store hands it out once more.
  func again(failures: Int64 = 1) -> ActivityTask {
    var task = self
    task.attempt += 1
    task.failures = failures
    task.claim = ActivityClaim(node: Node.id, token: (claim?.token ?? 0) + 1)
    return task
  }
}

extension RetryPolicy {
  /// After a second, a second...
  static func fixed(_ milliseconds: Int64 = 1_000, attempts: Int64 = 3) -> RetryPolicy {
    var policy = RetryPolicy()
    policy.backoff = .fixed
    policy.initialIntervalMS = milliseconds
    policy.maxAttempts = attempts
    return policy
  }
}

extension [KVEntry] {
  /// As a store does.
  mutating func apply(_ timed: TimedKVChange) {
    switch timed.change {
    case .set(let key, let value):
      removeAll { $0.key == key }
      append(KVEntry(key: key, value: value, at: timed.at))
    case .clear(let key): removeAll { $0.key == key }
    case .clearAll: self = []
    }
  }
}

/// What a test did not expect.
struct Surprise: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

extension Action {
  /// The action that an event records.
  init?(_ event: Event) {
    guard let origin = event.kind.origin else { return nil }
    let kind: ActionKind
    switch event.kind {
    case .activityScheduled(_, let name, let input, let options):
      kind = .scheduleActivity(name: name, input: input, options: options)
    case .timerCreated(_, let fireAt): kind = .createTimer(fireAt: fireAt)
    case .subscribed(_, let channel, let name): kind = .subscribe(channel: channel, name: name)
    case .workCancelled(_, let target, _), .cancelIgnored(_, let target): kind = .cancel(target: target)
    case .customStatusUpdated(_, let status): kind = .setCustomStatus(status)
    case .kvChanged(_, let change): kind = .changeKV(change)
    case .patchRecorded(_, let patch): kind = .recordPatch(patch)
    default: return nil
    }
    self.init(id: origin.action, after: origin.after, kind: kind)
  }
}

extension ActionKind {
  static let work = ActionKind.scheduleActivity(
    name: "work", input: .null, options: ActivityOptions())
  static func tuned(
    _ name: String = "work", change: (inout ActivityOptions) -> Void
  ) -> ActionKind {
    var options = ActivityOptions()
    change(&options)
    return .scheduleActivity(name: name, input: .null, options: options)
  }
  static let waiting = ActionKind.subscribe(channel: .event, name: "go")
}
