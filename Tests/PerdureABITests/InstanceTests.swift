import CDX
import Foundation
import Testing

/// Instances from their start to their end, by callbacks and by polling.
@Suite struct InstanceTests {
  static func host(_ mode: Mode) throws -> Host {
    let host = try Host(mode)
    try host.orchestration("order", Code.order)
    try host.orchestration("both", Code.both)
    try host.activity("work") { task in (false, #"{"did":\#(json(task["input"]))}"#) }
    try host.start()
    return host
  }

  @Test(arguments: Mode.allCases)
  func activity(_ mode: Mode) throws {
    let host = try Self.host(mode)
    #expect(try host.start("order", "a", input: "7") == "a")
    let ended = try host.wait("a")
    #expect(ended["status"] as? String == "Completed")
    #expect(json(ended["output"]) == #"{"did":7}"#)
    #expect(json(try host.describe("a")) == json(ended))
    #expect(Set(host.codes.all).isSubset(of: [0]))

    let query = #"{"instance":"a"}"#
    let page = parse(try with(query) { query in try buffer { dx_client_history(host.client, query, $0) } })
    let kinds = Code.events(page).map { $0["kind"] as? String }
    #expect(
      kinds == ["OrchestrationStarted", "ActivityScheduled", "ActivityCompleted", "OrchestrationCompleted"])
    #expect(page["hasMore"] as? Bool == false)
  }

  @Test(arguments: Mode.allCases)
  func failedActivity(_ mode: Mode) throws {
    let host = try Host(mode)
    try host.orchestration("order", Code.order)
    try host.activity("work") { _ in (true, #"{"type":"Declined","message":"no money"}"#) }
    try host.start()
    try host.start("order", "a")
    #expect(try host.wait("a")["output"] as? String == "Declined")
  }

  @Test(arguments: Mode.allCases)
  func messages(_ mode: Mode) throws {
    let host = try Self.host(mode)
    try host.start("both", "a")
    try host.enqueue("a", "mail", #"{"n":1}"#)
    try host.raise("a", "go", "")
    #expect(json(try host.wait("a")["output"]) == #"[null,{"n":1}]"#)
    #expect(throws: CallError.self) { try host.raise("a", "go", "1") }
  }

  @Test(arguments: Mode.allCases)
  func cancel(_ mode: Mode) throws {
    let host = try Self.host(mode)
    try host.start("both", "a")
    try host.cancel("a", "changed my mind")
    let ended = try host.wait("a")
    #expect(ended["status"] as? String == "Cancelled")
    #expect(ended["failure"].map { json($0) }?.contains("changed my mind") == true)
  }

  @Test func listAndDelete() throws {
    let host = try Self.host(.callback)
    let requests =
      #"[{"orchestration":"both","instance":"x1"},{"orchestration":"both","instance":"x2"},{"instance":"y"}]"#
    let answer = try with(requests) { requests in
      try buffer { dx_client_start_many(host.client, requests, $0) }
    }
    #expect(answer.hasPrefix(#"[{"instance":"x1"},{"instance":"x2"},{"error":{"code":1,"#), "\(answer)")
    func list(_ query: String) throws -> [String] {
      let page = try with(query) { query in try buffer { dx_client_list(host.client, query, $0) } }
      return (parse(page)["instances"] as? [JSON] ?? []).compactMap { $0["instance"] as? String }
    }
    #expect(try list("") == ["x1", "x2"])
    #expect(try list(#"{"instancePrefix":"x2"}"#) == ["x2"])
    func delete(_ query: String) throws -> String {
      try with(query) { query in try buffer { dx_client_delete(host.client, query, $0) } }
    }
    let refused = try #require(throws: CallError.self) { try delete(#"{"instance":"x1"}"#) }
    #expect(refused.code == DX_WRONG_STATUS && refused.details["instance"] as? String == "x1")
    #expect(try delete(#"{"instance":"x1","force":true}"#) == #"{"deleted":["x1"]}"#)
    #expect(try list("") == ["x2"])
    try host.start("both", "x1")
    try host.cancel("x1", "")
    #expect(try host.wait("x1")["status"] as? String == "Cancelled", "the id may be used again")
  }

  @Test func waits() throws {
    let host = try Self.host(.callback)
    try host.start("both", "a")
    #expect(try host.waits("a", timeout: 20).wait(for: 1).first?.error?.code == DX_TIMED_OUT)
    #expect(try host.waits("nobody").wait(for: 1).first?.error?.code == DX_NOT_FOUND)
    let open = try host.waits("a", timeout: -1)
    try host.stop(grace: 0)
    host.free()
    #expect(open.wait(for: 1).first?.error?.code == DX_CLOSED)
    #expect(open.all.count == 1)
  }

  // MARK: Answers that are no good

  static let broken = [
    "", "{", "[]", #"{"v":1}"#, #"{"v":9,"actions":[],"retained":false}"#,
    #"{"v":1,"actions":[{"id":1,"after":1,"kind":"Dance"}],"retained":false}"#,
    #"{"v":1,"actions":[{"id":2,"after":1,"kind":"CreateTimer","fireAt":1}],"retained":false}"#,
    #"{"v":1,"actions":[],"end":{"after":1,"kind":"Cancelled"},"retained":false}"#, #"{"v":1,"miss":true}"#,
  ]

  @Test(arguments: broken)
  func aTurnWithABrokenAnswerIsRunAgain(_ answer: String) throws {
    let host = try Host()
    let count = Collected<Void>()
    try host.orchestration("o") { request in
      count.add(())
      return count.all.count == 1
        ? answer : Code.answer(end: #"{"after":1,"kind":"Completed","output":1}"#)
    }
    try host.start()
    try host.start("o", "a")
    #expect(try host.wait("a")["status"] as? String == "Completed")
    #expect(host.codes.wait(for: 4) == [0, DX_PROTOCOL, 0, 0])
  }

  @Test func aPolledTurnWithABrokenAnswerIsRunAgain() throws {
    let host = try Host(.poll)
    let count = Collected<Void>()
    try host.orchestration("o") { request in
      count.add(())
      return count.all.count == 1
        ? #"{"v":1}"# : Code.answer(end: #"{"after":1,"kind":"Completed","output":1}"#)
    }
    try host.start()
    try host.start("o", "a")
    #expect(try host.wait("a")["status"] as? String == "Completed")
    #expect(host.codes.wait(for: 1) == [DX_PROTOCOL])
  }

  @Test(arguments: Mode.allCases)
  func aResultOverTheLimitFailsTheActivity(_ mode: Mode) throws {
    let host = try Host(mode)
    try host.orchestration("order", Code.order)
    let large = "\"" + String(repeating: "x", count: 2 * 1024 * 1024) + "\""
    try host.activity("work") { _ in (false, large) }
    try host.start()
    try host.start("order", "a")
    #expect(try host.wait("a")["output"] as? String == "perdure.LimitExceeded")
    #expect(host.codes.wait { $0.contains(DX_LIMIT_EXCEEDED) }.contains(DX_LIMIT_EXCEEDED))
  }

  @Test func anInputOverTheLimitIsRefused() throws {
    let host = try Self.host(.callback)
    let large = "\"" + String(repeating: "x", count: 2 * 1024 * 1024) + "\""
    let error = try #require(throws: CallError.self) { try host.start("order", "a", input: large) }
    #expect(error.code == DX_LIMIT_EXCEEDED)
    let missing = try #require(throws: CallError.self) { try host.describe("a") }
    #expect(missing.code == DX_NOT_FOUND)
  }

  @Test func aResultThatIsNoJSONFailsTheActivity() throws {
    let host = try Host()
    try host.orchestration("order", Code.order)
    try host.activity("work") { _ in (false, "{") }
    try host.start()
    try host.start("order", "a")
    #expect(try host.wait("a")["output"] as? String == "perdure.ProtocolViolation")
    #expect(host.codes.wait { $0.contains(DX_INVALID_ARGUMENT) }.contains(DX_INVALID_ARGUMENT))
  }

  @Test func aTurnThatIsGivenBackComesAgain() throws {
    let host = try Host()
    let count = Collected<Int>()
    try host.register("o") { turn in
      if count.all.isEmpty {
        count.add(code(with(#"{"type":"Busy","message":"later"}"#) { dx_turn_fail(turn, $0) }))
      } else {
        let answer = Code.answer(end: #"{"after":1,"kind":"Completed","output":1}"#)
        count.add(code(with(answer) { dx_turn_complete(turn, $0) }))
      }
    }
    try host.start()
    try host.start("o", "a")
    #expect(try host.wait("a")["status"] as? String == "Completed")
    #expect(count.wait(for: 2) == [0, 0])
  }
}
