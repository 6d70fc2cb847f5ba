package import PerdureModel

/// Work of the pull mode: engine to host.
package enum PollWire {
  /// A token of the ABI: a number in pointer's clothing.
  package typealias Token = Int64

  /// A turn request, or its JSON if that was made already.
  package enum TurnInput: Hashable, Sendable {
    case request(TurnRequest)
    case encoded([UInt8])
  }

  /// An activity task, or its JSON.
  package enum ActivityInput: Hashable, Sendable {
    case task(ActivityTask)
    case encoded([UInt8])
  }

  package struct Handed<Input: Hashable & Sendable>: Hashable, Sendable {
    package var token: Token
    package var input: Input

    package init(token: Token, input: Input) {
      self.token = token
      self.input = input
    }
  }

  /// An answer of the same call that did not count.
  package struct Refused: Hashable, Sendable {
    package var token: Token
    /// A `dx_code`.
    package var code: Int64
    package var message: String

    package init(token: Token, code: Int64, message: String) {
      self.token = token
      self.code = code
      self.message = message
    }
  }

  package struct Work: Hashable, Sendable {
    package var isStopped: Bool
    package var turns: [Handed<TurnInput>]
    package var activities: [Handed<ActivityInput>]
    package var refused: [Refused]

    package init(
      isStopped: Bool = false, turns: [Handed<TurnInput>] = [], activities: [Handed<ActivityInput>] = [],
      refused: [Refused] = []
    ) {
      self.isStopped = isStopped
      self.turns = turns
      self.activities = activities
      self.refused = refused
    }
  }

  package static func encode(_ work: Work) -> [UInt8] {
    var writer = JSONWriter(capacity: 1_024)
    write(work, to: &writer)
    return writer.finish()
  }

  package static func write(_ work: Work, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("v", 1)
    writer.member("stopped", work.isStopped)
    writer.key("turns")
    writer.list(work.turns) { turn, writer in
      writer.beginObject()
      writer.member("token", turn.token)
      writer.key("request")
      switch turn.input {
      case .request(let request): TurnWire.write(request, to: &writer)
      case .encoded(let json): writer.raw(json)
      }
      writer.endObject()
    }
    writer.key("activities")
    writer.list(work.activities) { activity, writer in
      writer.beginObject()
      writer.member("token", activity.token)
      writer.key("task")
      switch activity.input {
      case .task(let task): ActivityWire.write(task, to: &writer)
      case .encoded(let json): writer.raw(json)
      }
      writer.endObject()
    }
    writer.key("refused")
    writer.list(work.refused) { refused, writer in
      writer.beginObject()
      writer.member("token", refused.token)
      writer.member("code", refused.code)
      writer.member("message", refused.message)
      writer.endObject()
    }
    writer.endObject()
  }

  /// For hosts. Inputs come back as values.
  package static func decodeWork(_ json: UnsafeRawBufferPointer) throws(WireError) -> Work {
    try decodeWhole(json) { reader throws(JSONFault) in
      var v = JSONSlice.absent
      var stopped = JSONSlice.absent
      var turns: [Handed<TurnInput>]?
      var activities: [Handed<ActivityInput>]?
      var refused: [Refused]?
      let object = try reader.beginObject()
      var first = true
      while let key = try reader.nextKey(&first) {
        if key.matches("v") {
          try reader.take(&v, key)
        } else if key.matches("stopped") {
          try reader.take(&stopped, key)
        } else if key.matches("turns") {
          if turns != nil { throw reader.twice(key) }
          turns = try reader.list { reader throws(JSONFault) in
            try readHanded(&reader, "request") { reader throws(JSONFault) in
              .request(try TurnWire.readRequest(&reader))
            }
          }
        } else if key.matches("activities") {
          if activities != nil { throw reader.twice(key) }
          activities = try reader.list { reader throws(JSONFault) in
            try readHanded(&reader, "task") { reader throws(JSONFault) in
              .task(try ActivityWire.read(&reader))
            }
          }
        } else if key.matches("refused") {
          if refused != nil { throw reader.twice(key) }
          refused = try reader.list { reader throws(JSONFault) in try readRefused(&reader) }
        } else {
          _ = try reader.skipValue()
        }
      }
      try reader.checkVersion(v, object)
      guard let turns else { throw reader.missing(object, "turns") }
      guard let activities else { throw reader.missing(object, "activities") }
      return Work(
        isStopped: try reader.bool(stopped, object, "stopped"), turns: turns, activities: activities,
        refused: refused ?? [])
    }
  }

  private static func readHanded<Input>(
    _ reader: inout JSONReader, _ name: StaticString,
    _ read: (inout JSONReader) throws(JSONFault) -> Input
  ) throws(JSONFault) -> Handed<Input> {
    var token = JSONSlice.absent
    var input: Input?
    let object = try reader.beginObject()
    var first = true
    while let key = try reader.nextKey(&first) {
      if key.matches("token") {
        try reader.take(&token, key)
      } else if key.matches(name) {
        if input != nil { throw reader.twice(key) }
        input = try read(&reader)
      } else {
        _ = try reader.skipValue()
      }
    }
    guard let input else { throw reader.missing(object, name) }
    return Handed(token: try reader.int(token, object, "token"), input: input)
  }

  private static func readRefused(_ reader: inout JSONReader) throws(JSONFault) -> Refused {
    var token = JSONSlice.absent
    var code = JSONSlice.absent
    var message = JSONSlice.absent
    let object = try reader.beginObject()
    var first = true
    while let key = try reader.nextKey(&first) {
      if key.matches("token") {
        try reader.take(&token, key)
      } else if key.matches("code") {
        try reader.take(&code, key)
      } else if key.matches("message") {
        try reader.take(&message, key)
      } else {
        _ = try reader.skipValue()
      }
    }
    return Refused(
      token: try reader.int(token, object, "token"), code: try reader.int(code, object, "code"),
      message: try reader.string(message, object, "message"))
  }
}
