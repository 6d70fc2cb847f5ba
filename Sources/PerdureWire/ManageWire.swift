package import PerdureModel

/// Management requests and their answers: docs/wire-format.md, "Management". Requests are read here and
/// answers written; hosts do the reverse with the JSON of their language.
package enum ManageWire {
  private enum Word: String, CaseIterable {
    case nodes, audit, reset, rewind
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
    case .inspect: .inspect(try instance(&members, reader))
    case .why: .why(try instance(&members, reader))
    case .executions: .executions(try executions(&members, reader))
    case .tree: .tree(try tree(&members, reader))
    case .ancestors: .ancestors(try instance(&members, reader))
    case .statistics: .statistics(try statistics(&members, reader))
    case .queues: .queues
    case .reset: try reset(&members, reader)
    case .rewind: try rewind(&members, reader)
    case .audit: .audit(try auditQuery(&members, reader))
    }
  }
}
