import PerdureModel

/// Why a piece of work failed: the same structure in every language. Throw one to choose its members
/// yourself; any other error becomes one with the name of its type, its description, and its JSON if it is
/// `Encodable`.
public struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
  /// The error type, such as `PaymentDeclined`. The engine's own begin with `perdure.`.
  public var type: String
  public var message: String
  /// JSON text that the code attached.
  public var detailsJSON: String?
  public var stack: String?
  /// Retrying cannot help.
  public var isNonRetryable: Bool
  private var causes: [Failure]

  /// The failure that led to this one.
  public var cause: Failure? { causes.first }

  public init(
    type: String, message: String, detailsJSON: String? = nil, stack: String? = nil,
    isNonRetryable: Bool = false, cause: Failure? = nil
  ) {
    self.type = type
    self.message = message
    self.detailsJSON = detailsJSON
    self.stack = stack
    self.isNonRetryable = isNonRetryable
    causes = cause.map { [$0] } ?? []
  }

  public var description: String { "\(type): \(message)" }

  /// Reads what was attached: for an error that is `Codable`, the error itself.
  ///
  /// - Throws: `PayloadError` when nothing was attached or it is something else.
  public func details<Details: Decodable>(as type: Details.Type) throws -> Details {
    guard let detailsJSON else { throw PayloadError("the failure '\(self.type)' has no details") }
    return try PayloadCoding.decode(type, Payload(detailsJSON), "the details of the failure '\(self.type)'")
  }
}

extension Failure {
  init(_ failure: PerdureModel.Failure) {
    self.init(
      type: failure.type, message: failure.message, detailsJSON: failure.details?.text,
      stack: failure.stack, isNonRetryable: failure.isNonRetryable, cause: failure.cause.map { Failure($0) })
  }
}

extension PerdureModel.Failure {
  /// What the engine records of an error that left user code.
  init(_ error: any Error) {
    switch error {
    case let failure as Failure:
      self.init(
        type: failure.type, message: failure.message, details: Self.checked(failure.detailsJSON),
        stack: failure.stack, isNonRetryable: failure.isNonRetryable,
        cause: failure.cause.map { PerdureModel.Failure($0) })
    // Work that failed and was not caught: its failure goes up as it is, in every language.
    case let error as ActivityFailure:
      self.init(error.failure)
    case let error as OrchestrationFailure:
      self.init(error.failure)
    default:
      // An error that cannot be encoded still fails with its name and text.
      let details = (error as? any Encodable).flatMap { try? PayloadCoding.encode($0, "") }
      self.init(
        type: String(describing: Swift.type(of: error)), message: Self.withoutNUL(String(describing: error)),
        details: details)
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
