package import PerdureModel

/// Log records, as `dx_log_set` hands them out.
package enum LogWire {
  package static func encode(_ record: LogRecord) -> [UInt8] {
    var writer = JSONWriter(capacity: 256)
    write(record, to: &writer)
    return writer.finish()
  }

  package static func write(_ record: LogRecord, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("at", record.at)
    writer.member("level", literal: name(of: record.level))
    writer.member("message", record.message)
    writer.member("instance", optional: record.instance)
    writer.member("execution", optional: record.execution)
    writer.member("orchestration", optional: record.orchestration)
    writer.member("activity", optional: record.activity)
    writer.member("attempt", optional: record.attempt)
    writer.member("node", optional: record.node)
    writer.member("traceparent", optional: record.trace?.parent)
    if let metric = record.metric {
      writer.key("metric")
      MetricWire.write(metric, to: &writer)
    }
    writer.endObject()
  }

  package static func decode(_ json: UnsafeRawBufferPointer) throws(WireError) -> LogRecord {
    try decodeWhole(json) { reader throws(JSONFault) in
      var slots = [10 of JSONSlice](repeating: .absent)
      let names: [10 of StaticString] = [
        "at", "level", "message", "instance", "execution", "orchestration", "activity", "node",
        "attempt", "traceparent",
      ]
      var metric: MetricLine?
      let object = try reader.beginObject()
      var first = true
      while let key = try reader.nextKey(&first) {
        if let index = names.indices.first(where: { key.matches(names[$0]) }) {
          try reader.take(&slots[index], key)
        } else if key.matches("metric") {
          if metric != nil { throw reader.twice(key) }
          if try !reader.skipNull() { metric = try MetricWire.read(&reader) }
        } else {
          _ = try reader.skipValue()
        }
      }
      var record = LogRecord(
        at: try reader.int(slots[0], object, "at"), level: try level(slots[1], object, reader),
        message: try reader.string(slots[2], object, "message"),
        instance: try reader.optionalString(slots[3]), execution: try reader.optionalInt(slots[4]),
        orchestration: try reader.optionalString(slots[5]), activity: try reader.optionalString(slots[6]),
        node: try reader.optionalInt(slots[7]))
      record.metric = metric
      record.attempt = try reader.optionalInt(slots[8])
      record.trace = try reader.optionalTrace(slots[9], .absent)
      return record
    }
  }

  static func name(of level: LogLevel) -> StaticString {
    switch level {
    case .debug: "debug"
    case .info: "info"
    case .warn: "warn"
    case .error: "error"
    }
  }

  static func level(_ slice: JSONSlice, _ object: Int, _ reader: JSONReader) throws(JSONFault) -> LogLevel {
    guard let level = try reader.optionalChoice(slice, LogLevel.self) else {
      throw reader.missing(object, "level")
    }
    return level
  }
}
