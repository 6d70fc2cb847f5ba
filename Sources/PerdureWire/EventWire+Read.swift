import PerdureModel

extension EventWire {
  static func read(_ reader: inout JSONReader) throws(JSONFault) -> Event {
    let members = try Members(&reader)
    return Event(
      id: try reader.int(members.id, members.object, "id"),
      at: try reader.int(members.at, members.object, "at"),
      kind: try kind(members, reader))
  }

  private static func kind(_ m: Members, _ reader: JSONReader) throws(JSONFault) -> EventKind {
    let kind = try reader.name(m.kind, m.object, "kind")
    if let read = try delivered(kind, m, reader) { return read }
    if let read = try actionMade(kind, m, reader) { return read }
    if let read = try cancel(kind, m, reader) { return read }
    if let read = try end(kind, m, reader) { return read }
    throw reader.unknownKind(kind)
  }

  private static func delivered(
    _ kind: JSONName, _ m: Members, _ reader: JSONReader
  ) throws(JSONFault) -> EventKind? {
    if kind.matches("ActivityCompleted") {
      return .activityCompleted(
        action: try reader.int(m.action, m.object, "action"),
        result: try reader.payload(m.result, m.object, "result"))
    }
    if kind.matches("ActivityFailed") {
      return .activityFailed(
        action: try reader.int(m.action, m.object, "action"), failure: try reader.failure(m.failure, m.object)
      )
    }
    if kind.matches("TimerFired") {
      return .timerFired(action: try reader.int(m.action, m.object, "action"))
    }
    if kind.matches("EventRaised") { return try message(.event, m, reader) }
    if kind.matches("QueueMessageReceived") { return try message(.queue, m, reader) }
    if kind.matches("SubOrchestrationCompleted") {
      return .subOrchestrationCompleted(
        action: try reader.int(m.action, m.object, "action"),
        result: try reader.payload(m.result, m.object, "result"))
    }
    if kind.matches("SubOrchestrationFailed") {
      return .subOrchestrationFailed(
        action: try reader.int(m.action, m.object, "action"), failure: try reader.failure(m.failure, m.object)
      )
    }
    if kind.matches("OrchestrationStarted") {
      return .orchestrationStarted(
        name: try reader.string(m.name, m.object, "name"),
        version: try reader.string(m.version, m.object, "version"),
        input: try reader.payload(m.input, m.object, "input"), parent: try reader.optionalParent(m.parent))
    }
    if kind.matches("CancellationRequested") {
      return .cancellationRequested(reason: try reader.string(m.reason, m.object, "reason"))
    }
    return nil
  }

  private static func message(
    _ channel: Channel, _ m: Members, _ reader: JSONReader
  ) throws(JSONFault) -> EventKind {
    .messageReceived(
      channel: channel, name: try reader.string(m.name, m.object, "name"),
      data: try reader.payload(m.data, m.object, "data"))
  }

  private static func actionMade(
    _ kind: JSONName, _ m: Members, _ reader: JSONReader
  ) throws(JSONFault) -> EventKind? {
    if kind.matches("ActivityScheduled") {
      return .activityScheduled(
        try origin(m, reader), name: try reader.string(m.name, m.object, "name"),
        input: try reader.payload(m.input, m.object, "input"))
    }
    if kind.matches("TimerCreated") {
      return .timerCreated(try origin(m, reader), fireAt: try reader.int(m.fireAt, m.object, "fireAt"))
    }
    if kind.matches("EventSubscribed") {
      return .subscribed(
        try origin(m, reader), channel: .event, name: try reader.string(m.name, m.object, "name"))
    }
    if kind.matches("QueueSubscribed") {
      return .subscribed(
        try origin(m, reader), channel: .queue, name: try reader.string(m.name, m.object, "name"))
    }
    if kind.matches("SubOrchestrationScheduled") {
      return .subOrchestrationScheduled(
        try origin(m, reader), name: try reader.string(m.name, m.object, "name"),
        version: try reader.optionalString(m.version),
        instance: try reader.string(m.instance, m.object, "instance"),
        input: try reader.payload(m.input, m.object, "input"))
    }
    if kind.matches("DetachedOrchestrationScheduled") {
      return .detachedOrchestrationScheduled(
        try origin(m, reader), name: try reader.string(m.name, m.object, "name"),
        version: try reader.optionalString(m.version),
        instance: try reader.string(m.instance, m.object, "instance"),
        input: try reader.payload(m.input, m.object, "input"))
    }
    if kind.matches("CustomStatusUpdated") {
      return .customStatusUpdated(try origin(m, reader), status: reader.optionalPayload(m.status))
    }
    return nil
  }

  private static func origin(_ m: Members, _ reader: JSONReader) throws(JSONFault) -> Origin {
    Origin(
      action: try reader.int(m.action, m.object, "action"), after: try reader.int(m.after, m.object, "after"))
  }

  private static func cancel(
    _ kind: JSONName, _ m: Members, _ reader: JSONReader
  ) throws(JSONFault) -> EventKind? {
    if kind.matches("CancelIgnored") {
      return .cancelIgnored(try origin(m, reader), target: try reader.int(m.target, m.object, "target"))
    }
    let work: WorkKind
    if kind.matches("ActivityCancelRequested") {
      work = .activity
    } else if kind.matches("TimerCancelled") {
      work = .timer
    } else if kind.matches("EventSubscriptionCancelled") {
      work = .eventWait
    } else if kind.matches("QueueSubscriptionCancelled") {
      work = .queueWait
    } else if kind.matches("SubOrchestrationCancelRequested") {
      work = .subOrchestration
    } else {
      return nil
    }
    // Both or neither: the engine's own cancels come from no action.
    let made = reader.hasValue(m.action) || reader.hasValue(m.after)
    return .workCancelled(
      made ? try origin(m, reader) : nil, target: try reader.int(m.target, m.object, "target"), work: work)
  }

  private static func end(
    _ kind: JSONName, _ m: Members, _ reader: JSONReader
  ) throws(JSONFault) -> EventKind? {
    if kind.matches("OrchestrationCompleted") {
      return .orchestrationCompleted(output: try reader.payload(m.output, m.object, "output"))
    }
    if kind.matches("OrchestrationFailed") {
      return .orchestrationFailed(failure: try reader.failure(m.failure, m.object))
    }
    if kind.matches("OrchestrationCancelled") {
      return .orchestrationCancelled(
        reason: try reader.string(m.reason, m.object, "reason"), output: reader.optionalPayload(m.output))
    }
    if kind.matches("OrchestrationContinuedAsNew") {
      return .orchestrationContinuedAsNew(
        version: try reader.optionalString(m.version), input: try reader.payload(m.input, m.object, "input"))
    }
    return nil
  }
}
