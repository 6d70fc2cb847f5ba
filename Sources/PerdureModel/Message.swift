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
  /// A request from outside that the code is to answer. `id` names it in the store.
  case call(id: String, name: String, input: Payload)
  /// - graceMS: how long the code may clean up; nil: as long as it takes.
  case cancel(reason: String, graceMS: Int64?)
  /// The end of a child, for the execution and action of the parent that scheduled it.
  case subOrchestrationEnded(execution: ExecutionID, action: ActionID, outcome: Outcome)
  /// The result of an activity that ran on a node which does not hold the instance.
  case activityEnded(execution: ExecutionID, action: ActionID, outcome: Outcome)
  /// What became of a message to, or a look at, another instance.
  case requestEnded(execution: ExecutionID, action: ActionID, outcome: Outcome)
}

/// How an activity or a child ended.
package enum Outcome: Hashable, Sendable {
  case completed(Payload)
  case failed(Failure)
}

/// A message on its way to another instance.
package struct OutgoingMessage: Hashable, Sendable {
  package var to: InstanceID
  package var kind: MessageKind
  /// If nobody has that id, the message waits for a start of it.
  package var isKept: Bool
  /// In a turn: the action to be told what became of the message (`MessageKind.requestEnded`). Without one,
  /// unknown and finished receivers are skipped.
  package var action: ActionID?

  package init(to: InstanceID, kind: MessageKind, isKept: Bool = false, action: ActionID? = nil) {
    self.to = to
    self.kind = kind
    self.isKept = isKept
    self.action = action
  }
}

/// The answer of orchestration code to a call.
package struct CallAnswer: Hashable, Sendable {
  package var call: String
  package var outcome: Outcome

  package init(call: String, outcome: Outcome) {
    self.call = call
    self.outcome = outcome
  }
}

/// How a call stands.
package enum CallState: Hashable, Sendable {
  case unknown
  case waiting
  case answered(Outcome)
}
