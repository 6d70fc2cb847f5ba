package import PerdureModel

/// Answers of the pull mode: host to engine.
extension PollWire {
  /// What a host made of a turn.
  package enum TurnReply: Hashable, Sendable {
    case answer(TurnAnswer)
    /// It could not run the turn.
    case failure(Failure)
  }

  /// What a host made of an activity.
  package enum ActivityReply: Hashable, Sendable {
    case ended(Outcome)
    /// The attempt goes on elsewhere and is ended with its completion token.
    case deferred
  }

  /// What the host says about one token; or what is wrong with how it says it, which does not touch the
  /// others.
  package struct Reply<Value: Hashable & Sendable>: Hashable, Sendable {
    package var token: Token
    package var value: Result<Value, WireError>

    package init(token: Token, value: Result<Value, WireError>) {
      self.token = token
      self.value = value
    }
  }

  package struct Answers: Hashable, Sendable {
    package var turns: [Reply<TurnReply>]
    package var activities: [Reply<ActivityReply>]

    package init(turns: [Reply<TurnReply>] = [], activities: [Reply<ActivityReply>] = []) {
      self.turns = turns
      self.activities = activities
    }
  }

  /// Replies that are errors are left out: nobody sends those.
  package static func encode(_ answers: Answers) -> [UInt8] {
    var writer = JSONWriter(capacity: 1_024)
    writer.beginObject()
    writer.member("v", 1)
    let turns = answers.turns.compactMap { reply in (try? reply.value.get()).map { (reply.token, $0) } }
    if !turns.isEmpty {
      writer.key("turns")
      writer.list(turns) { turn, writer in
        writer.beginObject()
        writer.member("token", turn.0)
        switch turn.1 {
        case .answer(let answer):
          writer.key("answer")
          TurnWire.write(answer, to: &writer)
        case .failure(let failure): writer.member("failure", failure)
        }
        writer.endObject()
      }
    }
    let activities = answers.activities.compactMap { reply in
      (try? reply.value.get()).map { (reply.token, $0) }
    }
    if !activities.isEmpty {
      writer.key("activities")
      writer.list(activities) { activity, writer in
        writer.beginObject()
        writer.member("token", activity.0)
        switch activity.1 {
        case .ended(let outcome): writer.member(outcome)
        case .deferred: writer.member("deferred", true)
        }
        writer.endObject()
      }
    }
    writer.endObject()
    return writer.finish()
  }

  /// Throws when the whole makes no sense, or when an element has no readable token. Blank text is no
  /// answers.
  package static func decodeAnswers(_ json: UnsafeRawBufferPointer) throws(WireError) -> Answers {
    if json.isBlank { return Answers() }
    let whole = JSONReader(json)
    return try decodeWhole(json) { reader throws(JSONFault) in
      var v = JSONSlice.absent
      var turns: [Reply<TurnReply>]?
      var activities: [Reply<ActivityReply>]?
      let object = try reader.beginObject()
      var first = true
      while let key = try reader.nextKey(&first) {
        if key.matches("v") {
          try reader.take(&v, key)
        } else if key.matches("turns") {
          if turns != nil { throw reader.twice(key) }
          turns =
            try reader.skipNull()
            ? [] : try reader.list { reader throws(JSONFault) in try reply(&reader, whole, json, readTurn) }
        } else if key.matches("activities") {
          if activities != nil { throw reader.twice(key) }
          activities =
            try reader.skipNull()
            ? []
            : try reader.list { reader throws(JSONFault) in try reply(&reader, whole, json, readActivity) }
        } else {
          _ = try reader.skipValue()
        }
      }
      try reader.checkVersion(v, object)
      return Answers(turns: turns ?? [], activities: activities ?? [])
    }
  }

  /// Finds the end of the element and its token without looking at the rest, then reads the rest strictly.
  private static func reply<Value>(
    _ reader: inout JSONReader, _ whole: JSONReader, _ json: UnsafeRawBufferPointer,
    _ read: (inout JSONReader) throws(JSONFault) -> Value
  ) throws(JSONFault) -> Reply<Value> {
    let slice = try reader.skipRoughly()
    var part = JSONReader(slice, of: whole)
    let token = try roughToken(&part)
    return Reply(token: token, value: readPart(slice, of: whole, json, read))
  }

  private static func roughToken(_ reader: inout JSONReader) throws(JSONFault) -> Token {
    var token = JSONSlice.absent
    let object = try reader.beginObject()
    var first = true
    while let key = try reader.nextKey(&first) {
      if key.matches("token") {
        try reader.take(&token, key)
      } else {
        _ = try reader.skipRoughly()
      }
    }
    return try reader.int(token, object, "token")
  }

  private static func readTurn(_ reader: inout JSONReader) throws(JSONFault) -> TurnReply {
    var token = JSONSlice.absent
    var answer: TurnAnswer?
    var failure: Failure?
    let object = try reader.beginObject()
    var first = true
    while let key = try reader.nextKey(&first) {
      if key.matches("token") {
        try reader.take(&token, key)
      } else if key.matches("answer") {
        if answer != nil { throw reader.twice(key) }
        if try !reader.skipNull() { answer = try TurnWire.readAnswer(&reader) }
      } else if key.matches("failure") {
        if failure != nil { throw reader.twice(key) }
        if try !reader.skipNull() { failure = try FailureWire.read(&reader) }
      } else {
        _ = try reader.skipValue()
      }
    }
    if let answer, failure == nil { return .answer(answer) }
    if let failure, answer == nil { return .failure(failure) }
    throw JSONFault(object, "must have either an answer or a failure")
  }

  private static func readActivity(_ reader: inout JSONReader) throws(JSONFault) -> ActivityReply {
    var token = JSONSlice.absent
    var result = JSONSlice.absent
    var failure = JSONSlice.absent
    var deferred = JSONSlice.absent
    let object = try reader.beginObject()
    var first = true
    while let key = try reader.nextKey(&first) {
      if key.matches("token") {
        try reader.take(&token, key)
      } else if key.matches("result") {
        try reader.take(&result, key)
      } else if key.matches("failure") {
        try reader.take(&failure, key)
      } else if key.matches("deferred") {
        try reader.take(&deferred, key)
      } else {
        _ = try reader.skipValue()
      }
    }
    guard try reader.optionalBool(deferred) == true else {
      return .ended(try reader.outcome(result, failure, object))
    }
    guard !result.isPresent, !reader.hasValue(failure) else {
      throw JSONFault(object, "must be deferred or have an outcome, not both")
    }
    return .deferred
  }
}
