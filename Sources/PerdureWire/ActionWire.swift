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
    case .scheduleActivity(let name, let input):
      writer.member("kind", literal: "ScheduleActivity")
      writer.member("name", name)
      writer.member("input", input)
    case .createTimer(let fireAt):
      writer.member("kind", literal: "CreateTimer")
      writer.member("fireAt", fireAt)
    case .subscribe(let channel, let name):
      writer.member("kind", literal: channel == .event ? "WaitForEvent" : "Dequeue")
      writer.member("name", name)
    case .scheduleSubOrchestration(let name, let version, let instance, let input):
      writer.member("kind", literal: "ScheduleSubOrchestration")
      writeTarget(name, version, instance, input, to: &writer)
    case .startDetached(let name, let version, let instance, let input):
      writer.member("kind", literal: "StartDetached")
      writeTarget(name, version, instance, input, to: &writer)
    case .cancel(let target):
      writer.member("kind", literal: "Cancel")
      writer.member("target", target)
    case .setCustomStatus(let status):
      writer.member("kind", literal: "SetCustomStatus")
      writer.member("status", optional: status)
    }
    writer.endObject()
  }

  private static func writeTarget(
    _ name: String, _ version: String?, _ instance: InstanceID?, _ input: Payload, to writer: inout JSONWriter
  ) {
    writer.member("name", name)
    writer.member("version", optional: version)
    writer.member("instance", optional: instance)
    writer.member("input", input)
  }

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
        name: try reader.string(m.name, m.object, "name"),
        input: try reader.payload(m.input, m.object, "input"))
    }
    if kind.matches("CreateTimer") {
      return .createTimer(fireAt: try reader.int(m.fireAt, m.object, "fireAt"))
    }
    if kind.matches("WaitForEvent") {
      return .subscribe(channel: .event, name: try reader.string(m.name, m.object, "name"))
    }
    if kind.matches("Dequeue") {
      return .subscribe(channel: .queue, name: try reader.string(m.name, m.object, "name"))
    }
    if kind.matches("ScheduleSubOrchestration") {
      return .scheduleSubOrchestration(
        name: try reader.string(m.name, m.object, "name"), version: try reader.optionalString(m.version),
        instance: try reader.optionalString(m.instance),
        input: try reader.payload(m.input, m.object, "input"))
    }
    if kind.matches("StartDetached") {
      return .startDetached(
        name: try reader.string(m.name, m.object, "name"), version: try reader.optionalString(m.version),
        instance: try reader.optionalString(m.instance),
        input: try reader.payload(m.input, m.object, "input"))
    }
    if kind.matches("Cancel") { return .cancel(target: try reader.int(m.target, m.object, "target")) }
    if kind.matches("SetCustomStatus") { return .setCustomStatus(reader.optionalPayload(m.status)) }
    throw reader.unknownKind(kind)
  }
}
