package import PerdureDispatch
package import PerdureModel
import PerdureReplay
package import PerdureStore
import Synchronization

package indirect enum RuntimeInput: Sendable {
  case start
  case instanceStarted(InstanceStart, createdAt: TimestampMS)
  /// Also terminated ones: nothing of them goes on.
  case instancesDeleted([InstanceID])
  case instanceChanged(InstanceID)
  /// Work may have been cancelled that runs here.
  case checkClaims
  case messageStored(InstanceID, InboxMessage)
  case storeChanged(byOthers: Bool)
  /// - tookNS: since it was handed out.
  case turnAnswered(TurnTicket, TurnAnswer, tookNS: Int64)
  case turnFailed(TurnTicket, Failure, tookNS: Int64)
  case activityEnded(ActivityTicket, Outcome)
  case activityDeferred(ActivityTicket)
  case activityBeat(ActivityTicket, Payload)
  case claimsLost([ActivityKey: ActivityClaim])
  /// There is a new retention rule.
  case sweep
  case wrote(Write, WriteOutcome)
  case loaded(InstanceID, Dispatcher.LoadResult)
  case foundMessages(InstanceID, [InboxMessage])
  case foundDue([InstanceID])
  case nextDueFound(TimestampMS?)
  /// Something may be in the store that the runtime was not told of.
  case missed
  case stop(graceMS: Int64)
  /// A virtual clock has come to the deadline.
  case timeMoved
}

package enum RuntimeError: Error, Hashable, Sendable {
  case alreadyRegistered(String)
  case wrongStage(String)
  case store(StoreError)
  case noThreads
}

