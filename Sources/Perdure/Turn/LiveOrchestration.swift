package import PerdureModel
import Synchronization

/// User code behind its types: what a definition registers.
package typealias OrchestrationBody = @Sendable (OrchestrationContext, Payload) async throws -> Payload

/// The live coroutine of one execution: the tasks of its code, what they wait for, and what they have asked
/// for.
///
/// All of it is touched only by the thread that runs a turn of it (`executor.isCurrent`); `TurnDriver` hands
/// it from turn to turn under a lock. Everything that code can reach from another thread checks that first.
///
///     call -> action listed, wait registered -> event delivered -> wait resumed -> code runs on
///                                            -> task cancelled  -> Cancel listed, CancellationError
///                                            -> evicted         -> error, nothing is listed any more
final class LiveOrchestration: @unchecked Sendable {
  let instance: InstanceID
  let execution: ExecutionID
  let orchestration: String
  let version: String
  let trace: TraceContext?
  /// The number of the last turn that ran it.
  var turn: Int64
  let executor = TurnExecutor()
  let limits: TurnLimits

  private let body: OrchestrationBody
  private var root: Task<Void, Never>?
  private let violationNoted = Mutex<String?>(nil)
  /// Refused calls since work was last answered (`slowDown`).
  let refusals = Atomic<Int>(0)

  private(set) var lastEvent: EventID = 0
  private(set) var now: TimestampMS = 0
  private(set) var isReplaying = false
  /// The history has passed 80 % of a limit.
  private(set) var isLate = false
  private(set) var parent: ParentLink?
  private(set) var isCancellationRequested = false
  private(set) var isEvicted = false
  private(set) var end: TurnEnd?
  /// A cancellation came when every await was shielded: the next call that is not gets it.
  var owesCancellation = false
  var random: SplitMix64

  var lastAction: ActionID = 0
  var output = Output()
  var waits: [ActionID: Wait] = [:]
  var mailbox = Mailbox()
  var kv: KVTable
  var patches: PatchMarks
  var handlers = Handlers()

  /// What code asked for and said since it was last taken.
  struct Output {
    var actions: [Action] = []
    var logs: [LogLine] = []
    var metrics: [MetricLine] = []
  }

  struct Wait {
    var continuation: UnsafeContinuation<WorkResult, Never>
    var work: OpenWork
    var scope: WaitScope
  }

  init(_ request: TurnRequest, limits: TurnLimits, body: @escaping OrchestrationBody) {
    instance = request.instance
    execution = request.execution
    orchestration = request.orchestration
    version = request.version
    trace = request.trace
    turn = request.turn
    random = SplitMix64(instance: request.instance, execution: request.execution)
    kv = KVTable(request.kv)
    patches = PatchMarks(recorded: request.patches)
    self.limits = limits
    self.body = body
  }

  /// What code did that no history can repeat, if it did.
  var violation: String? {
    if let noted = violationNoted.withLock({ $0 }) { return noted }
    if executor.foreignJobs > 0 { return Violation.foreignAwait }
    if executor.isEndless { return Violation.endless }
    return end == nil && waits.isEmpty ? Violation.blocked : nil
  }

  func note(_ violation: String) { violationNoted.withLock { $0 = $0 ?? violation } }

  /// Actions, log lines and measurements since the last call.
  func takeOutput() -> Output {
    defer { output = Output() }
    return output
  }

  /// Delivers one event and runs the code until it blocks.
  func deliver(_ event: Event, isReplaying: Bool) {
    executor.run {
      lastEvent = event.id
      now = max(now, event.at)
      self.isReplaying = isReplaying
      if event.isLate { isLate = true }
      switch event.kind {
      case .orchestrationStarted(_, _, let input, let parent, _):
        self.parent = parent
        start(input)
      case .activityCompleted(let action, let result), .subOrchestrationCompleted(let action, let result),
        .requestCompleted(let action, let result):
        resume(action, .value(result))
      case .activityFailed(let action, let failure), .subOrchestrationFailed(let action, let failure),
        .requestFailed(let action, let failure):
        resume(action, .failed(failure))
      case .timerFired(let action):
        resume(action, .value(.null))
      case .messageReceived(let channel, let name, let data):
        receive(Received(data: data), on: channel, name: name)
      case .callReceived(let call, let name, let input):
        receive(Received(data: input, call: call), on: .call, name: name)
      case .cancellationRequested:
        requestCancellation()
      default:
        break
      }
    }
  }

  /// Ends the code here and now, so that its tasks leave nothing behind: every await throws.
  func evict() {
    executor.retire {
      isEvicted = true
      let open = waits.sorted { $0.key < $1.key }
      waits = [:]
      for (_, wait) in open { wait.continuation.resume(returning: .evicted) }
      root?.cancel()
      root = nil
      for server in handlers.takeServers() { server.cancel() }
    }
  }

  private func start(_ input: Payload) {
    guard root == nil, end == nil else { return }
    let context = OrchestrationContext(live: self)
    root = Task(executorPreference: executor) { [self, body] in
      do {
        finish(.success(try await body(context, input)))
      } catch {
        finish(.failure(error))
      }
    }
  }

  /// Evicted code may get here on another thread; it does not count.
  func finish(_ result: Result<Payload, any Error>) {
    guard executor.isCurrent, !isEvicted, end == nil else { return }
    root = nil
    var kind: TurnEndKind =
      switch result {
      case .success(let output): .completed(output: output)
      case .failure(let error as ContinueAsNew): .continuedAsNew(version: error.version, input: error.input)
      case .failure(is CancellationError) where isCancellationRequested: .cancelled
      case .failure(let error): .failed(PerdureModel.Failure(error))
      }
    if let breach = limits.breach(of: kind) { kind = .failed(PerdureModel.Failure(breach)) }
    end = TurnEnd(after: lastEvent, kind: kind)
  }

  private func receive(_ message: Received, on channel: Channel, name: String) {
    if let action = mailbox.receive(message, on: channel, name: name) { resume(action, .received(message)) }
  }

  private func resume(_ action: ActionID, _ result: WorkResult) {
    guard let wait = waits.removeValue(forKey: action) else { return }
    refusals.store(0, ordering: .relaxed)
    wait.continuation.resume(returning: result)
  }

  private func requestCancellation() {
    guard !isCancellationRequested else { return }
    isCancellationRequested = true
    let open = waits.filter { $0.value.scope == .code }.sorted { $0.key < $1.key }
    owesCancellation = open.isEmpty
    for (action, _) in open { giveUp(action) }
  }
}

/// How a piece of durable work ended, for the code that awaits it.
enum WorkResult: Sendable {
  case value(Payload)
  case received(Received)
  case failed(PerdureModel.Failure)
  /// The await was cancelled; the work has been given up.
  case cancelled
  /// The coroutine is being dropped; nothing that the code still does counts.
  case evicted
}

/// What a wait for a message gets.
struct Received: Hashable, Sendable {
  var data: Payload
  /// Of a call: what its answer names.
  var call: String?
}
