import PerdureModel

/// Runs a program by the rules of docs/wire-format.md, "How to run a turn". It decides nothing by chance: the
/// same events give the same actions.
final class Interpreter {
  private enum Result {
    case value(Int)
    case failure(Failure)
  }

  /// A step under way.
  private final class Frame {
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

  private let program: Program
  private(set) var consumed: EventID = 0
  private var input = ProgramInput()
  private var root: Frame?
  private var isCancelling = false

  private var nextAction: ActionID = 1
  private var open: [ActionID: Frame] = [:]
  private var waiters: [(channel: Channel, name: String, frame: Frame)] = []
  private var kept: [(channel: Channel, name: String)] = []

  /// The event being delivered, and what came of the turn so far.
  private var event = Event(id: 0, at: 0, kind: .cancellationRequested(reason: ""))
  private var actions: [Action] = []
  private var end: TurnEnd?

  init(_ program: Program) { self.program = program }

  /// Delivers events one at a time until the code has ended.
  func run(_ events: [Event]) -> TurnResult {
    actions = []
    for event in events where end == nil {
      self.event = event
      consumed = event.id
      deliver(event.kind)
    }
    return TurnResult(actions: actions, end: end, retained: end == nil)
  }

  private func deliver(_ kind: EventKind) {
    switch kind {
    case .orchestrationStarted(_, _, let payload, _):
      input = ProgramInput(payload) ?? ProgramInput()
      begin(program.body)
    case .activityCompleted(let action, let result), .subOrchestrationCompleted(let action, let result):
      answer(action, .value(Int(result.text) ?? 0))
    case .activityFailed(let action, let failure), .subOrchestrationFailed(let action, let failure):
      answer(action, .failure(failure))
    case .timerFired(let action): answer(action, .value(0))
    case .messageReceived(let channel, let name, _):
      guard let index = waiters.firstIndex(where: { $0.channel == channel && $0.name == name }) else {
        return kept.append((channel, name))
      }
      let frame = waiters.remove(at: index).frame
      if let action = frame.action { answer(action, .value(1)) }
    case .cancellationRequested: cancelAll()
    default: break
    }
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
    case .cleanUp: begin(.activity(0, input: 7))
    case .complete: end = TurnEnd(after: event.id, kind: .completed(output: Payload("-1")))
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
    case .activity(let index, let number):
      let payload = Payload(String(number + input.round))
      wait(frame, emit(.scheduleActivity(name: Program.activityNames[index], input: payload)))
    case .refusedActivity(let number):
      let payload = Payload(String(number))
      wait(frame, emit(.scheduleActivity(name: Program.refusingActivity, input: payload)))
    case .timer(let milliseconds): wait(frame, emit(.createTimer(fireAt: event.at + milliseconds)))
    case .message(let channel, let index): receive(frame, channel, Program.messageName(index))
    case .child(let child): wait(frame, emit(startChild(child, nil)))
    case .namedChild(let child, let id): wait(frame, emit(startChild(child, Program.sharedInstance(id))))
    case .detached(let child):
      _ = emit(
        .startDetached(
          name: Program.name(child), version: nil, instance: nil, input: ProgramInput().payload))
      settle(frame, .value(0))
    case .status(let number):
      _ = emit(.setCustomStatus(number == 0 ? nil : Payload(String(number))))
      settle(frame, .value(0))
    case .fail: settle(frame, .failure(Failure(type: "Declined", message: "the program fails")))
    case .sequence(let parts), .all(let parts), .race(let parts):
      frame.parts = parts.map { Frame($0, parent: frame) }
      if case .sequence = frame.step { return advance(frame) }
      for part in frame.parts where !frame.isDone { start(part) }
    case .attempt(let inner):
      frame.parts = [Frame(inner, parent: frame)]
      start(frame.parts[0])
    }
  }

  private func startChild(_ child: Int, _ instance: InstanceID?) -> ActionKind {
    .scheduleSubOrchestration(
      name: Program.name(child), version: nil, instance: instance, input: ProgramInput().payload)
  }

  private func wait(_ frame: Frame, _ action: ActionID) {
    frame.action = action
    open[action] = frame
  }

  private func receive(_ frame: Frame, _ channel: Channel, _ name: String) {
    wait(frame, emit(.subscribe(channel: channel, name: name)))
    guard let index = kept.firstIndex(where: { $0.channel == channel && $0.name == name }) else {
      return waiters.append((channel, name, frame))
    }
    kept.remove(at: index)
    if let action = frame.action { answer(action, .value(1)) }
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
