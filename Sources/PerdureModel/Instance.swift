package enum InstanceStatus: String, Hashable, Sendable, CaseIterable {
  case pending = "Pending"
  case running = "Running"
  case suspended = "Suspended"
  case completed = "Completed"
  case failed = "Failed"
  case cancelled = "Cancelled"
  case terminated = "Terminated"
  /// Executions only.
  case continuedAsNew = "ContinuedAsNew"
  case quarantined = "Quarantined"

  /// The instance is at its end: this status and its output never change.
  package var isTerminal: Bool {
    switch self {
    case .completed, .failed, .cancelled, .terminated: true
    default: false
    }
  }
}

/// A request for a new instance: kept in its row until the first turn has made OrchestrationStarted of it.
package struct InstanceStart: Hashable, Sendable {
  package var instance: InstanceID
  package var orchestration: String
  /// A semantic version, or nil for the highest registered at the first turn.
  package var version: String?
  package var input: Payload
  package var parent: ParentLink?

  package init(
    instance: InstanceID, orchestration: String, version: String? = nil, input: Payload,
    parent: ParentLink? = nil
  ) {
    self.instance = instance
    self.orchestration = orchestration
    self.version = version
    self.input = input
    self.parent = parent
  }
}

/// Everything about an instance but its history and messages.
package struct InstanceDescription: Hashable, Sendable {
  package var instance: InstanceID
  package var orchestration: String
  /// The version the current execution is pinned to, or the one asked for while pending.
  package var version: String?
  package var status: InstanceStatus
  package var execution: ExecutionID
  package var revision: Revision
  package var parent: ParentLink?
  package var customStatus: Payload?
  /// Grows by one with each turn that set the custom status.
  package var customStatusVersion: Int64
  package var output: Payload?
  /// Why it failed, or why it is quarantined.
  package var failure: Failure?
  package var createdAt: TimestampMS
  package var updatedAt: TimestampMS
  package var endedAt: TimestampMS?
  /// Events in the history of the current execution.
  package var eventCount: Int64

  package init(
    instance: InstanceID, orchestration: String, version: String?, status: InstanceStatus,
    execution: ExecutionID, revision: Revision, parent: ParentLink?, customStatus: Payload?,
    customStatusVersion: Int64, output: Payload?, failure: Failure?, createdAt: TimestampMS,
    updatedAt: TimestampMS, endedAt: TimestampMS?, eventCount: Int64
  ) {
    self.instance = instance
    self.orchestration = orchestration
    self.version = version
    self.status = status
    self.execution = execution
    self.revision = revision
    self.parent = parent
    self.customStatus = customStatus
    self.customStatusVersion = customStatusVersion
    self.output = output
    self.failure = failure
    self.createdAt = createdAt
    self.updatedAt = updatedAt
    self.endedAt = endedAt
    self.eventCount = eventCount
  }
}

/// All that a runtime needs to go on with an instance that it does not hold in memory.
package struct InstanceSnapshot: Hashable, Sendable {
  package var description: InstanceDescription
  /// Present until the first turn landed.
  package var start: InstanceStart?
  package var owner: NodeID?
  /// The history of the current execution, in order.
  package var history: [Event]
  /// Waiting messages, in order.
  package var inbox: [InboxMessage]

  package init(
    description: InstanceDescription, start: InstanceStart?, owner: NodeID?, history: [Event],
    inbox: [InboxMessage]
  ) {
    self.description = description
    self.start = start
    self.owner = owner
    self.history = history
    self.inbox = inbox
  }
}
