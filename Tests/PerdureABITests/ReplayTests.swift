import CDX
import Foundation
import Testing

/// Recorded histories and open instances against the code of a runtime.
@Suite struct ReplayTests {
  /// Awaits an activity of that name and returns its result.
  static func runs(_ activity: String) -> Host.Turn {
    { request in
      let events = request["events"] as? [JSON] ?? []
      var answer: JSON = [
        "v": 1, "retained": false,
        "actions": [["id": 1, "after": 1, "kind": "ScheduleActivity", "name": activity, "input": 5]],
      ]
      if let done = events.first(where: { $0["kind"] as? String == "ActivityCompleted" }), let id = done["id"]
      {
        answer["end"] = ["after": id, "kind": "Completed", "output": done["result"] ?? NSNull()]
      }
      return json(answer)
    }
  }

  static func host(_ mode: Mode, _ activity: String = "A", config: String = "", named: String = "one") throws
    -> Host
  {
    let host = try Host(mode, config: config)
    try host.orchestration(named, runs(activity))
    return host
  }

  /// With the end that `runs("A")` comes to.
  static func history(output: String = "7", version: String = "1.0.0") -> String {
    """
    {"instance":"i","execution":1,"events":[
    {"id":1,"at":1,"kind":"OrchestrationStarted","name":"one","version":"\(version)","input":null},
    {"id":2,"at":1,"kind":"ActivityScheduled","action":1,"after":1,"name":"A","input":5},
    {"id":3,"at":2,"kind":"ActivityCompleted","action":1,"result":7},
    {"id":4,"at":2,"kind":"OrchestrationCompleted","output":\(output)}]}
    """
  }

  static func replay(_ host: Host, _ history: String, timeout: Int64 = 30_000) throws -> Host.Waited {
    try ControlTests.answer { done, user in
      with(history) { dx_history_replay(host.runtime, $0, timeout, done, user) }
    }
  }

  static func preflight(_ host: Host, _ request: String = "", timeout: Int64 = 30_000) throws -> Host.Waited {
    try ControlTests.answer { done, user in
      with(request) { dx_runtime_preflight(host.runtime, $0, timeout, done, user) }
    }
  }

