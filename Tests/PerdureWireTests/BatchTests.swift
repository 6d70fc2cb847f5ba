import PerdureModel
import PerdureWire
import Testing

/// One bad element does not spoil the others.
@Suite struct BatchTests {
  private static let bad = [
    "NaN", #""\u0000""#, #"{"a":tru}"#, "\"\u{1}\"", #"{"a":1,}"#, "[1,,2]", "01",
    String(repeating: "[", count: 600) + String(repeating: "]", count: 600),
  ]

  @Test(arguments: bad)
  func startRequests(_ input: String) throws {
    let json = #"[{"orchestration":"a"},{"orchestration":"b","input":"# + input + #"},{"orchestration":"c"}]"#
    let results = try json.json.read(ClientWire.decodeStarts)
    #expect(results.count == 3)
    #expect(try results[0].get().orchestration == "a")
    #expect(try results[2].get().orchestration == "c")
    let error = #expect(throws: WireError.self) { try results[1].get() }
    #expect(error?.message.hasPrefix("[1].input") == true)
  }

  @Test func startRequestsOfOtherKinds() throws {
    let json = #"[ 5 , "x", null, {"orchestration":"a","more":1}, [1] ]"#
    let results = try json.json.read(ClientWire.decodeStarts)
    let messages = results.map { result in
      if case .failure(let error) = result { error.message } else { "fine" }
    }
    #expect(
      messages == [
        "[0] must be an object, not a number.", "[1] must be an object, not a string.",
        "[2] must be an object, not null.", "[3].more is not a member known here.",
        "[4] must be an object, not a list.",
      ])
  }

  @Test(arguments: bad)
  func pollAnswers(_ result: String) throws {
    let json =
      #"{"v":1,"activities":[{"token":1,"result":true},{"result":"# + result
      + #","token":2},{"token":3,"failure":{"type":"E","message":"m"}}],"#
      + #""turns":[{"token":4,"answer":{"v":1,"miss":true}},{"token":5,"answer":{"v":1,"x":"# + result
      + "}}]}"
    let answers = try json.json.read(PollWire.decodeAnswers)
    #expect(answers.activities.map(\.token) == [1, 2, 3])
    #expect(answers.activities[0].value == .success(.ended(.completed(Payload("true")))))
    #expect(answers.activities[2].value == .success(.ended(.failed(Failure(type: "E", message: "m")))))
    let error = #expect(throws: WireError.self) { try answers.activities[1].value.get() }
    #expect(error?.message.hasPrefix("activities[1].result") == true)
    #expect(answers.turns.map(\.token) == [4, 5])
    #expect(answers.turns[0].value == .success(.answer(.miss)))
    #expect(throws: WireError.self) { try answers.turns[1].value.get() }
  }

  @Test(arguments: [
    (#"{"token":1}"#, "activities[0] must have either a result or a failure."),
    (
      #"{"token":1,"result":1,"failure":{"type":"E","message":""}}"#,
      "activities[0] must have either a result or a failure."
    ),
    (#"{"token":1,"deferred":false}"#, "activities[0] must have either a result or a failure."),
    (
      #"{"token":1,"deferred":true,"result":null}"#,
      "activities[0] must be deferred or have an outcome, not both."
    ),
    (
      #"{"token":1,"deferred":true,"failure":{"type":"E","message":""}}"#,
      "activities[0] must be deferred or have an outcome, not both."
    ),
    (#"{"token":1,"deferred":1}"#, "activities[0].deferred must be a boolean, not a number."),
    (#"{"token":1,"failure":{"type":"E"}}"#, "activities[0].failure.message is missing."),
    (#"{"token":1,"failure":5}"#, "activities[0].failure must be an object, not a number."),
  ])
  func anActivityHasEitherResultOrFailure(_ element: String, _ message: String) throws {
    let answers = try (#"{"v":1,"activities":["# + element + "]}").json.read(PollWire.decodeAnswers)
    #expect(answers.activities.map(\.value) == [.failure(WireError(message))])
  }

  @Test func aTurnHasEitherAnswerOrFailure() throws {
    let json =
      #"{"v":1,"turns":[{"token":1},{"token":2,"failure":{"type":"E","message":"m"},"answer":null}]}"#
    let answers = try json.json.read(PollWire.decodeAnswers)
    #expect(
      answers.turns.map(\.value) == [
        .failure(WireError("turns[0] must have either an answer or a failure.")),
        .success(.failure(Failure(type: "E", message: "m"))),
      ])
  }

  @Test func blankTextIsNoAnswers() throws {
    #expect(try [].read(PollWire.decodeAnswers) == PollWire.Answers())
    #expect(try #"{"v":1}"#.json.read(PollWire.decodeAnswers) == PollWire.Answers())
    #expect(try #"{"v":1,"turns":null}"#.json.read(PollWire.decodeAnswers) == PollWire.Answers())
  }

  @Test func answersRoundTrip() throws {
    let answers = PollWire.Answers(
      turns: Samples.answers.enumerated().map { index, answer in
        PollWire.Reply(token: Int64(index), value: .success(.answer(answer)))
      } + [PollWire.Reply(token: 99, value: .success(.failure(Samples.failure)))],
      activities: [
        PollWire.Reply(token: 1, value: .success(.ended(.completed(.null)))),
        PollWire.Reply(token: 2, value: .success(.ended(.failed(Samples.failure)))),
        PollWire.Reply(token: 3, value: .success(.deferred)),
      ])
    #expect(try PollWire.encode(answers).read(PollWire.decodeAnswers) == answers)
  }

  @Test func workRoundTrips() throws {
    let work = PollWire.Work(
      isStopped: true, turns: [PollWire.Handed(token: 1, input: .request(Samples.request))],
      activities: [PollWire.Handed(token: 2, input: .task(Samples.attempts[1]))], cancelled: [7, 8],
      refused: [PollWire.Refused(token: 3, code: 11, message: "stale")])
    #expect(try PollWire.encode(work).read(PollWire.decodeWork) == work)
    let encoded = PollWire.Work(
      isStopped: true,
      turns: [PollWire.Handed(token: 1, input: .encoded(TurnWire.encode(Samples.request)))],
      activities: [PollWire.Handed(token: 2, input: .encoded(ActivityWire.encode(Samples.attempts[1])))],
      cancelled: work.cancelled,
      refused: work.refused)
    #expect(PollWire.encode(encoded) == PollWire.encode(work))
  }
}
