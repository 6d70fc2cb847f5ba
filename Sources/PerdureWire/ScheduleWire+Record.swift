package import PerdureModel

/// The record of a schedule: the input of `perdure.schedule`, and its custom status.
extension ScheduleWire {
  /// The whole record.
  package static func payload(_ record: ScheduleRecord) -> Payload {
    var writer = JSONWriter(capacity: 1_024)
    writer.beginObject()
    members(record, shown: .max, &writer)
    writer.endObject()
    return Payload(bytes: writer.finish())
  }

  /// Shortened where it may be long.
  ///
  /// - next: the next due times.
  package static func status(_ record: ScheduleRecord, next: [TimestampMS]) -> Payload {
    var writer = JSONWriter(capacity: 1_024)
    writer.beginObject()
    members(record, shown: Limits.scheduleShown, &writer)
    writer.member("runningCount", Int64(record.running.count))
    writer.member("bufferedCount", Int64(record.buffered.count))
    writer.key("next")
    writer.list(next) { time, writer in writer.int(time) }
    writer.endObject()
    return Payload(bytes: writer.finish())
  }

  static func members(_ record: ScheduleRecord, shown: Int, _ writer: inout JSONWriter) {
    members(record.definition, &writer)
    writer.member("paused", record.isPaused)
    writer.member("note", record.note)
    writer.member("last", record.last)
    writer.key("counts")
    writer.beginObject()
    writer.member("runs", record.counts.runs)
    writer.member("skipped", record.counts.skipped)
    writer.member("missed", record.counts.missed)
    writer.endObject()
    writer.key("buffered")
    writer.list(Array(record.buffered.prefix(shown)), write)
    writer.key("running")
    writer.list(Array(record.running.prefix(shown)), write)
    writer.key("recent")
    writer.list(record.recent, write)
    writer.key("backfills")
    writer.list(record.backfills, write)
    writer.member("problem", optional: record.problem)
  }

  static func write(_ run: ScheduledRun, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("dueAt", run.dueAt)
    writer.member("suffix", optional: run.suffix)
    writer.member("overlap", run.overlap.rawValue)
    writer.endObject()
  }

  static func write(_ run: ScheduleRun, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("instance", run.instance)
    writer.member("dueAt", run.dueAt)
    writer.member("startedAt", run.startedAt)
    writer.member("endedAt", optional: run.endedAt)
    writer.member("status", run.status.rawValue)
    if let result = run.result { writer.member("result", result) }
    writer.member("failure", optional: run.failure)
    if run.isCancelling { writer.member("cancelling", true) }
    writer.endObject()
  }

  static func write(_ backfill: ScheduleBackfill, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("id", backfill.id)
    writer.member("after", backfill.after)
    writer.member("to", backfill.to)
    writer.member("overlap", backfill.overlap.rawValue)
    writer.endObject()
  }

  // MARK: Reading

  /// Reads one of our own texts.
  static func read<Value>(
    _ payload: Payload, _ body: (JSONSlice, JSONReader) throws(JSONFault) -> Value
  ) throws(WireError) -> Value {
    let result = payload.bytes.withUnsafeBytes { json in
      Result { () throws(WireError) in
        try decodeWhole(json) { reader throws(JSONFault) in
          reader.skipSpace()
          return try body(try reader.skipValue(), reader)
        }
      }
    }
    return try result.get()
  }

  package static func record(_ payload: Payload) throws(WireError) -> ScheduleRecord {
    try read(payload) { slice, reader throws(JSONFault) in try record(slice, reader) }
  }

  /// A custom status: the record as far as it is shown, the numbers of open and waiting runs, the next times.
  package static func status(
    _ payload: Payload
  ) throws(WireError) -> (record: ScheduleRecord, running: Int64, buffered: Int64, next: [TimestampMS]) {
    try read(payload) { slice, reader throws(JSONFault) in
      var part = JSONReader(slice, of: reader)
      var m = try ManageMembers(&part)
      let next = try times(try m.take("next", reader), reader)
      let record = try self.record(slice, reader)
      let running = try reader.optionalInt(try m.take("runningCount", reader))
      let buffered = try reader.optionalInt(try m.take("bufferedCount", reader))
      return (
        record, running ?? Int64(record.running.count), buffered ?? Int64(record.buffered.count), next
      )
    }
  }

