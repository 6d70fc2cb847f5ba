import PerdureModel
import PerdureWire

/// An instance, and the type of what it returns.
public struct InstanceHandle<Output: Decodable>: Sendable {
  /// Its id.
  public let instance: String
  /// It was there before: a start with a `StartOptions.dedupKey` or policy came to it.
  public let isExisting: Bool
  /// Who asked for it.
  public let client: Client
  var errors: [any DurableError.Type] = []

  init(instance: String, isExisting: Bool, client: Client, errors: [any DurableError.Type] = []) {
    self.instance = instance
    self.isExisting = isExisting
    self.client = client
    self.errors = errors
  }

  /// Waits for the end of the instance and returns its output.
  ///
  /// - Parameter timeout: nil to wait as long as it takes.
  /// - Throws: what the signature of the orchestration names in `errors`, as it was; `OrchestrationFailure`
  ///   when it failed with something else, was cancelled or terminated; `DXError` (`timedOut`,
  ///   `notFound`); `PayloadError` when its output is of another type; `CancellationError` when the waiting
  ///   task is cancelled.
  @discardableResult
  public func result(timeout: Duration? = nil) async throws -> Output {
    let described = try await EngineWait.end(
      of: instance, client: client.engine.handle, timeout: timeout.waitMS)
    let description = described.description
    guard description.status == .completed else {
      let status = description.status.rawValue
      let stopped = PerdureModel.Failure(
        type: "perdure.\(status)", message: "the instance '\(instance)' ended as \(status)")
      let failure = Failure(description.failure ?? stopped)
      try failure.throwIfOne(of: errors)
      throw OrchestrationFailure(instance: instance, failure: failure)
    }
    return try PayloadCoding.decode(
      Output.self, description.output ?? .null, "the output of the instance '\(instance)'")
  }

  /// `Client.wait` for this instance.
  public func wait(timeout: Duration? = nil) async throws -> InstanceDescription {
    try await client.wait(instance, timeout: timeout)
  }

  /// `Client.describe` of this instance.
  public func describe() async throws -> InstanceDescription { try await client.describe(instance) }

  /// `Client.waitForStatus` of this instance.
  public func waitForStatus(
    after version: Int64 = 0, timeout: Duration? = nil
  ) async throws -> InstanceDescription {
    try await client.waitForStatus(instance, after: version, timeout: timeout)
  }

  /// `Client.history` of this instance.
  public func history(
    execution: Int64? = nil, after: Int64 = 0, limit: Int = 1_000
  ) async throws -> HistoryPage {
    try await client.history(instance, execution: execution, after: after, limit: limit)
  }

  /// `Client.followHistory` of this instance.
  public func followHistory(
    execution: Int64 = 1, after: Int64 = 0, timeout: Duration? = nil
  ) -> HistoryFeed {
    client.followHistory(instance, execution: execution, after: after, timeout: timeout)
  }

  /// `Client.delete` of this instance.
  @discardableResult
  public func delete(force: Bool = false) async throws -> [String] {
    try await client.delete(instance, force: force)
  }

  /// `Client.raiseEvent` to this instance.
  public func raiseEvent(_ name: String, data: some Encodable = Nothing()) async throws {
    try await client.raiseEvent(name, to: instance, data: data)
  }

  /// `Client.enqueue` to this instance.
  public func enqueue(_ queue: String, data: some Encodable = Nothing()) async throws {
    try await client.enqueue(queue, to: instance, data: data)
  }

  /// `Client.call` to this instance.
  @discardableResult
  public func call<Answer: Decodable>(
    _ name: String, input: some Encodable = Nothing(), timeout: Duration? = nil, callID: String? = nil,
    returning: Answer.Type = Nothing.self
  ) async throws -> Answer {
    try await client.call(
      instance, name, input: input, timeout: timeout, callID: callID, returning: returning)
  }

  /// `Client.query` of this instance.
  public func query<Answer: Decodable>(
    _ name: String, input: some Encodable = Nothing(), timeout: Duration? = nil,
    returning: Answer.Type = Answer.self
  ) async throws -> Answer {
    try await client.query(instance, name, input: input, timeout: timeout, returning: returning)
  }

  /// `Client.kv` of this instance.
  public func kv() async throws -> [KeyValueEntry] { try await client.kv(instance) }

  /// `Client.getKV` of this instance.
  public func getKV<Value: Decodable & Sendable>(
    _ key: String, as type: Value.Type = Value.self
  ) async throws -> Value? {
    try await client.getKV(instance, key, as: type)
  }

  /// `Client.cancel` of this instance.
  @discardableResult
  public func cancel(reason: String = "", grace: Duration? = nil) async throws -> InstanceStatus {
    try await client.cancel(instance, reason: reason, grace: grace)
  }

  /// `Client.suspend` of this instance.
  @discardableResult
  public func suspend(reason: String = "") async throws -> InstanceStatus {
    try await client.suspend(instance, reason: reason)
  }

  /// `Client.resume` of this instance.
  @discardableResult
  public func resume(reason: String = "") async throws -> InstanceStatus {
    try await client.resume(instance, reason: reason)
  }

  /// `Client.terminate` of this instance.
  @discardableResult
  public func terminate(reason: String = "") async throws -> InstanceStatus {
    try await client.terminate(instance, reason: reason)
  }

  /// `Client.retry` of this instance.
  @discardableResult
  public func retry(reason: String = "") async throws -> InstanceStatus {
    try await client.retry(instance, reason: reason)
  }
}
