package import PerdureModel

/// Takes back the later part of an execution.
///
/// Code is to stand where it stood after a certain event. What it was told later is told again: messages,
/// results of work that goes on being open, answers to requests. What failed is tried again instead. What the
/// code itself did later is forgotten: scheduled work goes, key-value state and custom status are as they
/// were. Effects on the world are not undone; `repeated` names the work that may be done a second time.
package struct HistoryCut: Hashable, Sendable {
  package var reset: InstanceReset
  /// The point that was taken: the last event that code has seen there.
  package var point: EventID
  /// Events that go.
  package var droppedCount: Int
  /// Names of activities that failed later, and are tried again.
  package var reopened: [String] = []
  /// Names of activities that code scheduled later.
  package var repeated: [String] = []
  /// Children that are open again, or still, and whose end is not among what is told again.
  package var openChildren: [InstanceStart] = []
  /// The execution has set its custom status before that point; if not, an earlier one may have.
  package var knowsCustomStatus = false
  /// How the execution changed subscriptions before that point.
  package var topicChanges: [TopicChange] = []

  /// Why there is no such point.
  package struct Fault: Error, Hashable, Sendable {
    package var message: String
  }
}

extension HistoryCut {
  /// - Parameter snapshot: of an instance that has run; its history is that of the current execution.
  package init(_ snapshot: InstanceSnapshot, at point: ResetPoint, now: TimestampMS) throws(Fault) {
    let row = snapshot.description
    let history = snapshot.history
    if !history.isEmpty { _ = try Self.folding(history, of: snapshot) }
    let place = try Self.place(of: point, in: snapshot)
    // Code that has seen nothing has made nothing; its first event is there all the same.
    let kept = history.prefix { $0.id <= max(place, 1) }
    let made = history.dropFirst(kept.count).filter { event in
      event.kind.origin.map { $0.after <= place } ?? false
    }
    reset = InstanceReset(
      instance: row.instance, revision: row.revision, createdAt: row.createdAt, execution: row.execution,
      now: now, kept: kept.last?.id ?? 1)
    reset.appended = made.enumerated().map { offset, event in
      Event(id: Int64(kept.count + offset + 1), at: event.at, kind: event.kind, isLate: event.isLate)
    }
    self.point = place
    droppedCount = history.count - kept.count - made.count
    let left = Array(kept) + reset.appended
    let state = try Self.folding(left, of: snapshot)
    restoreState(left)
    tellAgain(history.filter { $0.id > place && $0.id > 1 }, state)
    reopen(left, state, row.orchestration, waiting: snapshot.inbox.map { $0.kind })
    forget(history.filter { event in event.kind.origin.map { $0.after > place } ?? false })
  }

  /// No arithmetic before this: the numbers of a damaged history can be anything.
  private static func folding(
    _ history: [Event], of snapshot: InstanceSnapshot
  ) throws(Fault) -> ExecutionState {
    let row = snapshot.description
    do throws(HistoryFault) {
      return try ExecutionState.folding(
        history, instance: row.instance, execution: row.execution, kv: snapshot.kv)
    } catch {
      throw Fault(message: "event \(error.event) of its history is damaged: \(error.message)")
    }
  }

  // MARK: The point

  /// The last event that code has seen there.
  private static func place(
    of point: ResetPoint, in snapshot: InstanceSnapshot
  ) throws(Fault) -> EventID {
    let history = snapshot.history
    let name = "instance '\(snapshot.description.instance)'"
    guard let last = history.last else { throw Fault(message: "\(name) has not run yet") }
    let latest = last.kind.isTerminal ? lastBeforeEnd(of: history) : last.id
    switch point {
    case .event(let event):
      guard (0...last.id).contains(event) else {
        throw Fault(message: "\(name) has no event \(event): its history ends with \(last.id)")
      }
      return min(history.last { $0.kind.isDelivered && $0.id <= event }?.id ?? 0, latest)
    case .failedStep:
      guard case .orchestrationFailed(let failure) = last.kind else {
        throw Fault(message: "\(name) has not failed; it can be reset to an event")
      }
      return min(failedStep(in: history, behind: failure).map { $0 - 1 } ?? latest, latest)
    }
  }

  /// To go on, code that has come to its end must be told something: what it was told last. An execution
  /// that begins with messages has these in its history though code may have ended before them: that it lived
  /// to see one is certain only where it did something then.
  private static func lastBeforeEnd(of history: [Event]) -> EventID {
    let seen = history.last { $0.kind.isDelivered }?.id ?? 1
    let firstMade = history.first { !$0.kind.isDelivered }?.id ?? .max
    if firstMade < seen { return seen - 1 }
    return (history.compactMap { $0.kind.origin?.after }.max() ?? 1) - 1
  }

