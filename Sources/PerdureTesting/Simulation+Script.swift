public import Perdure
import PerdureModel

/// What happens from outside. `after` counts from the begin of the run, or, for activities that call these,
/// from then. The numbers that they return name them in `SimulatedWorld.refused`.
extension Simulation {
  /// Starts an instance of an orchestration, by its definition or its signature.
  ///
  /// - Throws: `PayloadError`, and `DXError` (`invalidArgument`) for an option outside its range.
  @discardableResult
  public func start<Started: OrchestrationReference>(
    _ orchestration: Started, input: Started.Input, instance: String,
    version: String? = nil, options: Perdure.StartOptions = Perdure.StartOptions(), after: Duration = .zero
  ) throws -> Int {
    try start(
      orchestration.signature.name, input: input, instance: instance, version: version, options: options,
      after: after)
  }

  /// Starts an instance that takes no input.
  @discardableResult
  public func start<Started: OrchestrationReference>(
    _ orchestration: Started, instance: String, version: String? = nil,
    options: Perdure.StartOptions = Perdure.StartOptions(), after: Duration = .zero
  ) throws -> Int {
    try start(
      orchestration.signature.name, input: Nothing(), instance: instance, version: version, options: options,
      after: after)
  }

  /// Starts an instance of an orchestration by its name.
  @discardableResult
  public func start(
    _ orchestration: String, input: some Encodable = Nothing(), instance: String, version: String? = nil,
    options: Perdure.StartOptions = Perdure.StartOptions(), after: Duration = .zero
  ) throws -> Int {
    let input = try PayloadCoding.encode(input, "the input of the orchestration '\(orchestration)'")
    return add(
      .start(
        StartRequest(
          orchestration: orchestration, instance: instance, version: version, input: input,
          options: try options.model, delayMS: options.delayMS)), after)
  }

  /// Raises an event; simulated time may make it later.
  @discardableResult
  public func event(
    _ name: String, to instance: String, data: some Encodable = Nothing(), after: Duration = .zero,
    keep: Bool = false
  ) throws -> Int {
    let data = try PayloadCoding.encode(data, "the data of the event '\(name)'")
    return add(
      .send(SendRequest(instance: instance, channel: .event, name: name, data: data, isKept: keep)), after)
  }

  /// Puts a message into a queue.
  @discardableResult
  public func enqueue(
    _ queue: String, to instance: String, data: some Encodable = Nothing(), after: Duration = .zero,
    keep: Bool = false
  ) throws -> Int {
    let data = try PayloadCoding.encode(data, "the message for the queue '\(queue)'")
    return add(
      .send(SendRequest(instance: instance, channel: .queue, name: queue, data: data, isKept: keep)), after)
  }

  /// Sends a message to all that are subscribed to a topic then.
  @discardableResult
  public func publish(
    _ topic: String, data: some Encodable = Nothing(), after: Duration = .zero
  ) throws -> Int {
    let data = try PayloadCoding.encode(data, "the message for the topic '\(topic)'")
    return add(.publish(Publication(topic: topic, data: data)), after)
  }

  /// Calls a handler of the orchestration. Its answer is seen in what it does.
  @discardableResult
  public func call(
    _ instance: String, _ name: String, input: some Encodable = Nothing(), after: Duration = .zero
  ) throws -> Int {
    let input = try PayloadCoding.encode(input, "the input of the call '\(name)'")
    return add(after) { number in
      .call(CallRequest(instance: instance, name: name, input: input, call: "call-\(number)"))
    }
  }

  /// Asks an instance to end, for at most `grace`; nil: as long as it takes.
  @discardableResult
  public func cancel(
    _ instance: String, reason: String = "", grace: Duration? = nil, after: Duration = .zero
  ) -> Int {
    control(.cancel(graceMS: grace.map { max(0, $0.millisecondsRoundedUp) }), instance, reason, after)
  }

  /// Stops the turns of an instance.
  @discardableResult
  public func suspend(_ instance: String, reason: String = "", after: Duration = .zero) -> Int {
    control(.control(.suspend), instance, reason, after)
  }

  /// Lets a suspended instance go on.
  @discardableResult
  public func resume(_ instance: String, reason: String = "", after: Duration = .zero) -> Int {
    control(.control(.resume), instance, reason, after)
  }

  /// Ends an instance at once, without its code.
  @discardableResult
  public func terminate(_ instance: String, reason: String = "", after: Duration = .zero) -> Int {
    control(.control(.terminate), instance, reason, after)
  }

  /// Ends an attempt that was deferred.
  @discardableResult
  public func completeActivity(
    _ token: String, result: some Encodable = Nothing(), after: Duration = .zero
  ) throws -> Int {
    try complete(token, .completed(try PayloadCoding.encode(result, "the result of the activity")), after)
  }

  /// The same with a failure.
  @discardableResult
  public func failActivity(_ token: String, _ error: any Error, after: Duration = .zero) throws -> Int {
    try complete(token, .failed(PerdureModel.Failure(error)), after)
  }

  private func complete(_ token: String, _ outcome: Outcome, _ after: Duration) throws -> Int {
    guard let token = CompletionToken(text: token) else {
      throw DXError(.invalidArgument, "'\(token)' is not the token of an attempt.")
    }
    return add(.complete(token, outcome), after)
  }

  private func control(
    _ operation: ControlRequest.Operation, _ instance: String, _ reason: String, _ after: Duration
  ) -> Int {
    add(.control(ControlRequest(instance: instance, operation: operation, reason: reason)), after)
  }

  private func add(_ deed: ScriptLine.Deed, _ after: Duration) -> Int { add(after) { _ in deed } }

  private func add(_ after: Duration, _ deed: @Sendable (Int) -> ScriptLine.Deed) -> Int {
    use { state in
      let number = state.count
      state.count += 1
      state.lines.append(ScriptLine(afterMS: max(0, after.millisecondsRoundedUp), deed: deed(number)))
      return number
    }
  }
}
