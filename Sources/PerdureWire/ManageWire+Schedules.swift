package import PerdureModel

extension ManageWire {
  private enum ScheduleWord: String, CaseIterable {
    case createSchedule, updateSchedule, pauseSchedule, resumeSchedule, triggerSchedule, backfillSchedule
    case deleteSchedule, schedule, schedules, scheduleTimes
  }

  /// Takes the members of its own.
  static func scheduleOperation(
    _ name: String, _ m: inout ManageMembers, _ reader: JSONReader
  ) throws(JSONFault) -> ScheduleOperation {
    guard let word = ScheduleWord(rawValue: name) else { throw reader.missing(m.object, "operation") }
    switch word {
    case .schedules:
      return .list(
        cursor: try reader.optionalInt(try m.take("cursor", reader), in: 0...JSONReader.maximum) ?? 0,
        limit: try reader.int(try m.take("limit", reader), in: 1...Limits.pageRows, default: 100))
    case .scheduleTimes:
      let spec = try m.take("spec", reader)
      guard spec.isPresent else { throw reader.missing(m.object, "spec") }
      return .times(
        try ScheduleWire.spec(spec, reader), after: try reader.optionalInt(try m.take("after", reader)),
        count: try reader.int(try m.take("count", reader), in: 1...Limits.schedulePreview, default: 10))
    default: break
    }
    let name = try reader.string(try m.take("schedule", reader), m.object, "schedule")
    switch word {
    case .createSchedule: return .create(name, try creation(&m, reader))
    case .updateSchedule: return .send(name, .update(try ScheduleWire.update(&m, reader)))
    case .pauseSchedule: return .send(name, .pause(note: try note(&m, reader)))
    case .resumeSchedule: return .send(name, .resume(note: try note(&m, reader)))
    case .triggerSchedule:
      return .trigger(name, overlap: try reader.optionalChoice(try m.take("overlap", reader)))
    case .backfillSchedule:
      return .backfill(
        name, from: try reader.int(try m.take("from", reader), m.object, "from"),
        to: try reader.int(try m.take("to", reader), m.object, "to"),
        overlap: try reader.optionalChoice(try m.take("overlap", reader)))
    case .deleteSchedule: return .send(name, .delete)
    case .schedule, .schedules, .scheduleTimes: return .describe(name)
    }
  }

  private static func note(_ m: inout ManageMembers, _ reader: JSONReader) throws(JSONFault) -> String? {
    try reader.optionalString(try m.take("note", reader))
  }

  private static func creation(
    _ m: inout ManageMembers, _ reader: JSONReader
  ) throws(JSONFault) -> ScheduleCreation {
    var creation = ScheduleCreation(try ScheduleWire.definition(&m, reader))
    creation.isPaused = try reader.optionalBool(try m.take("paused", reader)) ?? false
    creation.note = try note(&m, reader) ?? ""
    creation.policy = try reader.optionalChoice(try m.take("policy", reader)) ?? .fail
    return creation
  }

  // MARK: Answers

  /// {"schedule", "instance"}: of a trigger the instance of its run, else that of the schedule.
  package static func encodeSchedule(_ name: String, _ instance: InstanceID) -> [UInt8] {
    var writer = JSONWriter(capacity: 128)
    writer.beginObject()
    writer.member("schedule", name)
    writer.member("instance", instance)
    writer.endObject()
    return writer.finish()
  }

  package static func encode(_ schedule: ScheduleDescription) -> [UInt8] {
    var writer = JSONWriter(capacity: 1_024)
    write(schedule, to: &writer)
    return writer.finish()
  }

  package static func encode(_ schedules: [ScheduleDescription], next: Int64?) -> [UInt8] {
    var writer = JSONWriter(capacity: 4_096)
    writer.beginObject()
    writer.key("schedules")
    writer.list(schedules, write)
    writer.member("next", optional: next)
    writer.endObject()
    return writer.finish()
  }

  package static func encodeTimes(_ times: [TimestampMS]) -> [UInt8] {
    var writer = JSONWriter(capacity: 1_024)
    writer.beginObject()
    writer.key("times")
    writer.list(times) { time, writer in writer.int(time) }
    writer.endObject()
    return writer.finish()
  }

  private static func write(_ schedule: ScheduleDescription, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("schedule", schedule.name)
    writer.member("instance", schedule.instance)
    writer.member("status", schedule.status.rawValue)
    writer.member("createdAt", schedule.createdAt)
    ScheduleWire.members(schedule.record, shown: Limits.scheduleShown, &writer)
    writer.member("runningCount", schedule.runningCount)
    writer.member("bufferedCount", schedule.bufferedCount)
    writer.key("next")
    writer.list(schedule.next) { time, writer in writer.int(time) }
    writer.member("pendingReason", optional: schedule.pendingReason)
    writer.endObject()
  }
}
