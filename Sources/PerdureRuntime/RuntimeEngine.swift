import PerdureDispatch
import PerdureModel
import PerdureStore

/// The engine thread of a runtime: inputs to the dispatcher, its effects to the world.
final class RuntimeEngine: @unchecked Sendable {
  private let runtime: Runtime
  private let hub: Hub
  private let node: NodeID
  private var dispatcher: Dispatcher
  private var running: [ActivityKey: ActivityTicket] = [:]
  private var writes: [Committer.Job] = []
  private var isDone = false

  init(runtime: Runtime, node: NodeID, registry: Registry) {
    self.runtime = runtime
    self.node = node
    hub = runtime.hub
    let settings = DispatchSettings(
      node: node, activitySlots: runtime.settings.activitySlots, cacheIsOn: runtime.settings.isCaching,
      cachedInstances: runtime.settings.cachedInstances)
    dispatcher = Dispatcher(settings: settings, registry: registry)
  }

  func run() {
    while !isDone {
      let deadline = dispatcher.nextDeadline.map { hub.clock.monotonicNS(at: $0) }
      guard let inputs = runtime.inputs.take(untilMonotonicNS: deadline) else { break }
      let now = hub.clock.now()
      if let due = dispatcher.nextDeadline, due <= now { dispatcher.tick(now: now) }
      for input in inputs { handle(input, now) }
      for effect in dispatcher.takeEffects() { perform(effect, now) }
      if !writes.isEmpty {
        hub.submit(writes)
        writes = []
      }
      runtime.setHasRoom(dispatcher.hasRoom)
    }
    runtime.ended(node: node)
  }

  private func handle(_ input: RuntimeInput, _ now: TimestampMS) {
    switch input {
    case .start: dispatcher.start(now: now)
    case .instanceStarted(let start): dispatcher.instanceStarted(start, now: now)
    case .messageStored(let instance, let message):
      dispatcher.messageStored(instance, message, now: now)
    case .storeChanged(let byOthers): dispatcher.storeChanged(now: now, byOthers: byOthers)
    case .turnAnswered(let request, let answer):
      dispatcher.turnAnswered(request.turn, request.instance, answer, now: now)
    case .turnFailed(let request, let failure):
      dispatcher.turnFailed(request.turn, request.instance, failure, now: now)
    case .instancesDeleted(let instances): dispatcher.instancesDeleted(instances, now: now)
    case .activityEnded(let ticket, let outcome):
      // Another ticket: the instance was deleted and started anew while this one ran.
      guard running[ticket.task.key] === ticket else { return }
      running[ticket.task.key] = nil
      let token = ticket.task.claim?.token ?? 0
      _ = dispatcher.activityEnded(ticket.task.key, token: token, outcome, now: now)
    case .wrote(let write, let outcome): dispatcher.wrote(write, outcome, now: now)
    case .loaded(let instance, let result): dispatcher.loaded(instance, result, now: now)
    case .foundMessages(let instance, let messages):
      dispatcher.foundMessages(instance, messages, now: now)
    case .foundDue(let instances): dispatcher.foundDue(instances, now: now)
    case .nextDueFound(let at): dispatcher.nextDueFound(at, now: now)
    case .stop(let graceMS): dispatcher.stop(graceMS: graceMS, now: now)
    }
  }

  private func perform(_ effect: Effect, _ now: TimestampMS) {
    switch effect {
    case .runTurn(let request): runTurn(request)
    case .runActivity(let task): runActivity(task)
    case .cancelActivity(let key): running[key]?.cancel()
    case .write(let write): enqueue(write, now)
    case .load(let instance): read { $0.load(instance) }
    case .loadInbox(let instance, let after): read { $0.inbox(instance, after) }
    case .findDue: read { [node] in $0.due(node, now) }
    case .findNextDue: read { $0.nextDue(now) }
    case .log(let record): hub.log(record)
    case .stopped: isDone = true
    }
  }

  private func runTurn(_ request: TurnRequest) {
    guard let function = runtime.function(for: request) else {
      let message = "no function is registered for '\(request.orchestration)' \(request.version)"
      runtime.post(
        .turnFailed(request, Failure(type: FailureType.protocolViolation, message: message)))
      return
    }
    runtime.hosts.add(TurnTicket(request, runtime), function)
  }

  private func runActivity(_ task: ActivityTask) {
    let ticket = ActivityTicket(task, runtime)
    running[task.key] = ticket
    guard let function = runtime.function(for: task) else {
      let failure = Failure(
        type: FailureType.protocolViolation, message: "no function is registered for activity '\(task.name)'")
      _ = ticket.end(.failed(failure))
      return
    }
    runtime.hosts.add(ticket, function)
  }

