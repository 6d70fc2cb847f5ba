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

  /// Its place in `allCases`.
  package var ordinal: Int {
    switch self {
    case .pending: 0
    case .running: 1
    case .suspended: 2
    case .completed: 3
    case .failed: 4
    case .cancelled: 5
    case .terminated: 6
    case .continuedAsNew: 7
    case .quarantined: 8
    }
  }
}

/// What a start does when its id is taken.
package enum StartPolicy: String, Hashable, Sendable, CaseIterable {
  /// It is refused.
  case fail
  /// The instance that is there is as good.
  case useExisting
  /// A finished instance gives way, with its descendants; another one is a refusal.
  case restartIfFinished
  /// Whatever is there is terminated and gives way.
  case terminateAndRestart
}

/// What a start says beside name, version and input.
package struct StartOptions: Hashable, Sendable {
  private struct Fields: SeldomValue {
    var policy = StartPolicy.fail
    var startAt: TimestampMS = 0
    var priority: Int64 = 0
    var attributes: Payload?
    var memo: Payload?
    var dedupKey: String?
    var closePolicy = ParentClosePolicy.cancel
    var trace: TraceContext?
  }

  private var fields = Seldom<Fields>()

  package init() {}

  package var isDefault: Bool { fields.isDefault }

  package var policy: StartPolicy {
    get { isDefault ? .fail : fields.value.policy }
    set { fields.value.policy = newValue }
  }
  /// Not before this moment; 0: at once.
  package var startAt: TimestampMS {
    get { isDefault ? 0 : fields.value.startAt }
    set { fields.value.startAt = newValue }
  }
  /// Higher ones first. Of instances.
  package var priority: Int64 {
    get { isDefault ? 0 : fields.value.priority }
    set { fields.value.priority = newValue }
  }
  /// The user's own labels: a JSON object of strings.
  package var attributes: Payload? {
    get { isDefault ? nil : fields.value.attributes }
    set { fields.value.attributes = newValue }
  }
  /// The user's own note: any JSON.
  package var memo: Payload? {
    get { isDefault ? nil : fields.value.memo }
    set { fields.value.memo = newValue }
  }
  /// A second start with the same key comes to the instance of the first one.
  package var dedupKey: String? {
    get { isDefault ? nil : fields.value.dedupKey }
    set { fields.value.dedupKey = newValue }
  }
  /// Of a child.
  package var closePolicy: ParentClosePolicy {
    get { isDefault ? .cancel : fields.value.closePolicy }
    set { fields.value.closePolicy = newValue }
  }
  /// Of whoever starts it.
  package var trace: TraceContext? {
    get { isDefault ? nil : fields.value.trace }
    set { fields.value.trace = newValue }
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
  package var options: StartOptions

  package init(
    instance: InstanceID, orchestration: String, version: String? = nil, input: Payload,
    parent: ParentLink? = nil, options: StartOptions = StartOptions()
  ) {
    self.instance = instance
    self.orchestration = orchestration
    self.version = version
    self.input = input
    self.parent = parent
    self.options = options
  }
}

/// What somebody asks of an instance as a whole. Done by the store, without its code.
package enum ControlVerb: String, Hashable, Sendable, CaseIterable {
  /// No more turns; messages and results are kept.
  case suspend
  case resume
  /// Ends it at once, and its children by their close policy.
  case terminate
  /// Puts a quarantined instance back to work.
  case retry
  /// Takes an instance from whoever holds it, for anybody to go on with.
  case requeue
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
  /// Not before this moment; 0: at once.
  package var startAt: TimestampMS = 0
  package var priority: Int64 = 0
  package var attributes: Payload?
  package var memo: Payload?
  package var dedupKey: String?
  /// Why it was suspended.
  package var suspendReason: String?

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
  /// The key-value state that the current execution began with, by key.
  package var kv: [KVEntry]
  /// How often in a row its process died while it was due. The next turn that lands forgets it.
  package var lostTurns: Int64 = 0

  package init(
    description: InstanceDescription, start: InstanceStart?, owner: NodeID?, history: [Event],
    inbox: [InboxMessage], kv: [KVEntry] = []
  ) {
    self.description = description
    self.start = start
    self.owner = owner
    self.history = history
    self.inbox = inbox
    self.kv = kv
  }
}

/// An instance of which something that is stored cannot be read.
package struct DamagedInstance: Hashable, Sendable {
  package var instance: InstanceID
  /// One sentence that says what.
  package var message: String

  package init(_ instance: InstanceID, _ message: String) {
    self.instance = instance
    self.message = message
  }
}
