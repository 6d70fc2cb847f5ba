import PerdureModel

extension OrchestrationContext {
  /// Runs an activity and returns its result.
  ///
  /// - Throws: `ActivityFailure` when it failed, `CancellationError` when the call was cancelled,
  ///   `PayloadError` when the input or the result does not fit its type.
  @discardableResult
  public func call<Input, Output>(
    _ activity: ActivityDefinition<Input, Output>, with input: Input
  ) async throws -> Output {
    try await self.activity(activity.name, with: input, returning: Output.self)
  }

  /// Runs an activity that takes no input.
  @discardableResult
  public func call<Output>(_ activity: ActivityDefinition<Nothing, Output>) async throws -> Output {
    try await call(activity, with: Nothing())
  }

  /// Runs an activity by its name, such as one written in another language.
  @discardableResult
  public func activity<Output: Decodable>(
    _ name: String, with input: some Encodable = Nothing(), returning: Output.Type = Nothing.self
  ) async throws -> Output {
    let input = try PayloadCoding.encode(input, "the input of the activity '\(name)'")
    switch try await live.perform(.scheduleActivity(name: name, input: input), "activity '\(name)'") {
    case .failed(let failure): throw ActivityFailure(activity: name, failure: Failure(failure))
    case .value(let result):
      return try PayloadCoding.decode(Output.self, result, "the result of the activity '\(name)'")
    case .cancelled, .evicted: throw CoroutineDropped()
    }
  }

  /// Runs another orchestration as a child and returns its output. Cancelling the call cancels the child.
  ///
  /// - Parameter instance: the id of the child; nil for one derived from this instance.
  /// - Throws: `OrchestrationFailure` when it failed, was cancelled, or its id is taken.
  @discardableResult
  public func call<Input, Output>(
    _ orchestration: OrchestrationDefinition<Input, Output>, with input: Input, instance: String? = nil
  ) async throws -> Output {
    try await subOrchestration(
      orchestration.name, with: input, instance: instance, returning: Output.self)
  }

  /// Runs a child that takes no input.
  @discardableResult
  public func call<Output>(
    _ orchestration: OrchestrationDefinition<Nothing, Output>, instance: String? = nil
  ) async throws -> Output {
    try await call(orchestration, with: Nothing(), instance: instance)
  }

  /// Runs another orchestration as a child, by its name.
  @discardableResult
  public func subOrchestration<Output: Decodable>(
    _ name: String, with input: some Encodable = Nothing(), version: String? = nil, instance: String? = nil,
    returning: Output.Type = Nothing.self
  ) async throws -> Output {
    let input = try PayloadCoding.encode(input, "the input of the orchestration '\(name)'")
    let kind = ActionKind.scheduleSubOrchestration(
      name: name, version: version, instance: instance, input: input)
    switch try await live.perform(kind, "sub-orchestration '\(name)'") {
    case .failed(let failure):
      throw OrchestrationFailure(instance: instance ?? name, failure: Failure(failure))
    case .value(let result):
      return try PayloadCoding.decode(Output.self, result, "the output of the orchestration '\(name)'")
    case .cancelled, .evicted: throw CoroutineDropped()
    }
  }

  /// Starts another orchestration that nobody waits for, and returns its id.
  @discardableResult
  public func startDetached<Input, Output>(
    _ orchestration: OrchestrationDefinition<Input, Output>, with input: Input, instance: String? = nil
  ) throws -> String {
    try startDetached(orchestration.name, with: input, instance: instance)
  }

  /// Starts another orchestration that nobody waits for, by its name.
  @discardableResult
  public func startDetached(
    _ name: String, with input: some Encodable = Nothing(), version: String? = nil, instance: String? = nil
  ) throws -> String {
    let input = try PayloadCoding.encode(input, "the input of the orchestration '\(name)'")
    try live.admit("startDetached '\(name)'")
    let action = live.emit(.startDetached(name: name, version: version, instance: instance, input: input))
    return instance ?? "\(self.instance).\(execution).\(action)"
  }

  /// Waits; across restarts too, and never less.
  public func sleep(for duration: Duration) async throws {
    try await sleep(until: now.advanced(by: max(duration, .zero)))
  }

  /// Waits until a moment; not at all when it is past.
  public func sleep(until deadline: Timestamp) async throws {
    let fireAt = min(max(deadline.millisecondsSince1970, 0), Timestamp.largest)
    _ = try await live.perform(.createTimer(fireAt: fireAt), "sleep")
  }

  /// Waits for an event that is raised for this instance. One that came early has been kept.
  @discardableResult
  public func waitForEvent<Value: Decodable>(
    _ name: String, as type: Value.Type = Nothing.self
  ) async throws -> Value {
    try await receive(.event, name, "the event '\(name)'")
  }

  /// Waits for the next message of a queue of this instance. Messages stay in order, across `continueAsNew`
  /// too.
  @discardableResult
  public func dequeue<Value: Decodable>(_ queue: String, as type: Value.Type = Nothing.self) async throws
    -> Value
  {
    try await receive(.queue, queue, "the message from the queue '\(queue)'")
  }

  private func receive<Value: Decodable>(
    _ channel: Channel, _ name: String, _ what: String
  ) async throws -> Value {
    switch try await live.perform(.subscribe(channel: channel, name: name), what) {
    case .value(let data): return try PayloadCoding.decode(Value.self, data, what)
    case .failed(let failure): throw Failure(failure)
    case .cancelled, .evicted: throw CoroutineDropped()
    }
  }
}
