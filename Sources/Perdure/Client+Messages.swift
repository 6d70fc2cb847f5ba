import PerdureModel

// Messages to instances, calls and queries, and the ends of deferred activities.
extension Client {
  /// Raises an event for an instance. It is kept until the instance waits for it.
  ///
  /// - Parameters:
  ///   - name: 1...256 bytes.
  ///   - instance: its id.
  ///   - data: what comes with it, of any type.
  ///   - keep: if nobody has that id, the event waits for a start of it.
  /// - Returns: whether it waits for a start.
  /// - Throws: `DXError`: `notFound` for an unknown instance, `wrongStatus` for one that has ended,
  ///   `limitExceeded` when its inbox is full.
  @discardableResult
  public func raiseEvent(
    _ name: String, to instance: String, data: some Encodable = Nothing(), keep: Bool = false
  ) async throws -> Bool {
    let data = try PayloadCoding.encode(data, "the data of the event '\(name)'")
    let request = SendRequest(instance: instance, channel: .event, name: name, data: data, isKept: keep)
    return try await CallLanes.perform { [engine] in try engine.send(request) }
  }

  /// Puts a message into a queue of an instance. Events and queues have names of their own.
  ///
  /// - Parameters:
  ///   - queue: its name, 1...256 bytes.
  ///   - instance: its id.
  ///   - data: what comes with it, of any type.
  ///   - keep: if nobody has that id, the message waits for a start of it.
  /// - Returns: whether it waits for a start.
  @discardableResult
  public func enqueue(
    _ queue: String, to instance: String, data: some Encodable = Nothing(), keep: Bool = false
  ) async throws -> Bool {
    let data = try PayloadCoding.encode(data, "the message for the queue '\(queue)'")
    let request = SendRequest(instance: instance, channel: .queue, name: queue, data: data, isKept: keep)
    return try await CallLanes.perform { [engine] in try engine.send(request) }
  }

  /// Sends a message to all instances that are subscribed to a topic, once each.
  ///
  /// - Returns: how many these are.
  @discardableResult
  public func publish(_ topic: String, data: some Encodable = Nothing()) async throws -> Int {
    let data = try PayloadCoding.encode(data, "the message for the topic '\(topic)'")
    return try await CallLanes.perform { [engine] in Int(clamping: try engine.publish(topic, data)) }
  }

  /// Calls into a running orchestration (`OrchestrationContext.onCall`, `nextCall`) and waits for its answer.
  ///
  /// - Parameters:
  ///   - instance: its id.
  ///   - name: 1...256 bytes.
  ///   - input: what comes with it, of any type.
  ///   - timeout: nil to wait as long as it takes. The call goes on: made again with the same `callID`, it
  ///     waits for the answer.
  ///   - callID: names the call; nil for a random one.
  ///   - returning: the type of the answer.
  /// - Throws: `CallFailure` when it was rejected or failed; `DXError`: `timedOut`, `notFound`, `wrongStatus`
  ///   when the instance has ended or ends without an answer; `PayloadError` when the answer is of another
  ///   type; `CancellationError` when the waiting task is cancelled.
  @discardableResult
  public func call<Output: Decodable>(
    _ instance: String, _ name: String, input: some Encodable = Nothing(), timeout: Duration? = nil,
    callID: String? = nil, returning: Output.Type = Nothing.self
  ) async throws -> Output {
    let input = try PayloadCoding.encode(input, "the input of the call '\(name)'")
    let request = CallRequest(instance: instance, name: name, input: input, call: callID)
    let answer = try await EngineWait.call(request, client: engine.handle, timeout: timeout.waitMS)
    switch answer.outcome {
    case .completed(let result):
      return try PayloadCoding.decode(Output.self, result, "the answer to the call '\(name)'")
    case .failed(let failure):
      throw CallFailure(instance: instance, name: name, failure: Failure(failure))
    }
  }

  /// Asks the code of an instance (`OrchestrationContext.onQuery`), which is built anew from its history for
  /// the question by a runtime of this process. Changes nothing.
  ///
  /// - Throws: `QueryFailure` when there is no such handler or it failed; `DXError`: `unsupported` when no
  ///   runtime of this process serves the orchestration in its version, `timedOut`, `notFound`;
  ///   `PayloadError` when the answer is of another type; `CancellationError` when the waiting task is
  ///   cancelled.
  public func query<Output: Decodable>(
    _ instance: String, _ name: String, input: some Encodable = Nothing(), timeout: Duration? = nil,
    returning: Output.Type = Output.self
  ) async throws -> Output {
    let input = try PayloadCoding.encode(input, "the input of the query '\(name)'")
    let request = InstanceQuery(instance: instance, query: QueryRequest(name: name, input: input))
    switch try await EngineWait.query(request, client: engine.handle, timeout: timeout.waitMS) {
    case .completed(let result):
      return try PayloadCoding.decode(Output.self, result, "the answer to the query '\(name)'")
    case .failed(let failure):
      throw QueryFailure(instance: instance, name: name, failure: Failure(failure))
    }
  }

  /// Ends an activity's attempt that was deferred (`ActivityContext.deferred`), from whatever process.
  ///
  /// - Parameters:
  ///   - token: `ActivityContext.token`.
  ///   - result: the value, of any type.
  /// - Throws: `DXError` (`stale`) when the attempt is over or was cancelled.
  public func completeActivity(_ token: String, result: some Encodable = Nothing()) async throws {
    let result = try PayloadCoding.encode(result, "the result of the activity")
    try await CallLanes.perform { [engine] in try engine.complete(token, .completed(result)) }
  }

  /// The same for an attempt that failed: the retry policy decides what follows. A `Failure` is taken as it
  /// is; any other error becomes one.
  public func failActivity(_ token: String, error: some Error) async throws {
    let failure = PerdureModel.Failure(error)
    try await CallLanes.perform { [engine] in try engine.complete(token, .failed(failure)) }
  }

  /// Tells that the work on a deferred attempt goes on, which begins its heartbeat time limit anew.
  ///
  /// - Parameters:
  ///   - token: `ActivityContext.token`.
  ///   - details: how far it got, for the next attempt.
  public func heartbeatActivity(_ token: String, details: some Encodable = Nothing()) async throws {
    let details = try PayloadCoding.encode(details, "the heartbeat of the activity")
    try await CallLanes.perform { [engine] in try engine.heartbeat(token, details) }
  }
}
