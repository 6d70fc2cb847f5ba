import PerdureModel
import PerdureReplay
import PerdureWire

/// Good and damaged histories through everything that reads them: a good one is taken, a damaged one is
/// refused with words or makes sense.
enum HistoryTarget {
  static func run(_ input: borrowing [UInt8]) throws(Finding) {
    var script = ByteScript(copy input)
    var events = HistoryWriter.write(&script)
    do throws(HistoryFault) {
      _ = try ExecutionState.folding(events, instance: "i", execution: 1)
    } catch {
      throw Finding("a good history is refused: event \(error.event): \(error.message)")
    }
    HistoryEdit.run(&events, &script)
    try fold(events, &script)
    try replay(events, &script)
    try cut(events, &script)
    try carry(events)
  }

  // MARK: The next turn

  private static func fold(_ events: [Event], _ script: inout ByteScript) throws(Finding) {
    let execution = script.number()
    guard
      var state = (try? ExecutionState.folding(events, instance: "i", execution: execution))
        ?? (try? ExecutionState.folding(events, instance: "i", execution: Limits.executions))
    else { return }
    try expect(
      state.lastEvent == events.last?.id || state.isFresh, "the state ends with event \(state.lastEvent)")
    guard !state.isEnded else { return }
    let limits = LimitSettings()
    let now = script.number()
    let prepared = state.prepare(incoming(&script), start: nil, now: now, limits: limits)
    let seen = events.filter { $0.kind.isDelivered } + prepared.events.filter { $0.id > events.last?.id ?? 0 }
    let result = TurnResult(
      actions: actions(events) + more(after: seen.last?.id ?? 1, from: state.lastAction, &script),
      end: script.flag() ? TurnEnd(after: seen.last?.id ?? 1, kind: endKind(&script)) : nil)
    let recorded = script.flag() ? events : nil
    let concluded = try? state.conclude(
      prepared, result: result, recorded: recorded, revision: script.number(), latestVersion: "1.0.0",
      now: now, limits: limits)
    guard let concluded else { return }
    // Whatever the history was, what is written now continues it.
    var next = (events.last?.id ?? 0)
    for event in concluded.commit.events {
      next += 1
      try expect(event.id == next, "the turn wrote event \(event.id) where \(next) is due")
    }
  }

  private static func incoming(_ script: inout ByteScript) -> [Incoming] {
    (0..<script.pick(5)).map { place in
      let action = script.number()
      let outcome = script.flag() ? Outcome.completed(.null) : .failed(Failure(type: "E", message: "m"))
      let kind: MessageKind =
        switch script.pick(6) {
        case 0: .cancel(reason: "r", graceMS: script.number())
        case 1: .raised(channel: script.choose(Channel.allCases), name: "a", data: .null)
        case 2: .call(id: "c1", name: "a", input: .null)
        case 3: .activityEnded(execution: 1, action: action, outcome: outcome)
        case 4: .subOrchestrationEnded(execution: 1, action: action, outcome: outcome)
        default: .requestEnded(execution: 1, action: action, outcome: outcome)
        }
      if script.pick(4) == 0 { return .timerDue(action) }
      return .message(InboxMessage(sequence: Int64(place) + 1, kind: kind))
    }
  }

  private static func more(
    after event: EventID, from last: ActionID, _ script: inout ByteScript
  ) -> [Action] {
    (0..<script.pick(4)).map { place in
      let kind: ActionKind =
        switch script.pick(7) {
        case 0: .createTimer(fireAt: script.number())
        case 1: .cancel(target: Int64(script.byte()))
        case 2: .scheduleActivity(name: "a", input: .null, options: ActivityOptions())
        case 3: .subscribe(channel: script.choose(Channel.allCases), name: "a")
        case 4: .answerCall(call: "c1", outcome: .completed(.null))
        case 5: .changeKV(.set(key: "k", value: .null))
        default:
          .scheduleSubOrchestration(
            name: "s", version: nil, instance: nil, input: .null, closePolicy: .terminate)
        }
      return Action(id: last &+ Int64(place) &+ 1, after: event, kind: kind)
    }
  }

  private static func endKind(_ script: inout ByteScript) -> TurnEndKind {
    switch script.pick(4) {
    case 0: .completed(output: .null)
    case 1: .failed(Failure(type: "E", message: "m"))
    case 2: .cancelled
    default: .continuedAsNew(version: nil, input: .null)
    }
  }

  /// What code did that left this history behind.
  private static func actions(_ events: [Event]) -> [Action] {
    events.compactMap { event in
      guard let origin = event.kind.origin, let kind = action(event.kind) else { return nil }
      return Action(id: origin.action, after: origin.after, kind: kind)
    }
  }

