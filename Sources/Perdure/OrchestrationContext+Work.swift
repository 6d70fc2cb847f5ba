import PerdureModel

// Activities, children, timers.
extension OrchestrationContext {
  /// Runs an activity and returns its result.
  ///
  /// - Parameter options: nil for those of the definition.
  /// - Throws: `ActivityFailure` when it failed, `CancellationError` when the call was cancelled,
  ///   `PayloadError` when the input or the result does not fit its type, `LimitExceeded`, and `DXError`
  ///   (`invalidArgument`) for an option outside its range.
  @discardableResult
  public func call<Input, Output>(
    _ activity: ActivityDefinition<Input, Output>, with input: Input, options: ActivityOptions? = nil
  ) async throws -> Output {
    try await self.activity(
      activity.name, with: input, options: options ?? activity.options, returning: Output.self)
  }

  /// Runs an activity that takes no input.
  @discardableResult
  public func call<Output>(
    _ activity: ActivityDefinition<Nothing, Output>, options: ActivityOptions? = nil
  ) async throws -> Output {
    try await call(activity, with: Nothing(), options: options)
  }

  /// Runs an activity by its name, such as one written in another language.
  @discardableResult
  public func activity<Output: Decodable>(
    _ name: String, with input: some Encodable = Nothing(), options: ActivityOptions = ActivityOptions(),
    returning: Output.Type = Nothing.self
  ) async throws -> Output {
    let input = try PayloadCoding.encode(input, "the input of the activity '\(name)'")
    let kind = ActionKind.scheduleActivity(name: name, input: input, options: try options.model(of: name))
    switch try await live.perform(kind, "activity '\(name)'") {
    case .failed(let failure): throw ActivityFailure(activity: name, failure: Failure(failure))
    case .value(let result):
      return try PayloadCoding.decode(Output.self, result, "the result of the activity '\(name)'")
    case .received, .cancelled, .evicted: throw CoroutineDropped()
    }
  }

  /// Runs another orchestration as a child and returns its output. Cancelling the call cancels the child.
  ///
  /// - Parameters:
  ///   - instance: the id of the child; nil for one derived from this instance.
  ///   - closePolicy: what becomes of the child when this instance is ended from outside before it
  ///     (terminated, out of the grace of a cancellation). Code that leaves the call cancels the child.
  /// - Throws: `OrchestrationFailure` when it failed, was cancelled or terminated, or its id is taken.
  @discardableResult
  public func call<Input, Output>(
    _ orchestration: OrchestrationDefinition<Input, Output>, with input: Input, instance: String? = nil,
    closePolicy: ClosePolicy = .cancel
  ) async throws -> Output {
    try await subOrchestration(
      orchestration.name, with: input, instance: instance, closePolicy: closePolicy, returning: Output.self)
  }

  /// Runs a child that takes no input.
  @discardableResult
  public func call<Output>(
    _ orchestration: OrchestrationDefinition<Nothing, Output>, instance: String? = nil,
    closePolicy: ClosePolicy = .cancel
  ) async throws -> Output {
    try await call(orchestration, with: Nothing(), instance: instance, closePolicy: closePolicy)
  }

  /// Runs another orchestration as a child, by its name.
  @discardableResult
  public func subOrchestration<Output: Decodable>(
    _ name: String, with input: some Encodable = Nothing(), version: String? = nil, instance: String? = nil,
    closePolicy: ClosePolicy = .cancel, returning: Output.Type = Nothing.self
  ) async throws -> Output {
    let input = try PayloadCoding.encode(input, "the input of the orchestration '\(name)'")
    let kind = ActionKind.scheduleSubOrchestration(
      name: name, version: version, instance: instance, input: input, closePolicy: closePolicy.model)
    switch try await live.perform(kind, "sub-orchestration '\(name)'") {
    case .failed(let failure):
      throw OrchestrationFailure(instance: instance ?? name, failure: Failure(failure))
    case .value(let result):
      return try PayloadCoding.decode(Output.self, result, "the output of the orchestration '\(name)'")
    case .received, .cancelled, .evicted: throw CoroutineDropped()
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
    try live.admitWork("startDetached '\(name)'")
    let action = try live.emit(
      .startDetached(name: name, version: version, instance: instance, input: input))
    return instance ?? live.childID(of: action)
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
}
