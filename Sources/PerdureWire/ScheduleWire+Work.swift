package import PerdureModel

/// What a schedule sends and is sent: messages, and its two activities.
extension ScheduleWire {
  private enum Verb: String, CaseIterable {
    case update, pause, resume, trigger, backfill, delete
  }

  package static func payload(_ message: ScheduleMessage) -> Payload {
    var writer = JSONWriter(capacity: 256)
    writer.beginObject()
    switch message {
    case .update(let update):
      writer.member("verb", Verb.update.rawValue)
      if let spec = update.spec {
        writer.key("spec")
        write(spec, to: &writer)
      }
      if let action = update.action {
        writer.key("action")
        write(action, to: &writer)
      }
      writer.member("overlap", optional: update.overlap?.rawValue)
      writer.member("catchUpMS", optional: update.catchUpMS)
      if let isPaused = update.isPaused { writer.member("paused", isPaused) }
      writer.member("note", optional: update.note)
    case .pause(let note):
      writer.member("verb", Verb.pause.rawValue)
      writer.member("note", optional: note)
    case .resume(let note):
      writer.member("verb", Verb.resume.rawValue)
      writer.member("note", optional: note)
    case .trigger(let run):
      writer.member("verb", Verb.trigger.rawValue)
      writer.key("run")
      write(run, to: &writer)
    case .backfill(let backfill):
      writer.member("verb", Verb.backfill.rawValue)
      writer.key("run")
      write(backfill, to: &writer)
    case .delete: writer.member("verb", Verb.delete.rawValue)
    }
    writer.endObject()
    return Payload(bytes: writer.finish())
  }

  /// nil: somebody else sent it.
  package static func message(_ payload: Payload) -> ScheduleMessage? {
    try? read(payload) { slice, reader throws(JSONFault) in
      try object(slice, reader) { m, reader throws(JSONFault) in
        let verb = try reader.optionalChoice(try m.take("verb", reader), Verb.self)
        switch verb {
        case .update: return .update(try update(&m, reader))
        case .pause: return .pause(note: try reader.optionalString(try m.take("note", reader)))
        case .resume: return .resume(note: try reader.optionalString(try m.take("note", reader)))
        case .trigger: return .trigger(try scheduledRun(try run(&m, reader), reader))
        case .backfill: return .backfill(try backfill(try run(&m, reader), reader))
        case .delete: return .delete
        case nil: throw reader.missing(m.object, "verb")
        }
      }
    }
  }

  private static func run(_ m: inout ManageMembers, _ reader: JSONReader) throws(JSONFault) -> JSONSlice {
    let slice = try m.take("run", reader)
    guard slice.isPresent else { throw reader.missing(m.object, "run") }
    return slice
  }

  static func update(_ m: inout ManageMembers, _ reader: JSONReader) throws(JSONFault) -> ScheduleUpdate {
    var update = ScheduleUpdate()
    let spec = try m.take("spec", reader)
    if reader.hasValue(spec) { update.spec = try self.spec(spec, reader) }
    let action = try m.take("action", reader)
    if reader.hasValue(action) { update.action = try self.action(action, reader) }
    update.overlap = try reader.optionalChoice(try m.take("overlap", reader))
    update.catchUpMS = try reader.optionalInt(
      try m.take("catchUpMS", reader), in: -1...ActivityOptions.durationRangeMS.upperBound)
    update.isPaused = try reader.optionalBool(try m.take("paused", reader))
    update.note = try reader.optionalString(try m.take("note", reader))
    return update
  }

  // MARK: Activities

  package static func payload(_ question: ScheduleQuestion) -> Payload {
    var writer = JSONWriter(capacity: 256)
    writer.beginObject()
    writer.member("schedule", question.schedule)
    writer.key("spec")
    write(question.spec, to: &writer)
    writer.member("after", question.after)
    writer.member("to", optional: question.to)
    writer.endObject()
    return Payload(bytes: writer.finish())
  }

  package static func question(_ payload: Payload) throws(WireError) -> ScheduleQuestion {
    try read(payload) { slice, reader throws(JSONFault) in
      try object(slice, reader) { m, reader throws(JSONFault) in
        let spec = try m.take("spec", reader)
        guard spec.isPresent else { throw reader.missing(m.object, "spec") }
        return ScheduleQuestion(
          schedule: try reader.string(try m.take("schedule", reader), m.object, "schedule"),
          spec: try self.spec(spec, reader),
          after: try reader.int(try m.take("after", reader), m.object, "after"),
          to: try reader.optionalInt(try m.take("to", reader)))
      }
    }
  }

  package static func payload(_ times: ScheduleTimes) -> Payload {
    var writer = JSONWriter(capacity: 256)
    writer.beginObject()
    writer.key("due")
    writer.list(times.times) { time, writer in writer.int(time.due) }
    writer.key("at")
    writer.list(times.times) { time, writer in writer.int(time.at) }
    writer.member("complete", times.isComplete)
    writer.endObject()
    return Payload(bytes: writer.finish())
  }

  package static func times(_ payload: Payload) -> ScheduleTimes? {
    try? read(payload) { slice, reader throws(JSONFault) in
      try object(slice, reader) { m, reader throws(JSONFault) in
        let due = try times(try m.take("due", reader), reader)
        let at = try times(try m.take("at", reader), reader)
        return ScheduleTimes(
          times: zip(due, at).map { ScheduleTimes.Time(due: $0, at: $1) },
          isComplete: try reader.optionalBool(try m.take("complete", reader)) ?? false)
      }
    }
  }

  /// The runs to look at.
  package static func payload(_ instances: [InstanceID]) -> Payload {
    var writer = JSONWriter(capacity: 256)
    writer.beginObject()
    writer.member("instances", instances)
    writer.endObject()
    return Payload(bytes: writer.finish())
  }

  package static func instances(_ payload: Payload) throws(WireError) -> [InstanceID] {
    try read(payload) { slice, reader throws(JSONFault) in
      try object(slice, reader) { m, reader throws(JSONFault) in
        try reader.optionalStrings(try m.take("instances", reader)) ?? []
      }
    }
  }

  package static func payload(_ look: ScheduleLook) -> Payload {
    var writer = JSONWriter(capacity: 256)
    writer.beginObject()
    writer.key("ended")
    writer.list(look.ended, write)
    writer.endObject()
    return Payload(bytes: writer.finish())
  }

  package static func look(_ payload: Payload) -> ScheduleLook? {
    try? read(payload) { slice, reader throws(JSONFault) in
      try object(slice, reader) { m, reader throws(JSONFault) in
        ScheduleLook(ended: try elements(try m.take("ended", reader), reader, run))
      }
    }
  }
}
