package import PerdureModel

extension ManageWire {
  static func reset(
    _ members: inout ManageMembers, _ reader: JSONReader
  ) throws(JSONFault) -> ManageOperation {
    let instance = try reader.string(try members.take("instance", reader), members.object, "instance")
    let event = try reader.int(try members.take("event", reader), members.object, "event")
    let isDryRun = try reader.optionalBool(try members.take("dryRun", reader)) ?? false
    return .reset(instance, to: .event(event), isDryRun: isDryRun)
  }

  static func rewind(
    _ members: inout ManageMembers, _ reader: JSONReader
  ) throws(JSONFault) -> ManageOperation {
    let instance = try reader.string(try members.take("instance", reader), members.object, "instance")
    let isDryRun = try reader.optionalBool(try members.take("dryRun", reader)) ?? false
    return .reset(instance, to: .failedStep, isDryRun: isDryRun)
  }

  /// {"instances": [...]}, the named one first.
  package static func encode(_ reports: [ResetReport]) -> [UInt8] {
    var writer = JSONWriter(capacity: 512)
    writer.beginObject()
    writer.key("instances")
    writer.list(reports) { report, writer in
      writer.beginObject()
      writer.member("instance", report.instance)
      writer.member("event", report.event)
      writer.member("dropped", Int64(report.droppedCount))
      writer.member("reopened", report.reopened)
      writer.member("repeated", report.repeated)
      writer.key("children")
      writer.list(report.children) { child, writer in
        writer.beginObject()
        writer.member("instance", child.instance)
        writer.member("fate", child.fate.rawValue)
        writer.endObject()
      }
      writer.endObject()
    }
    writer.endObject()
    return writer.finish()
  }
}
