package import PerdureModel

/// The activity task: engine to host.
package enum ActivityWire {
  /// One attempt as it is handed to a host.
  package struct Attempt: Hashable, Sendable {
    /// What the engine keeps to itself (`visibleAt`, `scheduledAt`, `failures`, `lastFailure`, `claim`,
    /// `trace`) is
    /// not sent and has its default after decoding.
    package var task: ActivityTask
    /// Names the attempt for completion from elsewhere: the text of a `CompletionToken`.
    package var token: String
    /// When the first of its time limits ends it.
    package var deadline: TimestampMS?
    /// The span of the attempt.
    package var trace: TraceContext?

    /// - deadline: the earliest of the task's `closeBy` and the moment of handing out plus `startToCloseMS`;
    ///   nil: no limit.
    package init(_ task: ActivityTask, deadline: TimestampMS?) {
      let token = CompletionToken(key: task.key, token: task.claim?.token ?? 0).text
      self.init(task, token: token, deadline: deadline)
      trace = task.trace?.span(of: task.key, attempt: task.attempt)
    }

    init(_ task: ActivityTask, token: String, deadline: TimestampMS?) {
      self.task = task
      self.token = token
      self.deadline = deadline
    }
  }

  package static func encode(_ attempt: Attempt) -> [UInt8] {
    var writer = JSONWriter(capacity: 512)
    write(attempt, to: &writer)
    return writer.finish()
  }

  package static func write(_ attempt: Attempt, to writer: inout JSONWriter) {
    let task = attempt.task
    writer.beginObject()
    writer.member("v", 1)
    writer.member("instance", task.key.instance)
    writer.member("execution", task.key.execution)
    writer.member("orchestration", task.orchestration)
    writer.member("action", task.key.action)
    writer.member("name", task.name)
    writer.member("attempt", task.attempt)
    writer.member("key", idempotencyKey(of: task.key))
    writer.member("token", attempt.token)
    writer.member("deadline", optional: attempt.deadline)
    writer.member(task.options)
    writer.members(attempt.trace)
    // A heartbeat of null has no more to say than none.
    writer.member("heartbeat", optional: task.lastHeartbeat)
    writer.member("input", task.input)
    writer.endObject()
  }

  /// `INSTANCE/EXECUTION/ACTION`: the same for every attempt.
  package static func idempotencyKey(of key: ActivityKey) -> String {
    "\(key.instance)/\(key.execution)/\(key.action)"
  }

  package static func decode(_ json: UnsafeRawBufferPointer) throws(WireError) -> Attempt {
    try decodeWhole(json) { reader throws(JSONFault) in try read(&reader) }
  }

  static func read(_ reader: inout JSONReader) throws(JSONFault) -> Attempt {
    let m = try TaskMembers(&reader)
    let object = m.object
    try reader.checkVersion(m.v, object)
    var task = ActivityTask(
      key: ActivityKey(
        instance: try reader.string(m.instance, object, "instance"),
        execution: try reader.int(m.execution, object, "execution"),
        action: try reader.int(m.action, object, "action")),
      orchestration: try reader.string(m.orchestration, object, "orchestration"),
      name: try reader.string(m.name, object, "name"), input: try reader.payload(m.input, object, "input"),
      attempt: try reader.int(m.attempt, object, "attempt"), visibleAt: 0, claim: nil,
      options: try reader.activityOptions(m.options))
    task.lastHeartbeat = try reader.optionalPayload(m.heartbeat)
    var attempt = Attempt(
      task, token: try reader.string(m.token, object, "token"), deadline: try reader.optionalInt(m.deadline))
    attempt.trace = try reader.optionalTrace(m.traceparent, m.tracestate)
    return attempt
  }
}

/// The members of an activity task, as places in the text.
private struct TaskMembers {
  var object: Int
  var v = JSONSlice.absent
  var instance = JSONSlice.absent
  var execution = JSONSlice.absent
  var orchestration = JSONSlice.absent
  var action = JSONSlice.absent
  var name = JSONSlice.absent
  var attempt = JSONSlice.absent
  var token = JSONSlice.absent
  var deadline = JSONSlice.absent
  var options = JSONSlice.absent
  var heartbeat = JSONSlice.absent
  var traceparent = JSONSlice.absent
  var tracestate = JSONSlice.absent
  var input = JSONSlice.absent

  init(_ reader: inout JSONReader) throws(JSONFault) {
    object = try reader.beginObject()
    var first = true
    while let key = try reader.nextKey(&first) {
      if key.matches("v") {
        try reader.take(&v, key)
      } else if key.matches("instance") {
        try reader.take(&instance, key)
      } else if key.matches("execution") {
        try reader.take(&execution, key)
      } else if key.matches("orchestration") {
        try reader.take(&orchestration, key)
      } else if key.matches("action") {
        try reader.take(&action, key)
      } else if key.matches("name") {
        try reader.take(&name, key)
      } else if key.matches("attempt") {
        try reader.take(&attempt, key)
      } else if key.matches("token") {
        try reader.take(&token, key)
      } else if key.matches("deadline") {
        try reader.take(&deadline, key)
      } else if key.matches("options") {
        try reader.take(&options, key)
      } else if key.matches("heartbeat") {
        try reader.take(&heartbeat, key)
      } else if key.matches("traceparent") {
        try reader.take(&traceparent, key)
      } else if key.matches("tracestate") {
        try reader.take(&tracestate, key)
      } else if key.matches("input") {
        try reader.take(&input, key)
      } else {
        _ = try reader.skipValue()
      }
    }
  }
}
