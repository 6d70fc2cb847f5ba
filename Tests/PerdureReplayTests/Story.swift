import PerdureModel
import PerdureReplay
import Testing

/// One instance whose turns are run by hand. Each turn is run twice, warm and built anew from history, and
/// must come to the same commit.
struct Story {
  var state: ExecutionState
  var history: [Event] = []
  var actions: [Action] = []
  var revision: Revision = 0
  var now: TimestampMS = 1_000
  var start: InstanceStart?
  var latestVersion = "1.0.0"
  var limits = LimitSettings()
  /// The key-value state that the execution began with, and as it is.
  var kvAtBegin: [KVEntry] = []
  var kv: [KVEntry] = []

  static let parent = ParentLink(instance: "parent", execution: 3, action: 7)

  init(parent: ParentLink? = nil, trace: TraceContext? = nil) {
    var start = InstanceStart(
      instance: "order-7", orchestration: "order", version: "1.0.0", input: Payload("1"), parent: parent)
    start.options.trace = trace
    self.start = start
    state = ExecutionState(start: start, version: "1.0.0", now: now)
  }

  /// A story whose first turn made these actions.
  init(_ kinds: [ActionKind], parent: ParentLink? = nil) throws {
    self.init(parent: parent)
    try turn(actions: kinds)
  }

  /// All actions and the end come after the last event of the turn.
  @discardableResult
  mutating func turn(
    _ incoming: [Incoming] = [], actions kinds: [ActionKind] = [], end: TurnEndKind? = nil
  ) throws -> TurnConclusion {
    let prepared = state.prepare(incoming, start: start, now: now, limits: limits)
    let last = try #require(prepared.events.last?.id)
    return try turn(
      incoming, actions: kinds.map { (last, $0) }, end: end.map { TurnEnd(after: last, kind: $0) })
  }

  @discardableResult
  mutating func turn(
    _ incoming: [Incoming] = [], actions placed: [(after: EventID, kind: ActionKind)], end: TurnEnd? = nil
  ) throws -> TurnConclusion {
    let prepared = state.prepare(incoming, start: start, now: now, limits: limits)
    let new = placed.enumerated().map { index, action in
      Action(id: state.lastAction + Int64(index) + 1, after: action.after, kind: action.kind)
    }
    let cold = try concludeCold(incoming, new, end)
    let request = request(prepared, isCold: false)
    let result = TurnResult(actions: new, end: end, retained: true)
    try AnswerCheck.run(.ran(result), of: request)
    let warm = try state.conclude(
      prepared, result: result, recorded: nil, revision: revision, latestVersion: latestVersion, now: now,
      limits: limits)
    if let cold { #expect(cold == warm) }
    let recording = RecordedExecution(
      instance: warm.commit.instance, execution: warm.commit.execution, orchestration: "order",
      version: "1.0.0", events: history + warm.commit.events, kv: kvAtBegin)
    try expectSame(recording, TurnResult(actions: actions + new, end: end))
    land(warm, new)
    return warm
  }

  /// A replay of what is on record now says that nothing has changed.
  private func expectSame(_ recording: RecordedExecution, _ result: TurnResult) throws {
    let report = try HistoryReplay(recording).judge(.ran(result))
    #expect(report.verdict == .same, "\(report.message)")
  }

  /// nil before the first turn of the execution, which has no history to go by.
  private func concludeCold(_ incoming: [Incoming], _ new: [Action], _ end: TurnEnd?) throws
    -> TurnConclusion?
  {
    guard !state.isFresh else { return nil }
    var cold = try ExecutionState.folding(
      history, instance: state.instance, execution: state.execution, kv: kvAtBegin)
    #expect(cold == state)
    let prepared = cold.prepare(incoming, start: start, now: now, limits: limits)
    let result = TurnResult(actions: actions + new, end: end, retained: true)
    try AnswerCheck.run(.ran(result), of: request(prepared, isCold: true))
    return try cold.conclude(
      prepared, result: result, recorded: history, revision: revision, latestVersion: latestVersion, now: now,
      limits: limits)
  }

  /// As the dispatcher asks a host.
  func request(_ prepared: PreparedTurn, isCold: Bool) -> TurnRequest {
    let stored = history.filter { $0.kind.isDelivered && $0.id <= state.lastDelivered }
    return TurnRequest(
      turn: 1, instance: state.instance, execution: state.execution, orchestration: state.orchestration,
      version: state.version, from: isCold ? 0 : state.lastDelivered, replayed: state.lastDelivered,
      events: (isCold ? stored : []) + prepared.events, firstAction: isCold ? 1 : state.lastAction + 1,
      isCancelling: state.cancellationReason != nil)
  }

  private mutating func land(_ conclusion: TurnConclusion, _ new: [Action]) {
    history += conclusion.commit.events
    #expect(history.map { $0.id } == Array(1...Int64(history.count)), "ids are dense")
    actions += new
    revision += 1
    now += 10
    start = nil
    for change in conclusion.commit.kvChanges { kv.apply(change) }
    if let next = conclusion.next {
      state = next
      kvAtBegin = kv
      history = conclusion.commit.nextExecution ?? []
      actions = []
    }
  }
}

extension [KVEntry] {
  /// As a store does.
  mutating func apply(_ timed: TimedKVChange) {
    switch timed.change {
    case .set(let key, let value):
      removeAll { $0.key == key }
      append(KVEntry(key: key, value: value, at: timed.at))
    case .clear(let key): removeAll { $0.key == key }
    case .clearAll: self = []
    }
  }
}

// MARK: - What may come in

extension Incoming {
  static func raised(_ sequence: MessageSequence, _ name: String, _ data: String = "0") -> Incoming {
    .message(
      InboxMessage(sequence: sequence, kind: .raised(channel: .event, name: name, data: Payload(data))))
  }

