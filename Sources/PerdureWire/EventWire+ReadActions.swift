import PerdureModel

/// Events that actions made.
extension EventWire {
  static func origin(_ m: Members, _ reader: JSONReader) throws(JSONFault) -> Origin {
    Origin(action: try m.action(reader), after: try reader.int(m.after, m.object, "after"))
  }

  static func actionMade(
    _ kind: JSONName, _ m: Members, _ reader: JSONReader
  ) throws(JSONFault) -> EventKind? {
    if kind.matches("ActivityScheduled") {
      return .activityScheduled(
        try origin(m, reader), name: try m.name(reader), input: try m.input(reader),
        options: try reader.activityOptions(m.options))
    }
    if kind.matches("TimerCreated") {
      return .timerCreated(try origin(m, reader), fireAt: try reader.int(m.fireAt, m.object, "fireAt"))
    }
    if kind.matches("EventSubscribed") { return try subscribed(.event, m, reader) }
    if kind.matches("QueueSubscribed") { return try subscribed(.queue, m, reader) }
    if kind.matches("SubOrchestrationScheduled") {
      return .subOrchestrationScheduled(
        try origin(m, reader), name: try m.name(reader), version: try reader.optionalString(m.version),
        instance: try m.instance(reader), input: try m.input(reader),
        closePolicy: try reader.closePolicy(m.closePolicy))
    }
    if kind.matches("DetachedOrchestrationScheduled") {
      return .detachedOrchestrationScheduled(
        try origin(m, reader), name: try m.name(reader), version: try reader.optionalString(m.version),
        instance: try m.instance(reader), input: try m.input(reader))
    }
    if kind.matches("CustomStatusUpdated") {
      return .customStatusUpdated(try origin(m, reader), status: try reader.optionalPayload(m.status))
    }
    return nil
  }

  static func rarerActionMade(
    _ kind: JSONName, _ m: Members, _ reader: JSONReader
  ) throws(JSONFault) -> EventKind? {
    if kind.matches("TopicAwaited") { return try subscribed(.topic, m, reader) }
    if kind.matches("CallAwaited") { return try subscribed(.call, m, reader) }
    if kind.matches("KVSet") { return .kvChanged(try origin(m, reader), try m.setKV(reader)) }
    if kind.matches("KVCleared") {
      return .kvChanged(try origin(m, reader), .clear(key: try m.key(reader)))
    }
    if kind.matches("KVAllCleared") { return .kvChanged(try origin(m, reader), .clearAll) }
    if kind.matches("KVReadRequested") {
      return .kvReadRequested(
        try origin(m, reader), instance: try m.instance(reader), key: try m.key(reader))
    }
    if kind.matches("RaiseEventRequested") {
      return .messageSendRequested(try origin(m, reader), try m.sent(.event, reader))
    }
    if kind.matches("EnqueueRequested") {
      return .messageSendRequested(try origin(m, reader), try m.sent(.queue, reader))
    }
    if kind.matches("CancelInstanceRequested") {
      return .messageSendRequested(try origin(m, reader), try m.sentCancel(reader))
    }
    if kind.matches("TopicSubscribed") {
      return .topicSubscribed(try origin(m, reader), topic: try m.topic(reader))
    }
    if kind.matches("TopicUnsubscribed") {
      return .topicUnsubscribed(try origin(m, reader), topic: try m.topic(reader))
    }
    if kind.matches("Published") {
      return .published(try origin(m, reader), topic: try m.topic(reader), data: try m.data(reader))
    }
    if kind.matches("CallAnswered") {
      return .callAnswered(
        try origin(m, reader), call: try m.call(reader), outcome: try m.outcome(reader))
    }
    if kind.matches("PatchRecorded") {
      return .patchRecorded(try origin(m, reader), patch: try m.patch(reader))
    }
    return nil
  }

  private static func subscribed(
    _ channel: Channel, _ m: Members, _ reader: JSONReader
  ) throws(JSONFault) -> EventKind {
    .subscribed(try origin(m, reader), channel: channel, name: try m.name(reader))
  }
}
