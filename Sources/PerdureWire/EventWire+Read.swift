import PerdureModel

extension EventWire {
  static func read(_ reader: inout JSONReader) throws(JSONFault) -> Event {
    let members = try Members(&reader)
    return Event(
      id: try reader.int(members.id, members.object, "id"),
      at: try reader.int(members.at, members.object, "at"),
      kind: try kind(members, reader), isLate: try reader.optionalBool(members.late) ?? false)
  }

  private static func kind(_ m: Members, _ reader: JSONReader) throws(JSONFault) -> EventKind {
    let kind = try reader.name(m.kind, m.object, "kind")
    if let read = try delivered(kind, m, reader) { return read }
    if let read = try actionMade(kind, m, reader) { return read }
    if let read = try rarerDelivered(kind, m, reader) { return read }
    if let read = try rarerActionMade(kind, m, reader) { return read }
    if let read = try cancel(kind, m, reader) { return read }
    if let read = try end(kind, m, reader) { return read }
    throw reader.unknownKind(kind)
  }

  private static func delivered(
    _ kind: JSONName, _ m: Members, _ reader: JSONReader
  ) throws(JSONFault) -> EventKind? {
    if kind.matches("ActivityCompleted") {
      return .activityCompleted(action: try m.action(reader), result: try m.result(reader))
    }
    if kind.matches("ActivityFailed") {
      return .activityFailed(action: try m.action(reader), failure: try m.failure(reader))
    }
    if kind.matches("TimerFired") { return .timerFired(action: try m.action(reader)) }
    if kind.matches("EventRaised") { return try message(.event, m, reader) }
    if kind.matches("QueueMessageReceived") { return try message(.queue, m, reader) }
    if kind.matches("OrchestrationStarted") {
      return .orchestrationStarted(
        name: try m.name(reader), version: try reader.string(m.version, m.object, "version"),
        input: try m.input(reader), parent: try reader.optionalParent(m.parent),
        trace: try reader.optionalTrace(m.traceparent, m.tracestate))
    }
    return nil
  }

  private static func rarerDelivered(
    _ kind: JSONName, _ m: Members, _ reader: JSONReader
  ) throws(JSONFault) -> EventKind? {
    if kind.matches("SubOrchestrationCompleted") {
      return .subOrchestrationCompleted(action: try m.action(reader), result: try m.result(reader))
    }
    if kind.matches("SubOrchestrationFailed") {
      return .subOrchestrationFailed(action: try m.action(reader), failure: try m.failure(reader))
    }
    if kind.matches("RequestCompleted") {
      return .requestCompleted(action: try m.action(reader), result: try m.result(reader))
    }
    if kind.matches("RequestFailed") {
      return .requestFailed(action: try m.action(reader), failure: try m.failure(reader))
    }
    if kind.matches("TopicMessageReceived") { return try message(.topic, m, reader) }
    if kind.matches("CallReceived") {
      return .callReceived(call: try m.call(reader), name: try m.name(reader), input: try m.data(reader))
    }
    if kind.matches("CancellationRequested") {
      return .cancellationRequested(
        reason: try m.reason(reader), deadline: try reader.optionalInt(m.deadline))
    }
    return nil
  }

  private static func message(
    _ channel: Channel, _ m: Members, _ reader: JSONReader
  ) throws(JSONFault) -> EventKind {
    .messageReceived(channel: channel, name: try m.name(reader), data: try m.data(reader))
  }

  private static func cancel(
    _ kind: JSONName, _ m: Members, _ reader: JSONReader
  ) throws(JSONFault) -> EventKind? {
    if kind.matches("CancelIgnored") {
      return .cancelIgnored(try origin(m, reader), target: try m.target(reader))
    }
    guard let work = cancelled(kind) else { return nil }
    // Both or neither: the engine's own cancels come from no action.
    let made = reader.hasValue(m.action) || reader.hasValue(m.after)
    return .workCancelled(made ? try origin(m, reader) : nil, target: try m.target(reader), work: work)
  }

  private static func cancelled(_ kind: JSONName) -> WorkKind? {
    if kind.matches("ActivityCancelRequested") { return .activity }
    if kind.matches("TimerCancelled") { return .timer }
    if kind.matches("EventSubscriptionCancelled") { return .eventWait }
    if kind.matches("QueueSubscriptionCancelled") { return .queueWait }
    if kind.matches("TopicWaitCancelled") { return .topicWait }
    if kind.matches("CallWaitCancelled") { return .callWait }
    if kind.matches("SubOrchestrationCancelRequested") { return .subOrchestration }
    if kind.matches("RequestCancelled") { return .request }
    return nil
  }

  private static func end(
    _ kind: JSONName, _ m: Members, _ reader: JSONReader
  ) throws(JSONFault) -> EventKind? {
    if kind.matches("OrchestrationCompleted") {
      return .orchestrationCompleted(output: try reader.payload(m.output, m.object, "output"))
    }
    if kind.matches("OrchestrationFailed") { return .orchestrationFailed(failure: try m.failure(reader)) }
    if kind.matches("OrchestrationCancelled") {
      return .orchestrationCancelled(
        reason: try m.reason(reader), output: try reader.optionalPayload(m.output))
    }
    if kind.matches("OrchestrationContinuedAsNew") {
      return .orchestrationContinuedAsNew(
        version: try reader.optionalString(m.version), input: try m.input(reader))
    }
    if kind.matches("OrchestrationTerminated") {
      return .orchestrationTerminated(reason: try m.reason(reader))
    }
    return nil
  }
}
