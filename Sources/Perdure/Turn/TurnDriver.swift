package import PerdureModel

/// Runs turns: docs/wire-format.md, "How to run a turn". Called by several threads at once.
package final class TurnDriver: Sendable {
  private let cache: LiveCache
  private let limits: TurnLimits

  /// - Parameters:
  ///   - cachedInstances: coroutines kept between turns; 0 keeps none, so that every turn replays.
  ///   - limits: those of the store.
  package init(cachedInstances: Int, limits: LimitSettings = LimitSettings()) {
    cache = LiveCache(capacity: cachedInstances)
    self.limits = TurnLimits(settings: limits)
  }

  deinit { evictAll() }

  /// Coroutines that are kept right now.
  var retained: Int { cache.count }

  package func run(_ request: TurnRequest, body: @escaping OrchestrationBody) -> TurnAnswer {
    if let query = request.query { return .query(ask(query, request, body: body)) }
    if request.isReplay { return replay(request, body: body) }
    let kept = cache.take(request.instance)
    let live: LiveOrchestration
    if request.from == 0 {
      kept?.evict()
      live = LiveOrchestration(request, limits: limits, body: body)
    } else if let kept, kept.execution == request.execution, kept.lastEvent == request.from {
      live = kept
      live.turn = request.turn
    } else {
      kept?.evict()
      return .miss
    }

    if let violation = deliver(request, to: live, replayed: request.replayed) {
      let failure = PerdureModel.Failure(type: FailureType.nondeterminism, message: violation)
      return drop(live, end: TurnEnd(after: live.lastEvent, kind: .failed(failure)))
    }
    if let end = live.end { return drop(live, end: end) }
    let output = live.takeOutput()
    let dropped = cache.put(live)
    // Eviction runs user code, so it stays outside the lock of the cache.
    for other in dropped { other.evict() }
    return .ran(TurnResult(output, end: nil, retained: !dropped.contains { $0 === live }))
  }

  /// Drops every coroutine. Turns that come later are answered with a miss.
  package func evictAll() {
    for live in cache.takeAll() { live.evict() }
  }

  /// Asks a copy of the code that is made for the question; the live one knows nothing of it.
  private func ask(
    _ query: QueryRequest, _ request: TurnRequest, body: @escaping OrchestrationBody
  ) -> Outcome {
    let live = LiveOrchestration(request, limits: limits, body: body)
    defer { live.evict() }
    if let violation = deliver(request, to: live, replayed: .max) {
      return .failed(PerdureModel.Failure(type: FailureType.nondeterminism, message: violation))
    }
    return live.ask(query)
  }

  /// Runs a copy of the code that is made for the replay; the live one knows nothing of it, and nobody hears
  /// what it logs.
  private func replay(_ request: TurnRequest, body: @escaping OrchestrationBody) -> TurnAnswer {
    let live = LiveOrchestration(request, limits: limits, body: body)
    defer { live.evict() }
    let violation = deliver(request, to: live, replayed: request.replayed).map {
      TurnEnd(
        after: live.lastEvent,
        kind: .failed(PerdureModel.Failure(type: FailureType.nondeterminism, message: $0)))
    }
    return .ran(TurnResult(actions: live.takeOutput().actions, end: violation ?? live.end))
  }

  /// Returns what code did that no history can repeat, if it did.
  private func deliver(_ request: TurnRequest, to live: LiveOrchestration, replayed: EventID) -> String? {
    for event in request.events where event.id > live.lastEvent {
      live.deliver(event, isReplaying: event.id <= replayed)
      if let violation = live.violation { return violation }
      if live.end != nil { break }
    }
    return nil
  }

  /// The code has ended; tasks beside it (handlers of calls) end with it.
  private func drop(_ live: LiveOrchestration, end: TurnEnd) -> TurnAnswer {
    let output = live.takeOutput()
    live.evict()
    return .ran(TurnResult(output, end: end, retained: false))
  }
}

extension TurnResult {
  fileprivate init(_ output: LiveOrchestration.Output, end: TurnEnd?, retained: Bool) {
    self.init(actions: output.actions, logs: output.logs, end: end, retained: retained)
    metrics = output.metrics
  }
}
