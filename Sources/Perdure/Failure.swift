package import PerdureModel

/// Why a piece of work failed: the same structure in every language. Throw one to choose its members
/// yourself; any other error becomes one with the name of its type, its description, and its JSON if it is
/// `Encodable`.
public struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
  /// The error type, such as `PaymentDeclined`. The engine's own begin with `perdure.`.
  public var type: String
  /// One sentence.
  public var message: String
  /// JSON text that the code attached.
  public var detailsJSON: String?
  /// Where it was thrown, if the language that threw it says so.
  public var stack: String?
  /// Retrying cannot help.
  public var isNonRetryable: Bool
  /// Of an attempt of an activity: the pause before the next one, in place of the retry policy's.
  public var retryAfter: Duration?
  private var causes: [Failure]

  /// The failure that led to this one.
  public var cause: Failure? { causes.first }

  /// The parameters are the properties.
  public init(
    type: String, message: String, detailsJSON: String? = nil, stack: String? = nil,
    isNonRetryable: Bool = false, retryAfter: Duration? = nil, cause: Failure? = nil
  ) {
    self.type = type
    self.message = message
    self.detailsJSON = detailsJSON
    self.stack = stack
    self.isNonRetryable = isNonRetryable
    self.retryAfter = retryAfter
    causes = cause.map { [$0] } ?? []
  }

  public var description: String { "\(type): \(message)" }

  /// What the engine itself failed the work for; nil: it was the code's own error.
  public var engineType: EngineType? { EngineType(rawValue: type) }

  /// Which time limit an activity ran over, if it did.
  public var timeout: Timeout? {
    guard engineType == .timeout else { return nil }
    return (try? details(as: [String: String].self))?["timeout"].flatMap { Timeout(rawValue: $0) }
  }

  /// Reads what was attached: for an error that is `Codable`, the error itself.
  ///
  /// - Throws: `PayloadError` when nothing was attached or it is something else.
  public func details<Details: Decodable>(as type: Details.Type) throws -> Details {
    guard let detailsJSON else { throw PayloadError("the failure '\(self.type)' has no details") }
    return try PayloadCoding.decode(type, Payload(detailsJSON), "the details of the failure '\(self.type)'")
  }
}

extension Failure {
  package init(_ failure: PerdureModel.Failure) {
    self.init(
      type: failure.type, message: failure.message, detailsJSON: failure.details?.text,
      stack: failure.stack, isNonRetryable: failure.isNonRetryable,
      retryAfter: failure.retryAfterMS.map { .milliseconds($0) }, cause: failure.cause.map { Failure($0) })
  }

  /// The types of failure that the engine itself makes.
  public enum EngineType: String, Hashable, Sendable, CaseIterable {
    /// The id of a child is taken.
    case alreadyExists = "perdure.AlreadyExists"
    /// What became of a request went with an end that a reset took back.
    case answerLost = "perdure.AnswerLost"
    /// A call was refused, by its validator or by the code.
    case callRejected = "perdure.CallRejected"
    /// It was cancelled.
    case cancelled = "perdure.Cancelled"
    /// Its history cannot be read.
    case corruptHistory = "perdure.CorruptHistory"
    /// Something is larger than the store takes.
    case limitExceeded = "perdure.LimitExceeded"
    /// Its code and its history differ.
    case nondeterminism = "perdure.Nondeterminism"
    /// A message to an instance that does not exist.
    case notFound = "perdure.NotFound"
    /// No runtime serves the name, version or tag.
    case notRegistered = "perdure.NotRegistered"
    /// The processes that ran it died, again and again.
    case poison = "perdure.Poison"
    /// A host gave an answer that could not be read.
    case protocolViolation = "perdure.ProtocolViolation"
    /// It was terminated.
    case terminated = "perdure.Terminated"
    /// A time limit of an activity is over; `Failure.timeout` says which.
    case timeout = "perdure.Timeout"
    /// A message to an instance that has ended.
    case wrongStatus = "perdure.WrongStatus"
  }

  /// The time limits of an activity (`ActivityOptions`).
  public enum Timeout: String, Hashable, Sendable, CaseIterable {
    /// No attempt began in time.
    case scheduleToStart
    /// An attempt took too long.
    case startToClose
    /// All attempts and pauses together took too long.
    case scheduleToClose
    /// An attempt gave no sign of life.
    case heartbeat
  }
}

/// An error that says itself whether and when its activity is to be tried again.
public protocol RetryAdvice: Error {
  /// Another attempt cannot help.
  var isNonRetryable: Bool { get }
  /// The pause before the next attempt; nil: the retry policy's.
  var retryAfter: Duration? { get }
}

extension RetryAdvice {
  public var isNonRetryable: Bool { false }
  public var retryAfter: Duration? { nil }
}

extension PerdureModel.Failure {
  /// What the engine records of an error that left user code.
  package init(_ error: any Error) {
    switch error {
    case let failure as Failure:
      self.init(
        type: failure.type, message: failure.message, details: Self.checked(failure.detailsJSON),
        stack: failure.stack, isNonRetryable: failure.isNonRetryable,
        retryAfterMS: Self.pause(failure.retryAfter), cause: failure.cause.map { PerdureModel.Failure($0) })
    // Work that failed and was not caught: its failure goes up as it is, in every language.
    case let error as ActivityFailure:
      self.init(error.failure)
    case let error as OrchestrationFailure:
      self.init(error.failure)
    case let error as MessageRefused:
      self.init(error.failure)
    case let error as CallFailure:
      self.init(error.failure)
    case let error as QueryFailure:
      self.init(error.failure)
    case let error as LimitExceeded:
      self.init(type: FailureType.limitExceeded, message: error.message, isNonRetryable: true)
    default:
      // An error that cannot be encoded still fails with its name and text.
      let details = (error as? any Encodable).flatMap { try? PayloadCoding.encode($0, "") }
      self.init(
        type: (error as? any DurableError).map { Swift.type(of: $0).failureType }
          ?? String(describing: Swift.type(of: error)), message: Self.withoutNUL(String(describing: error)),
        details: details, isNonRetryable: (error as? any RetryAdvice)?.isNonRetryable ?? false,
        retryAfterMS: Self.pause((error as? any RetryAdvice)?.retryAfter))
    }
  }

  private static func pause(_ duration: Duration?) -> Int64? {
    duration.map {
      min(max(0, $0.millisecondsRoundedUp), PerdureModel.ActivityOptions.durationRangeMS.upperBound)
    }
  }

  /// Details that a user wrote by hand may be no JSON; they are then kept as a JSON string.
  private static func checked(_ json: String?) -> Payload? {
    guard let json else { return nil }
    if let payload = try? PayloadCoding.parse(json) { return payload }
    return try? PayloadCoding.encode(withoutNUL(json), "")
  }

  /// No store has to keep NUL characters, and a failure must never be refused for its text.
  private static func withoutNUL(_ text: String) -> String {
    text.utf8.contains(0) ? text.replacing("\0", with: "\u{fffd}") : text
  }
}
