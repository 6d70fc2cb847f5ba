package import PerdureModel

/// Instances as JSON lines: docs/wire-format.md, "Exported instances".
package enum ExportWire {
  package static let version: Int64 = 1
  package static let instancesMax = 10_000
  static let format = "perdure-export"

  // MARK: Write

  package static func encode(_ instances: [InstanceExport], at now: TimestampMS) -> [UInt8] {
    var lines = Lines()
    lines.add("header") { writer in
      writer.member("format", format)
      writer.member("v", version)
      writer.member("at", now)
      writer.member("instances", Int64(instances.count))
    }
    for instance in instances { write(instance, to: &lines) }
    let count = lines.count
    lines.add("end") { writer in writer.member("lines", count) }
    return lines.bytes
  }

  private static func write(_ instance: InstanceExport, to lines: inout Lines) {
    lines.add("instance") { writer in
      writer.key("description")
      ClientWire.write(instance.description, pendingReason: nil, to: &writer)
      if instance.closePolicy != .cancel { writer.member("closePolicy", instance.closePolicy.rawValue) }
      if let start = instance.start {
        writer.key("start")
        StoreWire.write(start, to: &writer)
      }
    }
    for history in instance.executions {
      for event in history.events {
        lines.add("event") { writer in
          writer.member("execution", history.execution)
          writer.key("event")
          EventWire.write(event, to: &writer)
        }
      }
    }
    for message in instance.inbox {
      lines.add("message") { writer in
        writer.key("message")
        StoreWire.write(message, to: &writer)
      }
    }
    for record in instance.kv { lines.add("kv") { writer in write(record, to: &writer) } }
    for record in instance.activities { lines.add("activity") { writer in write(record, to: &writer) } }
    for record in instance.calls {
      lines.add("call") { writer in
        writer.member("call", record.call)
        if let answer = record.answer { writer.member(answer) }
      }
    }
    for topic in instance.topics { lines.add("topic") { writer in writer.member("topic", topic) } }
  }

  private static func write(_ record: KVRecord, to writer: inout JSONWriter) {
    func write(_ name: StaticString, _ value: KVRecord.Value?, _ writer: inout JSONWriter) {
      guard let value else { return }
      writer.key(name)
      writer.beginObject()
      writer.member("value", value.value)
      writer.member("at", value.at)
      writer.endObject()
    }
    writer.member("key", record.key)
    write("now", record.now, &writer)
    write("base", record.base, &writer)
  }

  private static func write(_ record: ActivityRecord, to writer: inout JSONWriter) {
    let task = record.task
    writer.member("execution", task.key.execution)
    writer.member("action", task.key.action)
    writer.member("name", task.name)
    writer.member("attempt", task.attempt)
    writer.member("visibleAt", task.visibleAt)
    writer.member("scheduledAt", task.scheduledAt)
    writer.member("phase", record.phase.rawValue)
    writer.member("token", record.token)
    writer.member("claimedAt", record.claimedAt)
    writer.member("beatAt", record.beatAt)
    writer.member("failures", task.failures)
    if let failure = task.lastFailure { writer.member("lastFailure", failure) }
    writer.member("heartbeat", optional: task.lastHeartbeat)
    writer.members(task.trace)
    writer.member(task.options)
    writer.member("input", task.input)
  }

  private struct Lines {
    private(set) var bytes: [UInt8] = []
    private(set) var count: Int64 = 0

    mutating func add(_ kind: StaticString, _ members: (inout JSONWriter) -> Void) {
      var writer = JSONWriter(capacity: 256)
      writer.beginObject()
      writer.member("line", literal: kind)
      members(&writer)
      writer.endObject()
      bytes += writer.finish()
      bytes.append(UInt8(ascii: "\n"))
      count += 1
    }
  }
}
