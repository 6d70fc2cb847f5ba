import PerdureModel
import PerdureWire
import Testing

/// What is wrong is said in one sentence that names the place.
@Suite struct MalformedTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let codec: Codec
    let json: String
    let message: String
    var testDescription: String { "\(codec.name): \(message)" }

    init(_ codec: Codec, _ json: String, _ message: String) {
      self.codec = codec
      self.json = json
      self.message = message
    }
  }

  private static func deep(_ levels: Int) -> String {
    String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
  }

  static let bound = "9007199254740991"
  static let answer = #"{"v":1,"retained":true,"actions":[{"id":1,"after":1,"kind":"Dequeue","name":"q"},"#

  static let messages: [Case] = [
    Case(.event, "", "The JSON ends too early."),
    Case(.event, "[]", "The JSON must be an object, not a list."),
    Case(.event, "{", "The JSON ends too early."),
    Case(.event, "{}", "id is missing."),
    Case(.event, #"{"id":1,"at":2}"#, "kind is missing."),
    Case(.event, #"{"id":1,"at":2,"kind":5}"#, "kind must be a string, not a number."),
    Case(.event, #"{"id":1,"at":2,"kind":"New"}"#, #"kind is "New", a kind unknown to this version."#),
    Case(.event, #"{"id":1,"id":1,"at":2,"kind":"TimerFired","action":1}"#, "id is given twice."),
    Case(.event, #"{"id":1,"at":2,"kind":"TimerFired"}"#, "action is missing."),
    Case(
      .event, #"{"id":true,"at":2,"kind":"TimerFired","action":1}"#, "id must be an integer, not a boolean."),
    Case(
      .event, #"{"id":1.5,"at":1,"kind":"TimerFired"}"#,
      "id must be an integer, without fraction and exponent."),
    Case(.event, #"{"id":9007199254740992,"at":1}"#, "id must be within ±\(bound)."),
    Case(.event, #"{"id":99999999999999999999999,"at":1}"#, "id must be within ±\(bound)."),
    Case(.event, #"{"id":1 "at":2}"#, "id is not well-formed: a comma or } is missing at byte 8."),
    Case(.event, #"{"id":1,"at":2,}"#, "at is not well-formed: a member name is missing at byte 15."),
    Case(
      .event, #"{"id":1,"at":1,"kind":"TimerFired","action":1} x"#,
      "The JSON has something after its end, at byte 47."),
    Case(
      .event, #"{"id":1,"at":1,"kind":"ActivityFailed","action":1,"failure":{"type":"E"}}"#,
      "failure.message is missing."),
    Case(
      .event,
      #"{"id":1,"at":1,"kind":"ActivityFailed","action":1,"failure":{"type":"E","message":"","cause":[]}}"#,
      "failure.cause must be an object, not a list."),
    Case(
      .event,
      #"{"id":1,"at":1,"kind":"OrchestrationStarted","name":"o","version":"1","input":1,"parent":{}}"#,
      "parent.instance is missing."),
    Case(
      .startRequest, #"{"orchestration":"o","traceparent":"00-1-2-03"}"#,
      "traceparent \(TraceContext.parentRule)."),
    Case(
      .startRequest, #"{"orchestration":"o","tracestate":"a=1"}"#, "tracestate needs a traceparent beside it."
    ),
    Case(
      .startRequest,
      #"{"orchestration":"o","traceparent":"\#(Samples.trace?.parent ?? "")","tracestate":"a\nb"}"#,
      "tracestate \(TraceContext.stateRule)."),
    Case(.event, #"{"id":1,"at":1,"kind":"TimerCancelled","after":1,"target":1}"#, "action is missing."),
    Case(.turnAnswer, #"{"actions":[],"retained":true}"#, "v is missing."),
    Case(
      .turnAnswer, #"{"v":2,"actions":[],"retained":true}"#, "v must be 1, the version spoken here, not 2."),
    Case(.turnAnswer, #"{"v":1,"retained":true}"#, "actions is missing."),
    Case(.turnAnswer, #"{"v":1,"actions":[]}"#, "retained is missing."),
    Case(.turnAnswer, #"{"v":1,"actions":{}}"#, "actions must be a list, not an object."),
    Case(
      .turnAnswer, answer + #"{"id":2,"after":1,"kind":"CreateTimer"}]}"#, "actions[1].fireAt is missing."),
    Case(
      .turnAnswer, answer + #"{"id":2,"after":1,"kind":"CreateTimer","fireAt":"x"}]}"#,
      "actions[1].fireAt must be an integer, not a string."),
    Case(
      .turnAnswer, answer + #"{"id":2,"kind":"Cancel","kind":"Cancel"}]}"#,
      "actions[1].kind is given twice."),
    Case(.turnAnswer, answer + "]}", "actions[1] must be an object, not something that is not JSON."),
    Case(
      .turnAnswer, #"{"v":1,"actions":[],"retained":true,"end":{"after":1,"kind":"Done"}}"#,
      #"end.kind is "Done", a kind unknown to this version."#),
    Case(
      .turnAnswer, #"{"v":1,"actions":[],"retained":true,"end":{"kind":"Cancelled"}}"#,
      "end.after is missing."),
    Case(
      .turnAnswer, #"{"v":1,"actions":[],"retained":true,"logs":[{"level":"loud","message":""}]}"#,
      #"logs[0].level must be "debug", "info", "warn" or "error"."#),
    Case(.turnRequest, #"{"v":1,"events":[{"id":1}]}"#, "events[0].at is missing."),
    Case(.activity, #"{"v":1,"instance":"i"}"#, "execution is missing."),
    Case(.message, #"{"kind":"TimerFired"}"#, #"kind is "TimerFired", a kind unknown to this version."#),
    Case(.start, #"{"instance":"i","input":1}"#, "name is missing."),
  ]

  static let options: [Case] = [
    Case(.startRequest, #"{"orchestration":"o","inputs":1}"#, "inputs is not a member known here."),
    Case(.startRequest, #"{"instance":"i"}"#, "orchestration is missing."),
    Case(.startRequest, "null", "The JSON must be an object, not null."),
    Case(.startRequests, "{}", "The JSON must be a list, not an object."),
    Case(.startRequests, "[{]", "[0] ends too early."),
    Case(.listQuery, #"{"limit":0}"#, "limit must be within 1...1000, not 0."),
    Case(.listQuery, #"{"limit":1001}"#, "limit must be within 1...1000, not 1001."),
    Case(.listQuery, #"{"cursor":-1}"#, "cursor must be within 0...\(bound), not -1."),
    Case(
      .listQuery, #"{"status":"ContinuedAsNew"}"#,
      "status must be one of Pending, Running, Suspended, Completed, Failed, Cancelled, "
        + "Terminated, Quarantined."
    ),
    Case(.historyQuery, #"{"execution":1}"#, "instance is missing."),
    Case(
      .historyQuery, #"{"instance":"i","execution":0}"#, "execution must be within 1...\(bound), not 0."),
    Case(.deleteQuery, #"{"instance":"i","force":"yes"}"#, "force must be a boolean, not a string."),
    Case(.runtime, #"{"activitySlots":0}"#, "activitySlots must be within 1...10000, not 0."),
    Case(.runtime, #"{"turnThreads":65}"#, "turnThreads must be within 1...64, not 65."),
    Case(
      .runtime, #"{"cachedInstances":1000001}"#, "cachedInstances must be within 0...1000000, not 1000001."),
    Case(.runtime, #"{"cache":"maybe"}"#, #"cache must be "on" or "off"."#),
    Case(.runtime, #"{"slots":1}"#, "slots is not a member known here."),
    Case(.store, #"{"busyTimeoutMS":600001}"#, "busyTimeoutMS must be within 0...600000, not 600001."),
    Case(.store, #"{"busyTimeout":1}"#, "busyTimeout is not a member known here."),
    Case(.store, "5", "The JSON must be an object, not a number."),
    Case(.logLevel, #"{"level":"trace"}"#, #"level must be "debug", "info", "warn" or "error"."#),
    Case(.pollAnswers, #"{"v":1,"turns":[{"answer":{}}]}"#, "turns[0].token is missing."),
    Case(.pollAnswers, #"{"v":1,"activities":[7]}"#, "activities[0] must be an object, not a number."),
    Case(.pollAnswers, #"{"turns":[]}"#, "v is missing."),
  ]

  static let payloads: [Case] = [
    Case(.payload, "nul", "The JSON is not well-formed: a value is missing at byte 0."),
    Case(.payload, "NaN", "The JSON is not well-formed: a value is missing at byte 0."),
    Case(.payload, "1 2", "The JSON has something after its end, at byte 2."),
    Case(.payload, "01", "The JSON is not well-formed: a number begins with 0 at byte 1."),
    Case(.payload, "-", "The JSON ends too early."),
    Case(.payload, "1.", "The JSON ends too early."),
    Case(.payload, "1.e5", "The JSON is not well-formed: a digit is missing at byte 2."),
    Case(.payload, "+1", "The JSON is not well-formed: a value is missing at byte 0."),
    Case(.payload, ".5", "The JSON is not well-formed: a value is missing at byte 0."),
    Case(.payload, "\"abc", "The JSON ends too early."),
    Case(
      .payload, #"{"a":{"b":["x","\q"]}}"#,
      "a.b[1] is not well-formed: an unknown escape stands at byte 16."),
    Case(.payload, #"["\u12g4"]"#, "[0] is not well-formed: an escape lacks hex digits at byte 2."),
    Case(
      .payload, #""\ud800x""#, "The JSON is not well-formed: a string has half a surrogate pair at byte 1."),
    Case(
      .payload, #""\udc00""#, "The JSON is not well-formed: a string has half a surrogate pair at byte 1."),
    Case(
      .payload, #""\u0000""#,
      "The JSON is not well-formed: a string has the character U+0000, "
        + "which not every store can keep, at byte 1."
    ),
    Case(
      .payload, "\"a\nb\"", "The JSON is not well-formed: a string has a raw control character at byte 2."),
    Case(.payload, "[1,]", "[1] is not well-formed: a value is missing at byte 3."),
    Case(.payload, "[1}", "[0] is not well-formed: a comma or ] is missing at byte 2."),
    Case(.payload, #"{"a"}"#, "a is not well-formed: a colon is missing at byte 4."),
    Case(.payload, "{1:2}", "The JSON is not well-formed: a member name is missing at byte 1."),
    Case(.payload, "[[", "[0][0] ends too early."),
    Case(.payload, deep(513), "The JSON nests deeper than 512 levels."),
    Case(.payload, String(repeating: #"{"a":"#, count: 100_000), "The JSON nests deeper than 512 levels."),
  ]

  @Test(arguments: messages + semantics + options + requests + payloads)
  func says(_ bad: Case) {
    let error = #expect(throws: WireError.self) { _ = try bad.codec.canonical(bad.json.json) }
    #expect(error?.message == bad.message)
  }

  static let invalidUTF8: [(name: String, bytes: [UInt8])] = [
    ("a lone tail", [0x80]), ("overlong two", [0xC0, 0x80]), ("overlong two, upper", [0xC1, 0xBF]),
    ("cut two", [0xC3]), ("overlong three", [0xE0, 0x9F, 0xBF]), ("a surrogate", [0xED, 0xA0, 0x80]),
    ("cut three", [0xE2, 0x82]), ("overlong four", [0xF0, 0x8F, 0xBF, 0xBF]),
    ("beyond U+10FFFF", [0xF4, 0x90, 0x80, 0x80]), ("five bytes", [0xF8, 0x88, 0x80, 0x80, 0x80]),
    ("0xFF", [0xFF]),
  ]

  /// At every distance from the start: the fast path reads eight bytes at a time.
  @Test(arguments: invalidUTF8.indices)
  func invalidUTF8IsRefused(_ index: Int) {
    for prefix in 0..<17 {
      let json = Array(("\"" + String(repeating: "x", count: prefix)).utf8) + Self.invalidUTF8[index].bytes
      for tail in ["\"", "abcdefgh\""] {
        let error = #expect(throws: WireError.self) { try (json + tail.utf8).read(PayloadWire.decode) }
        #expect(error?.message.contains("not UTF-8 at byte \(prefix + 1)") == true)
      }
    }
  }

  @Test func theBoundariesOfUTF8AreAccepted() throws {
    for scalar in [
      "\u{80}", "\u{7FF}", "\u{800}", "\u{D7FF}", "\u{E000}", "\u{FFFF}", "\u{10000}", "\u{10FFFF}",
    ] {
      let json = "\"\(scalar)\"".json
      #expect(try json.read(PayloadWire.decode).bytes == json)
    }
  }

  @Test(arguments: [
    ("", "null"), (" \t\r\n", "null"), (" 1 ", "1"), ("\n{ \"a\" : [ ] }\t", "{ \"a\" : [ ] }"), ("-0", "-0"),
    ("1E+2", "1E+2"), ("0.5e-7", "0.5e-7"), (#"{"a":1,"a":2}"#, #"{"a":1,"a":2}"#),
    (#""\ud83d\ude80\/\b\f\n\r\t\"\\""#, #""\ud83d\ude80\/\b\f\n\r\t\"\\""#),
    ("[{},[],\"\"]", "[{},[],\"\"]"),
  ])
  func payloadsKeepTheirBytes(_ json: String, _ expected: String) throws {
    #expect(try json.json.read(PayloadWire.decode).text == expected)
  }

  @Test func aPayloadMayNestToTheLimitInsideMessages() throws {
    let deep = Payload(
      String(repeating: "[", count: Limits.jsonDepth) + String(repeating: "]", count: Limits.jsonDepth))
    var request = Samples.request
    request.events = [Event(id: 1, at: 1, kind: .activityCompleted(action: 1, result: deep))]
    let work = PollWire.Work(turns: [PollWire.Handed(token: 1, input: .request(request))])
    #expect(try PollWire.encode(work).read(PollWire.decodeWork) == work)
  }

  /// What is around a payload takes nothing from what it may nest; what is too deep in it is refused, too.
  @Test(arguments: [(0, true), (1, false)])
  func aPayloadMayNestToTheLimitInAnEnd(_ more: Int, _ isTaken: Bool) throws {
    let levels = Limits.jsonDepth + more
    let payload = String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
    let end = #"{"after":1,"kind":"Completed","output":\#(payload)}"#
    let answer = #"{"v":1,"actions":[],"end":\#(end),"retained":false}"#
    let turn = #"{"v":1,"turns":[{"token":1,"answer":\#(answer)}]}"#
    let read = Result { try turn.json.read(PollWire.decodeAnswers) }
    let taken = (try? answer.json.read(TurnWire.decodeAnswer)) != nil
    #expect(taken == isTaken)
    // In a batch it is refused alone.
    #expect((try? read.get()) != nil)
  }

  @Test func aListOverItsLimitIsRefused() {
    let action = #"{"id":1,"after":1,"kind":"Dequeue","name":"q"}"#
    let many = Array(repeating: action, count: Limits.actionsPerTurn + 1).joined(separator: ",")
    let answer = #"{"v":1,"retained":true,"actions":["# + many + "]}"
    let error = #expect(throws: WireError.self) { try answer.json.read(TurnWire.decodeAnswer) }
    #expect(error?.message == "actions has more than \(Limits.actionsPerTurn) elements.")
    let starts = "[" + Array(repeating: "1", count: Limits.batchRequests + 1).joined(separator: ",") + "]"
    #expect(throws: WireError.self) { try starts.json.read(ClientWire.decodeStarts) }
  }

  /// The pages are never touched.
  @Test func textsBeyondTheScannerAreRefused() {
    let text = UnsafeMutableRawBufferPointer.allocate(byteCount: Limits.jsonBytes + 1, alignment: 1)
    defer { text.deallocate() }
    let error = #expect(throws: WireError.self) { try EventWire.decode(UnsafeRawBufferPointer(text)) }
    #expect(error?.message == "The JSON has more than 2147483647 bytes.")
  }
}
