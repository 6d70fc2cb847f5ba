/// One line of history: what happened to an execution, in order. Names follow the Durable Task events.
package struct Event: Hashable, Sendable {
  package var id: EventID
  /// Never less than that of the event before it.
  package var at: TimestampMS
  package var kind: EventKind
  /// The history has passed 80 % of a limit: the code does well to continue as new. Stamped on events that
  /// code sees, so that a replay decides as the first run did.
  package var isLate: Bool

  package init(id: EventID, at: TimestampMS, kind: EventKind, isLate: Bool = false) {
    self.id = id
    self.at = at
    self.kind = kind
    self.isLate = isLate
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

/// Kinds of named, buffered, first-come-first-served messages; each has its own names.
package enum Channel: String, Hashable, Sendable, CaseIterable {
  case event
  case queue
  /// What is published to a topic that the instance subscribed to.
  case topic
  /// Requests from outside that the code answers (`EventKind.callReceived`).
  case call
}

/// What an action can leave open, to be answered by a later event or cancelled.
package enum WorkKind: String, Hashable, Sendable, CaseIterable {
  case activity
  case timer
  case eventWait
  case queueWait
  case topicWait
  case callWait
  case subOrchestration
  /// A message to another instance, or a look at its state.
  case request
}

/// What becomes of a child that is still open when its parent ends.
package enum ParentClosePolicy: String, Hashable, Sendable, CaseIterable {
  case cancel, terminate, abandon
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
///     callReceived               detachedOrchestrationScheduled         orchestrationTerminated
///     subOrchestrationCompleted  workCancelled, cancelIgnored
///       /Failed                  customStatusUpdated, kvChanged
///     requestCompleted/Failed    messageSendRequested, kvReadRequested
///     cancellationRequested      topicSubscribed/Unsubscribed, published
///                                callAnswered, patchRecorded
package enum EventKind: Hashable, Sendable {
  /// Indirect, as it would make all events larger.
  ///
  /// - trace: of whoever started it; the execution has a span of its own (`TraceContext.span`).
  indirect case orchestrationStarted(
    name: String, version: String, input: Payload, parent: ParentLink?, trace: TraceContext? = nil)
  case activityCompleted(action: ActionID, result: Payload)
  case activityFailed(action: ActionID, failure: Failure)
  case timerFired(action: ActionID)
  case messageReceived(channel: Channel, name: String, data: Payload)
  case subOrchestrationCompleted(action: ActionID, result: Payload)
  case subOrchestrationFailed(action: ActionID, failure: Failure)
  /// A request from outside, to be answered with the call's id.
  case callReceived(call: String, name: String, input: Payload)
  /// A message to another instance is in its inbox (`null`), or its state was read.
  case requestCompleted(action: ActionID, result: Payload)
  case requestFailed(action: ActionID, failure: Failure)
  /// Somebody asked the instance to cancel itself. After the deadline the engine ends it.
  case cancellationRequested(reason: String, deadline: TimestampMS?)

  case activityScheduled(Origin, name: String, input: Payload, options: ActivityOptions)
  case timerCreated(Origin, fireAt: TimestampMS)
  case subscribed(Origin, channel: Channel, name: String)
  case subOrchestrationScheduled(
    Origin, name: String, version: String?, instance: InstanceID, input: Payload,
    closePolicy: ParentClosePolicy)
  case detachedOrchestrationScheduled(
    Origin, name: String, version: String?, instance: InstanceID, input: Payload)
  /// Open work was given up: by the code (with an origin) or because its execution ended (without).
  case workCancelled(Origin?, target: ActionID, work: WorkKind)
  /// The code cancelled work that was answered in the meantime: nothing happens, but the action has its
  /// place.
  case cancelIgnored(Origin, target: ActionID)
  case customStatusUpdated(Origin, status: Payload?)
  case kvChanged(Origin, KVChange)
  case kvReadRequested(Origin, instance: InstanceID, key: String)
  case messageSendRequested(Origin, SentMessage)
  case topicSubscribed(Origin, topic: String)
  case topicUnsubscribed(Origin, topic: String)
  case published(Origin, topic: String, data: Payload)
  /// Indirect, as it would make all events larger.
  indirect case callAnswered(Origin, call: String, outcome: Outcome)
  /// The code took the new path of a change.
  case patchRecorded(Origin, patch: String)

  case orchestrationCompleted(output: Payload)
  case orchestrationFailed(failure: Failure)
  case orchestrationCancelled(reason: String, output: Payload?)
  case orchestrationContinuedAsNew(version: String?, input: Payload)
  /// Somebody ended the instance at once. Written by the store, not by a turn.
  case orchestrationTerminated(reason: String)
}

/// A change of the instance's key-value state.
package enum KVChange: Hashable, Sendable {
  case set(key: String, value: Payload)
  case clear(key: String)
  case clearAll
}

/// A message that code sends to another instance.
package struct SentMessage: Hashable, Sendable {
  package enum Content: Hashable, Sendable {
    /// An event or a queue message.
    case raised(channel: Channel, name: String, data: Payload)
    case cancel(reason: String)
  }

  package var to: InstanceID
  package var content: Content
  /// If nobody has that id, the message waits for a start of it.
  package var isKept: Bool

  package init(to: InstanceID, content: Content, isKept: Bool = false) {
    self.to = to
    self.content = content
    self.isKept = isKept
  }
}

extension EventKind {
  /// The code sees this event; all others are echoes of its own actions or ends.
  package var isDelivered: Bool {
    switch self {
    case .orchestrationStarted, .activityCompleted, .activityFailed, .timerFired, .messageReceived,
      .callReceived, .subOrchestrationCompleted, .subOrchestrationFailed, .requestCompleted, .requestFailed,
      .cancellationRequested:
      true
    default: false
    }
  }

  /// Nothing may follow this event in its execution.
  package var isTerminal: Bool {
    switch self {
    case .orchestrationCompleted, .orchestrationFailed, .orchestrationCancelled,
      .orchestrationContinuedAsNew, .orchestrationTerminated:
      true
    default: false
    }
  }

  /// The action that made this event, if one did.
  package var origin: Origin? {
    switch self {
    case .activityScheduled(let origin, _, _, _), .timerCreated(let origin, _),
      .subscribed(let origin, _, _), .subOrchestrationScheduled(let origin, _, _, _, _, _),
      .detachedOrchestrationScheduled(let origin, _, _, _, _), .customStatusUpdated(let origin, _),
      .cancelIgnored(let origin, _), .kvChanged(let origin, _), .kvReadRequested(let origin, _, _),
      .messageSendRequested(let origin, _), .topicSubscribed(let origin, _),
      .topicUnsubscribed(let origin, _), .published(let origin, _, _), .callAnswered(let origin, _, _),
      .patchRecorded(let origin, _):
      origin
    case .workCancelled(let origin, _, _): origin
    default: nil
    }
  }
}
