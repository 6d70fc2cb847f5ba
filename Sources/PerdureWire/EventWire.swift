package import PerdureModel

/// One event, as history rows and hosts have it.
package enum EventWire {
  package static func encode(_ event: Event) -> [UInt8] {
    var writer = JSONWriter(capacity: 384)
    write(event, to: &writer)
    return writer.finish()
  }

  /// The name of what happened, such as `ActivityScheduled`.
  package static func kind(of event: Event) -> String {
    let kind = encode(event).withUnsafeBytes { json in
      try? decodeWhole(json) { reader throws(JSONFault) in
        let m = try Members(&reader)
        return try reader.name(m.kind, m.object, "kind").text
      }
    }
    return kind ?? ""
  }

  package static func decode(_ json: UnsafeRawBufferPointer) throws(WireError) -> Event {
    try decodeWhole(json) { reader throws(JSONFault) in try read(&reader) }
  }

  package static func write(_ event: Event, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("id", event.id)
    writer.member("at", event.at)
    if event.isLate { writer.member("late", true) }
    switch event.kind {
    case .activityCompleted(let action, let result):
      write("ActivityCompleted", action, result, to: &writer)
    case .activityFailed(let action, let failure):
      write("ActivityFailed", action, failure, to: &writer)
    case .timerFired(let action):
      writer.member("kind", literal: "TimerFired")
      writer.member("action", action)
    case .orchestrationStarted, .messageReceived, .callReceived, .subOrchestrationCompleted,
      .subOrchestrationFailed, .requestCompleted, .requestFailed, .cancellationRequested:
      writeDelivered(event.kind, to: &writer)
    case .orchestrationCompleted, .orchestrationFailed, .orchestrationCancelled,
      .orchestrationContinuedAsNew, .orchestrationTerminated:
      writeEnd(event.kind, to: &writer)
    default: writeActionMade(event.kind, to: &writer)
    }
    writer.endObject()
  }

  private static func writeDelivered(_ kind: EventKind, to writer: inout JSONWriter) {
    switch kind {
    case .orchestrationStarted(let name, let version, let input, let parent, let trace):
      writer.member("kind", literal: "OrchestrationStarted")
      writer.member("name", name)
      writer.member("version", version)
      writer.member("input", input)
      writer.member("parent", optional: parent)
      writer.members(trace)
    case .messageReceived(let channel, let name, let data):
      writer.member("kind", literal: receivedKind(of: channel))
      // Calls have an event of their own. A type that allows one here must still give JSON that can be read.
      if channel == .call { writer.member("call", "") }
      writer.member("name", name)
      writer.member("data", data)
    case .callReceived(let call, let name, let input):
      writer.member("kind", literal: receivedKind(of: .call))
      writer.member("call", call)
      writer.member("name", name)
      writer.member("data", input)
    case .subOrchestrationCompleted(let action, let result):
      write("SubOrchestrationCompleted", action, result, to: &writer)
    case .subOrchestrationFailed(let action, let failure):
      write("SubOrchestrationFailed", action, failure, to: &writer)
    case .requestCompleted(let action, let result):
      write("RequestCompleted", action, result, to: &writer)
    case .requestFailed(let action, let failure):
      write("RequestFailed", action, failure, to: &writer)
    case .cancellationRequested(let reason, let deadline):
      writer.member("kind", literal: "CancellationRequested")
      writer.member("reason", reason)
      writer.member("deadline", optional: deadline)
    default: break
    }
  }

  private static func write(
    _ kind: StaticString, _ action: ActionID, _ result: Payload, to writer: inout JSONWriter
  ) {
    writer.member("kind", literal: kind)
    writer.member("action", action)
    writer.member("result", result)
  }

  private static func write(
    _ kind: StaticString, _ action: ActionID, _ failure: Failure, to writer: inout JSONWriter
  ) {
    writer.member("kind", literal: kind)
    writer.member("action", action)
    writer.member("failure", failure)
  }

  /// Of a message, in history and in inboxes.
  static func receivedKind(of channel: Channel) -> StaticString {
    switch channel {
    case .event: "EventRaised"
    case .queue: "QueueMessageReceived"
    case .topic: "TopicMessageReceived"
    case .call: "CallReceived"
    }
  }

  private static func writeEnd(_ kind: EventKind, to writer: inout JSONWriter) {
    switch kind {
    case .orchestrationCompleted(let output):
      writer.member("kind", literal: "OrchestrationCompleted")
      writer.member("output", output)
    case .orchestrationFailed(let failure):
      writer.member("kind", literal: "OrchestrationFailed")
      writer.member("failure", failure)
    case .orchestrationCancelled(let reason, let output):
      writer.member("kind", literal: "OrchestrationCancelled")
      writer.member("reason", reason)
      writer.member("output", optional: output)
    case .orchestrationContinuedAsNew(let version, let input):
      writer.member("kind", literal: "OrchestrationContinuedAsNew")
      writer.member("version", optional: version)
      writer.member("input", input)
    case .orchestrationTerminated(let reason):
      writer.member("kind", literal: "OrchestrationTerminated")
      writer.member("reason", reason)
    default: break
    }
  }
}
