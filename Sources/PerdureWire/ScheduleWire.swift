package import PerdureModel

/// What a schedule is to do, as users write it and as its record keeps it: docs/wire-format.md, "Schedules".
package enum ScheduleWire {
  // MARK: Reading

  /// Reads an object whose members are all known.
  static func object<Value>(
    _ slice: JSONSlice, _ reader: JSONReader,
    _ read: (inout ManageMembers, JSONReader) throws(JSONFault) -> Value
  ) throws(JSONFault) -> Value {
    var part = JSONReader(slice, of: reader)
    var members = try ManageMembers(&part)
    let value = try read(&members, reader)
    try members.finish(reader)
    return value
  }

  /// One element, or a list of them; absent is none.
  static func list<Element>(
    _ slice: JSONSlice, _ reader: JSONReader,
    _ read: (JSONSlice, JSONReader) throws(JSONFault) -> Element
  ) throws(JSONFault) -> [Element] {
    guard reader.hasValue(slice) else { return [] }
    var part = JSONReader(slice, of: reader)
    guard part.current == UInt8(ascii: "[") else { return [try read(slice, reader)] }
    return try part.list(limit: Limits.scheduleParts) { part throws(JSONFault) in
      part.skipSpace()
      return try read(try part.skipValue(), reader)
    }
  }

  static func spec(_ slice: JSONSlice, _ reader: JSONReader) throws(JSONFault) -> ScheduleSpec {
    try object(slice, reader) { m, reader throws(JSONFault) in
      var spec = ScheduleSpec()
      spec.cron = try list(try m.take("cron", reader), reader) { slice, reader throws(JSONFault) in
        try reader.string(slice)
      }
      spec.timeZone = try reader.optionalString(try m.take("timeZone", reader)) ?? spec.timeZone
      spec.intervals = try list(try m.take("interval", reader), reader, interval)
      spec.calendars = try list(try m.take("calendar", reader), reader, calendar)
      spec.start = try reader.optionalInt(try m.take("start", reader))
      spec.end = try reader.optionalInt(try m.take("end", reader))
      spec.jitterMS = try reader.optionalInt(try m.take("jitterMS", reader)) ?? 0
      return spec
    }
  }

  private static func interval(
    _ slice: JSONSlice, _ reader: JSONReader
  ) throws(JSONFault) -> ScheduleInterval {
    try object(slice, reader) { m, reader throws(JSONFault) in
      ScheduleInterval(
        everyMS: try reader.int(try m.take("everyMS", reader), m.object, "everyMS"),
        offsetMS: try reader.optionalInt(try m.take("offsetMS", reader)) ?? 0)
    }
  }

  private static func calendar(
    _ slice: JSONSlice, _ reader: JSONReader
  ) throws(JSONFault) -> ScheduleCalendar {
    try object(slice, reader) { m, reader throws(JSONFault) in
      var calendar = ScheduleCalendar()
      calendar.year = try list(try m.take("year", reader), reader, range)
      calendar.month = try list(try m.take("month", reader), reader, range)
      calendar.dayOfMonth = try list(try m.take("dayOfMonth", reader), reader, range)
      calendar.dayOfWeek = try list(try m.take("dayOfWeek", reader), reader, range)
      calendar.hour = try list(try m.take("hour", reader), reader, range)
      calendar.minute = try list(try m.take("minute", reader), reader, range)
      calendar.second = try list(try m.take("second", reader), reader, range)
      return calendar
    }
  }

  /// A number, or {"start", "end"?, "step"?}.
  private static func range(_ slice: JSONSlice, _ reader: JSONReader) throws(JSONFault) -> ScheduleRange {
    guard JSONReader(slice, of: reader).current == UInt8(ascii: "{") else {
      return ScheduleRange(try reader.int(slice))
    }
    return try object(slice, reader) { m, reader throws(JSONFault) in
      ScheduleRange(
        try reader.int(try m.take("start", reader), m.object, "start"),
        try reader.optionalInt(try m.take("end", reader)),
        step: try reader.optionalInt(try m.take("step", reader)) ?? 1)
    }
  }

  static func action(_ slice: JSONSlice, _ reader: JSONReader) throws(JSONFault) -> ScheduleAction {
    try object(slice, reader) { m, reader throws(JSONFault) in
      ScheduleAction(
        orchestration: try reader.string(try m.take("orchestration", reader), m.object, "orchestration"),
        version: try reader.optionalString(try m.take("version", reader)),
        input: try reader.optionalPayload(try m.take("input", reader)) ?? .null,
        priority: try reader.optionalInt(try m.take("priority", reader), in: ActivityOptions.priorityRange)
          ?? 0,
        attributes: try reader.optionalAttributes(try m.take("attributes", reader)),
        memo: try reader.optionalPayload(try m.take("memo", reader)))
    }
  }

  /// Takes `spec`, `action`, `overlap` and `catchUpMS`.
  static func definition(
    _ m: inout ManageMembers, _ reader: JSONReader
  ) throws(JSONFault) -> ScheduleDefinition {
    let spec = try m.take("spec", reader)
    guard spec.isPresent else { throw reader.missing(m.object, "spec") }
    let action = try m.take("action", reader)
    guard action.isPresent else { throw reader.missing(m.object, "action") }
    return ScheduleDefinition(
      spec: try self.spec(spec, reader), action: try self.action(action, reader),
      overlap: try reader.optionalChoice(try m.take("overlap", reader)) ?? .skip,
      catchUpMS: try reader.optionalInt(
        try m.take("catchUpMS", reader), in: 0...ActivityOptions.durationRangeMS.upperBound))
  }

  // MARK: Writing

  static func write(_ spec: ScheduleSpec, to writer: inout JSONWriter) {
    writer.beginObject()
    if !spec.cron.isEmpty { writer.member("cron", spec.cron) }
    writer.member("timeZone", spec.timeZone)
    if !spec.intervals.isEmpty {
      writer.key("interval")
      writer.list(spec.intervals) { interval, writer in
        writer.beginObject()
        writer.member("everyMS", interval.everyMS)
        if interval.offsetMS != 0 { writer.member("offsetMS", interval.offsetMS) }
        writer.endObject()
      }
    }
    if !spec.calendars.isEmpty {
      writer.key("calendar")
      writer.list(spec.calendars) { calendar, writer in write(calendar, to: &writer) }
    }
    writer.member("start", optional: spec.start)
    writer.member("end", optional: spec.end)
    if spec.jitterMS != 0 { writer.member("jitterMS", spec.jitterMS) }
    writer.endObject()
  }

  private static func write(_ calendar: ScheduleCalendar, to writer: inout JSONWriter) {
    func field(_ name: StaticString, _ ranges: [ScheduleRange], _ writer: inout JSONWriter) {
      if ranges.isEmpty { return }
      writer.key(name)
      writer.list(ranges) { range, writer in
        writer.beginObject()
        writer.member("start", range.start)
        writer.member("end", range.end)
        if range.step != 1 { writer.member("step", range.step) }
        writer.endObject()
      }
    }
    writer.beginObject()
    field("year", calendar.year, &writer)
    field("month", calendar.month, &writer)
    field("dayOfMonth", calendar.dayOfMonth, &writer)
    field("dayOfWeek", calendar.dayOfWeek, &writer)
    field("hour", calendar.hour, &writer)
    field("minute", calendar.minute, &writer)
    field("second", calendar.second, &writer)
    writer.endObject()
  }

  static func write(_ action: ScheduleAction, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("orchestration", action.orchestration)
    writer.member("version", optional: action.version)
    writer.member("input", action.input)
    if action.priority != 0 { writer.member("priority", action.priority) }
    writer.member("attributes", optional: action.attributes)
    writer.member("memo", optional: action.memo)
    writer.endObject()
  }

  /// The members of a definition.
  static func members(_ definition: ScheduleDefinition, _ writer: inout JSONWriter) {
    writer.key("spec")
    write(definition.spec, to: &writer)
    writer.key("action")
    write(definition.action, to: &writer)
    writer.member("overlap", definition.overlap.rawValue)
    writer.member("catchUpMS", optional: definition.catchUpMS)
  }

  /// How large it is.
  package static func encode(_ definition: ScheduleDefinition) -> [UInt8] {
    var writer = JSONWriter(capacity: 512)
    writer.beginObject()
    members(definition, &writer)
    writer.endObject()
    return writer.finish()
  }
}
