/// What can be wrong with orchestration code, in words for its author.
enum Violation {
  static let causes = """
    Orchestration code may only await the calls of its OrchestrationContext (and `async let`, task groups \
    and plain async functions around them): use context.sleep instead of Task.sleep, a task group instead \
    of Task { } or Task.detached, and an activity for everything else
    """

  static let foreignAwait = """
    the orchestration awaited something that is not durable (Task.sleep, Task { }, Task.detached, a \
    @MainActor function, a stream or another executor), which a replay cannot repeat. \(causes).
    """

  static let blocked = """
    the orchestration waits, but for nothing that the engine could answer: something that is not durable \
    (Task.sleep, Task { }, the main actor, a continuation of its own) holds it. \(causes).
    """

  static let endless = """
    the orchestration goes round in a loop that nothing durable holds up, such as one around Task.yield(): \
    await what it waits for (an event, a child task, a timer of the context) in place of asking again and \
    again.
    """

  static func foreignUse(_ what: String) -> String {
    "the orchestration used its context (\(what)) outside its turn, from another task or thread. \(causes)."
  }

  static let spinning = """
    the orchestration goes on making durable calls in a task that was cancelled, each of which throws: \
    leave the loop when CancellationError is thrown, or clean up inside context.withCancellationShield.
    """
}

/// Thrown into code whose coroutine is being dropped from memory. It is never recorded: the code will be run
/// again from its history. `defer` and `catch` blocks run once more than the history shows; let the error
/// pass.
struct CoroutineDropped: Error, CustomStringConvertible {
  var description: String { "this copy of the orchestration is being dropped from memory" }
}
