/// One line of history: what happened to an execution, in order. Names follow the Durable Task events.
package struct Event: Hashable, Sendable {
  package var id: EventID
  /// Never less than that of the event before it.
  package var at: TimestampMS
  package var kind: EventKind

  package init(id: EventID, at: TimestampMS, kind: EventKind) {
    self.id = id
    self.at = at
    self.kind = kind
  }
}

/// Where in the code's run an action-made event comes from.
package struct Origin: Hashable, Sendable {
  /// The number of the action.
  package var action: ActionID
  /// The event whose delivery made the code emit the action.
  package var after: EventID

  package init(action: ActionID, after: EventID) {
    self.action = action
    self.after = after
  }
}

/// Two kinds of named, buffered, first-come-first-served messages. They differ in name only: each has its own
/// names.
package enum Channel: String, Hashable, Sendable, CaseIterable {
  case event
  case queue
}

/// What an action can leave open, to be answered by a later event or cancelled.
package enum WorkKind: String, Hashable, Sendable, CaseIterable {
  case activity
  case timer
  case eventWait
  case queueWait
  case subOrchestration
}

/// The parent's side of a child: where its end is to be reported.
package struct ParentLink: Hashable, Sendable {
  package var instance: InstanceID
  package var execution: ExecutionID
  package var action: ActionID

  package init(instance: InstanceID, execution: ExecutionID, action: ActionID) {
    self.instance = instance
    self.execution = execution
    self.action = action
  }
}

/// What an event says.
///
///     delivered to code          made by actions (carry an Origin)      ends the execution
///     -----------------          ---------------------------------      ------------------
///     orchestrationStarted       activityScheduled                      orchestrationCompleted
///     activityCompleted/Failed   timerCreated                           orchestrationFailed
///     timerFired                 subscribed                             orchestrationCancelled
///     messageReceived            subOrchestrationScheduled              orchestrationContinuedAsNew
///     subOrchestrationCompleted  detachedOrchestrationScheduled
///       /Failed                  workCancelled
///     cancellationRequested      cancelIgnored, customStatusUpdated
package enum EventKind: Hashable, Sendable {
  case orchestrationStarted(name: String, version: String, input: Payload, parent: ParentLink?)
  case activityCompleted(action: ActionID, result: Payload)
  case activityFailed(action: ActionID, failure: Failure)
  case timerFired(action: ActionID)
  case messageReceived(channel: Channel, name: String, data: Payload)
  case subOrchestrationCompleted(action: ActionID, result: Payload)
  case subOrchestrationFailed(action: ActionID, failure: Failure)
  /// Somebody asked the instance to cancel itself.
  case cancellationRequested(reason: String)

  case activityScheduled(Origin, name: String, input: Payload)
  case timerCreated(Origin, fireAt: TimestampMS)
  case subscribed(Origin, channel: Channel, name: String)
  case subOrchestrationScheduled(
    Origin, name: String, version: String?, instance: InstanceID, input: Payload)
  case detachedOrchestrationScheduled(
    Origin, name: String, version: String?, instance: InstanceID, input: Payload)
  /// Open work was given up: by the code (with an origin) or because its execution ended (without).
  case workCancelled(Origin?, target: ActionID, work: WorkKind)
  /// The code cancelled work that was answered in the meantime: nothing happens, but the action has its
  /// place.
  case cancelIgnored(Origin, target: ActionID)
  case customStatusUpdated(Origin, status: Payload?)

  case orchestrationCompleted(output: Payload)
  case orchestrationFailed(failure: Failure)
  case orchestrationCancelled(reason: String, output: Payload?)
  case orchestrationContinuedAsNew(version: String?, input: Payload)
}

extension EventKind {
  /// The code sees this event; all others are echoes of its own actions or ends.
  package var isDelivered: Bool {
    switch self {
    case .orchestrationStarted, .activityCompleted, .activityFailed, .timerFired, .messageReceived,
      .subOrchestrationCompleted, .subOrchestrationFailed, .cancellationRequested:
      true
    default: false
    }
  }

  /// Nothing may follow this event in its execution.
  package var isTerminal: Bool {
    switch self {
    case .orchestrationCompleted, .orchestrationFailed, .orchestrationCancelled,
      .orchestrationContinuedAsNew:
      true
    default: false
    }
  }

  /// The action that made this event, if one did.
  package var origin: Origin? {
    switch self {
    case .activityScheduled(let origin, _, _), .timerCreated(let origin, _),
      .subscribed(let origin, _, _), .subOrchestrationScheduled(let origin, _, _, _, _),
      .detachedOrchestrationScheduled(let origin, _, _, _, _), .customStatusUpdated(let origin, _),
      .cancelIgnored(let origin, _):
      origin
    case .workCancelled(let origin, _, _): origin
    default: nil
    }
  }
}
