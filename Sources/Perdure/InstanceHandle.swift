import PerdureModel
import PerdureWire

/// An instance, and the type of what it returns.
public struct InstanceHandle<Output: Decodable>: Sendable {
  /// Its id.
  public let instance: String
  let engine: EngineClient

  /// Waits for the end of the instance and returns its output.
  ///
  /// - Parameter timeout: nil to wait as long as it takes.
  /// - Throws: `OrchestrationFailure` when it failed, was cancelled or terminated; `DXError` (`timedOut`,
  ///   `notFound`); `PayloadError` when its output is of another type; `CancellationError` when the waiting
  ///   task is cancelled.
  public func result(timeout: Duration? = nil) async throws -> Output {
    let milliseconds = timeout.map { max(0, $0.millisecondsRoundedUp) } ?? -1
    let described = try await EngineWait.end(of: instance, client: engine.handle, timeout: milliseconds)
    let description = described.description
    guard description.status == .completed else {
      let status = description.status.rawValue
      let stopped = PerdureModel.Failure(
        type: "perdure.\(status)", message: "the instance '\(instance)' ended as \(status)")
      throw OrchestrationFailure(instance: instance, failure: Failure(description.failure ?? stopped))
    }
    return try PayloadCoding.decode(
      Output.self, description.output ?? .null, "the output of the instance '\(instance)'")
  }
}
