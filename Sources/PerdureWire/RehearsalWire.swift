package import PerdureModel

/// What a simulation is given: docs/wire-format.md, "Simulation". Written by users of an SDK: an unknown
/// member is an error.
package enum RehearsalWire {
  package static func decodePlan(_ json: UnsafeRawBufferPointer) throws(WireError) -> RehearsalPlan {
    try decodeWhole(json) { reader throws(JSONFault) in
      var members = try ManageMembers(&reader)
      var plan = RehearsalPlan()
      plan.seed = try reader.optionalInt(try members.take("seed", reader)).map { UInt64(bitPattern: $0) }
      plan.schedule = try schedule(try members.take("schedule", reader), reader)
      plan.orchestrations = try list(try members.take("orchestrations", reader), reader, orchestration)
      plan.activities = try list(try members.take("activities", reader), reader, activity)
      plan.script = try list(try members.take("script", reader), reader, line)
      plan.startMS =
        try reader.optionalInt(try members.take("startMS", reader), in: 0...JSONReader.maximum / 2)
        ?? plan.startMS
      plan.maxSteps = try reader.int(
        try members.take("maxSteps", reader), in: RehearsalPlan.stepsRange, default: plan.maxSteps)
      plan.maxMS =
        try reader.optionalInt(try members.take("maxMS", reader), in: RehearsalPlan.spanRange) ?? plan.maxMS
      plan.failsActivities = try reader.optionalBool(try members.take("failActivities", reader)) ?? false
      plan.isReplaying = try reader.optionalChoice(try members.take("cache", reader), Cache.self) == .off
      plan.isObserved = try reader.optionalBool(try members.take("observe", reader)) ?? false
      try members.finish(reader)
      return plan
    }
  }

  private enum Cache: String, CaseIterable {
    case on, off
  }

  /// What comes with the answers of a step, beside them. Other members are stepped over.
  package struct Extras: Hashable, Sendable {
    /// The last heartbeat of the activity that the answers speak of.
    package var heartbeat: Payload?
    package var script: [ScriptLine] = []

    package init(heartbeat: Payload? = nil, script: [ScriptLine] = []) {
      self.heartbeat = heartbeat
      self.script = script
    }
  }

  /// Blank text is none.
  package static func decodeExtras(_ json: UnsafeRawBufferPointer) throws(WireError) -> Extras {
    if json.isBlank { return Extras() }
    return try decodeWhole(json) { reader throws(JSONFault) in
      var heartbeat = JSONSlice.absent
      var script = JSONSlice.absent
      _ = try reader.beginObject()
      var first = true
      while let key = try reader.nextKey(&first) {
        if key.matches("heartbeat") {
          try reader.take(&heartbeat, key)
        } else if key.matches("script") {
          try reader.take(&script, key)
        } else {
          _ = try reader.skipRoughly()
        }
      }
      return Extras(heartbeat: try reader.optionalPayload(heartbeat), script: try list(script, reader, line))
    }
  }

  // MARK: Parts

  private static func list<Element>(
    _ slice: JSONSlice, _ reader: JSONReader,
    _ read: (inout JSONReader) throws(JSONFault) -> Element
  ) throws(JSONFault) -> [Element] {
    guard reader.hasValue(slice) else { return [] }
    var part = JSONReader(slice, of: reader)
    return try part.list(limit: RehearsalPlan.scriptLines, read)
  }

  private static func schedule(
    _ slice: JSONSlice, _ reader: JSONReader
  ) throws(JSONFault) -> [String: RehearsalChoice] {
    guard reader.hasValue(slice) else { return [:] }
    var part = JSONReader(slice, of: reader)
    var schedule: [String: RehearsalChoice] = [:]
    _ = try part.beginObject()
    var first = true
    while let key = try part.nextKey(&first) {
      let value = try part.skipValue()
      schedule[key.fullText] = try choice(value, part)
    }
    return schedule
  }

  static func choice(_ slice: JSONSlice, _ reader: JSONReader) throws(JSONFault) -> RehearsalChoice {
    if reader.base.load(fromByteOffset: slice.start, as: UInt8.self) == UInt8(ascii: "\"") {
      let word = try reader.string(slice)
      if let known = RehearsalChoice.words.first(where: { $0.word == word }) { return known.choice }
      let words = RehearsalChoice.words.map { "\"\($0.word)\"" }.joined(separator: ", ")
      throw JSONFault(slice.start, "must be one of \(words), or milliseconds")
    }
    let delay = try reader.optionalInt(slice, in: RehearsalChoice.delayRange)
    guard let delay else { throw JSONFault(slice.start, "must be a choice, not null") }
    return .delay(delay)
  }

  private static func orchestration(
    _ reader: inout JSONReader
  ) throws(JSONFault) -> RehearsedOrchestration {
    var members = try ManageMembers(&reader)
    let name = try reader.string(try members.take("name", reader), members.object, "name")
    let place = try members.take("version", reader)
    let text = try reader.optionalString(place)
    guard let version = text.map({ SemanticVersion($0) }) ?? .first else {
      throw JSONFault(place.start, "is not a semantic version such as 1.2.0")
    }
    try members.finish(reader)
    return RehearsedOrchestration(name: name, version: version)
  }

  private static func activity(_ reader: inout JSONReader) throws(JSONFault) -> RehearsedActivity {
    var members = try ManageMembers(&reader)
    let name = try reader.string(try members.take("name", reader), members.object, "name")
    let limits = try members.take("limits", reader)
    try members.finish(reader)
    guard reader.hasValue(limits) else { return RehearsedActivity(name: name) }
    return RehearsedActivity(name: name, limits: try within(limits, reader, OptionsWire.decodeActivityLimits))
  }

  private enum Deed: String, CaseIterable {
    case start, send, control, publish, call, complete

    var name: StaticString {
      switch self {
      case .start: "start"
      case .send: "send"
      case .control: "control"
      case .publish: "publish"
      case .call: "call"
      case .complete: "complete"
      }
    }
  }

  private static func line(_ reader: inout JSONReader) throws(JSONFault) -> ScriptLine {
    var members = try ManageMembers(&reader)
    let after = try reader.optionalInt(try members.take("afterMS", reader), in: RehearsalChoice.delayRange)
    var deed: ScriptLine.Deed?
    for word in Deed.allCases {
      let slice = try members.take(word.name, reader)
      guard slice.isPresent else { continue }
      if deed != nil { throw JSONFault(members.object, "says two things") }
      deed = try read(word, slice, reader)
    }
    try members.finish(reader)
    guard let deed else {
      let words = Deed.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
      throw JSONFault(members.object, "must have one of \(words)")
    }
    return ScriptLine(afterMS: after ?? 0, deed: deed)
  }

  private static func read(
    _ word: Deed, _ slice: JSONSlice, _ reader: JSONReader
  ) throws(JSONFault) -> ScriptLine.Deed {
    switch word {
    case .start:
      let request = try within(slice, reader, ClientWire.decodeStart)
      guard request.instance != nil else { throw JSONFault(slice.start, "must name its instance") }
      return .start(request)
    case .send: return .send(try within(slice, reader, ClientWire.decodeSend))
    case .control: return .control(try within(slice, reader, ClientWire.decodeControl))
    case .call:
      let request = try within(slice, reader, ClientWire.decodeCall)
      guard request.call != nil else { throw JSONFault(slice.start, "must name its call") }
      return .call(request)
    case .publish:
      var part = JSONReader(slice, of: reader)
      var members = try ManageMembers(&part)
      let topic = try reader.string(try members.take("topic", reader), members.object, "topic")
      let data = try reader.optionalPayload(try members.take("data", reader)) ?? .null
      try members.finish(reader)
      return .publish(Publication(topic: topic, data: data))
    case .complete:
      var part = JSONReader(slice, of: reader)
      var members = try ManageMembers(&part)
      let place = try members.take("token", reader)
      let text = try reader.string(place, members.object, "token")
      guard let token = CompletionToken(text: text) else {
        throw JSONFault(place.start, "is not the token of an attempt")
      }
      let (result, failure) = (try members.take("result", reader), try members.take("failure", reader))
      try members.finish(reader)
      return .complete(token, try reader.outcome(result, failure, members.object))
    }
  }

  /// A part that is a message of its own.
  private static func within<Value>(
    _ slice: JSONSlice, _ reader: JSONReader,
    _ decode: (UnsafeRawBufferPointer) throws(WireError) -> Value
  ) throws(JSONFault) -> Value {
    do throws(WireError) {
      return try decode(
        UnsafeRawBufferPointer(start: reader.base + slice.start, count: slice.end - slice.start))
    } catch {
      throw JSONFault(slice.start, "is wrong: \(error.message)")
    }
  }
}
