/// Why a piece of work failed: the same structure in every language, on the wire and in history.
package struct Failure: Hashable, Sendable {
  /// The error type that the user's code gave (`ValueError`, `PaymentDeclined`), or one of `FailureType`.
  package var type: String
  package var message: String
  /// JSON that the user's code attached.
  package var details: Payload?
  package var stack: String?
  /// Retrying cannot help.
  package var isNonRetryable: Bool
  /// The pause before the next attempt, in place of the retry policy's.
  package var retryAfterMS: Int64?
  private var causes: [Failure]

  /// The failure that led to this one.
  package var cause: Failure? { causes.first }

  package init(
    type: String, message: String, details: Payload? = nil, stack: String? = nil,
    isNonRetryable: Bool = false, retryAfterMS: Int64? = nil, cause: Failure? = nil
  ) {
    self.type = type
    self.message = message
    self.details = details
    self.stack = stack
    self.isNonRetryable = isNonRetryable
    self.retryAfterMS = retryAfterMS
    causes = cause.map { [$0] } ?? []
  }
}

/// Failure types that the engine itself produces. All begin with `perdure.`.
package enum FailureType {
  package static let alreadyExists = "perdure.AlreadyExists"
  /// What became of a request went with an end that a reset took back.
  package static let answerLost = "perdure.AnswerLost"
  /// A message to an instance that does not exist.
  package static let notFound = "perdure.NotFound"
  /// A message to an instance that has ended.
  package static let wrongStatus = "perdure.WrongStatus"
  /// A time limit of an activity; `details.timeout` says which.
  package static let timeout = "perdure.Timeout"
  /// No runtime serves the name, version or tag.
  package static let notRegistered = "perdure.NotRegistered"
  package static let terminated = "perdure.Terminated"
  /// The validator of a call refused it.
  package static let callRejected = "perdure.CallRejected"
  package static let cancelled = "perdure.Cancelled"
  package static let limitExceeded = "perdure.LimitExceeded"
  package static let nondeterminism = "perdure.Nondeterminism"
  package static let corruptHistory = "perdure.CorruptHistory"
  package static let poison = "perdure.Poison"
  package static let protocolViolation = "perdure.ProtocolViolation"
}

/// The time limits of an activity.
package enum ActivityTimeout: String, Hashable, Sendable, CaseIterable {
  case scheduleToStart, startToClose, scheduleToClose, heartbeat
}

extension Failure {
  /// An activity ran out of time.
  ///
  /// - isServed: false when no living runtime takes such work, which is then the cause.
  package static func timeout(
    _ limit: ActivityTimeout, of task: ActivityTask, isServed: Bool = true
  ) -> Failure {
    let limitMS =
      switch limit {
      case .scheduleToStart: task.options.scheduleToStartMS
      case .startToClose: task.options.startToCloseMS
      case .scheduleToClose: task.options.scheduleToCloseMS
      case .heartbeat: task.options.heartbeatMS
      }
    let tag = task.options.tag.map { " with tag '\($0)'" } ?? ""
    let cause =
      isServed
      ? task.lastFailure
      : Failure(
        type: FailureType.notRegistered, message: "no runtime takes activity '\(task.name)'\(tag)")
    return Failure(
      type: FailureType.timeout,
      message: "activity '\(task.name)' ran over its \(limit.rawValue) limit of \(limitMS ?? 0) ms",
      details: .object([("timeout", limit.rawValue)]), cause: cause)
  }

  /// How the parent of a terminated instance, and its description, say it.
  package static func terminated(_ reason: String) -> Failure {
    Failure(
      type: FailureType.terminated, message: reason.isEmpty ? "terminated" : "terminated: \(reason)",
      isNonRetryable: true)
  }

  /// An operator wants the next attempt in place of this one.
  package static let givenUp = Failure(
    type: FailureType.cancelled, message: "the attempt was given up by an operator, for the next one to begin"
  )

  /// The turn that made the request, or the one that took its answer, ended the execution.
  package static let answerLost = Failure(
    type: FailureType.answerLost,
    message:
      "the answer to this request went with the end that was taken back; whether it was carried out is "
      + "not known")

  /// A message that has no receiver, to the orchestration that sent it.
  package static func unknownReceiver(_ instance: InstanceID) -> Failure {
    Failure(
      type: FailureType.notFound, message: "instance '\(instance)' does not exist", isNonRetryable: true)
  }

  package static func finishedReceiver(_ instance: InstanceID, _ status: InstanceStatus) -> Failure {
    Failure(
      type: FailureType.wrongStatus,
      message: "instance '\(instance)' is \(status.rawValue) and receives no more messages",
      isNonRetryable: true)
  }

  /// A child that would be too many generations below its root.
  package static func tooDeep(_ instance: InstanceID, limit: Int) -> Failure {
    Failure(
      type: FailureType.limitExceeded,
      message: "sub-orchestration '\(instance)' would be \(limit + 1) generations below its root; "
        + "the limit is \(limit)")
  }

  package static func fullInbox(_ instance: InstanceID, limit: Int) -> Failure {
    Failure(
      type: FailureType.limitExceeded,
      message: "the inbox of instance '\(instance)' is full: \(limit) messages wait in it")
  }
}
