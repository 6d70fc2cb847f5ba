import PerdureModel

/// Runs a program by the rules of docs/wire-format.md, "How to run a turn". It decides nothing by chance: the
/// same events give the same actions.
final class Interpreter {
  enum Result {
    case value(Int)
    case failure(Failure)
  }

  /// A step under way.
  final class Frame {
    let step: Step
    weak var parent: Frame?
    var parts: [Frame] = []
    var isDone = false
    var sum = 0
    var settledParts = 0
    /// The open action of a leaf.
    var action: ActionID?

    init(_ step: Step, parent: Frame?) {
      self.step = step
      self.parent = parent
    }
  }

  struct Kept {
    var channel: Channel
    var name: String
    var call: String?
  }

  private let program: Program
  private let instance: InstanceID
  private let execution: ExecutionID
  private(set) var consumed: EventID = 0
  private(set) var input = ProgramInput()
  private var startedAt: TimestampMS = 0
  private var root: Frame?
  private var isCancelling = false

  private var nextAction: ActionID = 1
  private var open: [ActionID: Frame] = [:]
  private var waiters: [(channel: Channel, name: String, frame: Frame)] = []
  private var kept: [Kept] = []

  /// The state that the host keeps: `docs/wire-format.md`.
  private var values: [String: Int] = [:]
  private let recordedPatches: Set<String>
  private var patches: [String: Bool] = [:]
  /// The code is of the time after the change.
  private let isNew: Bool

  /// The event being delivered, and what came of the turn so far.
  private var event = Event(id: 0, at: 0, kind: .timerFired(action: 0))
  private var replayed: EventID = 0
  private var actions: [Action] = []
  private(set) var end: TurnEnd?

  /// - request: the first one.
  init(_ program: Program, _ request: TurnRequest, isNew: Bool) {
    self.program = program
    self.isNew = isNew
    instance = request.instance
    execution = request.execution
    recordedPatches = Set(request.patches)
    for entry in request.kv { values[entry.key] = Int(entry.value.text) ?? 0 }
  }

  /// Delivers events one at a time until the code has ended.
  func run(_ request: TurnRequest) -> TurnResult {
    actions = []
    replayed = request.replayed
    for event in request.events where end == nil {
      self.event = event
      consumed = event.id
      deliver(event.kind)
    }
    return TurnResult(actions: actions, end: end, retained: end == nil)
  }

  private func deliver(_ kind: EventKind) {
    switch kind {
    case .orchestrationStarted(_, _, let payload, _, _):
      input = ProgramInput(payload) ?? ProgramInput()
      startedAt = event.at
      begin(program.body)
    case .activityCompleted(let action, let result), .subOrchestrationCompleted(let action, let result):
      answer(action, .value(Int(result.text) ?? 0))
    case .activityFailed(let action, let failure), .subOrchestrationFailed(let action, let failure),
      .requestFailed(let action, let failure):
      answer(action, .failure(failure))
    case .timerFired(let action), .requestCompleted(let action, _): answer(action, .value(0))
    case .messageReceived(let channel, let name, _): receive(Kept(channel: channel, name: name))
    case .callReceived(let call, let name, _): receive(Kept(channel: .call, name: name, call: call))
    case .cancellationRequested: cancelAll()
    default: break
    }
  }

  private func receive(_ message: Kept) {
    let waiter = waiters.firstIndex { $0.channel == message.channel && $0.name == message.name }
    guard let waiter else { return kept.append(message) }
    serve(waiters.remove(at: waiter).frame, message)
  }

  private func serve(_ frame: Frame, _ message: Kept) {
    if let call = message.call {
      for outcome in Program.answers(to: call) { _ = emit(.answerCall(call: call, outcome: outcome)) }
    }
    if let action = frame.action { answer(action, .value(1)) }
  }

  private func answer(_ action: ActionID, _ result: Result) {
    guard let frame = open.removeValue(forKey: action) else { return }
    frame.action = nil
    settle(frame, result)
  }

  private func cancelAll() {
    guard !isCancelling else { return }
    isCancelling = true
    if let root { cancel(root) }
    switch program.onCancel {
    case .pass: end = TurnEnd(after: event.id, kind: .cancelled)
    case .cleanUp: begin(.activity(Work(kind: .add, number: 7)))
    case .complete: end = TurnEnd(after: event.id, kind: .completed(output: Payload("-1")))
    case .renew where !input.isRenewed:
      let next = ProgramInput(round: input.round, sum: input.sum, isRenewed: true)
      end = TurnEnd(after: event.id, kind: .continuedAsNew(version: nil, input: next.payload))
    case .linger, .renew: begin(.message(.event, name: 9))
    }
  }

  private func emit(_ kind: ActionKind) -> ActionID {
    defer { nextAction += 1 }
    actions.append(Action(id: nextAction, after: event.id, kind: kind))
    return nextAction
  }
}

// MARK: - Steps

extension Interpreter {
  private func begin(_ step: Step) {
    let frame = Frame(step, parent: nil)
    root = frame
    start(frame)
  }

  private func start(_ frame: Frame) {
    switch frame.step {
    case .fail: settle(frame, .failure(Failure(type: "Declined", message: "the program fails")))
    case .sequence(let parts), .all(let parts), .race(let parts):
      frame.parts = parts.map { Frame($0, parent: frame) }
      if case .sequence = frame.step { return advance(frame) }
      for part in frame.parts where !frame.isDone { start(part) }
    case .attempt(let inner):
      frame.parts = [Frame(inner, parent: frame)]
      start(frame.parts[0])
    case .message(let channel, let index): wait(frame, channel, Program.messageName(index))
    default:
      if let action = lastingAction(frame.step) {
        wait(frame, emit(action))
      } else {
        startAtOnce(frame)
      }
    }
  }

