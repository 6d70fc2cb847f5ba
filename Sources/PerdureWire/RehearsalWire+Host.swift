package import PerdureModel

/// The side of a simulation that hosts in Swift are: what they send, and how they read what they get.
extension RehearsalWire {
  // MARK: Config

  package static func encode(_ plan: RehearsalPlan) -> [UInt8] {
    var writer = JSONWriter(capacity: 1_024)
    writer.beginObject()
    writer.member("seed", optional: plan.seed.map { Int64(bitPattern: $0) })
    if !plan.schedule.isEmpty {
      writer.key("schedule")
      writer.beginObject()
      for (name, choice) in plan.schedule.sorted(by: { $0.key < $1.key }) {
        writer.key(text: name)
        write(choice, to: &writer)
      }
      writer.endObject()
    }
    writer.key("orchestrations")
    writer.list(plan.orchestrations) { orchestration, writer in
      writer.beginObject()
      writer.member("name", orchestration.name)
      writer.member("version", orchestration.version.text)
      writer.endObject()
    }
    writer.key("activities")
    writer.list(plan.activities) { activity, writer in
      writer.beginObject()
      writer.member("name", activity.name)
      if let limits = activity.limits {
        writer.key("limits")
        writer.raw(OptionsWire.encode(limits))
      }
      writer.endObject()
    }
    writer.key("script")
    writer.list(plan.script) { line, writer in write(line, to: &writer) }
    writer.member("startMS", plan.startMS)
    writer.member("maxSteps", Int64(plan.maxSteps))
    writer.member("maxMS", plan.maxMS)
    if plan.failsActivities { writer.member("failActivities", true) }
    if plan.isReplaying { writer.member("cache", literal: "off") }
    if plan.isObserved { writer.member("observe", true) }
    writer.endObject()
    return writer.finish()
  }

  private static func write(_ line: ScriptLine, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("afterMS", line.afterMS)
    switch line.deed {
    case .start(let request):
      writer.key("start")
      ClientWire.write(request, to: &writer)
    case .send(let request):
      writer.key("send")
      writer.raw(ClientWire.encode(request))
    case .control(let request):
      writer.key("control")
      writer.raw(ClientWire.encode(request))
    case .call(let request):
      writer.key("call")
      writer.raw(ClientWire.encode(request))
    case .publish(let publication):
      writer.key("publish")
      writer.beginObject()
      writer.member("topic", publication.topic)
      writer.member("data", publication.data)
      writer.endObject()
    case .complete(let token, let outcome):
      writer.key("complete")
      writer.beginObject()
      writer.member("token", token.text)
      writer.member(outcome)
      writer.endObject()
    }
    writer.endObject()
  }

  // MARK: Answers

  package static func encode(_ answers: PollWire.Answers, _ extras: Extras) -> [UInt8] {
    var writer = JSONWriter(capacity: 256)
    var json = PollWire.encode(answers)
    guard extras.heartbeat != nil || !extras.script.isEmpty else { return json }
    json.removeLast()
    writer.raw(json)
    writer.member("heartbeat", optional: extras.heartbeat)
    if !extras.script.isEmpty {
      writer.key("script")
      writer.list(extras.script) { line, writer in write(line, to: &writer) }
    }
    writer.endObject()
    return writer.finish()
  }

  // MARK: Work

  /// `RehearsalWork` as it arrives.
  package enum Handed: Hashable, Sendable {
    case turn(PollWire.Token, TurnRequest)
    case activity(PollWire.Token, ActivityWire.Attempt)
    case restarted
    case committed(String, [ClientWire.Described])
    case ended(RehearsalEnd)
  }

