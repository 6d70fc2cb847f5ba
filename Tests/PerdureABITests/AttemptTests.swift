import CDX
import Foundation
import Testing

/// What an activity can do beside ending.
@Suite struct AttemptTests {
  /// A host whose activity "work" was handed out, and its token.
  static func working() throws -> (Host, OpaquePointer) {
    let host = try Host()
    let tokens = Collected<OpaquePointer>()
    try host.orchestration("order", Code.order)
    try host.registerActivity("work") { tokens.add($0) }
    try host.start()
    try host.start("order", "a", input: "7")
    return (host, try #require(tokens.wait(for: 1).first))
  }

  static func terminate(_ host: Host) throws {
    _ = try ControlTests.send(host, dx_client_control, #"{"instance":"a","operation":"terminate"}"#)
  }

  static func task(_ token: OpaquePointer) throws -> JSON {
    var input = dx_text()
    try call(dx_activity_input(token, &input))
    return parse(string(input))
  }

  static func onCancel(_ token: OpaquePointer?, _ calls: Collected<Void>, _ released: Collected<UInt>) -> Int
  {
    let box = UserBox<Collected<Void>>(calls, released: released)
    let cancelled: dx_stop_fn = { user in UserBox<Collected<Void>>.from(user)?.body.add(()) }
    return code(dx_activity_on_cancel(token, cancelled, box.pointer, releaseBox))
  }

  @Test func onCancelIsCalledOnceAndThenReleased() throws {
    let (host, token) = try Self.working()
    let (calls, released) = (Collected<Void>(), Collected<UInt>())
    #expect(Self.onCancel(token, calls, released) == 0)
    let second = Collected<UInt>()
    #expect(Self.onCancel(token, calls, second) == DX_WRONG_STATUS)
    #expect(second.wait(for: 1).count == 1, "released all the same")
    #expect(released.all.isEmpty && calls.all.isEmpty)
    try Self.terminate(host)
    #expect(calls.wait(for: 1).count == 1)
    #expect(!released.wait(for: 1).contains(thisThread()))
    #expect(dx_activity_is_cancelled(token))
    #expect(with("1") { code(dx_activity_heartbeat(token, $0)) } == DX_STALE)
    #expect(with("1") { code(dx_activity_complete(token, $0)) } == DX_STALE)
    #expect(calls.all.count == 1 && released.all.count == 1)
  }

  @Test func onCancelAfterwardsIsCalledAtOnce() throws {
    let (host, token) = try Self.working()
    try Self.terminate(host)
    let deadline = Date(timeIntervalSinceNow: 30)
    while !dx_activity_is_cancelled(token), Date() < deadline { usleep(500) }
    let (calls, released) = (Collected<Void>(), Collected<UInt>())
    #expect(Self.onCancel(token, calls, released) == 0)
    #expect(calls.wait(for: 1).count == 1 && released.wait(for: 1).count == 1)
  }

  @Test func onCancelOfWhatEndsWellIsOnlyReleased() throws {
    let (host, token) = try Self.working()
    let (calls, released) = (Collected<Void>(), Collected<UInt>())
    #expect(Self.onCancel(token, calls, released) == 0)
    #expect(with("1") { code(dx_activity_complete(token, $0)) } == 0)
    #expect(released.wait(for: 1).count == 1)
    _ = try host.wait("a")
    #expect(calls.all.isEmpty)
    #expect(Self.onCancel(token, calls, released) == DX_INVALID_HANDLE)
    #expect(Self.onCancel(nil, calls, released) == DX_INVALID_ARGUMENT)
    #expect(released.wait(for: 3).count == 3)
  }

  @Test func aDeferredActivityIsCompletedByItsToken() throws {
    let (host, token) = try Self.working()
    let text = try #require(try Self.task(token)["token"] as? String)
    #expect(with("1") { code(dx_activity_heartbeat(token, $0)) } == 0)
    #expect(with("{") { code(dx_activity_heartbeat(token, $0)) } == DX_INVALID_ARGUMENT)
    #expect(code(dx_activity_defer(token)) == 0)
    for again in [
      code(dx_activity_defer(token)), with("1") { code(dx_activity_complete(token, $0)) },
      with("1") { code(dx_activity_heartbeat(token, $0)) },
    ] { #expect(again == DX_INVALID_HANDLE) }
    try with(text) { text in
      try with("2") { try call(dx_client_heartbeat_activity(host.client, text, $0)) }
      try with("9") { try call(dx_client_complete_activity(host.client, text, $0)) }
      #expect(with("9") { code(dx_client_complete_activity(host.client, text, $0)) } != 0)
    }
    #expect(try host.wait("a")["output"] as? Int == 9)
  }

  @Test func orFailedByIt() throws {
    let (host, token) = try Self.working()
    let text = try #require(try Self.task(token)["token"] as? String)
    #expect(code(dx_activity_defer(token)) == 0)
    try with(text) { text in
      #expect(with("{}") { code(dx_client_fail_activity(host.client, text, $0)) } == DX_INVALID_ARGUMENT)
      try with(#"{"type":"Declined","message":"no"}"#) {
        try call(dx_client_fail_activity(host.client, text, $0))
      }
    }
    #expect(try host.wait("a")["output"] as? String == "Declined")
  }

  @Test func pollsDeferAndAreTold() throws {
    let host = try Host(.poll)
    try host.orchestration("order", Code.order)
    try host.activity("work") { _ in (false, "1") }
    try call(dx_runtime_start(host.runtime))
    func poll(_ answers: String, turns: Int32 = 0, activities: Int32 = 0) throws -> JSON {
      parse(
        try with(answers) { answers in
          try buffer { dx_runtime_poll(host.runtime, answers, turns, activities, 30_000, $0) }
        })
    }
    func next(_ instance: String) throws -> (token: String, text: String) {
      try host.start("order", instance)
      let turn = try #require((try poll("", turns: 1)["turns"] as? [JSON])?.first)
      let answer = Code.order(turn["request"] as? JSON ?? [:])
      let answers = #"{"v":1,"turns":[{"token":\#(json(turn["token"])),"answer":\#(answer)}]}"#
      let activity = try #require((try poll(answers, activities: 1)["activities"] as? [JSON])?.first)
      return (json(activity["token"]), (activity["task"] as? JSON)?["token"] as? String ?? "")
    }
    let first = try next("a")
    let deferred = #"{"v":1,"activities":[{"token":\#(first.token),"deferred":true}]}"#
    #expect((try poll(deferred)["refused"] as? [JSON])?.isEmpty == true)
    #expect((try poll(deferred)["refused"] as? [JSON])?.first?["code"] as? Int == DX_INVALID_HANDLE)
    try with(first.text) { text in
      try with("9") { try call(dx_client_complete_activity(host.client, text, $0)) }
    }
    _ = try poll("", turns: 1)

    let second = try next("b")
    _ = try ControlTests.send(host, dx_client_control, #"{"instance":"b","operation":"terminate"}"#)
    #expect(json(try poll("", activities: 1)["cancelled"]) == "[\(second.token)]")
    dx_runtime_free(host.runtime)
  }

  @Test func limitsOfActivities() throws {
    let host = try Host()
    func limit(_ limits: String, _ name: String = "work") -> Int {
      with(name) { name in with(limits) { code(dx_runtime_limit_activity(host.runtime, name, $0)) } }
    }
    #expect(limit(#"{"concurrency":1,"rate":2,"ratePeriodMS":3}"#) == 0)
    #expect(limit("") == 0, "the defaults")
    for bad in ["{", "[]", #"{"concurrency":0}"#, #"{"rate":0}"#, #"{"unheard":1}"#] {
      #expect(limit(bad) == DX_INVALID_ARGUMENT, "\(bad)")
    }
    #expect(limit("{}", "") == DX_INVALID_ARGUMENT)
    #expect(limit("{}", String(repeating: "n", count: 257)) == DX_LIMIT_EXCEEDED)
    #expect(with("work") { code(dx_runtime_limit_activity(nil, $0, dx_text())) } == DX_INVALID_ARGUMENT)
    try host.start()
    #expect(limit("{}") == DX_WRONG_STATUS)
  }
}
