import PerdureModel
import PerdureWire

/// Starts instances, sends them messages, and asks about them. Needs no runtime in its process. What a call
/// that returned has written is on disk.
public struct Client: Sendable {
  let engine: EngineClient

  public init(_ store: Store) throws { engine = EngineClient(handle: try EngineHandle.client(store.handle)) }

  // MARK: Start

  /// Starts an instance.
  ///
  /// - Parameters:
  ///   - instance: its id, 1...512 bytes; nil for a random one.
  ///   - version: nil for the highest that is registered when it first runs.
  ///   - options: when it begins, what a taken id means, and what describes it.
  /// - Throws: `DXError`, such as `alreadyExists` when the id is taken.
  @discardableResult
  public func start<Input, Output>(
    _ orchestration: OrchestrationDefinition<Input, Output>, input: Input, instance: String? = nil,
    version: String? = nil, options: StartOptions = StartOptions()
  ) async throws -> InstanceHandle<Output> {
    try await start(
      orchestration.name, input: input, instance: instance, version: version, options: options,
      returning: Output.self)
  }

  /// Starts an instance that takes no input.
  @discardableResult
  public func start<Output>(
    _ orchestration: OrchestrationDefinition<Nothing, Output>, instance: String? = nil,
    version: String? = nil, options: StartOptions = StartOptions()
  ) async throws -> InstanceHandle<Output> {
    try await start(
      orchestration, input: Nothing(), instance: instance, version: version, options: options)
  }

  /// Starts an instance of an orchestration that this program knows by name only.
  @discardableResult
  public func start<Output: Decodable>(
    _ orchestration: String, input: some Encodable = Nothing(), instance: String? = nil,
    version: String? = nil, options: StartOptions = StartOptions(), returning: Output.Type = Nothing.self
  ) async throws -> InstanceHandle<Output> {
    let input = try PayloadCoding.encode(input, "the input of the orchestration '\(orchestration)'")
    let request = StartRequest(
      orchestration: orchestration, instance: instance, version: version, input: input,
      options: try options.model, delayMS: options.delayMS)
    let engine = engine
    let started = try await CallLanes.perform { try engine.start(request) }
    return InstanceHandle(instance: started.instance, isExisting: started.isExisting, client: self)
  }

  /// Starts many instances, made durable together. Each succeeds or fails alone.
  ///
  /// - Parameters:
  ///   - inputs: at most 10,000, each with the id of its instance (nil for a random one).
  ///   - options: of all of them.
  /// - Returns: one result per input, in their order.
  public func startMany<Input, Output>(
    _ orchestration: OrchestrationDefinition<Input, Output>, _ inputs: [(instance: String?, input: Input)],
    options: StartOptions = StartOptions()
  ) async throws -> [Result<InstanceHandle<Output>, DXError>] {
    let model = try options.model
    let requests = try inputs.map { instance, input in
      StartRequest(
        orchestration: orchestration.name, instance: instance,
        input: try PayloadCoding.encode(input, "the input of the orchestration '\(orchestration.name)'"),
        options: model, delayMS: options.delayMS)
    }
    let engine = engine
    return try await CallLanes.perform { try engine.start(requests) }.map { result in
      result.map { InstanceHandle(instance: $0.instance, isExisting: $0.isExisting, client: self) }
        .mapError { DXError($0) }
    }
  }

  /// The handle of an instance that exists.
  public func instance<Output: Decodable>(_ id: String, returning: Output.Type) -> InstanceHandle<Output> {
    InstanceHandle(instance: id, isExisting: true, client: self)
  }

  // MARK: Questions

  /// - Throws: `DXError`: `notFound` for an unknown instance.
  public func describe(_ instance: String) async throws -> InstanceDescription {
    try await CallLanes.perform { [engine] in InstanceDescription(try engine.describe(instance)) }
  }

  /// Waits until the custom status of an instance has a version above `version`
  /// (`InstanceDescription.customStatusVersion`), or the instance has ended.
  ///
  /// - Parameter timeout: nil to wait as long as it takes.
  /// - Throws: `DXError` (`timedOut`, `notFound`), `CancellationError` when the waiting task is cancelled.
  public func waitForStatus(
    _ instance: String, after version: Int64 = 0, timeout: Duration? = nil
  ) async throws -> InstanceDescription {
    InstanceDescription(
      try await EngineWait.status(
        of: instance, after: version, client: engine.handle, timeout: timeout.waitMS))
  }

  /// The key-value state of an instance, in the order of the keys' bytes. Also of one that has ended.
  public func kv(_ instance: String) async throws -> [KeyValueEntry] {
    try await CallLanes.perform { [engine] in
      try engine.kv(KVQuery(instance: instance)).map { KeyValueEntry($0) }
    }
  }

  /// One key of an instance's state; nil: there is no such key.
  public func getKV<Value: Decodable & Sendable>(
    _ instance: String, _ key: String, as type: Value.Type = Value.self
  ) async throws -> Value? {
    let entries = try await CallLanes.perform { [engine] in
      try engine.kv(KVQuery(instance: instance, key: key))
    }
    return try entries.first.map { try KeyValueEntry($0).value(as: type) }
  }

  /// The same, with what stands in for a key that is not there.
  public func getKV<Value: Decodable & Sendable>(
    _ instance: String, _ key: String, default standard: Value
  ) async throws -> Value {
    try await getKV(instance, key, as: Value.self) ?? standard
  }

  /// Instances that match, one page at a time. What is started or deleted in between disturbs no page that
  /// follows.
  public func list(_ filter: InstanceFilter = InstanceFilter(), after page: InstancePage? = nil) async throws
    -> InstancePage
  {
    var query = filter.query
    if let page {
      guard let next = page.next else { return InstancePage(instances: [], next: nil) }
      query.cursor = next
    }
    let answer = try await CallLanes.perform { [engine, query] in try engine.list(query) }
    return InstancePage(instances: answer.instances.map { InstanceDescription($0) }, next: answer.next)
  }

  /// The events of an execution, at most `limit` at a time.
  ///
  /// - Parameters:
  ///   - execution: nil for the current one.
  ///   - after: only events with a higher id.
  ///   - limit: 1...1,000.
  public func history(
    _ instance: String, execution: Int64? = nil, after: Int64 = 0, limit: Int = 1_000
  ) async throws -> HistoryPage {
    let query = HistoryQuery(instance: instance, execution: execution, after: after, limit: limit)
    return try await CallLanes.perform { [engine] in HistoryPage(try engine.history(query)) }
  }

  /// Removes an instance that nobody called, and its descendants.
  ///
  /// - Parameter force: also one that has not ended.
  /// - Returns: the ids of all that were removed.
  @discardableResult
  public func delete(_ instance: String, force: Bool = false) async throws -> [String] {
    let query = DeleteQuery(instance: instance, force: force)
    return try await CallLanes.perform { [engine] in try engine.delete(query) }
  }
}

extension Optional where Wrapped == Duration {
  /// Of calls that wait: milliseconds, negative for no limit.
  var waitMS: Int64 { map { Swift.max(0, $0.millisecondsRoundedUp) } ?? -1 }
}

extension DXError {
  init(_ refusal: ClientWire.Refusal) {
    self.init(
      Code(rawValue: Int32(clamping: refusal.code)), refusal.message, detailsJSON: refusal.details.text)
  }
}
