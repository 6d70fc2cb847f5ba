import PerdureModel

/// An error that travels: thrown by an activity or an orchestration, recorded with its type and its members,
/// and thrown to the caller as what it was, in another run, another process, another year.
///
///     struct Declined: DurableError {
///       var reason: String
///     }
///
/// It comes back as itself where the signature or definition of the callee names it
/// (`errors: [Declined.self]`); `Failure.error(as:)` reads it from any failure.
public protocol DurableError: Error, Codable {
  /// The type of its failures; the name of the Swift type if not said. It is stored and other languages see
  /// it: keep it when the Swift type gets another name.
  static var failureType: String { get }
}

extension DurableError {
  public static var failureType: String { String(describing: Self.self) }
}

extension Failure {
  /// What any error becomes when it leaves an activity or an orchestration.
  public init(_ error: any Error) { self.init(PerdureModel.Failure(error)) }

  /// The error that this failure was made of; nil: it was another one, or its details are not those of one.
  public func error<Wanted: DurableError>(as type: Wanted.Type) -> Wanted? {
    guard self.type == type.failureType else { return nil }
    return try? details(as: type)
  }

  /// Throws the first of these errors that this is.
  func throwIfOne(of errors: [any DurableError.Type]) throws {
    for type in errors {
      if let error: any Error = error(as: type) { throw error }
    }
  }
}