  static func queued(_ sequence: MessageSequence, _ name: String, _ data: String = "0") -> Incoming {
    .message(
      InboxMessage(sequence: sequence, kind: .raised(channel: .queue, name: name, data: Payload(data))))
  }

  static func cancel(
    _ sequence: MessageSequence, _ reason: String = "why", graceMS: Int64? = nil
  ) -> Incoming {
    .message(InboxMessage(sequence: sequence, kind: .cancel(reason: reason, graceMS: graceMS)))
  }

  static func published(_ sequence: MessageSequence, _ topic: String, _ data: String = "0") -> Incoming {
    .message(
      InboxMessage(sequence: sequence, kind: .raised(channel: .topic, name: topic, data: Payload(data))))
  }

  static func called(
    _ sequence: MessageSequence, _ name: String, id: String, _ input: String = "0"
  ) -> Incoming {
    .message(InboxMessage(sequence: sequence, kind: .call(id: id, name: name, input: Payload(input))))
  }

  /// What became of a message to, or a look at, another instance.
  static func request(
    _ sequence: MessageSequence, _ action: ActionID, execution: ExecutionID = 1,
    _ outcome: Outcome = .completed(.null)
  ) -> Incoming {
    let kind = MessageKind.requestEnded(execution: execution, action: action, outcome: outcome)
    return .message(InboxMessage(sequence: sequence, kind: kind))
  }

  static func ran(_ action: ActionID, execution: ExecutionID = 1, _ result: String = "0") -> Incoming {
    let claim = ActivityClaim(node: 1, token: 1)
    return .activity(
      FinishedActivity(action: action, claim: claim), execution: execution,
      outcome: .completed(Payload(result)))
  }

  static func ranElsewhere(
    _ sequence: MessageSequence, _ action: ActionID, execution: ExecutionID = 1
  ) -> Incoming {
    let kind = MessageKind.activityEnded(execution: execution, action: action, outcome: .completed(.null))
    return .message(InboxMessage(sequence: sequence, kind: kind))
  }

  static func child(
    _ sequence: MessageSequence, _ action: ActionID, execution: ExecutionID = 1,
    _ outcome: Outcome = .completed(.null)
  ) -> Incoming {
    let kind = MessageKind.subOrchestrationEnded(execution: execution, action: action, outcome: outcome)
    return .message(InboxMessage(sequence: sequence, kind: kind))
  }
}

extension ActionKind {
  static func activity(_ name: String = "work", _ input: String = "1") -> ActionKind {
    .scheduleActivity(name: name, input: Payload(input), options: ActivityOptions())
  }

  static func child(
    _ name: String = "part", as instance: InstanceID? = nil, _ policy: ParentClosePolicy = .cancel
  ) -> ActionKind {
    .scheduleSubOrchestration(
      name: name, version: nil, instance: instance, input: .null, closePolicy: policy)
  }

  static func detached(_ name: String = "mail", as instance: InstanceID? = nil) -> ActionKind {
    .startDetached(name: name, version: nil, instance: instance, input: .null)
  }

  static func wait(_ name: String) -> ActionKind { .subscribe(channel: .event, name: name) }
  static func dequeue(_ name: String) -> ActionKind { .subscribe(channel: .queue, name: name) }
  static func waitForTopic(_ name: String) -> ActionKind { .subscribe(channel: .topic, name: name) }
  static func nextCall(_ name: String) -> ActionKind { .subscribe(channel: .call, name: name) }
  static func set(_ key: String, _ value: String = "1") -> ActionKind {
    .changeKV(.set(key: key, value: Payload(value)))
  }
  static func clear(_ key: String) -> ActionKind { .changeKV(.clear(key: key)) }
  static let clearAll = ActionKind.changeKV(.clearAll)
  static func raise(
    _ name: String, to instance: InstanceID, _ data: String = "0", _ channel: Channel = .event,
    keep: Bool = false
  ) -> ActionKind {
    .send(
      SentMessage(
        to: instance, content: .raised(channel: channel, name: name, data: Payload(data)), isKept: keep))
  }
  static func cancelInstance(_ instance: InstanceID, _ reason: String = "why") -> ActionKind {
    .send(SentMessage(to: instance, content: .cancel(reason: reason)))
  }
  static func read(_ key: String, of instance: InstanceID) -> ActionKind {
    .readKV(instance: instance, key: key)
  }
  static func answer(_ call: String, _ result: String = "1") -> ActionKind {
    .answerCall(call: call, outcome: .completed(Payload(result)))
  }
}

extension TurnEndKind {
  static let completed = TurnEndKind.completed(output: Payload("42"))
  static let failed = TurnEndKind.failed(Failure(type: "Boom", message: "it broke"))
  static let again = TurnEndKind.continuedAsNew(version: nil, input: Payload("2"))
}

/// Short names of events, for tables.
func kinds(_ events: [Event]) -> [String] {
  events.map { event in
    let text = "\(event.kind)"
    return String(text.prefix { $0 != "(" })
  }
}
