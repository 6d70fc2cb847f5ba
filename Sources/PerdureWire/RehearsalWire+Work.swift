package import PerdureModel

/// What a simulation wants of its host next, and how it ended: engine to host.
extension RehearsalWire {
  /// - refused: what of the answers of this step breaks the rules.
  package static func encode(_ work: RehearsalWork, refused: [PollWire.Refused] = []) -> [UInt8] {
    var writer = JSONWriter(capacity: 1_024)
    writer.beginObject()
    writer.member("v", 1)
    switch work {
    case .turn(let token, let request):
      writer.key("turn")
      writer.beginObject()
      writer.member("token", token)
      writer.key("request")
      TurnWire.write(request, to: &writer)
      writer.endObject()
    case .activity(let token, let task, let deadline):
      writer.key("activity")
      writer.beginObject()
      writer.member("token", token)
      writer.key("task")
      ActivityWire.write(ActivityWire.Attempt(task, deadline: deadline), to: &writer)
      writer.endObject()
    case .restarted: writer.member("restarted", true)
    case .committed(let name, let instances):
      writer.key("committed")
      writer.beginObject()
      writer.member("name", name)
      writer.key("instances")
      writer.list(instances) { instance, writer in
        ClientWire.write(instance.description, pendingReason: nil, to: &writer)
      }
      writer.endObject()
    case .ended(let end):
      writer.key("ended")
      write(end, to: &writer)
    }
    if !refused.isEmpty {
      writer.key("refused")
      writer.list(refused) { refused, writer in
        writer.beginObject()
        writer.member("token", refused.token)
        writer.member("code", refused.code)
        writer.member("message", refused.message)
        writer.endObject()
      }
    }
    writer.endObject()
    return writer.finish()
  }

  private static func write(_ end: RehearsalEnd, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("reason", literal: end.stuck == nil ? "atRest" : "stuck")
    writer.member("why", optional: end.stuck)
    writer.key("instances")
    writer.list(end.instances) { instance, writer in write(instance, to: &writer) }
    writer.key("decisions")
    writer.list(end.decisions) { decision, writer in
      writer.beginObject()
      writer.member("name", decision.name)
      writer.key("choice")
      write(decision.choice, to: &writer)
      writer.member("line", decision.line)
      writer.endObject()
    }
    writer.key("points")
    writer.list(end.points) { point, writer in
      writer.beginObject()
      writer.member("name", point.name)
      writer.key("choices")
      writer.list(point.choices) { choice, writer in write(choice, to: &writer) }
      writer.endObject()
    }
    writer.key("refused")
    writer.list(end.refused) { refused, writer in
      writer.beginObject()
      writer.member("line", Int64(refused.line))
      writer.member("why", refused.why)
      writer.endObject()
    }
    writer.member("commits", Int64(end.commits))
    writer.member("activityRuns", Int64(end.activityRuns))
    writer.member("crashes", Int64(end.crashes))
    writer.member("steps", Int64(end.steps))
    writer.member("elapsedMS", end.elapsedMS)
    writer.member("trace", String(end.trace, radix: 16))
    writer.endObject()
  }

  private static func write(_ instance: RehearsedInstance, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.key("description")
    ClientWire.write(instance.description, pendingReason: nil, to: &writer)
    writer.member("waits", instance.waits)
    writer.key("history")
    writer.list(instance.history) { event, writer in EventWire.write(event, to: &writer) }
    writer.key("kv")
    writer.list(instance.kv) { entry, writer in KVWire.write(entry, to: &writer) }
    writer.endObject()
  }

  static func write(_ choice: RehearsalChoice, to writer: inout JSONWriter) {
    if case .delay(let length) = choice { return writer.int(length) }
    writer.string(RehearsalChoice.words.first { $0.choice == choice }?.word ?? "")
  }
}
