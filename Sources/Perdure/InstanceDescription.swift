import PerdureModel
package import PerdureWire

/// What an instance is doing or how it ended.
public enum InstanceStatus: String, Hashable, Sendable, CaseIterable {
  /// It has not run yet.
  case pending = "Pending"
  /// It has begun, and may be waiting for something.
  case running = "Running"
  /// `Client.suspend` stopped it.
  case suspended = "Suspended"
  /// Its code returned.
  case completed = "Completed"
  /// Its code threw, or it ran over a limit.
  case failed = "Failed"
  /// It was cancelled, and its code let that pass.
  case cancelled = "Cancelled"
  /// It was ended from outside, without its code.
  case terminated = "Terminated"
  /// It needs a person or new code; `InstanceDescription.failure` says why.
  case quarantined = "Quarantined"

  /// The instance is at its end: its status and output never change.
  public var isTerminal: Bool {
    switch self {
    case .completed, .failed, .cancelled, .terminated: true
    case .pending, .running, .suspended, .quarantined: false
    }
  }
}

/// Everything about an instance but its history and messages.
public struct InstanceDescription: Sendable {
  /// Its id.
  public let instance: String
  /// The name of its orchestration.
  public let orchestration: String
  /// The version it runs under, or the one asked for while it is pending.
  public let version: String?
  /// What it is doing, or how it ended.
  public let status: InstanceStatus
  /// 1, and one more for each time it continued as new.
  public let execution: Int64
  /// The instance that called it.
  public let parent: String?
  /// JSON text that the orchestration set.
  public let customStatusJSON: String?
  /// Grows with each turn that set the custom status.
  public let customStatusVersion: Int64
  /// JSON text that the orchestration returned.
  public let outputJSON: String?
  /// Why it failed or is quarantined.
  public let failure: Failure?
  /// Why it does not run yet.
  public let pendingReason: String?
  /// What `Client.suspend` said.
  public let suspendReason: String?
  /// It does not begin before; nil: at once.
  public let startAt: Timestamp?
  /// Instances with a higher one go first.
  public let priority: Int
  /// The labels and the note that were given at the start.
  public let attributes: [String: String]
  /// The note that was given at the start, as JSON text.
  public let memoJSON: String?
  /// Starts with this key come to this instance.
  public let dedupKey: String?
  /// When it was started.
  public let createdAt: Timestamp
  /// When something of it was written last.
  public let updatedAt: Timestamp
  /// When it ended.
  public let endedAt: Timestamp?
  /// Events in the history of the current execution.
  public let eventCount: Int64

  /// The custom status, if one is set.
  public func customStatus<Value: Decodable>(as type: Value.Type) throws -> Value? {
    try customStatusJSON.map {
      try PayloadCoding.decode(type, Payload($0), "the custom status of '\(instance)'")
    }
  }

  /// The output, if there is one.
  public func output<Value: Decodable>(as type: Value.Type) throws -> Value? {
    try outputJSON.map { try PayloadCoding.decode(type, Payload($0), "the output of '\(instance)'") }
  }

  /// The note that was given at the start, if there was one.
  public func memo<Value: Decodable>(as type: Value.Type) throws -> Value? {
    try memoJSON.map { try PayloadCoding.decode(type, Payload($0), "the memo of '\(instance)'") }
  }

  package init(_ described: ClientWire.Described) {
    let description = described.description
    instance = description.instance
    orchestration = description.orchestration
    version = description.version
    // Only executions are ever ContinuedAsNew; the instance then runs on.
    status = InstanceStatus(rawValue: description.status.rawValue) ?? .running
    execution = description.execution
    parent = description.parent?.instance
    customStatusJSON = description.customStatus?.text
    customStatusVersion = description.customStatusVersion
    outputJSON = description.output?.text
    failure = description.failure.map { Failure($0) }
    pendingReason = described.pendingReason
    suspendReason = description.suspendReason
    startAt = description.startAt > 0 ? Timestamp(millisecondsSince1970: description.startAt) : nil
    priority = Int(clamping: description.priority)
    // The engine has checked that these are strings.
    let labels = description.attributes.flatMap { try? PayloadCoding.decode([String: String].self, $0, "") }
    attributes = labels ?? [:]
    memoJSON = description.memo?.text
    dedupKey = description.dedupKey
    createdAt = Timestamp(millisecondsSince1970: description.createdAt)
    updatedAt = Timestamp(millisecondsSince1970: description.updatedAt)
    endedAt = description.endedAt.map { Timestamp(millisecondsSince1970: $0) }
    eventCount = description.eventCount
  }
}
