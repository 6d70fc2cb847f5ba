import PerdureModel
import PerdureWire

/// A pending activity that does not come to its end.
extension Management {
  /// The next attempt begins now: a pause is over, an attempt that runs somewhere or was deferred is given
  /// up.
  ///
  /// - Parameters:
  ///   - instance: its id.
  ///   - action: the number of the activity, as descriptions and history have it.
  ///   - execution: nil for the current one.
  ///   - reason: why, for the record.
  /// - Throws: `DXError`: `stale` when there is no such pending activity, `notFound` for an unknown instance.
  public func retryActivity(
    _ instance: String, action: Int64, execution: Int64? = nil, reason: String = ""
  ) async throws {
    let request = ActedActivity(instance: instance, action: action, execution: execution)
    try await act("retryActivity", request, reason)
  }

  /// Ends it by hand, with a result. Whoever runs it is told that it is no longer wanted.
  public func completeActivity<Result: Encodable & Sendable>(
    _ instance: String, action: Int64, result: Result, execution: Int64? = nil, reason: String = ""
  ) async throws {
    var request = ActedActivity(instance: instance, action: action, execution: execution)
    let payload = try PayloadCoding.encode(result, "the result of activity \(action) of '\(instance)'")
    request.result = try PayloadCoding.decode(JSONValue.self, payload, "the result")
    try await act("completeActivity", request, reason)
  }

  /// The same with a failure.
  ///
  /// - Parameters:
  ///   - instance: its id.
  ///   - action: the number of the activity, as descriptions and history have it.
  ///   - nonRetryable: false: it is the failure of an attempt, and the retry policy decides whether another
  ///     one follows.
  ///   - execution: nil for the current one.
  ///   - reason: why, for the record.
  public func failActivity(
    _ instance: String, action: Int64, _ error: any Error, nonRetryable: Bool = true,
    execution: Int64? = nil, reason: String = ""
  ) async throws {
    var request = ActedActivity(instance: instance, action: action, execution: execution)
    let failure = Payload(bytes: FailureWire.encode(PerdureModel.Failure(error)))
    request.failure = try PayloadCoding.decode(JSONValue.self, failure, "the failure")
    request.nonRetryable = nonRetryable
    try await act("failActivity", request, reason)
  }

  private func act(_ operation: String, _ request: ActedActivity, _ reason: String) async throws {
    _ = try await ask(operation, request, reason: reason, returning: JSONValue.self)
  }
}

private struct ActedActivity: Encodable {
  let instance: String
  let action: Int64
  let execution: Int64?
  var result: JSONValue?
  var failure: JSONValue?
  var nonRetryable: Bool?
}
