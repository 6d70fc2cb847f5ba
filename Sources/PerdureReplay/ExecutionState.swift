package import PerdureModel

/// What has to be known of an execution to run its next turn. Folded from history; its size is that of the
/// open work and the untaken messages, not of the history.
///
///     fresh    nothing applied; after continue-as-new the first events are stored already (`initial`)
///     running  -> apply(...) for each event, in the order in which code saw and made them
///     ended    a terminal event was applied; nothing may follow
package struct ExecutionState: Hashable, Sendable {
  package let instance: InstanceID
  package let execution: ExecutionID
  package let orchestration: String
  package let version: String
  package let parent: ParentLink?
  /// The span of this execution.
  package let trace: TraceContext?

  package internal(set) var lastEvent: EventID = 0
  package internal(set) var lastEventAt: TimestampMS
  /// The last event that code has seen.
  package internal(set) var lastDelivered: EventID = 0
  package internal(set) var lastAction: ActionID = 0
  package internal(set) var cancellationReason: String?
  /// The code may clean up until then.
  package internal(set) var cancelDeadline: TimestampMS?
  /// What the history takes, by its payloads and names.
  package internal(set) var historyBytes: Int64 = 0
  package internal(set) var kvKeys: Set<ExactText> = []
  /// Calls that code has taken and not answered.
  package internal(set) var openCalls: Set<String> = []
  package internal(set) var isEnded = false

  /// Stored by the commit that began this execution, and not yet seen by code.
  package internal(set) var initial: [Event] = []
  /// Scheduled and not answered. Timers are in `timers` as well.
  package internal(set) var open: [ActionID: OpenWork] = [:]
  package internal(set) var timers: [ActionID: TimestampMS] = [:]
  package internal(set) var mailbox = Mailbox()

  /// - trace: of whoever started the execution.
  package init(
    instance: InstanceID, execution: ExecutionID, orchestration: String, version: String, parent: ParentLink?,
    trace: TraceContext? = nil, at: TimestampMS
  ) {
    self.instance = instance
    self.execution = execution
    self.orchestration = orchestration
    self.version = version
    self.parent = parent
    self.trace = trace?.span(of: instance, execution)
    lastEventAt = at
  }

  /// No turn has run: code has not seen a single event.
  package var isFresh: Bool { lastDelivered == 0 }

  /// When the time to clean up is over, also while code has not seen that it is to cancel itself.
  package var endBy: TimestampMS? {
    if cancellationReason != nil { return cancelDeadline }
    for event in initial {
      if case .cancellationRequested(_, let deadline) = event.kind { return deadline }
    }
    return nil
  }

  /// The next moment a timer is due, or the time to clean up is over.
  package var nextTimer: TimestampMS? { [endBy, timers.values.min()].compactMap { $0 }.min() }

  /// Of an activity that is open.
  func activityName(_ action: ActionID) -> String? {
    if case .activity(let name) = open[action] { name } else { nil }
  }

  /// The instance of a child that the code gave no id.
  func childID(of action: ActionID) -> InstanceID { Self.childID(instance, execution, action) }

  static func childID(_ instance: InstanceID, _ execution: ExecutionID, _ action: ActionID) -> InstanceID {
    "\(instance).\(execution).\(action)"
  }
}

/// Work that waits for its answer.
package enum OpenWork: Hashable, Sendable {
  case activity(name: String)
  case timer
  case wait(Channel, name: String)
  case subOrchestration(InstanceID, ParentClosePolicy)
  case request

  package var kind: WorkKind {
    switch self {
    case .activity: .activity
    case .timer: .timer
    case .wait(.event, _): .eventWait
    case .wait(.queue, _): .queueWait
    case .wait(.topic, _): .topicWait
    case .wait(.call, _): .callWait
    case .subOrchestration: .subOrchestration
    case .request: .request
    }
  }
}

