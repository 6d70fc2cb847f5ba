/// Names one scheduled activity: stable across attempts, processes and machines.
package struct ActivityKey: Hashable, Sendable {
  package var instance: InstanceID
  package var execution: ExecutionID
  package var action: ActionID

  package init(instance: InstanceID, execution: ExecutionID, action: ActionID) {
    self.instance = instance
    self.execution = execution
    self.action = action
  }
}

extension ActivityKey {
  // By bytes, like all keys (see ExactText).
  package static func == (one: ActivityKey, other: ActivityKey) -> Bool {
    one.action == other.action && one.execution == other.execution
      && ExactText(one.instance) == ExactText(other.instance)
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(ExactText(instance))
    hasher.combine(execution)
    hasher.combine(action)
  }
}

/// A pending activity. Its row exists from the commit that schedules it to the commit that takes its result.
package struct ActivityTask: Hashable, Sendable {
  package var key: ActivityKey
  /// The orchestration that scheduled it, for logs and handlers.
  package var orchestration: String
  package var name: String
  package var input: Payload
  /// 1 for the first attempt; one more for each time it was handed to a node again.
  package var attempt: Int64
  /// Not to be run before.
  package var visibleAt: TimestampMS
  package var options: ActivityOptions
  /// The time of the turn that scheduled it.
  package var scheduledAt: TimestampMS
  private var progress = Seldom<Progress>()

  private struct Progress: SeldomValue {
    var failures: Int64 = 0
    var lastFailure: Failure?
    var lastHeartbeat: Payload?
    var trace: TraceContext?
  }
  /// Who may run it. A result under another claim is discarded.
  package var claim: ActivityClaim?

  package init(
    key: ActivityKey, orchestration: String, name: String, input: Payload, attempt: Int64,
    visibleAt: TimestampMS, claim: ActivityClaim?, options: ActivityOptions = ActivityOptions(),
    scheduledAt: TimestampMS = 0
  ) {
    self.key = key
    self.orchestration = orchestration
    self.name = name
    self.input = input
    self.attempt = attempt
    self.visibleAt = visibleAt
    self.claim = claim
    self.options = options
    self.scheduledAt = scheduledAt
  }

  /// Attempts that failed. (Those that nobody heard of again, because their process died, are not counted.)
  package var failures: Int64 {
    get { progress.isDefault ? 0 : progress.value.failures }
    set { progress.value.failures = newValue }
  }
  /// Of the attempt before this one.
  package var lastFailure: Failure? {
    get { progress.isDefault ? nil : progress.value.lastFailure }
    set { progress.value.lastFailure = newValue }
  }
  /// The details of the last heartbeat, of whichever attempt.
  package var lastHeartbeat: Payload? {
    get { progress.isDefault ? nil : progress.value.lastHeartbeat }
    set { progress.value.lastHeartbeat = newValue }
  }
  /// Of the execution that scheduled it.
  package var trace: TraceContext? {
    get { progress.isDefault ? nil : progress.value.trace }
    set { progress.value.trace = newValue }
  }

  /// Of its row: that of the claim that it brings, else one below all that claims of it get.
  ///
  /// - revision: of the instance as it was when this was scheduled.
  package func firstToken(revision: Revision) -> Int64 {
    claim?.token ?? Self.tokenBase(since: scheduledAt, revision: revision)
  }

  /// Below all tokens of an activity that is scheduled at this revision. Claims that are not of this row must
  /// not be taken for one of it: an activity of the same key in a later instance of the id comes at a later
  /// time; one that a reset took back, and that is scheduled again, was scheduled at an earlier revision.
  package static func tokenBase(since time: TimestampMS, revision: Revision) -> Int64 {
    max(time, 0) &+ revision &* Limits.claimsPerRow
  }

  /// The attempt that may run; nil: nobody has claimed it.
  package var claimed: ClaimedActivity? { claim.map { ClaimedActivity(key: key, claim: $0) } }

  /// Attempts that nobody heard of again.
  package var losses: Int64 { attempt &- 1 &- failures }

  /// Those that another claim would find, of a row that nobody holds and that was run; 0 once it is given up,
  /// which its instance is to hear without delay.
  package var lossesToWaitFor: Int64 {
    let losses = attempt &- failures
    return losses < Limits.activityLosses ? losses : 0
  }
}

/// A fenced right to run one activity. `token` grows with each claim of the row, so that a claim taken again,
/// even by the same node, makes the older one stale.
package struct ActivityClaim: Hashable, Sendable {
  package var node: NodeID
  package var token: Int64

  package init(node: NodeID, token: Int64) {
    self.node = node
    self.token = token
  }
}

/// Names one attempt of an activity among all of its key.
package struct ClaimedActivity: Hashable, Sendable {
  package var key: ActivityKey
  package var claim: ActivityClaim

  package init(key: ActivityKey, claim: ActivityClaim) {
    self.key = key
    self.claim = claim
  }
}

/// Names one attempt of an activity from outside: what an activity hands to whoever completes it later. The
/// text is opaque to users: `TOKEN.EXECUTION.ACTION.INSTANCE`.
package struct CompletionToken: Hashable, Sendable {
  package var key: ActivityKey
  /// Of the claim that the attempt ran under.
  package var token: Int64

  package init(key: ActivityKey, token: Int64) {
    self.key = key
    self.token = token
  }

  package var text: String { "\(token).\(key.execution).\(key.action).\(key.instance)" }

  /// nil: this is no such text.
  package init?(text: String) {
    // By bytes: an id may begin with a mark that combines with the dot before it.
    let parts = text.utf8.split(separator: UInt8(ascii: "."), maxSplits: 3, omittingEmptySubsequences: false)
      .map { Substring($0) }
    guard parts.count == 4, let token = Int64(parts[0]), let execution = Int64(parts[1]),
      let action = Int64(parts[2]), token > 0, execution > 0, action > 0, !parts[3].isEmpty
    else { return nil }
    self.init(
      key: ActivityKey(instance: String(parts[3]), execution: execution, action: action), token: token)
  }
}

/// Which activities a runtime takes.
package struct ActivityFilter: Hashable, Sendable {
  package var names: [String]
  /// nil: all tags.
  package var tags: [String]?
  /// Also work without a tag.
  package var takesUntagged: Bool
  /// Sessions that the runtime may hold at one time.
  package var sessionsMax: Int
  /// A session that was not used for this long is given up.
  package var sessionIdleMS: Int64

  package init(
    names: [String], tags: [String]? = [], takesUntagged: Bool = true, sessionsMax: Int = 10,
    sessionIdleMS: Int64 = 300_000
  ) {
    self.names = names
    self.tags = tags
    self.takesUntagged = takesUntagged
    self.sessionsMax = sessionsMax
    self.sessionIdleMS = sessionIdleMS
  }

  package func takes(tag: String?) -> Bool {
    guard let tag else { return takesUntagged }
    return tags.map { $0.contains { ExactText($0) == ExactText(tag) } } ?? true
  }
}
