/// What orchestration code asked for, as the host lists it.
package struct Action: Hashable, Sendable {
  package var id: ActionID
  /// The event whose delivery made the code emit this action.
  package var after: EventID
  package var kind: ActionKind

  package init(id: ActionID, after: EventID, kind: ActionKind) {
    self.id = id
    self.after = after
    self.kind = kind
  }
}

package enum ActionKind: Hashable, Sendable {
  case scheduleActivity(name: String, input: Payload, options: ActivityOptions)
  case createTimer(fireAt: TimestampMS)
  case subscribe(channel: Channel, name: String)
  /// Without an instance id the engine derives one.
  /// - labels: what the start says beside the rest. Of the engine's own orchestrations only: neither on the
  ///   wire nor in history, as the start itself keeps it.
  case scheduleSubOrchestration(
    name: String, version: String?, instance: InstanceID?, input: Payload, closePolicy: ParentClosePolicy,
    labels: StartOptions = StartOptions())
  case startDetached(name: String, version: String?, instance: InstanceID?, input: Payload)
  /// Gives up the open work of an earlier action. Work that is no longer open is left alone.
  case cancel(target: ActionID)
  case setCustomStatus(Payload?)
  case changeKV(KVChange)
  /// Looks at the key-value state of another instance.
  case readKV(instance: InstanceID, key: String)
  case send(SentMessage)
  case subscribeTopic(String)
  case unsubscribeTopic(String)
  /// To all instances that are subscribed at that moment.
  case publish(topic: String, data: Payload)
  // Indirect for the same reason as EventKind.callAnswered.
  indirect case answerCall(call: String, outcome: Outcome)
  /// The new path of a change was taken.
  case recordPatch(String)
}

/// A measurement that the code made. Like a log line: emitted only for events not seen before, not recorded.
package struct MetricLine: Hashable, Sendable {
  package enum Kind: String, Hashable, Sendable, CaseIterable {
    case counter, gauge, histogram
  }

  package var name: String
  package var kind: Kind
  /// A JSON number.
  package var value: Payload
  /// A JSON object of strings.
  package var attributes: Payload?

  package init(name: String, kind: Kind, value: Payload, attributes: Payload? = nil) {
    self.name = name
    self.kind = kind
    self.value = value
    self.attributes = attributes
  }
}

/// A line for the log. Not numbered, not recorded; hosts emit it only for events not seen before.
package struct LogLine: Hashable, Sendable {
  package var level: LogLevel
  package var message: String

  package init(level: LogLevel, message: String) {
    self.level = level
    self.message = message
  }
}

package enum LogLevel: String, Hashable, Sendable, CaseIterable, Comparable {
  case debug, info, warn, error

  private var rank: Int {
    switch self {
    case .debug: 0
    case .info: 1
    case .warn: 2
    case .error: 3
    }
  }

  package static func < (one: LogLevel, other: LogLevel) -> Bool { one.rank < other.rank }
}
