package import PerdureModel

/// Management requests and their answers: docs/wire-format.md, "Management". Requests are read here and
/// answers written; hosts do the reverse with the JSON of their language.
package enum ManageWire {
  private enum Word: String, CaseIterable {
    case nodes, audit
    case cancel, suspend, resume, terminate, retry, requeue, delete, bulk, prune
    case retryActivity, completeActivity, failActivity
    case setRetention, removeRetention, retention, sweep
    case reset, rewind, export
    case `import`
    case createSchedule, updateSchedule, pauseSchedule, resumeSchedule, triggerSchedule, backfillSchedule
    case deleteSchedule, schedule, schedules, scheduleTimes
    case inspect, why, executions, tree, ancestors, statistics, queues
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

  /// The text of a member of an answer; nil if there is none. For hosts that read it in parts.
  package static func member(_ name: StaticString, of answer: [UInt8]) -> [UInt8]? {
    answer.withUnsafeBytes { json in
      var reader = JSONReader(json)
      guard var members = try? ManageMembers(&reader), let slice = try? members.take(name, reader),
        slice.isPresent
      else { return nil }
      return Array(json[slice.start..<slice.end])
    }
  }

  /// Takes the members of its own.
  private static func operation(
    _ word: Word, _ members: inout ManageMembers, _ reader: JSONReader
  ) throws(JSONFault) -> ManageOperation {
    switch word {
    case .nodes: .nodes
    case .export: try export(&members, reader)
    case .import: try importInstances(&members, reader)
    case .audit: .audit(try auditQuery(&members, reader))
    case .cancel: try control(nil, &members, reader)
    case .suspend: try control(.suspend, &members, reader)
    case .resume: try control(.resume, &members, reader)
    case .terminate: try control(.terminate, &members, reader)
    case .retry: try control(.retry, &members, reader)
    case .requeue: try control(.requeue, &members, reader)
    case .delete: .bulk(try deletion(&members, reader))
    case .bulk: .bulk(try bulk(&members, reader))
    case .prune: .prune(try pruning(&members, reader))
    case .retryActivity: .activity(try activity(.retry, &members, reader))
    case .completeActivity: .activity(try activity(.complete, &members, reader))
    case .failActivity: .activity(try activity(.fail, &members, reader))
    case .setRetention: .setRetention(try rule(&members, reader))
    case .removeRetention: .removeRetention(try orchestration(&members, reader))
    case .retention: .retention
    case .sweep: try sweep(&members, reader)
    case .inspect: .inspect(try instance(&members, reader))
    case .why: .why(try instance(&members, reader))
    case .executions: .executions(try executions(&members, reader))
    case .tree: .tree(try tree(&members, reader))
    case .ancestors: .ancestors(try instance(&members, reader))
    case .statistics: .statistics(try statistics(&members, reader))
    case .queues: .queues
    case .reset: try reset(&members, reader)
    case .rewind: try rewind(&members, reader)
    case .createSchedule, .updateSchedule, .pauseSchedule, .resumeSchedule, .triggerSchedule,
      .backfillSchedule, .deleteSchedule, .schedule, .schedules, .scheduleTimes:
      .schedule(try scheduleOperation(word.rawValue, &members, reader))
    }
  }
}