  /// The last failure that code was told of and let pass, as it stands or as a cause; if none did, the last
  /// one. Of a request to another instance, what made code ask: only then is it asked again.
  private static func failedStep(in history: [Event], behind end: Failure) -> EventID? {
    var told: [(event: EventID, failure: Failure)] = []
    var asked: [ActionID: EventID] = [:]
    for event in history {
      switch event.kind {
      case .activityFailed(_, let failure), .subOrchestrationFailed(_, let failure):
        told.append((event.id, failure))
      case .messageSendRequested(let origin, _), .kvReadRequested(let origin, _, _):
        asked[origin.action] = origin.after
      case .requestFailed(let action, let failure): told.append((asked[action] ?? event.id, failure))
      default: break
      }
    }
    var next: Failure? = end
    while let cause = next {
      let match = told.last { $0.failure.type == cause.type && $0.failure.message == cause.message }
      if let match { return match.event }
      next = cause.cause
    }
    return told.last?.event
  }

  // MARK: Its state

  private mutating func restoreState(_ left: [Event]) {
    let times = Dictionary(left.map { ($0.id, $0.at) }, uniquingKeysWith: { one, _ in one })
    for event in left {
      switch event.kind {
      case .kvChanged(let origin, let change):
        reset.kvChanges.append(TimedKVChange(change: change, at: times[origin.after] ?? event.at))
      case .customStatusUpdated(_, let status):
        reset.customStatus = status
        knowsCustomStatus = true
      case .topicSubscribed(_, let topic): topicChanges.append(TopicChange(topic: topic, isSubscribed: true))
      case .topicUnsubscribed(_, let topic):
        topicChanges.append(TopicChange(topic: topic, isSubscribed: false))
      default: break
      }
    }
  }

  /// What code saw later and is to see again.
  private mutating func tellAgain(_ later: [Event], _ state: ExecutionState) {
    let execution = reset.execution
    for event in later {
      switch event.kind {
      case .messageReceived(let channel, let name, let data):
        reset.returned.append(.raised(channel: channel, name: name, data: data))
      case .callReceived(let call, let name, let input):
        reset.returned.append(.call(id: call, name: name, input: input))
      case .activityFailed(let action, _):
        if case .activity(let name) = state.open[action] { reopened.append(name) }
      case .activityCompleted(let action, let result) where state.open[action]?.kind == .activity:
        reset.returned.append(
          .activityEnded(execution: execution, action: action, outcome: .completed(result)))
      case .subOrchestrationCompleted(let action, let result)
      where state.open[action]?.kind == .subOrchestration:
        reset.returned.append(
          .subOrchestrationEnded(execution: execution, action: action, outcome: .completed(result)))
      case .requestCompleted(let action, let result) where state.open[action]?.kind == .request:
        reset.returned.append(
          .requestEnded(execution: execution, action: action, outcome: .completed(result)))
      case .requestFailed(let action, let failure) where state.open[action]?.kind == .request:
        reset.returned.append(.requestEnded(execution: execution, action: action, outcome: .failed(failure)))
      default: break
      }
    }
  }

  /// What is open there, and what of it is not answered by what is told again.
  ///
  /// - waiting: messages that code has not seen: they stay.
  private mutating func reopen(
    _ left: [Event], _ state: ExecutionState, _ orchestration: String, waiting: [MessageKind]
  ) {
    var answered: Set<ActionID> = []
    for message in reset.returned + waiting {
      switch message {
      case .activityEnded(reset.execution, let action, _),
        .subOrchestrationEnded(reset.execution, let action, _),
        .requestEnded(reset.execution, let action, _):
        answered.insert(action)
      default: break
      }
    }
    for event in left {
      guard let origin = event.kind.origin, state.open[origin.action] != nil,
        !answered.contains(origin.action)
      else { continue }
      switch event.kind {
      case .activityScheduled(_, let name, let input, let options):
        let key = ActivityKey(
          instance: reset.instance, execution: reset.execution, action: origin.action)
        var task = ActivityTask(
          key: key, orchestration: orchestration, name: name, input: input, attempt: 1, visibleAt: 0,
          claim: nil, options: options, scheduledAt: reset.now)
        if let trace = state.trace { task.trace = trace }
        reset.activities.append(task)
      case .subOrchestrationScheduled(_, let name, let version, let instance, let input, let closePolicy):
        let parent = ParentLink(
          instance: reset.instance, execution: reset.execution, action: origin.action)
        var options = StartOptions()
        options.closePolicy = closePolicy
        if let trace = state.trace { options.trace = trace }
        openChildren.append(
          InstanceStart(
            instance: instance, orchestration: name, version: version, input: input, parent: parent,
            options: options))
      // It was answered together with the turn that made it, if at all: nobody answers it again.
      case .messageSendRequested, .kvReadRequested:
        reset.returned.append(
          .requestEnded(execution: reset.execution, action: origin.action, outcome: .failed(.answerLost)))
      default: break
      }
    }
  }

  /// What code did later.
  private mutating func forget(_ made: [Event]) {
    for event in made {
      switch event.kind {
      case .activityScheduled(_, let name, _, _): repeated.append(name)
      case .subOrchestrationScheduled(_, _, _, let instance, _, _): reset.removed.append(instance)
      default: break
      }
    }
  }
}
