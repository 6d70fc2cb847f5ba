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
  /// Who may run it. A result under another claim is discarded.
  package var claim: ActivityClaim?

  package init(
    key: ActivityKey, orchestration: String, name: String, input: Payload, attempt: Int64,
    visibleAt: TimestampMS, claim: ActivityClaim?
  ) {
    self.key = key
    self.orchestration = orchestration
    self.name = name
    self.input = input
    self.attempt = attempt
    self.visibleAt = visibleAt
    self.claim = claim
  }
}

/// A fenced right to run one activity. `token` is the attempt that the claim was made for, so that a claim
/// taken again, even by the same node, makes the older one stale.
package struct ActivityClaim: Hashable, Sendable {
  package var node: NodeID
  package var token: Int64

  package init(node: NodeID, token: Int64) {
    self.node = node
    self.token = token
  }
}
