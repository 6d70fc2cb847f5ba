package import PerdureModel

/// The turn answer: host to engine.
extension TurnWire {
  package static func encode(_ answer: TurnAnswer) -> [UInt8] {
    var writer = JSONWriter(capacity: 512)
    write(answer, to: &writer)
    return writer.finish()
  }

  package static func write(_ answer: TurnAnswer, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("v", 1)
    switch answer {
    case .miss: writer.member("miss", true)
    case .query(let outcome):
      writer.key("query")
      writer.object(outcome)
    case .ran(let result):
      writer.key("actions")
      writer.list(result.actions) { action, writer in ActionWire.write(action, to: &writer) }
      if !result.logs.isEmpty {
        writer.key("logs")
        writer.list(result.logs) { line, writer in
          writer.beginObject()
          writer.member("level", literal: LogWire.name(of: line.level))
          writer.member("message", line.message)
          writer.endObject()
        }
      }
      if !result.metrics.isEmpty {
        writer.key("metrics")
        writer.list(result.metrics) { metric, writer in MetricWire.write(metric, to: &writer) }
      }
      if let end = result.end { write(end, to: &writer) }
      writer.member("retained", result.retained)
    }
    writer.endObject()
  }

  private static func write(_ end: TurnEnd, to writer: inout JSONWriter) {
    writer.key("end")
    writer.beginObject()
    writer.member("after", end.after)
    switch end.kind {
    case .completed(let output):
      writer.member("kind", literal: "Completed")
      writer.member("output", output)
    case .failed(let failure):
      writer.member("kind", literal: "Failed")
      writer.member("failure", failure)
    case .cancelled: writer.member("kind", literal: "Cancelled")
    case .continuedAsNew(let version, let input):
      writer.member("kind", literal: "ContinuedAsNew")
      writer.member("version", optional: version)
      writer.member("input", input)
    }
    writer.endObject()
  }

  package static func decodeAnswer(_ json: UnsafeRawBufferPointer) throws(WireError) -> TurnAnswer {
    try decodeWhole(json) { reader throws(JSONFault) in try readAnswer(&reader) }
  }

  static func readAnswer(_ reader: inout JSONReader) throws(JSONFault) -> TurnAnswer {
    var v = JSONSlice.absent
    var miss = JSONSlice.absent
    var retained = JSONSlice.absent
    var end = JSONSlice.absent
    var actions: [Action]?
    var logs = JSONSlice.absent
    var metrics = JSONSlice.absent
    var query = JSONSlice.absent
    let object = try reader.beginObject()
    var first = true
    while let key = try reader.nextKey(&first) {
      if key.matches("v") {
        try reader.take(&v, key)
      } else if key.matches("actions") {
        if actions != nil { throw reader.twice(key) }
        actions = try reader.list(limit: Limits.actionsPerTurn) { reader throws(JSONFault) in
          try ActionWire.read(&reader)
        }
      } else if key.matches("logs") {
        try reader.take(&logs, key)
      } else if key.matches("end") {
        try reader.take(&end, key)
      } else if key.matches("retained") {
        try reader.take(&retained, key)
      } else if key.matches("miss") {
        try reader.take(&miss, key)
      } else if key.matches("metrics") {
        try reader.take(&metrics, key)
      } else if key.matches("query") {
        try reader.take(&query, key)
      } else {
        _ = try reader.skipValue()
      }
    }
    try reader.checkVersion(v, object)
    if try reader.optionalBool(miss) == true { return .miss }
    if reader.hasValue(query) {
      var part = JSONReader(query, of: reader)
      return .query(try part.outcome())
    }
    guard let actions else { throw reader.missing(object, "actions") }
    var result = TurnResult(
      actions: actions, end: try optionalEnd(end, reader),
      retained: try reader.bool(retained, object, "retained"))
    if logs.isPresent { result.logs = try optionalLogs(logs, reader) }
    if metrics.isPresent { result.metrics = try optionalMetrics(metrics, reader) }
    return .ran(result)
  }

  private static func optionalEnd(_ slice: JSONSlice, _ reader: JSONReader) throws(JSONFault) -> TurnEnd? {
    guard reader.hasValue(slice) else { return nil }
    var part = JSONReader(slice, of: reader)
    let m = try Members(&part)
    let kind = try reader.name(m.kind, m.object, "kind")
    let how: TurnEndKind
    if kind.matches("Completed") {
      how = .completed(output: try reader.payload(m.output, m.object, "output"))
    } else if kind.matches("Failed") {
      how = .failed(try reader.failure(m.failure, m.object))
    } else if kind.matches("Cancelled") {
      how = .cancelled
    } else if kind.matches("ContinuedAsNew") {
      how = .continuedAsNew(
        version: try reader.optionalString(m.version), input: try reader.payload(m.input, m.object, "input"))
    } else {
      throw reader.unknownKind(kind)
    }
    return TurnEnd(after: try reader.int(m.after, m.object, "after"), kind: how)
  }

  private static func optionalLogs(
    _ slice: JSONSlice, _ reader: JSONReader
  ) throws(JSONFault) -> [LogLine] {
    guard reader.hasValue(slice) else { return [] }
    var part = JSONReader(slice, of: reader)
    return try part.list { reader throws(JSONFault) in try readLogLine(&reader) }
  }

  private static func optionalMetrics(
    _ slice: JSONSlice, _ reader: JSONReader
  ) throws(JSONFault) -> [MetricLine] {
    guard reader.hasValue(slice) else { return [] }
    var part = JSONReader(slice, of: reader)
    return try part.list { reader throws(JSONFault) in try MetricWire.read(&reader) }
  }

  private static func readLogLine(_ reader: inout JSONReader) throws(JSONFault) -> LogLine {
    var level = JSONSlice.absent
    var message = JSONSlice.absent
    let object = try reader.beginObject()
    var first = true
    while let key = try reader.nextKey(&first) {
      if key.matches("level") {
        try reader.take(&level, key)
      } else if key.matches("message") {
        try reader.take(&message, key)
      } else {
        _ = try reader.skipValue()
      }
    }
    return LogLine(
      level: try LogWire.level(level, object, reader), message: try reader.string(message, object, "message"))
  }
}