extension ExecutionState {
  /// Folds one event. The caller keeps the order "event, then the actions that it caused".
  mutating func apply(_ event: Event) {
    lastEvent = max(lastEvent, event.id)
    lastEventAt = max(lastEventAt, event.at)
    historyBytes &+= event.kind.sizeEstimate
    if event.kind.isDelivered { lastDelivered = max(lastDelivered, event.id) }
    if let origin = event.kind.origin { lastAction = max(lastAction, origin.action) }
    switch event.kind {
    case .activityCompleted(let action, _), .activityFailed(let action, _),
      .subOrchestrationCompleted(let action, _), .subOrchestrationFailed(let action, _),
      .requestCompleted(let action, _), .requestFailed(let action, _), .timerFired(let action):
      close(action)
    case .messageReceived(let channel, let name, let data):
      let message = Mailbox.Kept(event: event.id, channel: channel, name: name, data: data)
      if let taker = mailbox.receive(message) { close(taker) }
    case .callReceived(let call, let name, let input):
      let message = Mailbox.Kept(event: event.id, channel: .call, name: name, data: input, call: call)
      if let taker = mailbox.receive(message) {
        openCalls.insert(call)
        close(taker)
      }
    case .cancellationRequested(let reason, let deadline):
      cancellationReason = cancellationReason ?? reason
      cancelDeadline = soonest(cancelDeadline, deadline)
    case .activityScheduled(let origin, let name, _, _):
      open[origin.action] = .activity(name: name)
    case .timerCreated(let origin, let fireAt):
      open[origin.action] = .timer
      timers[origin.action] = fireAt
    case .subscribed(let origin, let channel, let name):
      if let taken = mailbox.subscribe(origin.action, channel: channel, name: name) {
        if let call = taken.call { openCalls.insert(call) }
      } else {
        open[origin.action] = .wait(channel, name: name)
      }
    case .subOrchestrationScheduled(let origin, _, _, let instance, _, let closePolicy):
      open[origin.action] = .subOrchestration(instance, closePolicy)
    case .messageSendRequested(let origin, _), .kvReadRequested(let origin, _, _):
      open[origin.action] = .request
    case .kvChanged(_, let change): apply(change)
    case .workCancelled(_, let target, _):
      if case .wait(let channel, let name) = open[target] {
        mailbox.cancel(target, channel: channel, name: name)
      }
      close(target)
    case .orchestrationCompleted, .orchestrationFailed, .orchestrationCancelled,
      .orchestrationContinuedAsNew, .orchestrationTerminated:
      isEnded = true
    case .orchestrationStarted, .detachedOrchestrationScheduled, .customStatusUpdated, .cancelIgnored,
      .topicSubscribed, .topicUnsubscribed, .published, .patchRecorded:
      break
    case .callAnswered(_, let call, _): openCalls.remove(call)
    }
  }

  private mutating func apply(_ change: KVChange) {
    switch change {
    case .set(let key, _): kvKeys.insert(ExactText(key))
    case .clear(let key): kvKeys.remove(ExactText(key))
    case .clearAll: kvKeys = []
    }
  }

  private mutating func close(_ action: ActionID) {
    open[action] = nil
    timers[action] = nil
  }
}

extension EventKind {
  /// About what the event takes in a store: its payloads, and something for the rest.
  var sizeEstimate: Int64 {
    let bytes: Int =
      switch self {
      case .orchestrationStarted(_, _, let input, _, _): input.bytes.count
      case .activityCompleted(_, let result), .subOrchestrationCompleted(_, let result),
        .requestCompleted(_, let result):
        result.bytes.count
      case .activityFailed(_, let failure), .subOrchestrationFailed(_, let failure),
        .requestFailed(_, let failure), .orchestrationFailed(let failure):
        failure.sizeEstimate
      case .messageReceived(_, _, let data), .callReceived(_, _, let data), .published(_, _, let data):
        data.bytes.count
      case .activityScheduled(_, _, let input, _), .subOrchestrationScheduled(_, _, _, _, let input, _),
        .detachedOrchestrationScheduled(_, _, _, _, let input):
        input.bytes.count
      case .customStatusUpdated(_, let status): status?.bytes.count ?? 0
      case .kvChanged(_, .set(_, let value)): value.bytes.count
      case .messageSendRequested(_, let message): message.content.bytes
      case .callAnswered(_, _, .completed(let result)): result.bytes.count
      case .callAnswered(_, _, .failed(let failure)): failure.sizeEstimate
      default: 0
      }
    return Int64(bytes) &+ 100
  }
}

extension Failure {
  var sizeEstimate: Int {
    var total = 0
    var next: Failure? = self
    while let failure = next {
      total +=
        failure.message.utf8.count + (failure.details?.bytes.count ?? 0) + (failure.stack?.utf8.count ?? 0)
      next = failure.cause
    }
    return total
  }
}

extension SentMessage.Content {
  fileprivate var bytes: Int {
    switch self {
    case .raised(_, _, let data): data.bytes.count
    case .cancel(let reason): reason.utf8.count
    }
  }
}
