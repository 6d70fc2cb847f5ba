package import PerdureModel

/// One event, as history rows and hosts have it.
package enum EventWire {
  package static func encode(_ event: Event) -> [UInt8] {
    var writer = JSONWriter(capacity: 384)
    write(event, to: &writer)
    return writer.finish()
  }

  package static func decode(_ json: UnsafeRawBufferPointer) throws(WireError) -> Event {
    try decodeWhole(json) { reader throws(JSONFault) in try read(&reader) }
  }

  package static func write(_ event: Event, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("id", event.id)
    writer.member("at", event.at)
    switch event.kind {
    case .orchestrationStarted(let name, let version, let input, let parent):
      writer.member("kind", literal: "OrchestrationStarted")
      writer.member("name", name)
      writer.member("version", version)
      writer.member("input", input)
      writer.member("parent", optional: parent)
    case .activityCompleted(let action, let result):
      write("ActivityCompleted", action, result, to: &writer)
    case .activityFailed(let action, let failure):
      write("ActivityFailed", action, failure, to: &writer)
    case .timerFired(let action):
      writer.member("kind", literal: "TimerFired")
      writer.member("action", action)
    case .messageReceived(let channel, let name, let data):
      writer.member("kind", literal: channel == .event ? "EventRaised" : "QueueMessageReceived")
      writer.member("name", name)
      writer.member("data", data)
    case .subOrchestrationCompleted(let action, let result):
      write("SubOrchestrationCompleted", action, result, to: &writer)
    case .subOrchestrationFailed(let action, let failure):
      write("SubOrchestrationFailed", action, failure, to: &writer)
    case .cancellationRequested(let reason):
      writer.member("kind", literal: "CancellationRequested")
      writer.member("reason", reason)
    case .activityScheduled, .timerCreated, .subscribed, .subOrchestrationScheduled,
      .detachedOrchestrationScheduled, .workCancelled, .cancelIgnored, .customStatusUpdated:
      writeActionMade(event.kind, to: &writer)
    case .orchestrationCompleted, .orchestrationFailed, .orchestrationCancelled, .orchestrationContinuedAsNew:
      writeEnd(event.kind, to: &writer)
    }
    writer.endObject()
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

  private static func writeActionMade(_ kind: EventKind, to writer: inout JSONWriter) {
    switch kind {
    case .activityScheduled(let origin, let name, let input):
      write("ActivityScheduled", origin, to: &writer)
      writer.member("name", name)
      writer.member("input", input)
    case .timerCreated(let origin, let fireAt):
      write("TimerCreated", origin, to: &writer)
      writer.member("fireAt", fireAt)
    case .subscribed(let origin, let channel, let name):
      write(channel == .event ? "EventSubscribed" : "QueueSubscribed", origin, to: &writer)
      writer.member("name", name)
    case .subOrchestrationScheduled(let origin, let name, let version, let instance, let input):
      write("SubOrchestrationScheduled", origin, to: &writer)
      writeTarget(name, version, instance, input, to: &writer)
    case .detachedOrchestrationScheduled(let origin, let name, let version, let instance, let input):
      write("DetachedOrchestrationScheduled", origin, to: &writer)
      writeTarget(name, version, instance, input, to: &writer)
    case .workCancelled(let origin, let target, let work):
      write(cancelKind(of: work), origin, to: &writer)
      writer.member("target", target)
    case .cancelIgnored(let origin, let target):
      write("CancelIgnored", origin, to: &writer)
      writer.member("target", target)
    case .customStatusUpdated(let origin, let status):
      write("CustomStatusUpdated", origin, to: &writer)
      writer.member("status", optional: status)
    default: break
    }
  }

  private static func write(_ kind: StaticString, _ origin: Origin?, to writer: inout JSONWriter) {
    writer.member("kind", literal: kind)
    guard let origin else { return }
    writer.member("action", origin.action)
    writer.member("after", origin.after)
  }

  private static func writeTarget(
    _ name: String, _ version: String?, _ instance: InstanceID, _ input: Payload, to writer: inout JSONWriter
  ) {
    writer.member("name", name)
    writer.member("version", optional: version)
    writer.member("instance", instance)
    writer.member("input", input)
  }

  private static func cancelKind(of work: WorkKind) -> StaticString {
    switch work {
    case .activity: "ActivityCancelRequested"
    case .timer: "TimerCancelled"
    case .eventWait: "EventSubscriptionCancelled"
    case .queueWait: "QueueSubscriptionCancelled"
    case .subOrchestration: "SubOrchestrationCancelRequested"
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
    default: break
    }
  }
}
