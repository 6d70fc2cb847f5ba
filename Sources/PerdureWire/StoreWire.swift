package import PerdureModel

/// Rows of stores that are not history: an inbox message, and the start that waits in an instance row.
package enum StoreWire {
  package static func encode(_ message: MessageKind) -> [UInt8] {
    var writer = JSONWriter(capacity: 256)
    write(message, to: &writer)
    return writer.finish()
  }

  package static func write(_ message: MessageKind, to writer: inout JSONWriter) {
    writer.beginObject()
    switch message {
    case .raised(let channel, let name, let data):
      writer.member("kind", literal: channel == .event ? "EventRaised" : "QueueMessageReceived")
      writer.member("name", name)
      writer.member("data", data)
    case .cancel(let reason):
      writer.member("kind", literal: "CancellationRequested")
      writer.member("reason", reason)
    case .subOrchestrationEnded(let execution, let action, .completed(let result)):
      write("SubOrchestrationCompleted", execution, action, to: &writer)
      writer.member("result", result)
    case .subOrchestrationEnded(let execution, let action, .failed(let failure)):
      write("SubOrchestrationFailed", execution, action, to: &writer)
      writer.member("failure", failure)
    case .activityEnded(let execution, let action, .completed(let result)):
      write("ActivityCompleted", execution, action, to: &writer)
      writer.member("result", result)
    case .activityEnded(let execution, let action, .failed(let failure)):
      write("ActivityFailed", execution, action, to: &writer)
      writer.member("failure", failure)
    }
    writer.endObject()
  }

  private static func write(
    _ kind: StaticString, _ execution: ExecutionID, _ action: ActionID, to writer: inout JSONWriter
  ) {
    writer.member("kind", literal: kind)
    writer.member("execution", execution)
    writer.member("action", action)
  }

  package static func decodeMessage(_ json: UnsafeRawBufferPointer) throws(WireError) -> MessageKind {
    try decodeWhole(json) { reader throws(JSONFault) in
      let m = try Members(&reader)
      let kind = try reader.name(m.kind, m.object, "kind")
      if kind.matches("EventRaised") { return try raised(.event, m, reader) }
      if kind.matches("QueueMessageReceived") { return try raised(.queue, m, reader) }
      if kind.matches("CancellationRequested") {
        return .cancel(reason: try reader.string(m.reason, m.object, "reason"))
      }
      if kind.matches("ActivityCompleted") || kind.matches("ActivityFailed") {
        return .activityEnded(
          execution: try reader.int(m.execution, m.object, "execution"),
          action: try reader.int(m.action, m.object, "action"),
          outcome: try outcome(kind.matches("ActivityFailed"), m, reader))
      }
      if kind.matches("SubOrchestrationCompleted") || kind.matches("SubOrchestrationFailed") {
        return .subOrchestrationEnded(
          execution: try reader.int(m.execution, m.object, "execution"),
          action: try reader.int(m.action, m.object, "action"),
          outcome: try outcome(kind.matches("SubOrchestrationFailed"), m, reader))
      }
      throw reader.unknownKind(kind)
    }
  }

  private static func raised(
    _ channel: Channel, _ m: Members, _ reader: JSONReader
  ) throws(JSONFault) -> MessageKind {
    .raised(
      channel: channel, name: try reader.string(m.name, m.object, "name"),
      data: try reader.payload(m.data, m.object, "data"))
  }

  private static func outcome(
    _ failed: Bool, _ m: Members, _ reader: JSONReader
  ) throws(JSONFault) -> Outcome {
    failed
      ? .failed(try reader.failure(m.failure, m.object))
      : .completed(try reader.payload(m.result, m.object, "result"))
  }

  package static func encode(_ start: InstanceStart) -> [UInt8] {
    var writer = JSONWriter(capacity: 256)
    write(start, to: &writer)
    return writer.finish()
  }

  package static func write(_ start: InstanceStart, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("instance", start.instance)
    writer.member("name", start.orchestration)
    writer.member("version", optional: start.version)
    writer.member("input", start.input)
    writer.member("parent", optional: start.parent)
    writer.endObject()
  }

  package static func decodeStart(_ json: UnsafeRawBufferPointer) throws(WireError) -> InstanceStart {
    try decodeWhole(json) { reader throws(JSONFault) in
      let m = try Members(&reader)
      return InstanceStart(
        instance: try reader.string(m.instance, m.object, "instance"),
        orchestration: try reader.string(m.name, m.object, "name"),
        version: try reader.optionalString(m.version),
        input: try reader.payload(m.input, m.object, "input"), parent: try reader.optionalParent(m.parent))
    }
  }
}
