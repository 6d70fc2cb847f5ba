import PerdureModel

/// The same as the calls of `Client`, with a record that says who did it.
extension Management {
  /// Asks an instance to end. Its code receives a `CancellationError` and may clean up.
  ///
  /// - Parameters:
  ///   - instance: its id.
  ///   - reason: why, for the record.
  ///   - grace: how long it may; nil: as long as it takes.
  /// - Returns: the status of the instance.
  /// - Throws: `DXError`: `notFound` for an unknown instance, `wrongStatus` for one that has ended.
  @discardableResult
  public func cancel(
    _ instance: String, reason: String = "", grace: Duration? = nil
  ) async throws -> InstanceStatus {
    let request = ControlledInstance(
      instance: instance, graceMS: grace.map { max(0, $0.millisecondsRoundedUp) })
    return try await control("cancel", request, reason)
  }

  /// Stops the turns of an instance. What is sent to it and what it waits for is kept.
  @discardableResult
  public func suspend(_ instance: String, reason: String = "") async throws -> InstanceStatus {
    try await control("suspend", ControlledInstance(instance: instance), reason)
  }

  /// Lets a suspended instance go on.
  @discardableResult
  public func resume(_ instance: String, reason: String = "") async throws -> InstanceStatus {
    try await control("resume", ControlledInstance(instance: instance), reason)
  }

  /// Ends an instance at once, without its code. Its children end by their close policy.
  @discardableResult
  public func terminate(_ instance: String, reason: String = "") async throws -> InstanceStatus {
    try await control("terminate", ControlledInstance(instance: instance), reason)
  }

  /// Puts a quarantined instance back to work, after what held it up has been mended.
  @discardableResult
  public func retry(_ instance: String, reason: String = "") async throws -> InstanceStatus {
    try await control("retry", ControlledInstance(instance: instance), reason)
  }

  /// Takes a pending or running instance from the runtime that holds it: any may go on with it.
  @discardableResult
  public func requeue(_ instance: String, reason: String = "") async throws -> InstanceStatus {
    try await control("requeue", ControlledInstance(instance: instance), reason)
  }

  private func control(
    _ verb: String, _ request: ControlledInstance, _ reason: String
  ) async throws -> InstanceStatus {
    let answer = try await ask(verb, request, reason: reason, returning: ControlledStatus.self)
    return InstanceStatus(rawValue: answer.status) ?? .running
  }
}

private struct ControlledInstance: Encodable {
  let instance: String
  var graceMS: Int64?
}

private struct ControlledStatus: Decodable { let status: String }
