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
  case scheduleActivity(name: String, input: Payload)
  case createTimer(fireAt: TimestampMS)
  case subscribe(channel: Channel, name: String)
  /// Without an instance id the engine derives one.
  case scheduleSubOrchestration(name: String, version: String?, instance: InstanceID?, input: Payload)
  case startDetached(name: String, version: String?, instance: InstanceID?, input: Payload)
  /// Gives up the open work of an earlier action. Work that is no longer open is left alone.
  case cancel(target: ActionID)
  case setCustomStatus(Payload?)
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
