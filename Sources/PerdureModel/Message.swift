/// A message waits in the inbox of its instance until a turn consumes it.
package struct InboxMessage: Hashable, Sendable {
  package var sequence: MessageSequence
  package var kind: MessageKind

  package init(sequence: MessageSequence, kind: MessageKind) {
    self.sequence = sequence
    self.kind = kind
  }
}

package enum MessageKind: Hashable, Sendable {
  case raised(channel: Channel, name: String, data: Payload)
  case cancel(reason: String)
  /// The end of a child, for the execution and action of the parent that scheduled it.
  case subOrchestrationEnded(execution: ExecutionID, action: ActionID, outcome: Outcome)
  /// The result of an activity that ran on a node which does not hold the instance.
  case activityEnded(execution: ExecutionID, action: ActionID, outcome: Outcome)
}

/// How an activity or a child ended.
package enum Outcome: Hashable, Sendable {
  case completed(Payload)
  case failed(Failure)
}

/// A message on its way to another instance. Unknown and finished receivers are skipped.
package struct OutgoingMessage: Hashable, Sendable {
  package var to: InstanceID
  package var kind: MessageKind

  package init(to: InstanceID, kind: MessageKind) {
    self.to = to
    self.kind = kind
  }
}
