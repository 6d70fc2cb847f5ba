import PerdureModel
import Synchronization

/// User code behind its types: what a definition registers.
typealias OrchestrationBody = @Sendable (OrchestrationContext, Payload) async throws -> Payload

/// How a piece of durable work ended, for the code that awaits it.
enum WorkResult: Sendable {
  case value(Payload)
  case failed(PerdureModel.Failure)
  /// The await was cancelled; the work has been given up.
  case cancelled
  /// The coroutine is being dropped; nothing that the code still does counts.
  case evicted
}

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
  /// Refused calls in a row after which a task is left hanging, so that code which swallows errors in a loop
  /// cannot keep the thread for ever.
  static let refusalsBeforeAbandoning = 1_000

  let instance: InstanceID
  let execution: ExecutionID
  let orchestration: String
  let version: String
  let executor = TurnExecutor()

  private let body: OrchestrationBody
  private var root: Task<Void, Never>?
  private var isEvicted = false
  private let violationNoted = Mutex<String?>(nil)
  private let refusals = Atomic<Int>(0)

  private(set) var lastEvent: EventID = 0
  private(set) var now: TimestampMS = 0
  private(set) var isReplaying = false
  private(set) var parent: ParentLink?
  private(set) var isCancellationRequested = false
  /// A cancellation came when every await was shielded: the next call that is not gets it.
  private var owesCancellation = false
  private(set) var end: TurnEnd?
  var random: SplitMix64

  private var lastAction: ActionID = 0
  private var actions: [Action] = []
  private var logs: [LogLine] = []
  private var waits: [ActionID: Wait] = [:]
  private var mailbox = Mailbox()

  private struct Wait {
    var continuation: UnsafeContinuation<WorkResult, Never>
    var channel: (Channel, name: String)?
    var isShielded: Bool
  }

  init(_ request: TurnRequest, body: @escaping OrchestrationBody) {
    instance = request.instance
    execution = request.execution
    orchestration = request.orchestration
    version = request.version
    random = SplitMix64(instance: request.instance, execution: request.execution)
    self.body = body
  }

  /// What code did that no history can repeat, if it did.
  var violation: String? {
    if let noted = violationNoted.withLock({ $0 }) { return noted }
    if executor.foreignJobs > 0 { return Violation.foreignAwait }
    return end == nil && waits.isEmpty ? Violation.blocked : nil
  }

  func note(_ violation: String) { violationNoted.withLock { $0 = $0 ?? violation } }
}

// MARK: - What the driver does

extension LiveOrchestration {
  /// Delivers one event and runs the code until it blocks.
  func deliver(_ event: Event, isReplaying: Bool) {
    executor.run {
      lastEvent = event.id
      now = max(now, event.at)
      self.isReplaying = isReplaying
      switch event.kind {
      case .orchestrationStarted(_, _, let input, let parent):
        self.parent = parent
        start(input)
      case .activityCompleted(let action, let result), .subOrchestrationCompleted(let action, let result):
        resume(action, .value(result))
      case .activityFailed(let action, let failure), .subOrchestrationFailed(let action, let failure):
        resume(action, .failed(failure))
      case .timerFired(let action):
        resume(action, .value(.null))
      case .messageReceived(let channel, let name, let data):
        if let action = mailbox.receive(data, on: channel, name: name) { resume(action, .value(data)) }
      case .cancellationRequested:
        requestCancellation()
      default:
        break
      }
    }
  }

