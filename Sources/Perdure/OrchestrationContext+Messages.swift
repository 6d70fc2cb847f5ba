import PerdureModel

// Messages in, messages to other instances, topics.
extension OrchestrationContext {
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

  /// Waits for the next message that is published to a topic. Only what comes after `subscribe` does; it is
  /// kept until it is awaited.
  @discardableResult
  public func waitForTopic<Value: Decodable>(
    _ topic: String, as type: Value.Type = Nothing.self
  ) async throws -> Value {
    try await receive(.topic, topic, "the message of the topic '\(topic)'")
  }

  private func receive<Value: Decodable>(
    _ channel: Channel, _ name: String, _ what: String
  ) async throws -> Value {
    guard case .received(let message) = try await live.perform(.subscribe(channel: channel, name: name), what)
    else { throw CoroutineDropped() }
    return try PayloadCoding.decode(Value.self, message.data, what)
  }

  /// From now on this instance receives what is published to a topic, across `continueAsNew` too.
  public func subscribe(_ topic: String) throws {
    try live.admitWork("subscribe to the topic '\(topic)'")
    try live.emit(.subscribeTopic(topic))
  }

  /// Ends a subscription. Messages that have come stay.
  public func unsubscribe(_ topic: String) throws {
    try live.admitWork("unsubscribe from the topic '\(topic)'")
    try live.emit(.unsubscribeTopic(topic))
  }

  /// Sends a message to all instances that are subscribed to a topic.
  public func publish(_ topic: String, data: some Encodable = Nothing()) throws {
    let data = try PayloadCoding.encode(data, "the message for the topic '\(topic)'")
    try live.admitWork("publish to the topic '\(topic)'")
    try live.emit(.publish(topic: topic, data: data))
  }

  /// Raises an event for another instance. Returns when it is in its inbox.
  ///
  /// - Parameters:
  ///   - name: 1...256 bytes.
  ///   - instance: its id.
  ///   - data: what comes with it, of any type.
  ///   - keep: if nobody has that id, the event waits for a start of it.
  /// - Throws: `MessageRefused` when the instance is unknown or has ended.
  public func raiseEvent(
    _ name: String, to instance: String, data: some Encodable = Nothing(), keep: Bool = false
  ) async throws {
    let data = try PayloadCoding.encode(data, "the data of the event '\(name)'")
    let content = SentMessage.Content.raised(channel: .event, name: name, data: data)
    try await send(SentMessage(to: instance, content: content, isKept: keep), "the event '\(name)'")
  }

  /// Puts a message into a queue of another instance. Returns when it is there.
  ///
  /// - Parameters:
  ///   - queue: its name, 1...256 bytes.
  ///   - instance: its id.
  ///   - data: what comes with it, of any type.
  ///   - keep: if nobody has that id, the message waits for a start of it.
  /// - Throws: `MessageRefused` when the instance is unknown or has ended.
  public func enqueue(
    _ queue: String, to instance: String, data: some Encodable = Nothing(), keep: Bool = false
  ) async throws {
    let data = try PayloadCoding.encode(data, "the message for the queue '\(queue)'")
    let content = SentMessage.Content.raised(channel: .queue, name: queue, data: data)
    try await send(
      SentMessage(to: instance, content: content, isKept: keep), "the message for the queue '\(queue)'")
  }

  /// Asks another instance to end. Returns when it has been told, not when it has ended.
  ///
  /// - Throws: `MessageRefused` when the instance is unknown or has ended.
  public func cancelInstance(_ instance: String, reason: String = "") async throws {
    try await send(
      SentMessage(to: instance, content: .cancel(reason: reason)), "the cancellation of '\(instance)'")
  }

  private func send(_ message: SentMessage, _ what: String) async throws {
    if case .failed(let failure) = try await live.perform(.send(message), what) {
      throw MessageRefused(instance: message.to, failure: Failure(failure))
    }
  }
}
