import PerdureModel

// Activities, children, timers.
extension OrchestrationContext {
  /// Runs an activity and returns its result.
  ///
  /// - Parameters:
  ///   - activity: its definition or its signature.
  ///   - input: what it gets.
  ///   - options: nil for those of its definition or signature.
  /// - Throws: what its signature names in `errors`, as it was; `ActivityFailure` when it failed with
  ///   something else, `CancellationError` when the call was cancelled, `PayloadError` when the input or the
  ///   result does not fit its type, `LimitExceeded`, and `DXError` (`invalidArgument`) for an option outside
  ///   its range.
  @discardableResult
  public func call<Activity: ActivityReference>(
    _ activity: Activity, with input: Activity.Input, options: ActivityOptions? = nil
  ) async throws -> Activity.Output {
    let signature = activity.signature
    do {
      return try await self.activity(
        signature.name, with: input, options: options ?? signature.options, returning: Activity.Output.self)
    } catch let error as ActivityFailure {
      try error.failure.throwIfOne(of: signature.errors)
      throw error
    }
  }

  /// Runs an activity that takes no input.
  @discardableResult
  public func call<Activity: ActivityReference>(
    _ activity: Activity, options: ActivityOptions? = nil
  ) async throws -> Activity.Output where Activity.Input == Nothing {
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
  ///   - orchestration: its definition or its signature.
  ///   - input: what it gets.
  ///   - instance: the id of the child; nil for one derived from this instance.
  ///   - closePolicy: what becomes of the child when this instance is ended from outside before it
  ///     (terminated, out of the grace of a cancellation). Code that leaves the call cancels the child.
  /// - Throws: what its signature names in `errors`, as it was; `OrchestrationFailure` when it failed with
  ///   something else, was cancelled or terminated, or its id is taken.
  @discardableResult
  public func call<Child: OrchestrationReference>(
    _ orchestration: Child, with input: Child.Input, instance: String? = nil,
    closePolicy: ClosePolicy = .cancel
  ) async throws -> Child.Output {
    let signature = orchestration.signature
    do {
      return try await subOrchestration(
        signature.name, with: input, instance: instance, closePolicy: closePolicy,
        returning: Child.Output.self)
    } catch let error as OrchestrationFailure {
      try error.failure.throwIfOne(of: signature.errors)
      throw error
    }
  }

  /// Runs a child that takes no input.
  @discardableResult
  public func call<Child: OrchestrationReference>(
    _ orchestration: Child, instance: String? = nil, closePolicy: ClosePolicy = .cancel
  ) async throws -> Child.Output where Child.Input == Nothing {
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
  public func startDetached<Other: OrchestrationReference>(
    _ orchestration: Other, with input: Other.Input, instance: String? = nil
  ) throws -> String {
    try startDetached(orchestration.signature.name, with: input, instance: instance)
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
