import PerdureModel
import Synchronization

// What the code does: every durable call goes through here.
extension LiveOrchestration {
  /// Refused calls in a row after which a task is left hanging, so that code which swallows errors in a loop
  /// cannot keep the thread for ever.
  static let refusalsBeforeAbandoning = 1_000

  /// The caller may use the context now. Throws when it may not: it is on a thread of its own, or dropped.
  func admit(_ what: String) throws {
    guard executor.isCurrent else {
      note(Violation.foreignUse(what))
      throw CoroutineDropped()
    }
    if isEvicted { throw CoroutineDropped() }
  }

  /// The same for what is recorded: plain functions (query handlers, validators) may only look, and what runs
  /// beside code that has ended comes too late.
  func admitWork(_ what: String) throws {
    try admit(what)
    if end != nil { throw CoroutineDropped() }
    if let plain = handlers.plainFunction {
      throw DXError(.wrongStatus, "\(what) is durable work, which \(plain) cannot do: it may only look.")
    }
  }

  /// Lists an action and returns its number. Admitted callers only.
  ///
  /// - Throws: `LimitExceeded`; nothing is listed then.
  @discardableResult
  func emit(_ kind: ActionKind) throws -> ActionID {
    try limits.check(kind, open: waits.count, child: childID(of: lastAction &+ 1))
    return list(kind)
  }

  private func list(_ kind: ActionKind) -> ActionID {
    lastAction &+= 1
    output.actions.append(Action(id: lastAction, after: lastEvent, kind: kind))
    return lastAction
  }

  /// The id that the engine gives to a child without one.
  func childID(of action: ActionID) -> InstanceID { "\(instance).\(execution).\(action)" }

  /// Log lines and measurements are made once, not again in a replay.
  func say(_ add: (inout Output) -> Void) {
    guard executor.isCurrent, !isEvicted, !isReplaying, handlers.plainFunction == nil else { return }
    add(&output)
  }

  /// Lists an action that leaves work open, and waits for its end.
  func perform(_ kind: ActionKind, _ what: String) async throws -> WorkResult {
    let scope = WaitScope.current
    do {
      try admitWork(what)
      if scope != .shielded { try checkCancellation(scope) }
    } catch {
      await slowDown()
      throw error
    }
    return try await outcome(of: try begin(kind), scope)
  }

  /// Lists an action that leaves work open. A message that was kept answers it at once.
  func begin(_ kind: ActionKind) throws -> OpenWork {
    let action = try emit(kind)
    guard case .subscribe(let channel, let name) = kind else { return OpenWork(action: action) }
    let kept = mailbox.wait(action, on: channel, name: name)
    return OpenWork(action: action, channel: channel, name: name, kept: kept)
  }

  /// Waits for the end of listed work.
  func outcome(of work: OpenWork, _ scope: WaitScope) async throws -> WorkResult {
    if let kept = work.kept { return .received(kept) }
    let result =
      if scope == .shielded {
        await wait(work, scope)
      } else {
        await withTaskCancellationHandler {
          await wait(work, scope)
        } onCancel: {
          taskCancelled(work.action)
        }
      }
    switch result {
    case .cancelled: throw CancellationError()
    case .evicted: throw CoroutineDropped()
    case .value, .received, .failed: return result
    }
  }

  private func wait(_ work: OpenWork, _ scope: WaitScope) async -> WorkResult {
    await withUnsafeContinuation { continuation in
      waits[work.action] = Wait(continuation: continuation, work: work, scope: scope)
    }
  }

  private func checkCancellation(_ scope: WaitScope) throws {
    try Task.checkCancellation()
    if owesCancellation, scope == .code {
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

  /// Nobody waits for this any more.
  func giveUp(_ action: ActionID) {
    guard let wait = waits.removeValue(forKey: action) else { return }
    _ = list(.cancel(target: action))
    if let channel = wait.work.channel { mailbox.forget(action, on: channel, name: wait.work.name) }
    wait.continuation.resume(returning: .cancelled)
  }
}

/// Work that an action left open.
struct OpenWork: Sendable {
  var action: ActionID
  /// Of a wait for messages.
  var channel: Channel?
  var name = ""
  /// The message that was there already.
  var kept: Received?
}

/// Whose await it is, which decides what a cancellation does to it.
enum WaitScope: Sendable {
  /// The orchestration's own: it throws.
  case code
  /// That of a call's handler: only a cancellation of its own tasks reaches it, not that of the instance.
  case handler
  /// Inside `withCancellationShield`: none does.
  case shielded

  @TaskLocal static var current = WaitScope.code
}
