import PerdureModel
import PerdureWire

/// Starts instances, sends them messages, and asks about them. Needs no runtime in its process. What a call
/// that returned has written is on disk.
public struct Client: Sendable {
  private let engine: EngineClient

  public init(_ store: Store) throws { engine = EngineClient(handle: try EngineHandle.client(store.handle)) }

  // MARK: Start

  /// Starts an instance.
  ///
  /// - Parameters:
  ///   - instance: its id, 1...512 bytes; nil for a random one.
  ///   - version: nil for the highest that is registered when it first runs.
  /// - Throws: `DXError`, such as `alreadyExists` when the id is taken.
  public func start<Input, Output>(
    _ orchestration: OrchestrationDefinition<Input, Output>, input: Input, instance: String? = nil,
    version: String? = nil
  ) async throws -> InstanceHandle<Output> {
    try await start(
      orchestration.name, input: input, instance: instance, version: version, returning: Output.self)
  }

  /// Starts an instance that takes no input.
  public func start<Output>(
    _ orchestration: OrchestrationDefinition<Nothing, Output>, instance: String? = nil
  ) async throws -> InstanceHandle<Output> {
    try await start(orchestration, input: Nothing(), instance: instance)
  }

  /// Starts an instance of an orchestration that this program knows by name only.
  public func start<Output: Decodable>(
    _ orchestration: String, input: some Encodable = Nothing(), instance: String? = nil,
    version: String? = nil, returning: Output.Type = Nothing.self
  ) async throws -> InstanceHandle<Output> {
    let input = try PayloadCoding.encode(input, "the input of the orchestration '\(orchestration)'")
    let request = StartRequest(
      orchestration: orchestration, instance: instance, version: version, input: input)
    let engine = engine
    let id = try await CallLanes.perform { try engine.start(request) }
    return InstanceHandle(instance: id, engine: engine)
  }

  /// Starts many instances, made durable together. Each succeeds or fails alone.
  ///
  /// - Parameter inputs: at most 10,000, each with the id of its instance (nil for a random one).
  /// - Returns: one result per input, in their order.
  public func startMany<Input, Output>(
    _ orchestration: OrchestrationDefinition<Input, Output>, _ inputs: [(instance: String?, input: Input)]
  ) async throws -> [Result<InstanceHandle<Output>, DXError>] {
    let requests = try inputs.map { instance, input in
      StartRequest(
        orchestration: orchestration.name, instance: instance,
        input: try PayloadCoding.encode(input, "the input of the orchestration '\(orchestration.name)'"))
    }
    let engine = engine
    return try await CallLanes.perform { try engine.start(requests) }.map { result in
      result.map { InstanceHandle(instance: $0, engine: engine) }.mapError { DXError($0) }
    }
  }

  /// The handle of an instance that exists.
  public func instance<Output: Decodable>(_ id: String, returning: Output.Type) -> InstanceHandle<Output> {
    InstanceHandle(instance: id, engine: engine)
  }

  // MARK: Messages

  /// Raises an event for an instance. It is kept until the instance waits for it.
  ///
  /// - Throws: `DXError`: `notFound` for an unknown instance, `wrongStatus` for one that has ended.
  public func raiseEvent(_ name: String, to instance: String, data: some Encodable = Nothing()) async throws {
    let data = try PayloadCoding.encode(data, "the data of the event '\(name)'")
    try await CallLanes.perform { [engine] in try engine.send(.event, name, data, to: instance) }
  }

  /// Puts a message into a queue of an instance. Events and queues have names of their own.
  public func enqueue(_ queue: String, to instance: String, data: some Encodable = Nothing()) async throws {
    let data = try PayloadCoding.encode(data, "the message for the queue '\(queue)'")
    try await CallLanes.perform { [engine] in try engine.send(.queue, queue, data, to: instance) }
  }

  /// Asks an instance to end. Its code receives a `CancellationError` and may clean up.
  public func cancel(_ instance: String, reason: String = "") async throws {
    try await CallLanes.perform { [engine] in try engine.cancel(instance, reason: reason) }
  }

  // MARK: Questions

  /// - Throws: `DXError`: `notFound` for an unknown instance.
  public func describe(_ instance: String) async throws -> InstanceDescription {
    try await CallLanes.perform { [engine] in InstanceDescription(try engine.describe(instance)) }
  }

  /// Instances in the order of their creation, one page at a time.
  public func list(_ filter: InstanceFilter = InstanceFilter(), after page: InstancePage? = nil) async throws
    -> InstancePage
  {
    var query = ListQuery(
      orchestration: filter.orchestration,
      status: filter.status.flatMap { PerdureModel.InstanceStatus(rawValue: $0.rawValue) },
      instancePrefix: filter.instancePrefix, parent: filter.parent, limit: filter.limit)
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

extension DXError {
  init(_ refusal: ClientWire.Refusal) {
    self.init(
      Code(rawValue: Int32(clamping: refusal.code)), refusal.message, detailsJSON: refusal.details.text)
  }
}
