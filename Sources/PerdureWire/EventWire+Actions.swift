import PerdureModel

/// Events that actions made: each says which action, and after which event.
extension EventWire {
  static func writeActionMade(_ kind: EventKind, to writer: inout JSONWriter) {
    switch kind {
    case .activityScheduled(let origin, let name, let input, let options):
      write("ActivityScheduled", origin, to: &writer)
      writer.member("name", name)
      writer.member("input", input)
      writer.member(options)
    case .timerCreated(let origin, let fireAt):
      write("TimerCreated", origin, to: &writer)
      writer.member("fireAt", fireAt)
    case .subscribed(let origin, let channel, let name):
      write(waitKind(of: channel), origin, to: &writer)
      writer.member("name", name)
    case .subOrchestrationScheduled(let origin, let name, let version, let instance, let input, let policy):
      write("SubOrchestrationScheduled", origin, to: &writer)
      writeTarget(name, version, instance, input, to: &writer)
      writer.member(policy)
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
    case .kvChanged, .kvReadRequested, .messageSendRequested, .topicSubscribed, .topicUnsubscribed,
      .published, .callAnswered, .patchRecorded:
      writeRarer(kind, to: &writer)
    // The others are not made by actions.
    default: break
    }
  }

  private static func writeRarer(_ kind: EventKind, to writer: inout JSONWriter) {
    switch kind {
    case .kvChanged(let origin, let change):
      write(changeKind(of: change), origin, to: &writer)
      writer.members(change)
    case .kvReadRequested(let origin, let instance, let key):
      write("KVReadRequested", origin, to: &writer)
      writer.member("instance", instance)
      writer.member("key", key)
    case .messageSendRequested(let origin, let message):
      write(sendKind(of: message.content), origin, to: &writer)
      writer.members(message)
    case .topicSubscribed(let origin, let topic):
      write("TopicSubscribed", origin, to: &writer)
      writer.member("topic", topic)
    case .topicUnsubscribed(let origin, let topic):
      write("TopicUnsubscribed", origin, to: &writer)
      writer.member("topic", topic)
    case .published(let origin, let topic, let data):
      write("Published", origin, to: &writer)
      writer.member("topic", topic)
      writer.member("data", data)
    case .callAnswered(let origin, let call, let outcome):
      write("CallAnswered", origin, to: &writer)
      writer.member("call", call)
      writer.member(outcome)
    case .patchRecorded(let origin, let patch):
      write("PatchRecorded", origin, to: &writer)
      writer.member("patch", patch)
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

  private static func waitKind(of channel: Channel) -> StaticString {
    switch channel {
    case .event: "EventSubscribed"
    case .queue: "QueueSubscribed"
    case .topic: "TopicAwaited"
    case .call: "CallAwaited"
    }
  }

  private static func changeKind(of change: KVChange) -> StaticString {
    switch change {
    case .set: "KVSet"
    case .clear: "KVCleared"
    case .clearAll: "KVAllCleared"
    }
  }

  private static func sendKind(of content: SentMessage.Content) -> StaticString {
    switch content {
    case .raised(.event, _, _): "RaiseEventRequested"
    // Code sends nothing else: topics are published to, calls come from clients.
    case .raised: "EnqueueRequested"
    case .cancel: "CancelInstanceRequested"
    }
  }

  private static func cancelKind(of work: WorkKind) -> StaticString {
    switch work {
    case .activity: "ActivityCancelRequested"
    case .timer: "TimerCancelled"
    case .eventWait: "EventSubscriptionCancelled"
    case .queueWait: "QueueSubscriptionCancelled"
    case .topicWait: "TopicWaitCancelled"
    case .callWait: "CallWaitCancelled"
    case .subOrchestration: "SubOrchestrationCancelRequested"
    case .request: "RequestCancelled"
    }
  }
}