  /// Actions and log lines since the last call.
  func takeOutput() -> (actions: [Action], logs: [LogLine]) {
    defer {
      actions = []
      logs = []
    }
    return (actions, logs)
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
  private func finish(_ result: Result<Payload, any Error>) {
    guard executor.isCurrent, !isEvicted else { return }
    root = nil
    let kind: TurnEndKind =
      switch result {
      case .success(let output): .completed(output: output)
      case .failure(let error as ContinueAsNew): .continuedAsNew(version: error.version, input: error.input)
      case .failure(is CancellationError) where isCancellationRequested: .cancelled
      case .failure(let error): .failed(PerdureModel.Failure(error))
      }
    end = TurnEnd(after: lastEvent, kind: kind)
  }

  private func resume(_ action: ActionID, _ result: WorkResult) {
    guard let wait = waits.removeValue(forKey: action) else { return }
    refusals.store(0, ordering: .relaxed)
    wait.continuation.resume(returning: result)
  }

  private func requestCancellation() {
    guard !isCancellationRequested else { return }
    isCancellationRequested = true
    let open = waits.filter { !$0.value.isShielded }.keys.sorted()
    owesCancellation = open.isEmpty
    for action in open { giveUp(action) }
  }
}

// MARK: - What the code does

extension LiveOrchestration {
  /// The caller may use durable calls now. Throws when it may not: it is on a thread of its own, or dropped.
  func admit(_ what: String) throws {
    guard executor.isCurrent else {
      note(Violation.foreignUse(what))
      throw CoroutineDropped()
    }
    if isEvicted { throw CoroutineDropped() }
  }

  /// Lists an action and returns its number. Admitted callers only.
  @discardableResult
  func emit(_ kind: ActionKind) -> ActionID {
    lastAction &+= 1
    actions.append(Action(id: lastAction, after: lastEvent, kind: kind))
    return lastAction
  }

  func log(_ level: PerdureModel.LogLevel, _ message: String) {
    guard executor.isCurrent, !isEvicted, !isReplaying else { return }
    logs.append(LogLine(level: level, message: message))
  }

  /// Lists an action that leaves work open, and waits for its end.
  func perform(_ kind: ActionKind, _ what: String) async throws -> WorkResult {
    let isShielded = CancellationShield.isActive
    do {
      try admit(what)
      if !isShielded { try checkCancellation() }
    } catch {
      await slowDown()
      throw error
    }
    let action = emit(kind)
    var channel: (Channel, name: String)?
    if case .subscribe(let kind, let name) = kind {
      if let kept = mailbox.wait(action, on: kind, name: name) { return .value(kept) }
      channel = (kind, name)
    }
    let result =
      if isShielded {
        await wait(action, channel, isShielded: true)
      } else {
        await withTaskCancellationHandler {
          await wait(action, channel, isShielded: false)
        } onCancel: {
          taskCancelled(action)
        }
      }
    switch result {
    case .cancelled: throw CancellationError()
    case .evicted: throw CoroutineDropped()
    case .value, .failed: return result
    }
  }

  private func wait(
    _ action: ActionID, _ channel: (Channel, name: String)?, isShielded: Bool
  ) async -> WorkResult {
    await withUnsafeContinuation { continuation in
      waits[action] = Wait(continuation: continuation, channel: channel, isShielded: isShielded)
    }
  }

  private func checkCancellation() throws {
    try Task.checkCancellation()
    if owesCancellation {
      owesCancellation = false
      throw CancellationError()
    }
  }

  /// Called when a refused call is about to throw. Code that asks again and again in a loop would never
  /// block.
  private func slowDown() async {
    let count = refusals.add(1, ordering: .relaxed).newValue
    guard count > Self.refusalsBeforeAbandoning else { return }
    note(Violation.spinning)
    await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in }
  }

  /// Structured concurrency cancelled the task that waits: a dropped `async let`, `cancelAll`, the loser of a
  /// race.
  private func taskCancelled(_ action: ActionID) {
    guard executor.isCurrent else {
      note(Violation.foreignUse("a cancellation of one of its tasks"))
      return
    }
    if !isEvicted { giveUp(action) }
  }

  private func giveUp(_ action: ActionID) {
    guard let wait = waits.removeValue(forKey: action) else { return }
    emit(.cancel(target: action))
    if let (channel, name) = wait.channel { mailbox.forget(action, on: channel, name: name) }
    wait.continuation.resume(returning: .cancelled)
  }
}