/// Runs orchestrations and activities: one engine thread performs what `Dispatcher` decides.
///
///     new -> register... -> start -> running -> stop -> stopped
package final class Runtime: @unchecked Sendable {
  package let hub: Hub
  package let settings: RuntimeSettings
  package var limits: LimitSettings { hub.limits }
  let inputs: WorkQueue<RuntimeInput>
  let reads: WorkQueue<@Sendable () -> Void>
  let hosts: HostQueues
  /// What is under way here, if time is virtual.
  let account: ClockAccount?

  private enum Stage {
    case new, running, stopping, stopped
  }

  private struct Registered {
    var stage = Stage.new
    var node: NodeID?
    var registry = Registry()
    var orchestrations: [OrchestrationKey: HostFunction<TurnTicket>] = [:]
    var activities: [ExactText: HostFunction<ActivityTicket>] = [:]
    var stopped: [@Sendable () -> Void] = []
    /// Replays that are under way.
    var replays: [ObjectIdentifier: ReplayJob] = [:]
    /// While it runs.
    var engine: RuntimeEngine?

    /// Not to a runtime that runs activities alone: it would look for instances with each write of others.
    mutating func add(_ schedules: Schedules) {
      guard !registry.orchestrations.isEmpty || registry.activities.isEmpty else { return }
      guard registry.addOrchestration(Reserved.schedule, version: .first) else { return }
      let key = OrchestrationKey(name: ExactText(Reserved.schedule), version: SemanticVersion.first.text)
      orchestrations[key] = schedules.turn
      for (name, function) in schedules.activities where registry.addActivity(name) {
        activities[ExactText(name)] = function
      }
    }
  }

  struct OrchestrationKey: Hashable {
    var name: ExactText
    var version: String
  }

  private let registered = Mutex(Registered())
  /// Instances in memory and how many more are welcome: read by clients that start instances.
  private let hasRoom = Atomic(true)
  private let gaugesNow = Mutex(Gauges())

  package init(hub: Hub, settings: RuntimeSettings) {
    self.hub = hub
    self.settings = settings
    let woken = WokenRuntime()
    account = hub.clock.virtual.map { ClockAccount($0) { woken.runtime?.inputs.addHeld(.timeMoved) } }
    inputs = WorkQueue(account: account)
    reads = WorkQueue(account: account)
    hosts = HostQueues(
      turnThreads: settings.turnThreads, activityThreads: settings.activitySlots, engine: reads)
    // Only where it is needed: an object that is referred to weakly is slower to hold ever after.
    if account != nil { woken.runtime = self }
  }

  /// nil before `start`.
  package var node: NodeID? { registered.withLock { $0.node } }

  // MARK: Registration

  package func registerOrchestration(
    _ name: String, version: SemanticVersion, _ function: HostFunction<TurnTicket>
  ) throws(RuntimeError) {
    let refusal: RuntimeError? = registered.withLock { state in
      guard state.stage == .new else {
        return .wrongStage("orchestration '\(name)' must be registered before the runtime is started")
      }
      guard state.registry.addOrchestration(name, version: version) else {
        return .alreadyRegistered("orchestration '\(name)' \(version.text) is registered already")
      }
      state.orchestrations[OrchestrationKey(name: ExactText(name), version: version.text)] = function
      return nil
    }
    if let refusal { throw refusal }
  }

  /// - name: empty for the activities of this runtime's instances that have no function of their own.
  package func registerActivity(
    _ name: String, _ function: HostFunction<ActivityTicket>
  ) throws(RuntimeError) {
    let refusal: RuntimeError? = registered.withLock { state in
      guard state.stage == .new else {
        return .wrongStage("activity '\(name)' must be registered before the runtime is started")
      }
      guard state.registry.addActivity(name) else {
        return .alreadyRegistered("activity '\(name)' is registered already")
      }
      state.activities[ExactText(name)] = function
      return nil
    }
    if let refusal { throw refusal }
  }

  /// Bounds what this runtime does of one activity, registered or yet to be.
  package func limitActivity(_ name: String, _ limits: ActivityLimits) throws(RuntimeError) {
    let isNew = registered.withLock { state in
      if state.stage == .new { state.registry.limit(name, limits) }
      return state.stage == .new
    }
    guard isNew else {
      throw .wrongStage("limits of activity '\(name)' must be set before the runtime is started")
    }
  }

  // MARK: Life

  package func start() throws(RuntimeError) {
    let stage = registered.withLock { state in
      defer { if state.stage == .new { state.stage = .running } }
      return state.stage
    }
    guard stage == .new else { throw .wrongStage("the runtime was started before") }
    account?.hold()
    defer { account?.release() }
    let service = registered.withLock { state in
      if settings.runsSchedules { state.add(Schedules(store: hub.store, machines: settings.cachedInstances)) }
      return state.registry.service(settings)
    }
    if settings.isReplayOnly {
      guard startHosts(), startReads() else { throw .noThreads }
      return
    }
    let node: NodeID
    do throws(StoreError) {
      node = try join(service)
    } catch {
      let stopped = registered.withLock { state in
        // Somebody may have asked it to stop meanwhile; nothing else will tell them.
        state.stage = state.stopped.isEmpty ? .new : .stopped
        defer { state.stopped = [] }
        return state.stopped
      }
      if !stopped.isEmpty, !startThread({ for done in stopped { done() } }) { throw .noThreads }
      throw .store(error)
    }
    let registry = registered.withLock { state in
      state.node = node
      return state.registry
    }
    let engine = RuntimeEngine(runtime: self, node: node, registry: registry)
    guard startHosts(), startReads(), startThread({ engine.run() }) else { throw .noThreads }
    registered.withLock { $0.engine = engine }
    hub.attach(self) { _ = inputs.add(.start) }
  }

  /// Joins, and leaves again where this release and that of another runtime do not go together. Of two that
  /// come at the same time each sees the other.
  private func join(_ service: NodeService) throws(StoreError) -> NodeID {
    let node = try hub.store.join(serving: service)
    do throws(StoreError) { try Hub.checkFormat(of: hub.store, except: node) } catch {
      try? hub.store.leave(node)
      throw error
    }
    return node
  }

  private func startReads() -> Bool {
    startThread { [reads] in
      while let calls = reads.take(untilMonotonicNS: nil) {
        for call in calls { call() }
        reads.done(calls.count)
      }
    }
  }

  private func startHosts() -> Bool {
    let callbacks = registered.withLock { state in
      (
        state.orchestrations.values.contains { $0.isCallback },
        state.activities.values.contains { $0.isCallback } && !settings.isReplayOnly
      )
    }
    return hosts.start(turnCallbacks: callbacks.0, activityCallbacks: callbacks.1)
  }

  /// - done: called once, when nothing runs any more.
  package func stop(graceMS: Int64, done: @escaping @Sendable () -> Void) throws(RuntimeError) {
    let stage = registered.withLock { state in
      let stage = state.stage
      if stage == .new || stage == .stopped {
        state.stage = .stopped
      } else {
        state.stage = .stopping
        state.stopped.append(done)
      }
      return stage
    }
    switch stage {
    case .new, .stopped:
      hosts.stop()
      guard startThread({ done() }) else { throw .noThreads }
    case .running where settings.isReplayOnly, .stopping where settings.isReplayOnly:
      guard startThread({ [self] in end() }) else { throw .noThreads }
    case .running, .stopping: post(.stop(graceMS: graceMS))
    }
  }

  func ended(node: NodeID) {
    hub.detach(self)
    do throws(StoreError) {
      try hub.store.leave(node)
    } catch {
      hub.log(
        LogRecord(
          at: hub.clock.now(), level: .warn,
          message: "a node could not be signed off; others find that it is gone: \(error.message)",
          node: node))
    }
    hub.tellUnheldWork()
    end()
  }

  private func end() {
    hosts.stop()
    reads.close()
    // What came too late holds this runtime, and would keep it for ever.
    inputs.close(discarding: true)
    // What hosts still have is of no use to anybody.
    account?.close()
    let (done, replays) = registered.withLock { state in
      state.stage = .stopped
      // Lets go of what the host gave with its functions.
      state.orchestrations = [:]
      state.activities = [:]
      state.engine = nil
      defer { state.stopped = [] }
      return (state.stopped, Array(state.replays.values))
    }
    for replay in replays { replay.close() }
    for call in done { call() }
  }

  /// false: nothing runs here.
  func begin(_ replay: ReplayJob) -> Bool {
    registered.withLock { state in
      guard state.stage == .running else { return false }
      state.replays[ObjectIdentifier(replay)] = replay
      return true
    }
  }

  func forget(_ replay: ReplayJob) {
    registered.withLock { $0.replays[ObjectIdentifier(replay)] = nil }
  }

  /// The version to run: the one asked for if it is registered, without one the highest.
  func resolve(_ orchestration: String, _ version: String?) -> String? {
    registered.withLock { $0.registry.resolve(orchestration, version) }
  }

  package var isRunning: Bool { registered.withLock { $0.stage == .running } }

  // MARK: Work

  /// false: the engine has ended.
  @discardableResult
  func post(_ input: RuntimeInput) -> Bool {
    guard CallingThread.isCurrent else { return inputs.add(input) }
    guard inputs.addQuietly(input) else { return false }
    goOn()
    return true
  }

  /// What was posted quietly is done on this thread if the engine's thread would have to be woken for it,
  /// which takes longer than most of what it does; else there.
  func goOn() {
    guard account == nil, inputs.hasSleeper, let engine = registered.withLock({ $0.engine }) else {
      return inputs.wake()
    }
    engine.stepHere()
  }

  func function(for request: TurnRequest) -> HostFunction<TurnTicket>? {
    let key = OrchestrationKey(name: ExactText(request.orchestration), version: request.version)
    return registered.withLock { $0.orchestrations[key] }
  }

  func function(for task: ActivityTask) -> HostFunction<ActivityTicket>? {
    registered.withLock { $0.activities[ExactText(task.name)] ?? $0.activities[ExactText("")] }
  }

  /// A client asks whether a new instance may go straight into memory here.
  func accepts(_ start: InstanceStart) -> Bool {
    hasRoom.load(ordering: .relaxed) && serves(start.orchestration, start.version)
  }

  /// Whether an instance of this name and version (nil: any) would be run here.
  func serves(_ orchestration: String, _ version: String?) -> Bool {
    registered.withLock { $0.stage == .running && $0.registry.resolve(orchestration, version) != nil }
  }

  /// What it holds, as of its last step.
  var gauges: Gauges { gaugesNow.withLock { $0 } }
  func setGauges(_ gauges: Gauges) { gaugesNow.withLock { $0 = gauges } }

  func setHasRoom(_ value: Bool) { hasRoom.store(value, ordering: .relaxed) }
}

extension Registry {
  /// What other processes can read of it.
  fileprivate func service(_ settings: RuntimeSettings) -> NodeService {
    NodeService(
      orchestrations: orchestrations, activities: (takesAnyActivity ? [""] : []) + activities,
      tags: settings.activityTags,
      takesUntagged: settings.takesUntagged)
  }
}

/// The runtime whose clock account was made before it.
private final class WokenRuntime: @unchecked Sendable {
  weak var runtime: Runtime?
}

extension HostFunction {
  fileprivate var isCallback: Bool {
    if case .callback = self { true } else { false }
  }
}