  // MARK: Store

  private func enqueue(_ write: Write, _ now: TimestampMS) {
    let done: @Sendable (Committer.Result) -> Void = { [runtime] result in
      let input = RuntimeInput.wrote(write, WriteOutcome(result))
      runtime.inputs.addQuietly(contentsOf: CollectionOfOne(input))
    }
    writes.append(Committer.Job(write.entry(node: node, now: now), done: done))
  }

  private func read(_ body: @escaping @Sendable (RuntimeReader) -> RuntimeInput) {
    let reader = RuntimeReader(hub: hub)
    runtime.reads.add { [runtime] in runtime.post(body(reader)) }
  }
}

/// Reads for the engine thread, on the reader thread.
struct RuntimeReader: Sendable {
  let hub: Hub

  private var store: any Store { hub.store }

  func load(_ instance: InstanceID) -> RuntimeInput {
    do throws(StoreError) {
      guard let snapshot = try store.load(instance) else { return .loaded(instance, .missing) }
      return .loaded(instance, .snapshot(snapshot))
    } catch {
      guard error.code == .corrupt else { return .loaded(instance, .failed(error.message)) }
      // The row may be sound where the history is not.
      do throws(StoreError) {
        let revision = try store.describe(instance)?.revision
        return .loaded(instance, revision.map { .unreadable(error.message, $0) } ?? .missing)
      } catch { return .loaded(instance, .failed(error.message)) }
    }
  }

  func inbox(_ instance: InstanceID, _ after: MessageSequence) -> RuntimeInput {
    do throws(StoreError) {
      return .foundMessages(instance, try store.inbox(of: instance, after: after))
    } catch { return .loaded(instance, .failed(error.message)) }
  }

  func due(_ node: NodeID, _ now: TimestampMS) -> RuntimeInput {
    // Whoever reaps a node must say so: the next one to look finds nothing to reap.
    if let reaped = try? store.reapNodes(), reaped > 0 { hub.tellUnheldWork() }
    let instances = (try? store.dueInstances(ownedBy: node, now: now, limit: Limits.pageRows)) ?? []
    return .foundDue(instances)
  }

  func nextDue(_ now: TimestampMS) -> RuntimeInput {
    do throws(StoreError) {
      return .nextDueFound(try store.nextDue(after: now))
    } catch { return .nextDueFound(now + 1_000) }
  }
}

extension Write {
  fileprivate func entry(node: NodeID, now: TimestampMS) -> StoreEntry {
    switch self {
    case .turn(let commit): .turn(commit)
    case .claimInstances(let orchestrations, let limit):
      .claimInstances(node: node, orchestrations: orchestrations, limit: limit, now: now)
    case .claimInstance(let instance): .claimInstance(node: node, instance: instance)
    case .claimActivities(let activities, let limit):
      .claimActivities(node: node, activities: activities, limit: limit, now: now)
    case .releaseInstances(let instances): .releaseInstances(node: node, instances: instances)
    case .releaseActivities(let tasks):
      .releaseActivities(
        tasks.compactMap { task in task.claim.map { ClaimedActivity(key: task.key, claim: $0) } })
    case .releaseUnheldActivities(let held):
      .releaseUnheldActivities(
        node: node, held: held.map { ClaimedActivity(key: $0.key, claim: $0.value) })
    case .activityEnded(let key, let claim, let outcome):
      .activityEnded(key, claim: claim, outcome: outcome, now: now)
    case .quarantine(let instance, let revision, let failure):
      .quarantine(instance, revision: revision, failure: failure, now: now)
    }
  }
}

extension WriteOutcome {
  fileprivate init(_ result: Committer.Result) {
    switch result {
    case .failed(let error): self = .failed(message: error.message, isTransient: error.isTransient)
    case .answered(.success(let receipt)):
      switch receipt {
      // The hub tells us of children that are ours, with everybody else's.
      case .turned(let turn): self = .turned(hasWaitingMessages: turn.hasWaitingMessages)
      case .instances(let instances): self = .instances(instances)
      case .activities(let tasks): self = .activities(tasks)
      case .done, .posted, .deleted: self = .done
      }
    case .answered(.failure(let refusal)):
      switch refusal {
      case .notFound: self = .notFound
      case .owned: self = .owned
      case .failed(let error): self = .failed(message: error.message, isTransient: error.isTransient)
      case .conflict, .alreadyExists, .wrongStatus, .staleClaim, .isChild, .inboxFull: self = .conflict
      }
    }
  }
}
