package import PerdureModel

/// Rows of stores that are not history: an inbox message, the start that waits in an instance row, and what a
/// runtime serves. (Options of a pending activity: `ActivityOptionsWire`; a failure: `FailureWire`.)
package enum StoreWire {
  // MARK: Inbox message

  package static func encode(_ message: MessageKind) -> [UInt8] {
    var writer = JSONWriter(capacity: 256)
    write(message, to: &writer)
    return writer.finish()
  }

  package static func write(_ message: MessageKind, to writer: inout JSONWriter) {
    writer.beginObject()
    switch message {
    case .raised(let channel, let name, let data):
      writer.member("kind", literal: EventWire.receivedKind(of: channel))
      // Calls are messages of their own. A type that allows one here must still give JSON that can be read.
      if channel == .call { writer.member("call", "") }
      writer.member("name", name)
      writer.member("data", data)
    case .call(let id, let name, let input):
      writer.member("kind", literal: EventWire.receivedKind(of: .call))
      writer.member("call", id)
      writer.member("name", name)
      writer.member("data", input)
    case .cancel(let reason, let graceMS):
      writer.member("kind", literal: "CancellationRequested")
      writer.member("reason", reason)
      writer.member("graceMS", optional: graceMS)
    case .subOrchestrationEnded(let execution, let action, let outcome):
      let kind: StaticString = outcome.isFailed ? "SubOrchestrationFailed" : "SubOrchestrationCompleted"
      write(kind, execution, action, outcome, to: &writer)
    case .activityEnded(let execution, let action, let outcome):
      write(
        outcome.isFailed ? "ActivityFailed" : "ActivityCompleted", execution, action, outcome, to: &writer)
    case .requestEnded(let execution, let action, let outcome):
      write(outcome.isFailed ? "RequestFailed" : "RequestCompleted", execution, action, outcome, to: &writer)
    }
    writer.endObject()
  }

  private static func write(
    _ kind: StaticString, _ execution: ExecutionID, _ action: ActionID, _ outcome: Outcome,
    to writer: inout JSONWriter
  ) {
    writer.member("kind", literal: kind)
    writer.member("execution", execution)
    writer.member("action", action)
    writer.member(outcome)
  }

  package static func decodeMessage(_ json: UnsafeRawBufferPointer) throws(WireError) -> MessageKind {
    try decodeWhole(json) { reader throws(JSONFault) in try readMessage(&reader) }
  }

  static func readMessage(_ reader: inout JSONReader) throws(JSONFault) -> MessageKind {
    let m = try Members(&reader)
    let kind = try reader.name(m.kind, m.object, "kind")
    if let ended = try ended(kind, m, reader) { return ended }
    if kind.matches("EventRaised") { return try raised(.event, m, reader) }
    if kind.matches("QueueMessageReceived") { return try raised(.queue, m, reader) }
    if kind.matches("TopicMessageReceived") { return try raised(.topic, m, reader) }
    if kind.matches("CallReceived") {
      return .call(id: try m.call(reader), name: try m.name(reader), input: try m.data(reader))
    }
    if kind.matches("CancellationRequested") {
      return .cancel(reason: try m.reason(reader), graceMS: try reader.optionalInt(m.graceMS))
    }
    throw reader.unknownKind(kind)
  }

  private static func raised(
    _ channel: Channel, _ m: Members, _ reader: JSONReader
  ) throws(JSONFault) -> MessageKind {
    .raised(channel: channel, name: try m.name(reader), data: try m.data(reader))
  }

  private static func ended(
    _ kind: JSONName, _ m: Members, _ reader: JSONReader
  ) throws(JSONFault) -> MessageKind? {
    if kind.matches("ActivityCompleted") || kind.matches("ActivityFailed") {
      return .activityEnded(
        execution: try execution(m, reader), action: try m.action(reader),
        outcome: try outcome(kind.matches("ActivityFailed"), m, reader))
    }
    if kind.matches("SubOrchestrationCompleted") || kind.matches("SubOrchestrationFailed") {
      return .subOrchestrationEnded(
        execution: try execution(m, reader), action: try m.action(reader),
        outcome: try outcome(kind.matches("SubOrchestrationFailed"), m, reader))
    }
    if kind.matches("RequestCompleted") || kind.matches("RequestFailed") {
      return .requestEnded(
        execution: try execution(m, reader), action: try m.action(reader),
        outcome: try outcome(kind.matches("RequestFailed"), m, reader))
    }
    return nil
  }

  private static func execution(_ m: Members, _ reader: JSONReader) throws(JSONFault) -> ExecutionID {
    try reader.int(m.execution, m.object, "execution")
  }

  private static func outcome(
    _ failed: Bool, _ m: Members, _ reader: JSONReader
  ) throws(JSONFault) -> Outcome {
    failed ? .failed(try m.failure(reader)) : .completed(try m.result(reader))
  }
}

extension Outcome {
  fileprivate var isFailed: Bool {
    if case .failed = self { true } else { false }
  }
}
