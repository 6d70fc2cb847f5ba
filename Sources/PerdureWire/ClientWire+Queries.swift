package import PerdureModel

/// Listing and history queries. Blank text is the query with all defaults.
extension ClientWire {
  private static let maximum = 9_007_199_254_740_991

  package static func encode(_ query: ListQuery) -> [UInt8] {
    var writer = JSONWriter(capacity: 256)
    writer.beginObject()
    writer.member("orchestration", optional: query.orchestration)
    writer.member("version", optional: query.version)
    if !query.statuses.isEmpty { writer.member("status", query.statuses.map(\.rawValue)) }
    writer.member("createdFrom", optional: query.created.from)
    writer.member("createdTo", optional: query.created.to)
    writer.member("updatedFrom", optional: query.updated.from)
    writer.member("updatedTo", optional: query.updated.to)
    writer.member("endedFrom", optional: query.ended.from)
    writer.member("endedTo", optional: query.ended.to)
    if !query.attributes.isEmpty { writer.member("attributes", AttributesWire.encode(query.attributes)) }
    writer.member("instancePrefix", optional: query.instancePrefix)
    writer.member("parent", optional: query.parent)
    if query.rootsOnly { writer.member("rootsOnly", true) }
    if query.order != .oldest { writer.member("order", query.order.rawValue) }
    if query.cursor != 0 { writer.member("cursor", query.cursor) }
    writer.member("limit", Int64(query.limit))
    writer.endObject()
    return writer.finish()
  }

  package static func decodeList(_ json: UnsafeRawBufferPointer) throws(WireError) -> ListQuery {
    if json.isBlank { return ListQuery() }
    return try decodeWhole(json) { reader throws(JSONFault) in
      var members = try ManageMembers(&reader)
      let query = try readList(&members, reader)
      try members.finish(reader)
      return query
    }
  }

  /// The members of a list query, among others.
  static func readList(
    _ members: inout ManageMembers, _ reader: JSONReader
  ) throws(JSONFault) -> ListQuery {
    var query = ListQuery(
      orchestration: try reader.optionalString(try members.take("orchestration", reader)),
      instancePrefix: try reader.optionalString(try members.take("instancePrefix", reader)),
      parent: try reader.optionalString(try members.take("parent", reader)))
    query.version = try reader.optionalString(try members.take("version", reader))
    query.statuses = try statuses(try members.take("status", reader), reader)
    query.created = TimeSpan(
      from: try reader.optionalInt(try members.take("createdFrom", reader)),
      to: try reader.optionalInt(try members.take("createdTo", reader)))
    query.updated = TimeSpan(
      from: try reader.optionalInt(try members.take("updatedFrom", reader)),
      to: try reader.optionalInt(try members.take("updatedTo", reader)))
    query.ended = TimeSpan(
      from: try reader.optionalInt(try members.take("endedFrom", reader)),
      to: try reader.optionalInt(try members.take("endedTo", reader)))
    let attributes = try members.take("attributes", reader)
    if reader.hasValue(attributes) {
      var part = JSONReader(attributes, of: reader)
      query.attributes = try AttributesWire.read(&part)
      guard query.attributes.count <= 32 else {
        throw JSONFault(attributes.start, "must have at most 32 attributes")
      }
    }
    query.rootsOnly = try reader.optionalBool(try members.take("rootsOnly", reader)) ?? false
    query.order = try reader.optionalChoice(try members.take("order", reader)) ?? .oldest
    query.cursor = Int64(try reader.int(try members.take("cursor", reader), in: 0...maximum, default: 0))
    query.limit = try reader.int(try members.take("limit", reader), in: 1...Limits.pageRows, default: 100)
    return query
  }

  /// One status or a list of them.
  private static func statuses(
    _ slice: JSONSlice, _ reader: JSONReader
  ) throws(JSONFault) -> [InstanceStatus] {
    guard reader.hasValue(slice) else { return [] }
    var part = JSONReader(slice, of: reader)
    guard part.current == UInt8(ascii: "[") else { return [try status(slice, reader)] }
    var statuses: [InstanceStatus] = []
    try part.beginArray()
    var first = true
    while try part.nextElement(&first) {
      let status = try Self.status(try part.skipValue(), reader)
      if !statuses.contains(status) { statuses.append(status) }
    }
    return statuses
  }

  package static func encode(_ query: HistoryQuery) -> [UInt8] {
    var writer = JSONWriter(capacity: 128)
    writer.beginObject()
    writer.member("instance", query.instance)
    writer.member("execution", optional: query.execution)
    if query.after != 0 { writer.member("after", query.after) }
    writer.member("limit", Int64(query.limit))
    writer.endObject()
    return writer.finish()
  }

  package static func decodeHistory(_ json: UnsafeRawBufferPointer) throws(WireError) -> HistoryQuery {
    try decodeWhole(json) { reader throws(JSONFault) in
      var instance = JSONSlice.absent
      var execution = JSONSlice.absent
      var after = JSONSlice.absent
      var limit = JSONSlice.absent
      let object = try reader.beginObject()
      var first = true
      while let key = try reader.nextKey(&first) {
        if key.matches("instance") {
          try reader.take(&instance, key)
        } else if key.matches("execution") {
          try reader.take(&execution, key)
        } else if key.matches("after") {
          try reader.take(&after, key)
        } else if key.matches("limit") {
          try reader.take(&limit, key)
        } else {
          throw reader.unknown(key)
        }
      }
      return HistoryQuery(
        instance: try reader.string(instance, object, "instance"),
        execution: reader.hasValue(execution)
          ? Int64(try reader.int(execution, in: 1...maximum, default: 1)) : nil,
        after: Int64(try reader.int(after, in: 0...maximum, default: 0)),
        limit: try reader.int(limit, in: 1...Limits.pageRows, default: Limits.pageRows))
    }
  }

  /// One of an instance: `ContinuedAsNew` is of executions only.
  static func status(_ slice: JSONSlice, _ reader: JSONReader) throws(JSONFault) -> InstanceStatus {
    let text = try reader.string(slice)
    guard let status = InstanceStatus(rawValue: text), status != .continuedAsNew else {
      let known = InstanceStatus.allCases.filter { $0 != .continuedAsNew }.map(\.rawValue)
      throw JSONFault(slice.start, "must be one of \(known.joined(separator: ", "))")
    }
    return status
  }
}
