package import PerdureModel

/// Who changed what.
extension ManageWire {
  /// Times may lie before 1970; what JSON readers keep exactly.
  static let times: ClosedRange<Int64> = -9_007_199_254_740_991...9_007_199_254_740_991

  /// "filter"?: {"target"?, "actor"?, "operation"?, "from"?, "to"?}, "cursor"?, "limit"?
  static func auditQuery(
    _ members: inout ManageMembers, _ reader: JSONReader
  ) throws(JSONFault) -> AuditQuery {
    var query = AuditQuery()
    query.cursor = try reader.optionalInt(try members.take("cursor", reader), in: 0...times.upperBound) ?? 0
    query.limit = try reader.int(
      try members.take("limit", reader), in: 1...Limits.pageRows, default: query.limit)
    let filter = try members.take("filter", reader)
    guard reader.hasValue(filter) else { return query }
    var part = JSONReader(filter, of: reader)
    var filters = try ManageMembers(&part)
    query.target = try part.optionalString(try filters.take("target", part))
    query.actor = try part.optionalString(try filters.take("actor", part))
    query.operation = try part.optionalString(try filters.take("operation", part))
    query.from = try part.optionalInt(try filters.take("from", part), in: times)
    query.to = try part.optionalInt(try filters.take("to", part), in: times)
    try filters.finish(part)
    return query
  }

  /// {"records": [...], "next"?: int}
  package static func encode(_ page: AuditPage) -> [UInt8] {
    var writer = JSONWriter(capacity: 1_024)
    writer.beginObject()
    writer.key("records")
    writer.list(page.records) { record, writer in
      writer.beginObject()
      writer.member("id", record.id)
      writer.member("at", record.note.at)
      writer.member("actor", record.note.actor)
      writer.member("operation", record.note.operation)
      writer.member("target", record.note.target)
      writer.member("reason", record.note.reason)
      writer.member("detail", optional: record.note.detail)
      writer.endObject()
    }
    writer.member("next", optional: page.next)
    writer.endObject()
    return writer.finish()
  }
}
