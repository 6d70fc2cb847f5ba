import PerdureModel

/// Runs turns: docs/wire-format.md, "How to run a turn". Called by several threads at once.
final class TurnDriver: Sendable {
  private let cache: LiveCache

  /// - Parameter cachedInstances: coroutines kept between turns; 0 keeps none, so that every turn replays.
  init(cachedInstances: Int) { cache = LiveCache(capacity: cachedInstances) }

  deinit { evictAll() }

  /// Coroutines that are kept right now.
  var retained: Int { cache.count }

  func run(_ request: TurnRequest, body: @escaping OrchestrationBody) -> TurnAnswer {
    let kept = cache.take(request.instance)
    let live: LiveOrchestration
    if request.from == 0 {
      kept?.evict()
      live = LiveOrchestration(request, body: body)
    } else if let kept, kept.execution == request.execution, kept.lastEvent == request.from {
      live = kept
    } else {
      kept?.evict()
      return .miss
    }

    for event in request.events where event.id > live.lastEvent {
      live.deliver(event, isReplaying: event.id <= request.replayed)
      if let violation = live.violation {
        return .ran(fail(live, violation))
      }
      if live.end != nil { break }
    }
    let (actions, logs) = live.takeOutput()
    if let end = live.end {
      return .ran(TurnResult(actions: actions, logs: logs, end: end, retained: false))
    }
    let dropped = cache.put(live)
    // Eviction runs user code, so it stays outside the lock of the cache.
    for other in dropped { other.evict() }
    return .ran(
      TurnResult(actions: actions, logs: logs, end: nil, retained: !dropped.contains { $0 === live }))
  }

  /// Drops every coroutine. Turns that come later are answered with a miss.
  func evictAll() {
    for live in cache.takeAll() { live.evict() }
  }

  private func fail(_ live: LiveOrchestration, _ violation: String) -> TurnResult {
    let (actions, logs) = live.takeOutput()
    live.evict()
    let failure = PerdureModel.Failure(type: FailureType.nondeterminism, message: violation)
    let end = TurnEnd(after: live.lastEvent, kind: .failed(failure))
    return TurnResult(actions: actions, logs: logs, end: end, retained: false)
  }
}
