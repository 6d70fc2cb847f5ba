import Glibc
import PerdureClient
import PerdureModel
import PerdureRuntime
import PerdureStore
import PerdureStoreMemory
import Testing

/// What came in from other threads, to be waited for.
final class Collected<Value: Sendable>: @unchecked Sendable {
  private let monitor = Monitor()
  private var values: [Value] = []

  func add(_ value: Value) {
    monitor.locked {
      values.append(value)
      monitor.broadcast()
    }
  }

  var all: [Value] { monitor.locked { values } }

  /// Waits until there are that many; what there is after half a minute.
  @discardableResult
  func wait(for count: Int) -> [Value] {
    let deadline = monotonicNowNS() + 30_000_000_000
    return monitor.locked {
      while values.count < count, monitor.wait(untilMonotonicNS: deadline) {}
      return values
    }
  }
}

/// A memory store whose commits can be held up and made to fail.
final class HeldStore: Store, @unchecked Sendable {
  let memory = MemoryStore()
  private let monitor = Monitor()
  private var isHeld = false
  private var failures: [StoreError] = []
  private var readFailure: StoreError?
  private var leaving: (@Sendable () -> Void)?
  private var joinFailure: (StoreError, meanwhile: @Sendable () -> Void)?
  /// The size of each group that came, also of those that failed.
  let groups = Collected<Int>()

  func hold() { monitor.locked { isHeld = true } }
  func letGo() {
    monitor.locked {
      isHeld = false
      monitor.broadcast()
    }
  }
  func fail(_ errors: [StoreError]) { monitor.locked { failures = errors } }
  func failJoins(_ error: StoreError, meanwhile: @escaping @Sendable () -> Void) {
    monitor.locked { joinFailure = (error, meanwhile) }
  }
  /// Called when a node is about to leave.
  func whenLeaving(_ body: (@Sendable () -> Void)?) { monitor.locked { leaving = body } }
  func failReads(_ error: StoreError?) { monitor.locked { readFailure = error } }

  func commit(_ entries: [StoreEntry]) throws(StoreError) -> [StoreOutcome] {
    groups.add(entries.count)
    let failure: StoreError? = monitor.locked {
      while isHeld { _ = monitor.wait(untilMonotonicNS: nil) }
      return failures.isEmpty ? nil : failures.removeFirst()
    }
    if let failure { throw failure }
    return try memory.commit(entries)
  }

  func describe(_ instance: InstanceID) throws(StoreError) -> InstanceDescription? {
    if let failure = monitor.locked({ readFailure }) { throw failure }
    return try memory.describe(instance)
  }

  func load(_ instance: InstanceID) throws(StoreError) -> InstanceSnapshot? { try memory.load(instance) }
  func inbox(of instance: InstanceID, after: MessageSequence) throws(StoreError) -> [InboxMessage] {
    try memory.inbox(of: instance, after: after)
  }
  func dueInstances(
    ownedBy node: NodeID, now: TimestampMS, limit: Int
  ) throws(StoreError) -> [InstanceID] { try memory.dueInstances(ownedBy: node, now: now, limit: limit) }
  func nextDue(after now: TimestampMS) throws(StoreError) -> TimestampMS? { try memory.nextDue(after: now) }
  func list(_ query: ListQuery) throws(StoreError) -> ListPage { try memory.list(query) }
  func history(_ query: HistoryQuery) throws(StoreError) -> HistoryPage? { try memory.history(query) }
  func keyValues(_ query: KVQuery) throws(StoreError) -> [KVEntry]? { try memory.keyValues(query) }
  func callState(of instance: InstanceID, call: String) throws(StoreError) -> CallState {
    try memory.callState(of: instance, call: call)
  }
  func export(_ instance: InstanceID, children: Bool) throws(StoreError) -> [InstanceExport] {
    try memory.export(instance, children: children)
  }
  func activities(of instance: InstanceID) throws(StoreError) -> [ActivityTask] {
    try memory.activities(of: instance)
  }
  func lostClaims(of claims: [ClaimedActivity]) throws(StoreError) -> [ClaimedActivity] {
    try memory.lostClaims(of: claims)
  }
  func retentionRules() throws(StoreError) -> [RetentionRule] { try memory.retentionRules() }
  func audit(_ query: AuditQuery) throws(StoreError) -> AuditPage { try memory.audit(query) }
  func join(serving service: NodeService) throws(StoreError) -> NodeID {
    if let (failure, meanwhile) = monitor.locked({ joinFailure }) {
      meanwhile()
      throw failure
    }
    return try memory.join(serving: service)
  }
  func nodes() throws(StoreError) -> [RuntimeNode] { try memory.nodes() }
  func details(of instance: InstanceID) throws(StoreError) -> InstanceDetails? {
    try memory.details(of: instance)
  }
  func executions(_ query: ExecutionsQuery) throws(StoreError) -> [ExecutionSummary]? {
    try memory.executions(query)
  }
  func statusCounts(of orchestration: String?) throws(StoreError) -> [StatusCount] {
    try memory.statusCounts(of: orchestration)
  }
  func workload(now: TimestampMS) throws(StoreError) -> Workload { try memory.workload(now: now) }
  func holdings() throws(StoreError) -> [NodeID: NodeHoldings] { try memory.holdings() }
  func leave(_ node: NodeID) throws(StoreError) {
    monitor.locked { leaving }?()
    try memory.leave(node)
  }
  func reapNodes() throws(StoreError) -> Int { try memory.reapNodes() }
  func observeForeignWrites(_ changed: (@Sendable () -> Void)?) {}
  func close() { memory.close() }
}