  /// The action of a leaf that is answered later.
  private func lastingAction(_ step: Step) -> ActionKind? {
    switch step {
    case .activity(let work):
      .scheduleActivity(
        name: work.kind.rawValue, input: Payload("\(work.number + input.round)"), options: work.options)
    case .timer(let milliseconds): .createTimer(fireAt: event.at + milliseconds)
    case .child(let child, let policy): startChild(child, nil, policy)
    case .namedChild(let child, let id): startChild(child, Program.sharedInstance(id), .cancel)
    case .send(let target, let channel, let index, let isKept):
      .send(
        SentMessage(
          to: target,
          content: .raised(channel: channel, name: Program.messageName(index), data: data()), isKept: isKept))
    case .cancelOther(let target):
      .send(SentMessage(to: target, content: .cancel(reason: "another one said so")))
    case .readKV(let target, let key): .readKV(instance: target, key: Program.key(key))
    default: nil
    }
  }

  /// A text that nobody else writes.
  private func data() -> Payload { Payload("\"\(instance)/\(execution)/\(nextAction)/\(startedAt)\"") }

  private func startChild(_ child: Int, _ instance: InstanceID?, _ policy: ParentClosePolicy) -> ActionKind {
    .scheduleSubOrchestration(
      name: Program.name(child), version: nil, instance: instance, input: ProgramInput().payload,
      closePolicy: policy)
  }

  /// A leaf that has its result at once.
  private func startAtOnce(_ frame: Frame) {
    switch frame.step {
    case .detached(let child):
      _ = emit(
        .startDetached(
          name: Program.name(child), version: nil, instance: nil, input: ProgramInput().payload))
    case .loose(let inner): if let action = lastingAction(inner) { _ = emit(action) }
    case .status(let number): _ = emit(.setCustomStatus(number == 0 ? nil : Payload(String(number))))
    case .count(let key): count(Program.key(key))
    case .clear(let key?):
      values[Program.key(key)] = nil
      _ = emit(.changeKV(.clear(key: Program.key(key))))
    case .clear(nil):
      values = [:]
      _ = emit(.changeKV(.clearAll))
    case .unsubscribe(let topic): _ = emit(.unsubscribeTopic(Program.messageName(topic)))
    case .publish(let topic): _ = emit(.publish(topic: Program.messageName(topic), data: data()))
    case .patch(let patch): if isPatched("change-\(patch)") { count("patched") }
    default: break
    }
    settle(frame, .value(0))
  }

  private func count(_ key: String) {
    let value = values[key, default: 0] + 1
    values[key] = value
    _ = emit(.changeKV(.set(key: key, value: Payload(String(value)))))
  }

  private func isPatched(_ patch: String) -> Bool {
    guard isNew else { return false }
    if let known = patches[patch] { return known }
    let isOn = recordedPatches.contains(patch) || event.id > replayed
    patches[patch] = isOn
    if isOn { _ = emit(.recordPatch(patch)) }
    return isOn
  }

  private func wait(_ frame: Frame, _ action: ActionID) {
    frame.action = action
    open[action] = frame
  }

  private func wait(_ frame: Frame, _ channel: Channel, _ name: String) {
    if channel == .topic { _ = emit(.subscribeTopic(name)) }
    wait(frame, emit(.subscribe(channel: channel, name: name)))
    guard let index = kept.firstIndex(where: { $0.channel == channel && $0.name == name }) else {
      return waiters.append((channel, name, frame))
    }
    serve(frame, kept.remove(at: index))
  }

  private func advance(_ frame: Frame) {
    guard frame.settledParts < frame.parts.count else { return settle(frame, .value(frame.sum)) }
    start(frame.parts[frame.settledParts])
  }

  private func settle(_ frame: Frame, _ result: Result) {
    guard !frame.isDone else { return }
    frame.isDone = true
    guard let parent = frame.parent else { return finish(result) }
    if case .value(let value) = result { parent.sum += value }
    parent.settledParts += 1
    switch (parent.step, result) {
    case (.attempt, .failure): settle(parent, .value(Program.rescued))
    case (.sequence, .value): advance(parent)
    case (.all, .value):
      if parent.settledParts == parent.parts.count { settle(parent, .value(parent.sum)) }
    default:
      for other in parent.parts { cancel(other) }
      settle(parent, result)
    }
  }

  private func cancel(_ frame: Frame) {
    guard !frame.isDone else { return }
    frame.isDone = true
    if let action = frame.action {
      open[action] = nil
      frame.action = nil
      waiters.removeAll { $0.frame === frame }
      _ = emit(.cancel(target: action))
    }
    for part in frame.parts { cancel(part) }
  }

  private func finish(_ result: Result) {
    let kind: TurnEndKind
    switch result {
    case _ where isCancelling: kind = .cancelled
    case .failure(let failure): kind = .failed(failure)
    case .value(let value):
      let sum = input.sum + value
      kind =
        input.round + 1 < program.rounds
        ? .continuedAsNew(version: nil, input: ProgramInput(round: input.round + 1, sum: sum).payload)
        : .completed(output: Payload(String(sum)))
    }
    end = TurnEnd(after: event.id, kind: kind)
  }
}
