package import PerdureModel

/// Histories to be replayed, and what came of it: docs/wire-format.md, "Replay".
package enum ReplayWire {
  // MARK: History

  /// An exported instance, or one execution as a history page has it.
  ///
  /// - Throws: also for a page that is not the whole history.
  package static func decodeHistory(_ text: UnsafeRawBufferPointer) throws(WireError) -> [RecordedExecution] {
    if ExportWire.isExport(text) {
      return try ExportWire.decode(text).flatMap(\.recordings)
    }
    return [
      try decodeWhole(text) { reader throws(JSONFault) in
        var members = try ManageMembers(&reader)
        let object = members.object
        let events = try members.take("events", reader)
        guard events.isPresent else { throw reader.missing(object, "events") }
        var part = JSONReader(events, of: reader)
        var recording = RecordedExecution(
          instance: try reader.string(try members.take("instance", reader), object, "instance"),
          execution: try reader.optionalInt(try members.take("execution", reader)) ?? 1,
          orchestration: try reader.optionalString(try members.take("orchestration", reader)),
          version: try reader.optionalString(try members.take("version", reader)),
          events: try part.list { reader throws(JSONFault) in try EventWire.read(&reader) })
        let kv = try members.take("kv", reader)
        if reader.hasValue(kv) {
          var part = JSONReader(kv, of: reader)
          recording.kv = try part.list { reader throws(JSONFault) in try KVWire.read(&reader) }
        }
        let more = try members.take("hasMore", reader)
        if try reader.optionalBool(more) == true {
          throw JSONFault(more.start, "says that this is not the whole history: read the other pages, too")
        }
        _ = try members.take("currentExecution", reader)
        try members.finish(reader)
        return recording
      }
    ]
  }

  // MARK: Replay report

  /// The first report of an execution that is not as it was, else the last.
  package static func encode(_ reports: [ReplayReport]) -> [UInt8] {
    let told = reports.first { $0.verdict != .same } ?? reports.last
    var writer = JSONWriter(capacity: 512)
    writer.beginObject()
    if let told {
      write(members: told, to: &writer)
    } else {
      writer.member("verdict", ReplayReport.Verdict.same.rawValue)
      writer.member("message", "the instance has not begun: there is nothing to replay")
    }
    writer.member("replayed", Int64(reports.count))
    writer.endObject()
    return writer.finish()
  }

  private static func write(members report: ReplayReport, to writer: inout JSONWriter) {
    writer.member("verdict", report.verdict.rawValue)
    writer.member("instance", report.instance)
    writer.member("execution", report.execution)
    writeDifference(report, to: &writer)
  }

  private static func writeDifference(_ report: ReplayReport, to writer: inout JSONWriter) {
    writer.member("orchestration", report.orchestration)
    if !report.version.isEmpty { writer.member("version", report.version) }
    writer.member("rule", optional: report.rule)
    writer.member("event", optional: report.event)
    writer.member("eventKind", optional: report.eventKind)
    writer.member("expected", optional: report.expected)
    writer.member("found", optional: report.found)
    writer.member("message", report.message)
  }

  // MARK: Preflight

  package static func decodePreflight(_ json: UnsafeRawBufferPointer) throws(WireError) -> PreflightRequest {
    if json.isBlank { return PreflightRequest() }
    return try decodeWhole(json) { reader throws(JSONFault) in
      var members = try ManageMembers(&reader)
      var request = PreflightRequest(
        orchestration: try reader.optionalString(try members.take("orchestration", reader)))
      let statuses = try members.take("statuses", reader)
      if reader.hasValue(statuses) { request.statuses = try self.statuses(statuses, reader) }
      if try reader.optionalBool(try members.take("includeQuarantined", reader)) == true,
        !request.statuses.contains(.quarantined)
      {
        request.statuses.append(.quarantined)
      }
      request.limit = try reader.optionalInt(try members.take("limit", reader), in: 1...JSONReader.maximum)
      request.ignoresNotRegistered =
        try reader.optionalBool(try members.take("ignoreNotRegistered", reader)) ?? false
      try members.finish(reader)
      return request
    }
  }

  private static func statuses(
    _ slice: JSONSlice, _ reader: JSONReader
  ) throws(JSONFault) -> [InstanceStatus] {
    let open: [InstanceStatus] = [.pending, .running, .suspended, .quarantined]
    var statuses: [InstanceStatus] = []
    for word in try reader.optionalStrings(slice) ?? [] {
      guard let status = InstanceStatus(rawValue: word), open.contains(status) else {
        throw JSONFault(slice.start, "must be a list of Pending, Running, Suspended and Quarantined")
      }
      if !statuses.contains(status) { statuses.append(status) }
    }
    return statuses
  }

  package static func encode(_ report: PreflightReport) -> [UInt8] {
    var writer = JSONWriter(capacity: 1_024)
    writer.beginObject()
    writer.member("checked", report.checked)
    writer.member("same", report.same)
    writer.member("pending", report.pending)
    writer.key("groups")
    writer.list(report.groups) { group, writer in write(group, to: &writer) }
    writer.key("notRegistered")
    writer.list(report.notRegistered) { group, writer in write(group, to: &writer) }
    if report.ungrouped > 0 { writer.member("ungrouped", report.ungrouped) }
    writer.member("isClean", report.isClean)
    writer.endObject()
    return writer.finish()
  }

  private static func write(_ group: PreflightReport.Group, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("verdict", group.report.verdict.rawValue)
    writeDifference(group.report, to: &writer)
    writer.member("count", group.count)
    writer.member("instances", group.instances)
    writer.endObject()
  }
}
