import PerdureClient
import PerdureModel
import PerdureWire

extension Client {
  func manage(
    _ operation: ScheduleOperation, by requester: Requester
  ) throws(ClientError) -> [UInt8] {
    switch operation {
    case .create(let name, let creation):
      return ManageWire.encodeSchedule(name, try createSchedule(name, creation, by: requester))
    case .send(let name, let message):
      try send(message, to: name, as: message.operation, by: requester)
      return ManageWire.encodeSchedule(name, Reserved.instance(ofSchedule: name))
    case .trigger(let name, let overlap):
      return ManageWire.encodeSchedule(name, try triggerSchedule(name, overlap: overlap, by: requester))
    case .backfill(let name, let from, let to, let overlap):
      let instance = try backfillSchedule(name, from: from, to: to, overlap: overlap, by: requester)
      return ManageWire.encodeSchedule(name, instance)
    case .describe(let name): return ManageWire.encode(try schedule(name))
    case .list(let cursor, let limit):
      let page = try schedules(cursor: cursor, limit: limit)
      return ManageWire.encode(page.schedules, next: page.next)
    case .times(let spec, let after, let count):
      return ManageWire.encodeTimes(try scheduleTimes(spec, after: after, count: count))
    }
  }
}

extension ScheduleMessage {
  /// As requests have it.
  fileprivate var operation: String {
    switch self {
    case .update: "updateSchedule"
    case .pause: "pauseSchedule"
    case .resume: "resumeSchedule"
    case .trigger: "triggerSchedule"
    case .backfill: "backfillSchedule"
    case .delete: "deleteSchedule"
    }
  }
}
