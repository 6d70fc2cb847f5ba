package import PerdureModel

/// How long finished instances are kept.
extension ManageWire {
  private enum End: String, CaseIterable {
    case completed = "Completed"
    case failed = "Failed"
    case cancelled = "Cancelled"
    case terminated = "Terminated"
  }

  /// "orchestration", "keepMS", "statuses"?
  static func rule(_ members: inout ManageMembers, _ reader: JSONReader) throws(JSONFault) -> RetentionRule {
    let name = try orchestration(&members, reader)
    let keep = try members.take("keepMS", reader)
    guard let keepMS = try reader.optionalInt(keep, in: RetentionRule.keepRangeMS) else {
      throw reader.missing(members.object, "keepMS")
    }
    let given = try members.take("statuses", reader)
    guard reader.hasValue(given) else { return RetentionRule(orchestration: name, keepMS: keepMS) }
    var part = JSONReader(given, of: reader)
    let ends = try part.list { reader throws(JSONFault) in
      try reader.optionalChoice(try reader.skipValue(), End.self)
    }
    guard !ends.isEmpty else { throw JSONFault(given.start, "must name a status, or be left out for all") }
    return RetentionRule(
      orchestration: name, keepMS: keepMS,
      statuses: ends.compactMap { $0.flatMap { InstanceStatus(rawValue: $0.rawValue) } })
  }

  static func orchestration(
    _ members: inout ManageMembers, _ reader: JSONReader
  ) throws(JSONFault) -> String {
    try reader.string(try members.take("orchestration", reader), members.object, "orchestration")
  }

  /// "dryRun"?, "limit"?
  static func sweep(
    _ members: inout ManageMembers, _ reader: JSONReader
  ) throws(JSONFault) -> ManageOperation {
    let isDryRun = try reader.optionalBool(try members.take("dryRun", reader)) ?? false
    let limit = try reader.int(
      try members.take("limit", reader), in: 1...Limits.managedInstances, default: Limits.managedInstances)
    return .sweep(isDryRun: isDryRun, limit: limit)
  }

  /// {"rules": [...]}
  package static func encode(_ rules: [RetentionRule]) -> [UInt8] {
    var writer = JSONWriter(capacity: 256)
    writer.beginObject()
    writer.key("rules")
    writer.list(rules) { rule, writer in
      writer.beginObject()
      writer.member("orchestration", rule.orchestration)
      writer.member("keepMS", rule.keepMS)
      writer.member("statuses", rule.statuses.map(\.rawValue))
      writer.endObject()
    }
    writer.endObject()
    return writer.finish()
  }

  /// {"deleted": [ids], "hasMore": bool, "next"?: time}
  package static func encode(_ report: SweepReport) -> [UInt8] {
    var writer = JSONWriter(capacity: 256)
    writer.beginObject()
    writer.member("deleted", report.deleted)
    writer.member("hasMore", report.hasMore)
    writer.member("next", optional: report.next)
    writer.endObject()
    return writer.finish()
  }
}
