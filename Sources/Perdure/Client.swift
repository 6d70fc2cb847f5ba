import PerdureModel
import PerdureWire

/// Starts instances, sends them messages, and asks about them. Needs no runtime in its process. What a call
/// that returned has written is on disk.
///
/// No call blocks the thread of its task. A task that is cancelled does not wait for the answer: its call
/// throws `CancellationError` at once. What it was to do may have been done all the same, and is done when it
/// was under way; calls that a cancelled task makes are not made at all.
public struct Client: Sendable {
  let engine: EngineClient
  let store: Store

  /// A client of a store, for any number of tasks.
  ///
  /// - Throws: `DXError`, such as `invalidHandle`.
  public init(_ store: Store) throws {
    engine = EngineClient(handle: try EngineHandle.client(store.handle))
    self.store = store
  }

  // MARK: Start

  /// Starts an instance.
  ///
  /// - Parameters:
  ///   - orchestration: its definition or its signature.
  ///   - input: what it gets.
  ///   - instance: its id, 1...512 bytes; nil for a random one.
  ///   - version: nil for the highest that is registered when it first runs.
  ///   - options: when it begins, what a taken id means, and what describes it.
  /// - Throws: `DXError`, such as `alreadyExists` when the id is taken.
  @discardableResult
  public func start<Started: OrchestrationReference>(
    _ orchestration: Started, input: Started.Input, instance: String? = nil, version: String? = nil,
    options: StartOptions = StartOptions()
  ) async throws -> InstanceHandle<Started.Output> {
    let signature = orchestration.signature
    var handle = try await start(
      signature.name, input: input, instance: instance, version: version, options: options,
      returning: Started.Output.self)
    handle.errors = signature.errors
    return handle
  }

  /// Starts an instance that takes no input.
  @discardableResult
  public func start<Started: OrchestrationReference>(
    _ orchestration: Started, instance: String? = nil, version: String? = nil,
    options: StartOptions = StartOptions()
  ) async throws -> InstanceHandle<Started.Output> where Started.Input == Nothing {
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
  ///   - orchestration: its definition or its signature.
  ///   - inputs: at most 10,000, each with the id of its instance (nil for a random one).
  ///   - options: of all of them.
  /// - Returns: one result per input, in their order.
  public func startMany<Started: OrchestrationReference>(
    _ orchestration: Started, _ inputs: [(instance: String?, input: Started.Input)],
    options: StartOptions = StartOptions()
  ) async throws -> [Result<InstanceHandle<Started.Output>, DXError>] {
    let signature = orchestration.signature
    let model = try options.model
    let requests = try inputs.map { instance, input in
      StartRequest(
        orchestration: signature.name, instance: instance,
        input: try PayloadCoding.encode(input, "the input of the orchestration '\(signature.name)'"),
        options: model, delayMS: options.delayMS)
    }
    let engine = engine
    return try await CallLanes.perform { try engine.start(requests) }.map { result in
      result.map {
        InstanceHandle(
          instance: $0.instance, isExisting: $0.isExisting, client: self, errors: signature.errors)
      }
      .mapError { DXError($0) }
    }
  }

  /// The handle of an instance that exists, by the type of its output.
  public func instance<Output: Decodable>(
    _ id: String, returning: Output.Type = Nothing.self
  ) -> InstanceHandle<Output> {
    InstanceHandle(instance: id, isExisting: true, client: self)
  }

  /// The handle of an instance that exists, by what it is an instance of.
  public func instance<Known: OrchestrationReference>(
    _ id: String, of orchestration: Known
  ) -> InstanceHandle<Known.Output> {
    InstanceHandle(
      instance: id, isExisting: true, client: self, errors: orchestration.signature.errors)
  }

  // MARK: Questions

  /// Everything about an instance but its history and messages.
  ///
  /// - Throws: `DXError`: `notFound` for an unknown instance.
  public func describe(_ instance: String) async throws -> InstanceDescription {
    try await CallLanes.perform { [engine] in InstanceDescription(try engine.describe(instance)) }
  }

  /// Waits for the end of an instance, whatever that is; `InstanceHandle.result` throws when it is a failure.
  ///
  /// - Parameters:
  ///   - instance: its id.
  ///   - timeout: nil to wait as long as it takes.
  /// - Throws: `DXError` (`timedOut`, `notFound`), `CancellationError` when the waiting task is cancelled.
  public func wait(_ instance: String, timeout: Duration? = nil) async throws -> InstanceDescription {
    InstanceDescription(
      try await EngineWait.end(of: instance, client: engine.handle, timeout: timeout.waitMS))
  }

  /// Waits until the custom status of an instance has a version above `version`
  /// (`InstanceDescription.customStatusVersion`), or the instance has ended.
  ///
  /// - Parameters:
  ///   - instance: its id.
  ///   - version: only a status with a higher one.
  ///   - timeout: nil to wait as long as it takes.
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
  ///   - instance: its id.
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
  /// - Parameters:
  ///   - instance: its id.
  ///   - force: also one that has not ended.
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
