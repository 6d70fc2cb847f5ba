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

  package internal(set) var lastEvent: EventID = 0
  package internal(set) var lastEventAt: TimestampMS
  /// The last event that code has seen.
  package internal(set) var lastDelivered: EventID = 0
  package internal(set) var lastAction: ActionID = 0
  package internal(set) var cancellationReason: String?
  package internal(set) var isEnded = false

  /// Stored by the commit that began this execution, and not yet seen by code.
  package internal(set) var initial: [Event] = []
  /// Scheduled and not answered. Timers are in `timers` as well.
  package internal(set) var open: [ActionID: OpenWork] = [:]
  package internal(set) var timers: [ActionID: TimestampMS] = [:]
  package internal(set) var mailbox = Mailbox()

  package init(
    instance: InstanceID, execution: ExecutionID, orchestration: String, version: String, parent: ParentLink?,
    at: TimestampMS
  ) {
    self.instance = instance
    self.execution = execution
    self.orchestration = orchestration
    self.version = version
    self.parent = parent
    lastEventAt = at
  }

  /// No turn has run: code has not seen a single event.
  package var isFresh: Bool { lastDelivered == 0 }

  /// The next moment a timer is due.
  package var nextTimer: TimestampMS? { timers.values.min() }

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
  case subOrchestration(InstanceID)

  package var kind: WorkKind {
    switch self {
    case .activity: .activity
    case .timer: .timer
    case .wait(.event, _): .eventWait
    case .wait(.queue, _): .queueWait
    case .subOrchestration: .subOrchestration
    }
  }
}

extension ExecutionState {
  /// Folds one event. The caller keeps the order "event, then the actions that it caused".
  mutating func apply(_ event: Event) {
    lastEvent = max(lastEvent, event.id)
    lastEventAt = max(lastEventAt, event.at)
    if event.kind.isDelivered { lastDelivered = max(lastDelivered, event.id) }
    if let origin = event.kind.origin { lastAction = max(lastAction, origin.action) }
    switch event.kind {
    case .activityCompleted(let action, _), .activityFailed(let action, _),
      .subOrchestrationCompleted(let action, _), .subOrchestrationFailed(let action, _),
      .timerFired(let action):
      close(action)
    case .messageReceived(let channel, let name, let data):
      let message = Mailbox.Kept(event: event.id, channel: channel, name: name, data: data)
      if let taker = mailbox.receive(message) { close(taker) }
    case .cancellationRequested(let reason):
      cancellationReason = cancellationReason ?? reason
    case .activityScheduled(let origin, let name, _):
      open[origin.action] = .activity(name: name)
    case .timerCreated(let origin, let fireAt):
      open[origin.action] = .timer
      timers[origin.action] = fireAt
    case .subscribed(let origin, let channel, let name):
      if !mailbox.subscribe(origin.action, channel: channel, name: name) {
        open[origin.action] = .wait(channel, name: name)
      }
    case .subOrchestrationScheduled(let origin, _, _, let instance, _):
      open[origin.action] = .subOrchestration(instance)
    case .workCancelled(_, let target, _):
      if case .wait(let channel, let name) = open[target] {
        mailbox.cancel(target, channel: channel, name: name)
      }
      close(target)
    case .orchestrationCompleted, .orchestrationFailed, .orchestrationCancelled,
      .orchestrationContinuedAsNew:
      isEnded = true
    case .orchestrationStarted, .detachedOrchestrationScheduled, .customStatusUpdated, .cancelIgnored:
      break
    }
  }

  private mutating func close(_ action: ActionID) {
    open[action] = nil
    timers[action] = nil
  }
}