  package static func decodeWork(_ json: UnsafeRawBufferPointer) throws(WireError) -> Handed {
    try decodeWhole(json) { reader throws(JSONFault) in
      var members = try ManageMembers(&reader)
      try reader.checkVersion(try members.take("v", reader), members.object)
      if var turn = try reader.part(try members.take("turn", reader)) {
        var parts = try ManageMembers(&turn)
        let token = try reader.int(try parts.take("token", reader), parts.object, "token")
        guard var request = try reader.part(try parts.take("request", reader)) else {
          throw reader.missing(parts.object, "request")
        }
        return .turn(token, try TurnWire.readRequest(&request))
      }
      if var activity = try reader.part(try members.take("activity", reader)) {
        var parts = try ManageMembers(&activity)
        let token = try reader.int(try parts.take("token", reader), parts.object, "token")
        guard var task = try reader.part(try parts.take("task", reader)) else {
          throw reader.missing(parts.object, "task")
        }
        return .activity(token, try ActivityWire.read(&task))
      }
      if var committed = try reader.part(try members.take("committed", reader)) {
        var parts = try ManageMembers(&committed)
        let name = try reader.string(try parts.take("name", reader), parts.object, "name")
        return .committed(
          name,
          try reader.elements(try parts.take("instances", reader)) { part throws(JSONFault) in
            try ClientWire.readDescription(&part)
          })
      }
      if try reader.optionalBool(try members.take("restarted", reader)) == true { return .restarted }
      guard var ended = try reader.part(try members.take("ended", reader)) else {
        throw JSONFault(members.object, "has no work that is known here")
      }
      return .ended(try readEnd(&ended))
    }
  }

  private static func readEnd(_ reader: inout JSONReader) throws(JSONFault) -> RehearsalEnd {
    var members = try ManageMembers(&reader)
    var end = RehearsalEnd()
    func number(_ name: StaticString) throws(JSONFault) -> Int64 {
      try reader.int(try members.take(name, reader), members.object, name)
    }
    end.stuck = try reader.optionalString(try members.take("why", reader))
    end.instances = try reader.elements(try members.take("instances", reader), readInstance)
    end.decisions = try reader.elements(try members.take("decisions", reader)) { part throws(JSONFault) in
      var parts = try ManageMembers(&part)
      return RehearsalDecision(
        name: try part.string(try parts.take("name", part), parts.object, "name"),
        choice: try choice(try parts.take("choice", part), part),
        line: try part.string(try parts.take("line", part), parts.object, "line"))
    }
    end.points = try reader.elements(try members.take("points", reader)) { part throws(JSONFault) in
      var parts = try ManageMembers(&part)
      return RehearsalPoint(
        name: try part.string(try parts.take("name", part), parts.object, "name"),
        choices: try part.elements(try parts.take("choices", part)) { each throws(JSONFault) in
          try choice(try each.skipValue(), each)
        })
    }
    end.refused = try reader.elements(try members.take("refused", reader)) { part throws(JSONFault) in
      var parts = try ManageMembers(&part)
      return RehearsalEnd.Refused(
        line: Int(try part.int(try parts.take("line", part), parts.object, "line")),
        why: try part.string(try parts.take("why", part), parts.object, "why"))
    }
    end.commits = Int(try number("commits"))
    end.activityRuns = Int(try number("activityRuns"))
    end.crashes = Int(try number("crashes"))
    end.steps = Int(try number("steps"))
    end.elapsedMS = try number("elapsedMS")
    let trace = try reader.string(try members.take("trace", reader), members.object, "trace")
    end.trace = UInt64(trace, radix: 16) ?? 0
    return end
  }

  private static func readInstance(_ reader: inout JSONReader) throws(JSONFault) -> RehearsedInstance {
    var members = try ManageMembers(&reader)
    guard var described = try reader.part(try members.take("description", reader)) else {
      throw reader.missing(members.object, "description")
    }
    return RehearsedInstance(
      description: try ClientWire.readDescription(&described).description,
      waits: try reader.optionalStrings(try members.take("waits", reader)) ?? [],
      history: try reader.elements(try members.take("history", reader)) { part throws(JSONFault) in
        try EventWire.read(&part)
      },
      kv: try reader.elements(try members.take("kv", reader)) { part throws(JSONFault) in
        var parts = try ManageMembers(&part)
        return KVEntry(
          key: try part.string(try parts.take("key", part), parts.object, "key"),
          value: try part.payload(try parts.take("value", part), parts.object, "value"),
          at: try part.int(try parts.take("at", part), parts.object, "at"))
      })
  }
}

extension JSONReader {
  /// A reader of an optional member.
  fileprivate func part(_ slice: JSONSlice) throws(JSONFault) -> JSONReader? {
    hasValue(slice) ? JSONReader(slice, of: self) : nil
  }

  /// The elements of an optional list.
  fileprivate func elements<Element>(
    _ slice: JSONSlice, _ read: (inout JSONReader) throws(JSONFault) -> Element
  ) throws(JSONFault) -> [Element] {
    guard hasValue(slice) else { return [] }
    var part = JSONReader(slice, of: self)
    return try part.list(read)
  }
}
