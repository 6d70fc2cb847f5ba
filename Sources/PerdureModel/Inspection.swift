/// What a store knows of one instance and its open work, read at one moment.
package struct InstanceDetails: Hashable, Sendable {
  package var description: InstanceDescription
  /// The living runtime that keeps it in memory.
  package var owner: NodeID?
  /// Of the current execution; empty if it cannot be read.
  package var history: [Event] = []
  /// Why the history cannot be read.
  package var historyFault: String?
  /// By action.
  package var activities: [PendingActivity] = []
  package var inboxCount: Int64 = 0
  /// The message that has waited the longest; nil also if it cannot be read.
  package var oldestMessage: MessageKind?
  package var kvKeys: Int64 = 0
  /// Of keys and values.
  package var kvBytes: Int64 = 0
  /// Topics that it is subscribed to, by their bytes.
  package var topics: [String] = []

  package init(_ description: InstanceDescription) { self.description = description }
}

/// An activity that has no result yet.
package struct PendingActivity: Hashable, Sendable {
  package enum State: String, Hashable, Sendable, CaseIterable {
    /// For somebody who takes it.
    case waiting
    /// A living runtime has it.
    case running
    /// To be completed from elsewhere.
    case deferred
    /// The last attempt failed, and the time of the next has not come.
    case backoff
  }

  package var task: ActivityTask
  package var isDeferred: Bool
  /// When the last attempt began; nil: there was none.
  package var startedAt: TimestampMS?
  /// Of a deferred one: when somebody outside last gave a sign of life.
  package var beatAt: TimestampMS?
  /// The living runtime that has its session.
  package var sessionNode: NodeID?

  package init(
    task: ActivityTask, isDeferred: Bool = false, startedAt: TimestampMS? = nil, beatAt: TimestampMS? = nil,
    sessionNode: NodeID? = nil
  ) {
    self.task = task
    self.isDeferred = isDeferred
    self.startedAt = startedAt
    self.beatAt = beatAt
    self.sessionNode = sessionNode
  }

  package func state(at now: TimestampMS) -> State {
    if isDeferred { return .deferred }
    if task.claim != nil { return .running }
    return task.visibleAt > now ? .backoff : .waiting
  }

  /// When the attempt that runs must have ended; nil: no such limit.
  package var deadline: TimestampMS? {
    guard isDeferred || task.claim != nil, let startedAt, let limit = task.options.startToCloseMS else {
      return nil
    }
    return startedAt &+ limit
  }
}

/// Work of an execution that waits for its answer, besides activities.
package struct PendingWork: Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    case timer(fireAt: TimestampMS)
    /// A message of this name.
    case wait(Channel, name: String)
    /// nil: the store does not have it any more.
    case child(InstanceID, orchestration: String, status: InstanceStatus?)
    /// A message to another instance, or a look at its state.
    case request(what: String, instance: InstanceID)
  }

  package var action: ActionID
  package var kind: Kind
  /// When the code asked for it.
  package var since: TimestampMS

  package init(action: ActionID, kind: Kind, since: TimestampMS) {
    self.action = action
    self.kind = kind
    self.since = since
  }
}

/// An instance with all that it waits for: the answer of the operation `inspect`.
package struct Inspection: Hashable, Sendable {
  package var details: InstanceDetails
  package var pendingReason: String?
  /// By action.
  package var work: [PendingWork]
  /// About what the history of the current execution takes.
  package var historyBytes: Int64
  /// The moment of the question.
  package var now: TimestampMS

  package init(
    details: InstanceDetails, pendingReason: String?, work: [PendingWork], historyBytes: Int64,
    now: TimestampMS
  ) {
    self.details = details
    self.pendingReason = pendingReason
    self.work = work
    self.historyBytes = historyBytes
    self.now = now
  }
}

/// Why an instance does not go on: the answer of the operation `why`.
package struct Why: Hashable, Sendable {
  package struct Cause: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable, CaseIterable {
      case noRuntime, startsLater, suspended, quarantined
      case event, queue, topic, call, timer, request, child
      case activityRunning, activityBackoff, activityDeferred, activityUnserved, activityWaiting
      case activitySession
      /// A turn is due or under way.
      case turn
    }

    package var kind: Kind
    package var name: String?
    package var action: ActionID?
    package var since: TimestampMS?
    /// When time alone releases it.
    package var until: TimestampMS?
    /// The words after "waits for".
    package var phrase: String
    /// Sentences: what makes it go on, and what whoever asks can do.
    package var releasedBy: String
    package var advice: String
    /// Living runtimes that do, or could do, what it waits for.
    package var servedBy: [NodeID] = []
    /// Of a child.
    package var instance: InstanceID?
    package var why: [Why] = []

    package init(_ kind: Kind, phrase: String, releasedBy: String, advice: String) {
      self.kind = kind
      self.phrase = phrase
      self.releasedBy = releasedBy
      self.advice = advice
    }
  }

  package var summary: String
  package var waitingFor: [Cause]

  package init(summary: String, waitingFor: [Cause] = []) {
    self.summary = summary
    self.waitingFor = waitingFor
  }
}
