package import PerdureModel

/// The answers about one instance and what it waits for.
extension ManageWire {
  package static func encode(_ inspection: Inspection) -> [UInt8] {
    let details = inspection.details
    var writer = JSONWriter(capacity: 2_048)
    writer.beginObject()
    writer.key("description")
    ClientWire.write(details.description, pendingReason: inspection.pendingReason, to: &writer)
    writer.member("owner", optional: details.owner)
    writer.member("historyFault", optional: details.historyFault)
    writer.key("activities")
    writer.list(details.activities) { activity, writer in write(activity, inspection.now, to: &writer) }
    writePending(inspection.work, to: &writer)
    writer.key("inbox")
    writer.beginObject()
    writer.member("count", details.inboxCount)
    if let oldest = details.oldestMessage {
      writer.key("oldest")
      write(oldest, to: &writer)
    }
    writer.endObject()
    writer.key("sizes")
    writer.beginObject()
    writer.member("historyEvents", details.description.eventCount)
    writer.member("historyBytes", inspection.historyBytes)
    writer.member("inboxMessages", details.inboxCount)
    writer.member("kvKeys", details.kvKeys)
    writer.member("kvBytes", details.kvBytes)
    writer.endObject()
    writer.member("subscriptions", details.topics)
    writer.endObject()
    return writer.finish()
  }

  private static func write(_ activity: PendingActivity, _ now: TimestampMS, to writer: inout JSONWriter) {
    let task = activity.task
    let state = activity.state(at: now)
    writer.beginObject()
    writer.member("action", task.key.action)
    writer.member("name", task.name)
    writer.member("attempt", task.attempt)
    writer.member("failures", task.failures)
    writer.member("state", state.rawValue)
    writer.member("scheduledAt", task.scheduledAt)
    writer.member("startedAt", optional: activity.startedAt)
    if state == .waiting || state == .backoff { writer.member("nextAttemptAt", task.visibleAt) }
    if let failure = task.lastFailure { writer.member("lastFailure", failure) }
    if let heartbeat = task.lastHeartbeat { writer.member("lastHeartbeat", heartbeat) }
    writer.member("heartbeatAt", optional: activity.beatAt)
    writer.member("node", optional: task.claim?.node)
    writer.member("tag", optional: task.options.tag)
    writer.member("session", optional: task.options.session)
    writer.member("sessionNode", optional: activity.sessionNode)
    if task.options.priority != 0 { writer.member("priority", task.options.priority) }
    writer.member("deadline", optional: activity.deadline)
    if activity.startedAt == nil { writer.member("startBy", optional: task.startBy) }
    writer.member("closeBy", optional: task.closeBy)
    writer.endObject()
  }

  /// `timers`, `waits`, `children` and `requests`.
  private static func writePending(_ work: [PendingWork], to writer: inout JSONWriter) {
    var lists: (timers: [PendingWork], waits: [PendingWork], children: [PendingWork], requests: [PendingWork])
    lists = ([], [], [], [])
    for each in work {
      switch each.kind {
      case .timer: lists.timers.append(each)
      case .wait: lists.waits.append(each)
      case .child: lists.children.append(each)
      case .request: lists.requests.append(each)
      }
    }
    writer.key("timers")
    writer.list(lists.timers) { each, writer in write(each, to: &writer) }
    writer.key("waits")
    writer.list(lists.waits) { each, writer in write(each, to: &writer) }
    writer.key("children")
    writer.list(lists.children) { each, writer in write(each, to: &writer) }
    writer.key("requests")
    writer.list(lists.requests) { each, writer in write(each, to: &writer) }
  }

  private static func write(_ work: PendingWork, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("action", work.action)
    switch work.kind {
    case .timer(let fireAt): writer.member("fireAt", fireAt)
    case .wait(let channel, let name):
      writer.member("kind", channel.rawValue)
      writer.member("name", name)
    case .child(let instance, let orchestration, let status):
      writer.member("instance", instance)
      writer.member("orchestration", orchestration)
      writer.member("status", optional: status?.rawValue)
    case .request(let what, let instance):
      writer.member("kind", what)
      writer.member("instance", instance)
    }
    writer.member("since", work.since)
    writer.endObject()
  }

  private static func write(_ message: MessageKind, to writer: inout JSONWriter) {
    let (kind, name): (String, String?) =
      switch message {
      case .raised(let channel, let name, _): (channel.rawValue, name)
      case .call(_, let name, _): ("call", name)
      case .cancel: ("cancel", nil)
      case .subOrchestrationEnded: ("child", nil)
      case .activityEnded: ("activity", nil)
      case .requestEnded: ("request", nil)
      }
    writer.beginObject()
    writer.member("kind", kind)
    writer.member("name", optional: name)
    writer.endObject()
  }

  // MARK: Why

  package static func encode(_ why: Why) -> [UInt8] {
    var writer = JSONWriter(capacity: 1_024)
    write(why, to: &writer)
    return writer.finish()
  }

  /// As deep as it is: a child has no causes of its children.
  private static func write(_ why: Why, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("summary", why.summary)
    writer.key("waitingFor")
    writer.list(why.waitingFor) { cause, writer in
      writer.beginObject()
      writer.member("kind", cause.kind.rawValue)
      writer.member("name", optional: cause.name)
      writer.member("action", optional: cause.action)
      writer.member("instance", optional: cause.instance)
      writer.member("since", optional: cause.since)
      writer.member("until", optional: cause.until)
      writer.member("releasedBy", cause.releasedBy)
      writer.key("servedBy")
      writer.list(cause.servedBy) { node, writer in writer.int(node) }
      writer.member("advice", cause.advice)
      if let inner = cause.why.first {
        writer.key("why")
        write(inner, to: &writer)
      }
      writer.endObject()
    }
    writer.endObject()
  }
}