/// A store with its hub, a client and runtimes that are driven by `poll`.
final class Bed: @unchecked Sendable {
  let store = HeldStore()
  let hub: Hub
  let client: Client
  private var runtimes: [Runtime] = []

  init(clock: ClockSettings = .system) throws {
    hub = try Hub(store: store, clock: clock, log: { _ in })
    client = Client(hub: hub)
  }

  deinit {
    store.letGo()
    let stopped = Collected<Void>()
    let running = runtimes.filter { $0.isRunning }
    for runtime in running { try? runtime.stop(graceMS: 0) { stopped.add(()) } }
    stopped.wait(for: running.count)
    hub.close()
  }

  func runtime(_ names: [String] = ["order"], settings: RuntimeSettings = RuntimeSettings()) throws -> Runtime
  {
    let runtime = Runtime(hub: hub, settings: settings)
    for name in names { try runtime.registerOrchestration(name, version: .first, .poll) }
    try runtime.registerActivity("work", .poll)
    try runtime.start()
    runtimes.append(runtime)
    return runtime
  }

  func start(_ instance: InstanceID, _ orchestration: String = "order") throws {
    _ = try client.start(StartRequest(orchestration: orchestration, instance: instance))
  }

  func send(_ channel: Channel, _ name: String, to instance: InstanceID, _ data: Payload) throws {
    try client.send(SendRequest(instance: instance, channel: channel, name: name, data: data))
  }

  /// Answers the next turn: these actions after its last event. Its request.
  @discardableResult
  func runs(_ runtime: Runtime, _ kinds: [ActionKind] = [], end: TurnEndKind? = nil) throws -> TurnRequest {
    let ticket = try turn(runtime)
    let last = ticket.request.events.last?.id ?? 0
    let actions = kinds.enumerated().map { offset, kind in
      Action(id: ticket.request.firstAction + Int64(offset), after: last, kind: kind)
    }
    let end = end.map { TurnEnd(after: last, kind: $0) }
    guard case .taken = ticket.answer(.ran(TurnResult(actions: actions, end: end, retained: true))) else {
      throw Surprise("not taken")
    }
    return ticket.request
  }

  /// The next activity of a runtime; fails after half a minute.
  func activity(_ runtime: Runtime) throws -> ActivityTicket {
    try #require(runtime.poll(turnsMax: 0, activitiesMax: 1, timeoutMS: 30_000).activities.first)
  }

  /// Until it is so, or half a minute has passed.
  func wait(until isSo: () throws -> Bool) throws {
    let deadline = monotonicNowNS() + 30_000_000_000
    while try !isSo(), monotonicNowNS() < deadline { usleep(500) }
  }

  /// The next turn of a runtime; fails after half a minute.
  func turn(_ runtime: Runtime) throws -> TurnTicket {
    try #require(runtime.poll(turnsMax: 1, activitiesMax: 0, timeoutMS: 30_000).turns.first)
  }

  /// Ends an instance with its next turn.
  func complete(_ runtime: Runtime) throws {
    let ticket = try turn(runtime)
    let end = TurnEnd(after: ticket.request.events.last?.id ?? 0, kind: .completed(output: Payload("42")))
    guard case .taken = ticket.answer(.ran(TurnResult(end: end))) else { throw Surprise("not taken") }
  }
}

extension ActionKind {
  static func work(_ change: (inout ActivityOptions) -> Void = { _ in }) -> ActionKind {
    var options = ActivityOptions()
    change(&options)
    return .scheduleActivity(name: "work", input: Payload("3"), options: options)
  }
  static func wait(_ name: String, _ channel: Channel = .event) -> ActionKind {
    .subscribe(channel: channel, name: name)
  }
}

struct Surprise: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