  @Test(arguments: Mode.allCases, ["", #"{"replayOnly":true}"#])
  func aHistoryIsReplayed(_ mode: Mode, _ config: String) throws {
    let host = try Self.host(mode, config: config)
    try host.start()
    let same = try Self.replay(host, Self.history())
    #expect(same.error == nil)
    #expect(same.description["verdict"] as? String == "same")
    #expect(same.description["replayed"] as? Int == 1)
    let other = try Self.replay(host, Self.history(output: "8")).description
    #expect(other["verdict"] as? String == "endedDifferently")
    #expect(other["eventKind"] as? String == "OrchestrationCompleted")
    let unknown = try Self.replay(host, Self.history(version: "9.0.0")).description
    #expect(unknown["verdict"] as? String == "notRegistered")
    try host.stop(grace: 0)
  }

  @Test func changedCodeDiffers() throws {
    let host = try Self.host(.callback, "B")
    try host.start()
    let report = try Self.replay(host, Self.history()).description
    #expect(report["verdict"] as? String == "differs")
    #expect(report["event"] as? Int == 2)
    #expect(report["eventKind"] as? String == "ActivityScheduled")
    #expect(report["expected"] as? String == "activity 'A' with input 5")
    #expect(report["found"] as? String == "activity 'B' with input 5")
    try host.stop(grace: 0)
  }

  @Test func aHostThatNeverAnswersTimesOut() throws {
    let host = try Host(.callback)
    let turns = Collected<OpaquePointer>()
    try host.register("one") { turns.add($0) }
    try host.start()
    let answer = try Self.replay(host, Self.history(), timeout: 50)
    #expect(answer.error?.code == Int(DX_TIMED_OUT))
    // It answers after all: nobody minds.
    if let turn = turns.wait(for: 1).first {
      #expect(code(with(#"{"type":"T","message":"m"}"#) { dx_turn_fail(turn, $0) }) == 0)
    }
    try host.stop(grace: 0)
  }

  @Test func aHostThatFailsIsReported() throws {
    let host = try Host(.callback)
    try host.register("one") { turn in
      _ = code(with(#"{"type":"T","message":"out of ideas"}"#) { dx_turn_fail(turn, $0) })
    }
    try host.start()
    let report = try Self.replay(host, Self.history()).description
    #expect(report["verdict"] as? String == "failed")
    #expect((report["message"] as? String)?.contains("out of ideas") == true)
    try host.stop(grace: 0)
  }

  @Test func stoppingTheRuntimeClosesWhatWaits() throws {
    let host = try Host(.callback)
    let turns = Collected<OpaquePointer>()
    try host.register("one") { turns.add($0) }
    try host.start()
    let waited = Collected<Host.Waited>()
    let box = Unmanaged.passRetained(waited)
    try with(Self.history()) {
      try call(dx_history_replay(host.runtime, $0, -1, ControlTests.done, box.toOpaque()))
    }
    turns.wait(for: 1)
    try host.stop(grace: 0)
    #expect(waited.wait(for: 1).first?.error?.code == Int(DX_CLOSED))
  }

  @Test func whatIsRefused() throws {
    let host = try Self.host(.callback)
    func replay(_ history: String, _ done: dx_wait_fn? = ControlTests.done) -> Int {
      code(with(history) { dx_history_replay(host.runtime, $0, 0, done, nil) })
    }
    #expect(replay(Self.history()) == Int(DX_WRONG_STATUS))
    try host.start()
    #expect(replay(Self.history(), nil) == Int(DX_INVALID_ARGUMENT))
    #expect(replay("") == Int(DX_INVALID_ARGUMENT))
    #expect(replay("[]") == Int(DX_INVALID_ARGUMENT))
    #expect(replay(#"{"format":"perdure-export","v":9}"#) == Int(DX_INVALID_ARGUMENT))
    #expect(
      code(with("{}") { dx_runtime_preflight(nil, $0, 0, ControlTests.done, nil) })
        == Int(DX_INVALID_ARGUMENT))
    try host.stop(grace: 0)
    #expect(replay(Self.history()) == Int(DX_WRONG_STATUS))
  }

  @Test func aBrokenHistoryIsNamed() throws {
    let host = try Self.host(.callback)
    try host.start()
    let broken = Self.history().replacingOccurrences(of: #""id":3"#, with: #""id":9"#)
    let report = try Self.replay(host, broken).description
    #expect(report["verdict"] as? String == "malformed")
    #expect(report["event"] as? Int == 9)
    try host.stop(grace: 0)
  }

  @Test(arguments: Mode.allCases)
  func preflightGroupsWhatDiffers(_ mode: Mode) throws {
    let host = try Self.host(mode)
    try host.start()
    for number in 1...25 { try host.start("one", "i-\(number)") }
    try host.start("unknown", "u")
    for number in 1...25 {
      while try host.describe("i-\(number)")["status"] as? String != "Running" { usleep(1_000) }
    }
    let clean = try Self.preflight(host, #"{"orchestration":"one"}"#).description
    #expect(clean["isClean"] as? Bool == true)
    #expect(clean["same"] as? Int == 25)
    #expect(try Self.preflight(host).description["isClean"] as? Bool == false)
    let few = try Self.preflight(host, #"{"orchestration":"one","limit":7}"#).description
    #expect(few["checked"] as? Int == 7)
    try host.stop(grace: 0)

    let changed = try Host(mode, config: #"{"replayOnly":true}"#, store: host.store)
    try changed.orchestration("one", Self.runs("B"))
    try changed.start()
    let report = try Self.preflight(changed, #"{"ignoreNotRegistered":true}"#).description
    #expect(report["isClean"] as? Bool == false)
    #expect(report["checked"] as? Int == 26)
    let groups = report["groups"] as? [JSON] ?? []
    #expect(groups.count == 1)
    #expect(groups.first?["count"] as? Int == 25)
    #expect((groups.first?["instances"] as? [String])?.count == 10)
    #expect(groups.first?["eventKind"] as? String == "ActivityScheduled")
    let unknown = report["notRegistered"] as? [JSON] ?? []
    #expect(unknown.first?["orchestration"] as? String == "unknown")
    // Nothing was touched, and nobody joined.
    #expect(try host.describe("i-1")["status"] as? String == "Running")
    try changed.stop(grace: 0)
  }
}
