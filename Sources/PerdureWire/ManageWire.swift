package import PerdureModel

/// Management requests and their answers: docs/wire-format.md, "Management". Requests are read here and
/// answers written; hosts do the reverse with the JSON of their language.
package enum ManageWire {
  private enum Word: String, CaseIterable {
    case nodes, audit, reset, rewind
    case createSchedule, updateSchedule, pauseSchedule, resumeSchedule, triggerSchedule, backfillSchedule
    case deleteSchedule, schedule, schedules, scheduleTimes
  }

  package static func decode(_ json: UnsafeRawBufferPointer) throws(WireError) -> ManageRequest {
    try decodeWhole(json) { reader throws(JSONFault) in
      var members = try ManageMembers(&reader)
      let word = try reader.optionalChoice(try members.take("operation", reader), Word.self)
      guard let word else { throw reader.missing(members.object, "operation") }
      let actor = try reader.optionalString(try members.take("actor", reader)) ?? ""
      let reason = try reader.optionalString(try members.take("reason", reader)) ?? ""
      let operation = try operation(word, &members, reader)
      try members.finish(reader)
      return ManageRequest(operation, actor: actor, reason: reason)
    }
  }

  /// Takes the members of its own.
  private static func operation(
    _ word: Word, _ members: inout ManageMembers, _ reader: JSONReader
  ) throws(JSONFault) -> ManageOperation {
    switch word {
    case .nodes: .nodes
    case .reset: try reset(&members, reader)
    case .rewind: try rewind(&members, reader)
    case .audit: .audit(try auditQuery(&members, reader))
    case .createSchedule, .updateSchedule, .pauseSchedule, .resumeSchedule, .triggerSchedule,
      .backfillSchedule, .deleteSchedule, .schedule, .schedules, .scheduleTimes:
      .schedule(try scheduleOperation(word.rawValue, &members, reader))
    }
  }
}