  static func times(_ slice: JSONSlice, _ reader: JSONReader) throws(JSONFault) -> [TimestampMS] {
    guard reader.hasValue(slice) else { return [] }
    var part = JSONReader(slice, of: reader)
    return try part.list { part throws(JSONFault) in try part.int(try part.skipValue()) }
  }

  private static func record(_ slice: JSONSlice, _ reader: JSONReader) throws(JSONFault) -> ScheduleRecord {
    var part = JSONReader(slice, of: reader)
    var m = try ManageMembers(&part)
    var record = ScheduleRecord(
      try definition(&m, reader), last: try reader.int(try m.take("last", reader), m.object, "last"))
    record.isPaused = try reader.optionalBool(try m.take("paused", reader)) ?? false
    record.note = try reader.optionalString(try m.take("note", reader)) ?? ""
    let counts = try m.take("counts", reader)
    if counts.isPresent {
      record.counts = try object(counts, reader) { m, reader throws(JSONFault) in
        var counts = ScheduleCounts()
        counts.runs = try reader.optionalInt(try m.take("runs", reader)) ?? 0
        counts.skipped = try reader.optionalInt(try m.take("skipped", reader)) ?? 0
        counts.missed = try reader.optionalInt(try m.take("missed", reader)) ?? 0
        return counts
      }
    }
    record.buffered = try elements(try m.take("buffered", reader), reader, scheduledRun)
    record.running = try elements(try m.take("running", reader), reader, run)
    record.recent = try elements(try m.take("recent", reader), reader, run)
    record.backfills = try elements(try m.take("backfills", reader), reader, backfill)
    record.problem = try reader.optionalString(try m.take("problem", reader))
    return record
  }

  static func elements<Element>(
    _ slice: JSONSlice, _ reader: JSONReader,
    _ read: (JSONSlice, JSONReader) throws(JSONFault) -> Element
  ) throws(JSONFault) -> [Element] {
    guard reader.hasValue(slice) else { return [] }
    var part = JSONReader(slice, of: reader)
    return try part.list { part throws(JSONFault) in
      part.skipSpace()
      return try read(try part.skipValue(), reader)
    }
  }

  static func scheduledRun(_ slice: JSONSlice, _ reader: JSONReader) throws(JSONFault) -> ScheduledRun {
    try object(slice, reader) { m, reader throws(JSONFault) in
      ScheduledRun(
        dueAt: try reader.int(try m.take("dueAt", reader), m.object, "dueAt"),
        suffix: try reader.optionalString(try m.take("suffix", reader)),
        overlap: try reader.optionalChoice(try m.take("overlap", reader)) ?? .skip)
    }
  }

  static func backfill(_ slice: JSONSlice, _ reader: JSONReader) throws(JSONFault) -> ScheduleBackfill {
    try object(slice, reader) { m, reader throws(JSONFault) in
      ScheduleBackfill(
        id: try reader.string(try m.take("id", reader), m.object, "id"),
        after: try reader.int(try m.take("after", reader), m.object, "after"),
        to: try reader.int(try m.take("to", reader), m.object, "to"),
        overlap: try reader.optionalChoice(try m.take("overlap", reader)) ?? .bufferAll)
    }
  }

  static func run(_ slice: JSONSlice, _ reader: JSONReader) throws(JSONFault) -> ScheduleRun {
    try object(slice, reader) { m, reader throws(JSONFault) in
      var run = ScheduleRun(
        instance: try reader.string(try m.take("instance", reader), m.object, "instance"),
        dueAt: try reader.int(try m.take("dueAt", reader), m.object, "dueAt"),
        startedAt: try reader.int(try m.take("startedAt", reader), m.object, "startedAt"))
      run.endedAt = try reader.optionalInt(try m.take("endedAt", reader))
      run.status = try reader.optionalChoice(try m.take("status", reader)) ?? .running
      let result = try m.take("result", reader)
      run.result = result.isPresent ? try reader.payload(result, m.object, "result") : nil
      run.failure = try reader.optionalString(try m.take("failure", reader))
      run.isCancelling = try reader.optionalBool(try m.take("cancelling", reader)) ?? false
      return run
    }
  }
}
