/// What the engine hands to a host: run this instance's code over these events.
package struct TurnRequest: Hashable, Sendable {
  /// Counts the turns of a runtime, from 1. For logs.
  package var turn: Int64
  package var instance: InstanceID
  package var execution: ExecutionID
  package var orchestration: String
  package var version: String
  /// The id of the last event that the host's live coroutine has consumed; 0 = build it anew.
  package var from: EventID
  /// Events with an id up to this were seen by an earlier turn (the host does not log for them).
  package var replayed: EventID
  /// Only events that code sees (`EventKind.isDelivered`), with ids above `from`, in order.
  package var events: [Event]
  /// With `from` 0: the patches that history has, and the key-value state that the execution began with.
  package var patches: [String] = []
  package var kv: [KVEntry] = []
  /// Not a step: the host builds the code anew from `events`, asks its handler, and forgets it.
  package var query: QueryRequest?
  /// The span of the execution, if whoever started it is part of a trace.
  package var trace: TraceContext?
  /// Not a step either: the host builds the code anew, tells what it does, and forgets it.
  package var isReplay = false
  /// The number of the first action of the answer. Not on the wire: hosts count for themselves.
  package var firstAction: ActionID
  /// The code was asked to cancel itself in an earlier turn. Not on the wire either.
  package var isCancelling: Bool

  package init(
    turn: Int64, instance: InstanceID, execution: ExecutionID, orchestration: String, version: String,
    from: EventID, replayed: EventID, events: [Event], firstAction: ActionID = 1, isCancelling: Bool = false
  ) {
    self.turn = turn
    self.instance = instance
    self.execution = execution
    self.orchestration = orchestration
    self.version = version
    self.from = from
    self.replayed = replayed
    self.events = events
    self.firstAction = firstAction
    self.isCancelling = isCancelling
  }
}

/// What a host answers.
package enum TurnAnswer: Hashable, Sendable {
  /// The host does not have the coroutine that `from` speaks of; send the whole history.
  case miss
  case ran(TurnResult)
  /// To a turn with a query.
  case query(Outcome)
}

/// A question to the code of an instance, by the name of its handler.
package struct QueryRequest: Hashable, Sendable {
  package var name: String
  package var input: Payload

  package init(name: String, input: Payload) {
    self.name = name
    self.input = input
  }
}

/// One key of an instance's key-value state.
package struct KVEntry: Hashable, Sendable {
  package var key: String
  package var value: Payload
  /// The time of the event whose delivery made the code set it.
  package var at: TimestampMS

  package init(key: String, value: Payload, at: TimestampMS) {
    self.key = key
    self.value = value
    self.at = at
  }
}

package struct TurnResult: Hashable, Sendable {
  /// Emitted over the events of the request: ids go on where the consumed events left off.
  package var actions: [Action]
  package var logs: [LogLine]
  package var metrics: [MetricLine] = []
  package var end: TurnEnd?
  /// The host keeps the coroutine; the next turn may send new events only.
  package var retained: Bool

  package init(actions: [Action] = [], logs: [LogLine] = [], end: TurnEnd? = nil, retained: Bool = false) {
    self.actions = actions
    self.logs = logs
    self.end = end
    self.retained = retained
  }
}

/// How the code ended, and after which event.
package struct TurnEnd: Hashable, Sendable {
  package var after: EventID
  package var kind: TurnEndKind

  package init(after: EventID, kind: TurnEndKind) {
    self.after = after
    self.kind = kind
  }
}

package enum TurnEndKind: Hashable, Sendable {
  case completed(output: Payload)
  case failed(Failure)
  /// The code let the cancellation error pass. Only after a cancellation was requested.
  case cancelled
  case continuedAsNew(version: String?, input: Payload)
}
