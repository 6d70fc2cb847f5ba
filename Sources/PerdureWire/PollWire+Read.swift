/// Work as hosts read it.
extension PollWire {
  /// For hosts. Inputs come back as values.
  package static func decodeWork(_ json: UnsafeRawBufferPointer) throws(WireError) -> Work {
    try decodeWhole(json) { reader throws(JSONFault) in
      var v = JSONSlice.absent
      var stopped = JSONSlice.absent
      var turns: [Handed<TurnInput>]?
      var activities: [Handed<ActivityInput>]?
      var cancelled: [Token]?
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
        } else if key.matches("cancelled") {
          if cancelled != nil { throw reader.twice(key) }
          cancelled = try reader.list { reader throws(JSONFault) in
            try reader.int(try reader.skipValue())
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
      guard let cancelled else { throw reader.missing(object, "cancelled") }
      guard let refused else { throw reader.missing(object, "refused") }
      return Work(
        isStopped: try reader.bool(stopped, object, "stopped"), turns: turns, activities: activities,
        cancelled: cancelled, refused: refused)
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
