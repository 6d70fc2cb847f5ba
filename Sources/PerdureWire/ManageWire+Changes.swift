package import PerdureModel

/// What is done to instances and activities: requests and reports.
extension ManageWire {
  private enum Verb: String, CaseIterable {
    case cancel, suspend, resume, terminate, retry, requeue, delete
  }

  // MARK: One instance

  /// "instance"; of cancel also "graceMS"?
  static func control(
    _ verb: ControlVerb?, _ members: inout ManageMembers, _ reader: JSONReader
  ) throws(JSONFault) -> ManageOperation {
    let instance = try reader.string(try members.take("instance", reader), members.object, "instance")
    if let verb { return .control(instance, .control(verb)) }
    return .control(instance, .cancel(graceMS: try grace(&members, reader)))
  }

  private static func grace(
    _ members: inout ManageMembers, _ reader: JSONReader
  ) throws(JSONFault) -> Int64? {
    try reader.optionalInt(try members.take("graceMS", reader), in: ClientWire.pauses)
  }

  // MARK: Many instances

  /// "verb", "instances" or "filter" and "cursor"?, "limit"?, "dryRun"?; of cancel "graceMS"?; of delete
  /// "force"?
  static func bulk(
    _ members: inout ManageMembers, _ reader: JSONReader
  ) throws(JSONFault) -> BulkRequest {
    let verb = try reader.optionalChoice(try members.take("verb", reader), Verb.self)
    switch verb {
    case nil: throw reader.missing(members.object, "verb")
    case .cancel: return try bulk(.cancel(graceMS: try grace(&members, reader)), &members, reader)
    case .suspend: return try bulk(.control(.suspend), &members, reader)
    case .resume: return try bulk(.control(.resume), &members, reader)
    case .terminate: return try bulk(.control(.terminate), &members, reader)
    case .retry: return try bulk(.control(.retry), &members, reader)
    case .requeue: return try bulk(.control(.requeue), &members, reader)
    case .delete: return try deletion(&members, reader)
    }
  }

  /// "instance", "instances" or "filter" and "cursor"?, "limit"?, "dryRun"?, "force"?
  static func deletion(
    _ members: inout ManageMembers, _ reader: JSONReader
  ) throws(JSONFault) -> BulkRequest {
    let force = try reader.optionalBool(try members.take("force", reader)) ?? false
    return try bulk(.delete(force: force), &members, reader)
  }

  private static func bulk(
    _ verb: BulkRequest.Verb, _ members: inout ManageMembers, _ reader: JSONReader
  ) throws(JSONFault) -> BulkRequest {
    var named = try reader.optionalStrings(
      try members.take("instances", reader), limit: Limits.managedInstances)
    if let instance = try reader.optionalString(try members.take("instance", reader)) {
      guard named == nil else {
        throw JSONFault(members.object, "must have one of instance, instances and filter")
      }
      named = [instance]
    }
    let filter = try members.take("filter", reader)
    // Without either, everything would be meant: that must be said.
    guard (named == nil) == reader.hasValue(filter) else {
      throw JSONFault(members.object, "must have one of instance, instances and filter")
    }
    let query = try listQuery(filter, &members, reader)
    var request = BulkRequest(verb, named.map { .instances($0) } ?? .filter(query))
    request.isDryRun = try reader.optionalBool(try members.take("dryRun", reader)) ?? false
    request.limit = try limit(&members, reader)
    return request
  }

  private static func limit(_ members: inout ManageMembers, _ reader: JSONReader) throws(JSONFault) -> Int {
    try reader.int(try members.take("limit", reader), in: 1...Limits.managedInstances, default: 1_000)
  }

  /// A list query, from the cursor of the request on. Its limit is the request's.
  private static func listQuery(
    _ filter: JSONSlice, _ members: inout ManageMembers, _ reader: JSONReader
  ) throws(JSONFault) -> ListQuery {
    var query = ListQuery()
    if reader.hasValue(filter) {
      let bytes = UnsafeRawBufferPointer(
        start: reader.base + filter.start, count: filter.end - filter.start)
      do throws(WireError) {
        query = try ClientWire.decodeList(bytes)
      } catch { throw JSONFault(filter.start, "is no list query: \(error.message)") }
    }
    let cursor = try members.take("cursor", reader)
    query.cursor = try reader.optionalInt(cursor, in: 0...times.upperBound) ?? query.cursor
    return query
  }

  /// "filter"?, "cursor"?, "endedBefore"? or "olderThanMS"?, "keepLast"?, "executions"?, "limit"?, "dryRun"?
  static func pruning(
    _ members: inout ManageMembers, _ reader: JSONReader
  ) throws(JSONFault) -> PruneRequest {
    let filter = try members.take("filter", reader)
    var request = PruneRequest(try listQuery(filter, &members, reader))
    request.endedBefore = try reader.optionalInt(try members.take("endedBefore", reader), in: times)
    request.olderThanMS = try reader.optionalInt(
      try members.take("olderThanMS", reader), in: RetentionRule.keepRangeMS)
    request.keepLast = try reader.optionalInt(
      try members.take("keepLast", reader), in: 0...times.upperBound)
    request.executions = try reader.optionalBool(try members.take("executions", reader)) ?? false
    request.isDryRun = try reader.optionalBool(try members.take("dryRun", reader)) ?? false
    request.limit = try limit(&members, reader)
    return request
  }

  /// {"instances": [...], "done": n, "skipped": n, "refused": n, "next"?: cursor}
  package static func encode(_ report: ChangeReport) -> [UInt8] {
    var writer = JSONWriter(capacity: 1_024)
    writer.beginObject()
    writer.key("instances")
    writer.list(report.rows) { row, writer in
      writer.beginObject()
      writer.member("instance", row.instance)
      writer.member("outcome", row.outcome.rawValue)
      writer.member("message", optional: row.message)
      if !row.deleted.isEmpty { writer.member("deleted", row.deleted) }
      if row.executions > 0 { writer.member("executions", row.executions) }
      writer.endObject()
    }
    writer.member("done", Int64(report.count(.done)))
    writer.member("skipped", Int64(report.count(.skipped)))
    writer.member("refused", Int64(report.count(.refused)))
    writer.member("next", optional: report.next)
    writer.endObject()
    return writer.finish()
  }

  // MARK: Activities

  /// "instance", "action", "execution"?; of complete "result"?; of fail "failure" and "nonRetryable"?
  static func activity(
    _ verb: Act, _ members: inout ManageMembers, _ reader: JSONReader
  ) throws(JSONFault) -> ActivityRequest {
    let instance = try reader.string(try members.take("instance", reader), members.object, "instance")
    let action = try reader.int(try members.take("action", reader), members.object, "action")
    let execution = try reader.optionalInt(try members.take("execution", reader), in: 1...times.upperBound)
    let done: ActivityVerb
    switch verb {
    case .retry: done = .retry
    case .complete: done = .complete(try reader.optionalPayload(try members.take("result", reader)) ?? .null)
    case .fail:
      var failure = try reader.failure(try members.take("failure", reader), members.object)
      // Somebody who fails it by hand means its end, unless they say otherwise.
      failure.isNonRetryable = try reader.optionalBool(try members.take("nonRetryable", reader)) ?? true
      done = .fail(failure)
    }
    return ActivityRequest(instance: instance, action: action, execution: execution, verb: done)
  }

  enum Act { case retry, complete, fail }

  /// {}
  package static func encodeDone() -> [UInt8] { Array("{}".utf8) }
}
