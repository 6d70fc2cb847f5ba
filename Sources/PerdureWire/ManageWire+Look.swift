package import PerdureModel

/// The members of what only looks, and answers about an instance and its family.
extension ManageWire {
  static func instance(
    _ members: inout ManageMembers, _ reader: JSONReader
  ) throws(JSONFault) -> InstanceID {
    try reader.string(try members.take("instance", reader), members.object, "instance")
  }

  static func executions(
    _ members: inout ManageMembers, _ reader: JSONReader
  ) throws(JSONFault) -> ExecutionsQuery {
    ExecutionsQuery(
      instance: try instance(&members, reader),
      after: Int64(try reader.int(try members.take("after", reader), in: 0...1 << 52, default: 0)),
      limit: try reader.int(
        try members.take("limit", reader), in: 1...Limits.pageRows, default: Limits.pageRows))
  }

  static func tree(_ members: inout ManageMembers, _ reader: JSONReader) throws(JSONFault) -> TreeQuery {
    TreeQuery(
      instance: try instance(&members, reader),
      depth: try reader.int(
        try members.take("depth", reader), in: 0...TreeQuery.depthMax, default: TreeQuery.depthMax),
      limit: try reader.int(try members.take("limit", reader), in: 1...TreeQuery.limitMax, default: 1_000))
  }

  static func statistics(
    _ members: inout ManageMembers, _ reader: JSONReader
  ) throws(JSONFault) -> StatisticsQuery {
    let instance = try members.take("instance", reader)
    let orchestration = try members.take("orchestration", reader)
    if reader.hasValue(instance) {
      if reader.hasValue(orchestration) {
        throw JSONFault(orchestration.start, "cannot be given together with instance")
      }
      return .instance(try reader.string(instance))
    }
    return reader.hasValue(orchestration) ? .orchestration(try reader.string(orchestration)) : .system
  }

  // MARK: Executions, tree

  /// {"executions": [...]}
  package static func encodeExecutions(_ summaries: [ExecutionSummary]) -> [UInt8] {
    var writer = JSONWriter(capacity: 512)
    writer.beginObject()
    writer.key("executions")
    writer.list(summaries) { summary, writer in
      writer.beginObject()
      writer.member("execution", summary.execution)
      writer.member("status", summary.status.rawValue)
      writer.member("startedAt", optional: summary.startedAt)
      writer.member("endedAt", optional: summary.endedAt)
      writer.member("eventCount", summary.eventCount)
      writer.endObject()
    }
    writer.endObject()
    return writer.finish()
  }

  /// {"tree": node, "truncated": bool}
  package static func encode(_ tree: InstanceTree) -> [UInt8] {
    var writer = JSONWriter(capacity: 1_024)
    writer.beginObject()
    writer.key("tree")
    write(0, of: tree, depth: 0, to: &writer)
    writer.member("truncated", tree.isTruncated)
    writer.endObject()
    return writer.finish()
  }

  private static func write(_ index: Int, of tree: InstanceTree, depth: Int, to writer: inout JSONWriter) {
    guard tree.nodes.indices.contains(index) else { return writer.null() }
    let node = tree.nodes[index]
    writer.beginObject()
    writeBrief(node.description, to: &writer)
    writer.key("children")
    // Trees are no deeper than a query may ask.
    writer.list(depth > TreeQuery.depthMax ? [] : node.children) { child, writer in
      write(child, of: tree, depth: depth + 1, to: &writer)
    }
    writer.endObject()
  }

  /// {"ancestors": [...]}
  package static func encodeAncestors(_ ancestors: [InstanceDescription]) -> [UInt8] {
    var writer = JSONWriter(capacity: 512)
    writer.beginObject()
    writer.key("ancestors")
    writer.list(ancestors) { description, writer in
      writer.beginObject()
      writeBrief(description, to: &writer)
      writer.endObject()
    }
    writer.endObject()
    return writer.finish()
  }

  private static func writeBrief(_ description: InstanceDescription, to writer: inout JSONWriter) {
    writer.member("instance", description.instance)
    writer.member("orchestration", description.orchestration)
    writer.member("version", optional: description.version)
    writer.member("status", description.status.rawValue)
    writer.member("createdAt", description.createdAt)
    writer.member("endedAt", optional: description.endedAt)
  }
}
