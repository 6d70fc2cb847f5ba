package import PerdureModel

/// The activity task: engine to host.
package enum ActivityWire {
  package static func encode(_ task: ActivityTask) -> [UInt8] {
    var writer = JSONWriter(capacity: 512)
    write(task, to: &writer)
    return writer.finish()
  }

  package static func write(_ task: ActivityTask, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("v", 1)
    writer.member("instance", task.key.instance)
    writer.member("execution", task.key.execution)
    writer.member("orchestration", task.orchestration)
    writer.member("action", task.key.action)
    writer.member("name", task.name)
    writer.member("attempt", task.attempt)
    writer.member("key", idempotencyKey(of: task.key))
    writer.member("input", task.input)
    writer.endObject()
  }

  /// `INSTANCE/EXECUTION/ACTION`: the same for every attempt.
  package static func idempotencyKey(of key: ActivityKey) -> String {
    "\(key.instance)/\(key.execution)/\(key.action)"
  }

  /// What the engine keeps to itself (`visibleAt`, `claim`) comes back as 0 and nil.
  package static func decode(_ json: UnsafeRawBufferPointer) throws(WireError) -> ActivityTask {
    try decodeWhole(json) { reader throws(JSONFault) in try read(&reader) }
  }

  static func read(_ reader: inout JSONReader) throws(JSONFault) -> ActivityTask {
    var v = JSONSlice.absent
    var instance = JSONSlice.absent
    var execution = JSONSlice.absent
    var orchestration = JSONSlice.absent
    var action = JSONSlice.absent
    var name = JSONSlice.absent
    var attempt = JSONSlice.absent
    var input = JSONSlice.absent
    let object = try reader.beginObject()
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
      } else if key.matches("input") {
        try reader.take(&input, key)
      } else {
        _ = try reader.skipValue()
      }
    }
    try reader.checkVersion(v, object)
    return ActivityTask(
      key: ActivityKey(
        instance: try reader.string(instance, object, "instance"),
        execution: try reader.int(execution, object, "execution"),
        action: try reader.int(action, object, "action")),
      orchestration: try reader.string(orchestration, object, "orchestration"),
      name: try reader.string(name, object, "name"), input: try reader.payload(input, object, "input"),
      attempt: try reader.int(attempt, object, "attempt"), visibleAt: 0, claim: nil)
  }
}
