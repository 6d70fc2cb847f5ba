package import PerdureModel

extension TurnRequest {
  /// Builds code anew from its history.
  ///
  /// - rebuilding: the instance.
  /// - seen: the last event that earlier turns have delivered; what stands behind it is left out.
  /// - kv: the state that the execution began with.
  package init(
    rebuilding instance: InstanceID, execution: ExecutionID, orchestration: String, version: String,
    history: [Event], seen: EventID, kv: [KVEntry]
  ) {
    let events = history.filter { $0.kind.isDelivered && $0.id <= seen }
    self.init(
      turn: 0, instance: instance, execution: execution, orchestration: orchestration, version: version,
      from: 0, replayed: events.last?.id ?? 0, events: events)
    patches = history.compactMap { event in
      if case .patchRecorded(_, let patch) = event.kind { patch } else { nil }
    }
    self.kv = kv
    if case .orchestrationStarted(_, _, _, _, let caller)? = history.first?.kind {
      trace = caller?.span(of: instance, execution)
    }
  }
}
