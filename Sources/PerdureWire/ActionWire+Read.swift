import PerdureModel

extension ActionWire {
  static func read(_ reader: inout JSONReader) throws(JSONFault) -> Action {
    let m = try Members(&reader)
    return Action(
      id: try reader.int(m.id, m.object, "id"), after: try reader.int(m.after, m.object, "after"),
      kind: try kind(m, reader))
  }

  private static func kind(_ m: Members, _ reader: JSONReader) throws(JSONFault) -> ActionKind {
    let kind = try reader.name(m.kind, m.object, "kind")
    if kind.matches("ScheduleActivity") {
      return .scheduleActivity(
        name: try m.name(reader), input: try m.input(reader), options: try reader.activityOptions(m.options))
    }
    if kind.matches("CreateTimer") {
      return .createTimer(fireAt: try reader.int(m.fireAt, m.object, "fireAt"))
    }
    if kind.matches("WaitForEvent") { return .subscribe(channel: .event, name: try m.name(reader)) }
    if kind.matches("Dequeue") { return .subscribe(channel: .queue, name: try m.name(reader)) }
    if kind.matches("ScheduleSubOrchestration") {
      return .scheduleSubOrchestration(
        name: try m.name(reader), version: try reader.optionalString(m.version),
        instance: try reader.optionalString(m.instance), input: try m.input(reader),
        closePolicy: try reader.closePolicy(m.closePolicy))
    }
    if kind.matches("StartDetached") {
      return .startDetached(
        name: try m.name(reader), version: try reader.optionalString(m.version),
        instance: try reader.optionalString(m.instance), input: try m.input(reader))
    }
    if kind.matches("Cancel") { return .cancel(target: try m.target(reader)) }
    if kind.matches("SetCustomStatus") { return .setCustomStatus(try reader.optionalPayload(m.status)) }
    if let read = try rarer(kind, m, reader) { return read }
    throw reader.unknownKind(kind)
  }

  private static func rarer(
    _ kind: JSONName, _ m: Members, _ reader: JSONReader
  ) throws(JSONFault) -> ActionKind? {
    if kind.matches("SetKV") { return .changeKV(try m.setKV(reader)) }
    if kind.matches("ClearKV") { return .changeKV(.clear(key: try m.key(reader))) }
    if kind.matches("ClearAllKV") { return .changeKV(.clearAll) }
    if kind.matches("ReadKV") { return .readKV(instance: try m.instance(reader), key: try m.key(reader)) }
    if kind.matches("WaitForTopic") { return .subscribe(channel: .topic, name: try m.name(reader)) }
    if kind.matches("WaitForCall") { return .subscribe(channel: .call, name: try m.name(reader)) }
    if kind.matches("RaiseEvent") { return .send(try m.sent(.event, reader)) }
    if kind.matches("Enqueue") { return .send(try m.sent(.queue, reader)) }
    if kind.matches("CancelInstance") { return .send(try m.sentCancel(reader)) }
    if kind.matches("SubscribeTopic") { return .subscribeTopic(try m.topic(reader)) }
    if kind.matches("UnsubscribeTopic") { return .unsubscribeTopic(try m.topic(reader)) }
    if kind.matches("Publish") { return .publish(topic: try m.topic(reader), data: try m.data(reader)) }
    if kind.matches("AnswerCall") {
      return .answerCall(call: try m.call(reader), outcome: try m.outcome(reader))
    }
    if kind.matches("RecordPatch") { return .recordPatch(try m.patch(reader)) }
    return nil
  }
}
