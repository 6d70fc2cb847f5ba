import PerdureModel

// What is done to an instance as a whole.
extension Client {
  /// Asks an instance to end. Its code receives a `CancellationError` and may clean up.
  ///
  /// - Parameters:
  ///   - instance: its id.
  ///   - reason: why, for the code and the history.
  ///   - grace: how long it may; nil: as long as it takes. Then the instance ends all the same.
  /// - Returns: the status of the instance.
  /// - Throws: `DXError`: `notFound` for an unknown instance, `wrongStatus` for one that has ended.
  @discardableResult
  public func cancel(
    _ instance: String, reason: String = "", grace: Duration? = nil
  ) async throws -> InstanceStatus {
    let graceMS = grace.map { max(0, $0.millisecondsRoundedUp) }
    return try await control(instance, .cancel(graceMS: graceMS), reason)
  }

  /// Stops the turns of an instance. What is sent to it and what it waits for is kept; its activities go on.
  @discardableResult
  public func suspend(_ instance: String, reason: String = "") async throws -> InstanceStatus {
    try await control(instance, .control(.suspend), reason)
  }

  /// Lets a suspended instance go on.
  @discardableResult
  public func resume(_ instance: String, reason: String = "") async throws -> InstanceStatus {
    try await control(instance, .control(.resume), reason)
  }

  /// Ends an instance at once, without its code. Its children end by their close policy.
  @discardableResult
  public func terminate(_ instance: String, reason: String = "") async throws -> InstanceStatus {
    try await control(instance, .control(.terminate), reason)
  }

  /// Puts a quarantined instance back to work, after what held it up has been mended.
  @discardableResult
  public func retry(_ instance: String, reason: String = "") async throws -> InstanceStatus {
    try await control(instance, .control(.retry), reason)
  }

  private func control(
    _ instance: String, _ operation: ControlRequest.Operation, _ reason: String
  ) async throws -> InstanceStatus {
    let request = ControlRequest(instance: instance, operation: operation, reason: reason)
    let status = try await CallLanes.perform { [engine] in try engine.control(request) }
    return InstanceStatus(rawValue: status.rawValue) ?? .running
  }
}
