package import PerdureModel

/// One action of a turn answer.
package enum ActionWire {
  package static func encode(_ action: Action) -> [UInt8] {
    var writer = JSONWriter(capacity: 256)
    write(action, to: &writer)
    return writer.finish()
  }

  package static func decode(_ json: UnsafeRawBufferPointer) throws(WireError) -> Action {
    try decodeWhole(json) { reader throws(JSONFault) in try read(&reader) }
  }

  package static func write(_ action: Action, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("id", action.id)
    writer.member("after", action.after)
    switch action.kind {
    case .scheduleActivity(let name, let input, let options):
      writer.member("kind", literal: "ScheduleActivity")
      writer.member("name", name)
      writer.member("input", input)
      writer.member(options)
    case .createTimer(let fireAt):
      writer.member("kind", literal: "CreateTimer")
      writer.member("fireAt", fireAt)
    case .subscribe(let channel, let name):
      writer.member("kind", literal: waitKind(of: channel))
      writer.member("name", name)
    case .scheduleSubOrchestration(let name, let version, let instance, let input, let policy, _):
      writer.member("kind", literal: "ScheduleSubOrchestration")
      writeTarget(name, version, instance, input, to: &writer)
      writer.member(policy)
    case .startDetached(let name, let version, let instance, let input):
      writer.member("kind", literal: "StartDetached")
      writeTarget(name, version, instance, input, to: &writer)
    case .cancel(let target):
      writer.member("kind", literal: "Cancel")
      writer.member("target", target)
    case .setCustomStatus(let status):
      writer.member("kind", literal: "SetCustomStatus")
      writer.member("status", optional: status)
    case .changeKV, .readKV, .send, .subscribeTopic, .unsubscribeTopic, .publish, .answerCall, .recordPatch:
      writeRarer(action.kind, to: &writer)
    }
    writer.endObject()
  }

  private static func writeRarer(_ kind: ActionKind, to writer: inout JSONWriter) {
    switch kind {
    case .changeKV(let change):
      writer.member("kind", literal: changeKind(of: change))
      writer.members(change)
    case .readKV(let instance, let key):
      writer.member("kind", literal: "ReadKV")
      writer.member("instance", instance)
      writer.member("key", key)
    case .send(let message):
      writer.member("kind", literal: sendKind(of: message.content))
      writer.members(message)
    case .subscribeTopic(let topic):
      writer.member("kind", literal: "SubscribeTopic")
      writer.member("topic", topic)
    case .unsubscribeTopic(let topic):
      writer.member("kind", literal: "UnsubscribeTopic")
      writer.member("topic", topic)
    case .publish(let topic, let data):
      writer.member("kind", literal: "Publish")
      writer.member("topic", topic)
      writer.member("data", data)
    case .answerCall(let call, let outcome):
      writer.member("kind", literal: "AnswerCall")
      writer.member("call", call)
      writer.member(outcome)
    case .recordPatch(let patch):
      writer.member("kind", literal: "RecordPatch")
      writer.member("patch", patch)
    default: break
    }
  }

  private static func writeTarget(
    _ name: String, _ version: String?, _ instance: InstanceID?, _ input: Payload, to writer: inout JSONWriter
  ) {
    writer.member("name", name)
    writer.member("version", optional: version)
    writer.member("instance", optional: instance)
    writer.member("input", input)
  }

  private static func waitKind(of channel: Channel) -> StaticString {
    switch channel {
    case .event: "WaitForEvent"
    case .queue: "Dequeue"
    case .topic: "WaitForTopic"
    case .call: "WaitForCall"
    }
  }

  private static func changeKind(of change: KVChange) -> StaticString {
    switch change {
    case .set: "SetKV"
    case .clear: "ClearKV"
    case .clearAll: "ClearAllKV"
    }
  }

  private static func sendKind(of content: SentMessage.Content) -> StaticString {
    switch content {
    case .raised(.event, _, _): "RaiseEvent"
    // Code sends nothing else: topics are published to, calls come from clients.
    case .raised: "Enqueue"
    case .cancel: "CancelInstance"
    }
  }
}
