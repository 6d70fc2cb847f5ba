import PerdureModel

/// How executions end.
extension TurnWriter {
  mutating func close(_ end: TurnEndKind) {
    abandonOpenWork()
    switch end {
    case .completed(let output):
      if let reason = state.cancellationReason {
        cancelled(reason, output)
      } else {
        add(.orchestrationCompleted(output: output))
        conclusion.commit.status = .completed
        conclusion.commit.output = output
        report(.completed(output))
      }
    case .failed(let failure):
      add(.orchestrationFailed(failure: failure))
      conclusion.commit.status = .failed
      conclusion.commit.failure = failure
      report(.failed(failure))
    case .cancelled:
      cancelled(state.cancellationReason ?? "", nil)
    case .continuedAsNew(let version, let input):
      continueAsNew(version, input)
    }
  }

  private mutating func cancelled(_ reason: String, _ output: Payload?) {
    add(.orchestrationCancelled(reason: reason, output: output))
    conclusion.commit.status = .cancelled
    conclusion.commit.output = output
    let failure = Failure(
      type: FailureType.cancelled, message: reason.isEmpty ? "cancelled" : "cancelled: \(reason)")
    conclusion.commit.failure = failure
    report(.failed(failure))
  }

  /// What is still open ends with the execution: activities and children are cancelled, and that is on
  /// record.
  private mutating func abandonOpenWork() {
    for (action, work) in state.open.sorted(by: { $0.key < $1.key }) {
      switch work {
      case .activity, .subOrchestration(_, .cancel):
        giveUp(action, reason: "the parent ended")
        add(.workCancelled(nil, target: action, work: work.kind))
      case .subOrchestration(let child, .terminate):
        if !neverStart(action, child) { conclusion.commit.terminations.append(child) }
        add(.workCancelled(nil, target: action, work: work.kind))
      case .subOrchestration(_, .abandon), .timer, .wait, .request: break
      }
    }
  }

  private mutating func report(_ outcome: Outcome) {
    guard let parent = state.parent else { return }
    conclusion.commit.messages.append(
      OutgoingMessage(
        to: parent.instance,
        kind: .subOrchestrationEnded(execution: parent.execution, action: parent.action, outcome: outcome)))
  }

  private mutating func continueAsNew(_ version: String?, _ input: Payload) {
    let untaken = state.mailbox.untaken.map { kept in
      kept.call.map { EventKind.callReceived(call: $0, name: kept.name, input: kept.data) }
        ?? .messageReceived(channel: kept.channel, name: kept.name, data: kept.data)
    }
    let carried = untaken + unseenStored.map { $0.kind }
    add(.orchestrationContinuedAsNew(version: version, input: input))
    // The next execution knows nothing of these, so nobody would answer them.
    for call in state.openCalls.sorted() {
      let failure = Failure(
        type: FailureType.wrongStatus,
        message: "instance '\(state.instance)' continued as new without an answer")
      conclusion.commit.callAnswers.append(CallAnswer(call: call, outcome: .failed(failure)))
    }
    let pinned = version ?? latestVersion
    var next = ExecutionState(
      instance: state.instance, execution: state.execution &+ 1, orchestration: state.orchestration,
      version: pinned, parent: state.parent, trace: state.trace, at: now)
    let started = EventKind.orchestrationStarted(
      name: state.orchestration, version: pinned, input: input, parent: state.parent, trace: state.trace)
    var kinds = [started] + carried
    if let reason = state.cancellationReason {
      kinds.append(.cancellationRequested(reason: reason, deadline: state.cancelDeadline))
    }
    next.kvKeys = state.kvKeys
    next.initial = kinds.enumerated().map { Event(id: Int64($0.offset) + 1, at: now, kind: $0.element) }
    conclusion.commit.nextExecution = next.initial
    conclusion.commit.orchestrationVersion = pinned
    conclusion.commit.wakeAt = 0
    conclusion.next = next
  }
}
