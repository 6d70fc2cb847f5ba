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
  private var causes: [Failure]

  /// The failure that led to this one.
  package var cause: Failure? { causes.first }

  package init(
    type: String, message: String, details: Payload? = nil, stack: String? = nil,
    isNonRetryable: Bool = false, cause: Failure? = nil
  ) {
    self.type = type
    self.message = message
    self.details = details
    self.stack = stack
    self.isNonRetryable = isNonRetryable
    causes = cause.map { [$0] } ?? []
  }
}

/// Failure types that the engine itself produces. All begin with `perdure.`.
package enum FailureType {
  package static let alreadyExists = "perdure.AlreadyExists"
  package static let cancelled = "perdure.Cancelled"
  package static let limitExceeded = "perdure.LimitExceeded"
  package static let nondeterminism = "perdure.Nondeterminism"
  package static let corruptHistory = "perdure.CorruptHistory"
  package static let poison = "perdure.Poison"
  package static let protocolViolation = "perdure.ProtocolViolation"
}
