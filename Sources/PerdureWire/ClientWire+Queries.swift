package import PerdureModel

/// Listing and history queries. Blank text is the query with all defaults.
extension ClientWire {
  private static let maximum = 9_007_199_254_740_991

  package static func encode(_ query: ListQuery) -> [UInt8] {
    var writer = JSONWriter(capacity: 256)
    writer.beginObject()
    writer.member("orchestration", optional: query.orchestration)
    writer.member("status", optional: query.status?.rawValue)
    writer.member("instancePrefix", optional: query.instancePrefix)
    writer.member("parent", optional: query.parent)
    if query.cursor != 0 { writer.member("cursor", query.cursor) }
    writer.member("limit", Int64(query.limit))
    writer.endObject()
    return writer.finish()
  }

  package static func decodeList(_ json: UnsafeRawBufferPointer) throws(WireError) -> ListQuery {
    if json.isBlank { return ListQuery() }
    return try decodeWhole(json) { reader throws(JSONFault) in
      var orchestration = JSONSlice.absent
      var status = JSONSlice.absent
      var prefix = JSONSlice.absent
      var parent = JSONSlice.absent
      var cursor = JSONSlice.absent
      var limit = JSONSlice.absent
      _ = try reader.beginObject()
      var first = true
      while let key = try reader.nextKey(&first) {
        if key.matches("orchestration") {
          try reader.take(&orchestration, key)
        } else if key.matches("status") {
          try reader.take(&status, key)
        } else if key.matches("instancePrefix") {
          try reader.take(&prefix, key)
        } else if key.matches("parent") {
          try reader.take(&parent, key)
        } else if key.matches("cursor") {
          try reader.take(&cursor, key)
        } else if key.matches("limit") {
          try reader.take(&limit, key)
        } else {
          throw reader.unknown(key)
        }
      }
      return ListQuery(
        orchestration: try reader.optionalString(orchestration),
        status: reader.hasValue(status) ? try Self.status(status, reader) : nil,
        instancePrefix: try reader.optionalString(prefix), parent: try reader.optionalString(parent),
        cursor: Int64(try reader.int(cursor, in: 0...maximum, default: 0)),
        limit: try reader.int(limit, in: 1...Limits.pageRows, default: 100))
    }
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