  private static func action(_ kind: EventKind) -> ActionKind? {
    switch kind {
    case .activityScheduled(_, let name, let input, let options):
      .scheduleActivity(name: name, input: input, options: options)
    case .timerCreated(_, let fireAt): .createTimer(fireAt: fireAt)
    case .subscribed(_, let channel, let name): .subscribe(channel: channel, name: name)
    case .subOrchestrationScheduled(_, let name, let version, _, let input, let policy):
      .scheduleSubOrchestration(
        name: name, version: version, instance: nil, input: input, closePolicy: policy)
    case .detachedOrchestrationScheduled(_, let name, let version, let instance, let input):
      .startDetached(name: name, version: version, instance: instance, input: input)
    case .workCancelled(_, let target, _), .cancelIgnored(_, let target): .cancel(target: target)
    case .customStatusUpdated(_, let status): .setCustomStatus(status)
    case .kvChanged(_, let change): .changeKV(change)
    case .kvReadRequested(_, let instance, let key): .readKV(instance: instance, key: key)
    case .messageSendRequested(_, let message): .send(message)
    case .topicSubscribed(_, let topic): .subscribeTopic(topic)
    case .topicUnsubscribed(_, let topic): .unsubscribeTopic(topic)
    case .published(_, let topic, let data): .publish(topic: topic, data: data)
    case .callAnswered(_, let call, let outcome): .answerCall(call: call, outcome: outcome)
    case .patchRecorded(_, let patch): .recordPatch(patch)
    default: nil
    }
  }

  // MARK: Replay

  private static func replay(_ events: [Event], _ script: inout ByteScript) throws(Finding) {
    guard !events.isEmpty else { return }
    let recording = RecordedExecution(
      instance: "i", execution: script.flag() ? 1 : script.number(), orchestration: "o", version: "1.0.0",
      events: events)
    guard let replay = try? HistoryReplay(recording), !replay.isEmpty else { return }
    var faithful = TurnResult(actions: actions(events))
    if let end = events.last, let kind = ended(end.kind), let last = replay.request.events.last {
      faithful.end = TurnEnd(after: last.id, kind: kind)
    }
    let report = replay.judge(.ran(faithful))
    try expect(!report.message.isEmpty, "a replay says nothing")
    var other = faithful
    if !other.actions.isEmpty { other.actions.remove(at: script.pick(other.actions.count)) }
    _ = replay.judge(.ran(other))
    other.actions += more(after: script.number(), from: Int64(other.actions.count), &script)
    other.end = script.flag() ? TurnEnd(after: script.number(), kind: endKind(&script)) : nil
    let told = ReplayWire.encode([report, replay.judge(.ran(other)), replay.judge(.miss)])
    try expect(StrictJSON.accepts(told), "a replay report is no JSON: \(told.shown)")
  }

  private static func ended(_ kind: EventKind) -> TurnEndKind? {
    switch kind {
    case .orchestrationCompleted(let output): .completed(output: output)
    case .orchestrationFailed(let failure): .failed(failure)
    case .orchestrationCancelled: .cancelled
    case .orchestrationContinuedAsNew(let version, let input): .continuedAsNew(version: version, input: input)
    default: nil
    }
  }

  // MARK: Going back

  private static func cut(_ events: [Event], _ script: inout ByteScript) throws(Finding) {
    let snapshot = InstanceSnapshot(
      description: description(events), start: nil, owner: nil, history: events, inbox: [])
    let point: ResetPoint = script.flag() ? .failedStep : .event(script.number())
    guard let cut = try? HistoryCut(snapshot, at: point, now: script.number()) else { return }
    try expect(cut.reset.fits(Int64(events.count)), "a reset to event \(cut.point) does not fit its history")
    let left = events.prefix(Int(clamping: cut.reset.kept)) + cut.reset.appended
    do throws(HistoryFault) {
      _ = try ExecutionState.folding(Array(left), instance: "i", execution: 1)
    } catch {
      throw Finding("a reset leaves a damaged history: event \(error.event): \(error.message)")
    }
  }

  private static func description(_ events: [Event]) -> InstanceDescription {
    InstanceDescription(
      instance: "i", orchestration: "o", version: "1.0.0",
      status: events.last?.kind.isTerminal == true ? .failed : .running, execution: 1, revision: 0,
      parent: nil,
      customStatus: nil, customStatusVersion: 0, output: nil, failure: nil, createdAt: 1, updatedAt: 2,
      endedAt: nil, eventCount: Int64(events.count))
  }

  // MARK: Export and import

  /// A file with the history either comes back the same or is refused.
  private static func carry(_ events: [Event]) throws(Finding) {
    let export = InstanceExport(
      description: description(events),
      executions: events.isEmpty ? [] : [ExecutionHistory(execution: 1, events: events)])
    let file = ExportWire.encode([export], at: 5)
    guard let back = try? file.alone({ text throws(WireError) in try ExportWire.decode(text) }) else {
      return
    }
    if back != [export] {
      let came = back.first?.executions.first?.events ?? []
      let pair = zip(events, came).first { $0 != $1 }
      let change = pair.map { "\($0.0) became \($0.1)" } ?? "other than its events"
      throw Finding("an exported instance comes back changed: \(change): \(file.shown)")
    }
    _ = back.flatMap(\.recordings)
  }
}
