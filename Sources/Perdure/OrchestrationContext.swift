import PerdureModel

/// What an orchestration does with the world. Every call is recorded, so that it gives the same answer when
/// the code is run again.
///
/// Use it inside the orchestration's function only: in the function itself, in `async let`, task groups and
/// functions that it awaits. Awaiting anything else is reported as a failure of the orchestration.
///
/// When the instance is cancelled, the awaits of that moment throw `CancellationError`, once; calls made
/// afterwards, in `catch` and `defer`, work as before. A child task that the code cancels itself (a dropped
/// `async let`, `cancelAll`, the loser of a race) gives up its work in the engine too, and each of its later
/// calls throws; what must be done all the same goes inside `withCancellationShield`.
public struct OrchestrationContext: Sendable {
  let live: LiveOrchestration

  /// The id of this instance.
  public var instance: String { live.instance }
  /// 1, and one more for each `continueAsNew`.
  public var execution: Int64 { live.execution }
  /// The name and version this execution runs under.
  public var orchestration: String { live.orchestration }
  /// The version this execution runs under.
  public var version: String { live.version }
  /// The instance that called this one and waits for it.
  public var parentInstance: String? { guarded("parentInstance", nil) { $0.parent?.instance } }
  /// The span of this execution, if the instance is part of a distributed trace; its activities and children
  /// have spans below it. As W3C headers have them.
  public var traceparent: String? { live.trace?.parent }
  /// What goes with `traceparent`, as it was given at the start.
  public var tracestate: String? { live.trace?.state }
  /// The code is going through what it did before. For tests and measurements; decisions must not depend on
  /// it.
  public var isReplaying: Bool { guarded("isReplaying", false) { $0.isReplaying } }
  /// Somebody asked this instance to end.
  public var isCancellationRequested: Bool {
    guarded("isCancellationRequested", false) { $0.isCancellationRequested }
  }
  /// The time of the event that the code reacts to; the same when it is run again.
  public var now: Timestamp {
    Timestamp(millisecondsSince1970: guarded("now", 0) { $0.now })
  }

  /// A new GUID, the same when the code is run again.
  public func newGUID() -> String { guarded("newGUID", "") { $0.random.nextGUID() } }

  /// A number in 0..<1, the same when the code is run again.
  public func random() -> Double { guarded("random", 0) { $0.random.nextUnit() } }

  /// State of the turn, or a stand-in when the caller is outside it: the turn then fails.
  func guarded<Value>(
    _ what: String, _ standIn: Value, _ read: (LiveOrchestration) -> Value
  ) -> Value {
    do { try live.admit(what) } catch { return standIn }
    return read(live)
  }
}
