import CDX
import Foundation
import Testing

/// The functions of minor version 1: what they refuse, and that they do what they say.
@Suite struct ControlTests {
  static let done: dx_wait_fn = { error, result, user in
    guard let user else { return }
    let waited = Unmanaged<Collected<Host.Waited>>.fromOpaque(user).takeRetainedValue()
    waited.add((CallError(error), parse(string(result))))
  }

  /// A call that answers through `done`.
  static func answer(
    _ call: (@escaping dx_wait_fn, UnsafeMutableRawPointer) -> OpaquePointer?
  ) throws -> Host.Waited {
    let waited = Collected<Host.Waited>()
    let box = Unmanaged.passRetained(waited)
    if let error = CallError(call(done, box.toOpaque())) {
      box.release()
      throw error
    }
    return try #require(waited.wait(for: 1).first)
  }

  static func send(
    _ host: Host, _ function: (OpaquePointer?, dx_text, UnsafeMutablePointer<dx_buffer>?) -> OpaquePointer?,
    _ request: String
  ) throws -> JSON {
    parse(try with(request) { request in try buffer { function(host.client, request, $0) } })
  }

  struct Function: Sendable, CustomTestStringConvertible {
    var testDescription: String
    /// The client, one text (a request, or the first of two), and where the answer goes.
    var call: @Sendable (OpaquePointer?, dx_text) -> Int
    /// Good requests but for the instance, which nobody has; nil: it takes no JSON.
    var request: String?
    var unknown = DX_NOT_FOUND
  }

  static func json(
    _ name: String, _ request: String,
    _ call: @escaping @Sendable (OpaquePointer?, dx_text, UnsafeMutablePointer<dx_buffer>?) -> OpaquePointer?
  ) -> Function {
    Function(
      testDescription: name,
      call: { client, text in
        var out = dx_buffer()
        defer { dx_buffer_free(&out) }
        return code(call(client, text, &out))
      }, request: request)
  }

  static let functions: [Function] = [
    json("send", #"{"instance":"no","channel":"event","name":"e"}"#) { dx_client_send($0, $1, $2) },
    json("control", #"{"instance":"no","operation":"suspend"}"#) { dx_client_control($0, $1, $2) },
    json("kv", #"{"instance":"no"}"#) { dx_client_kv($0, $1, $2) },
    Function(
      testDescription: "call", call: { code(dx_client_call($0, $1, 0, done, nil)) },
      request: #"{"instance":"no","name":"c"}"#),
    Function(
      testDescription: "query", call: { code(dx_client_query($0, $1, 0, done, nil)) },
      request: #"{"instance":"no","name":"q"}"#),
    Function(
      testDescription: "publish",
      call: { client, topic in
        var out = dx_buffer()
        defer { dx_buffer_free(&out) }
        return code(dx_client_publish(client, topic, dx_text(), &out))
      }),
    Function(
      testDescription: "publish data",
      call: { client, data in
        var out = dx_buffer()
        defer { dx_buffer_free(&out) }
        return with("t") { code(dx_client_publish(client, $0, data, &out)) }
      }),
    Function(
      testDescription: "complete", call: { code(dx_client_complete_activity($0, $1, dx_text())) }),
    Function(
      testDescription: "complete with",
      call: { client, result in with("1.1.1.no") { code(dx_client_complete_activity(client, $0, result)) } }),
    Function(
      testDescription: "fail with",
      call: { client, failure in with("1.1.1.no") { code(dx_client_fail_activity(client, $0, failure)) } }),
    Function(
      testDescription: "heartbeat with",
      call: { client, data in with("1.1.1.no") { code(dx_client_heartbeat_activity(client, $0, data)) } }),
    Function(
      testDescription: "wait for a status", call: { code(dx_client_wait_status($0, $1, 0, 0, done, nil)) }),
  ]

  @Test(arguments: functions)
  func whatIsNoTextIsRefused(_ function: Function) throws {
    let host = try Host()
    for given in ArgumentTests.notText {
      let got = with(bytes: given.bytes) { function.call(host.client, $0) }
      #expect(got == DX_INVALID_ARGUMENT, "\(given)")
    }
    #expect(function.call(host.client, dx_text(data: nil, size: 3)) == DX_INVALID_ARGUMENT)
  }

  @Test(arguments: functions.filter { $0.request != nil })
  func requestsAreStrict(_ function: Function) throws {
    let host = try Host()
    let request = try #require(function.request)
    for bad in ["", "{", "[]", "null", "{}", request.dropLast() + #","unheard":1}"#, request + "x"] {
      #expect(with(bad) { function.call(host.client, $0) } == DX_INVALID_ARGUMENT, "\(bad)")
    }
    #expect(with(request) { function.call(host.client, $0) } == function.unknown)
    let nul = request.replacingOccurrences(of: "no\"", with: "n\\u0000o\"")
    #expect(with(nul) { function.call(host.client, $0) } == DX_INVALID_ARGUMENT)
  }

  @Test(arguments: functions)
  func handlesMustBeGood(_ function: Function) throws {
    let host = try Host()
    let text = function.request ?? "1"
    #expect(with(text) { function.call(nil, $0) } == DX_INVALID_ARGUMENT)
    #expect(with(text) { function.call(host.store, $0) } == DX_INVALID_HANDLE, "of another kind")
    let client = host.client
    host.free()
    #expect(with(text) { function.call(client, $0) } == DX_INVALID_HANDLE, "freed")
  }

  @Test func outAndDoneAreWanted() throws {
    let host = try Host()
    for function in [dx_client_send, dx_client_control, dx_client_kv] {
      #expect(code(function(host.client, dx_text(), nil)) == DX_INVALID_ARGUMENT)
    }
    #expect(with("t") { code(dx_client_publish(host.client, $0, dx_text(), nil)) } == DX_INVALID_ARGUMENT)
    let request = #"{"instance":"a","name":"c"}"#
    #expect(with(request) { code(dx_client_call(host.client, $0, 0, nil, nil)) } == DX_INVALID_ARGUMENT)
    #expect(with(request) { code(dx_client_query(host.client, $0, 0, nil, nil)) } == DX_INVALID_ARGUMENT)
    #expect(with("a") { code(dx_client_wait_status(host.client, $0, 0, 0, nil, nil)) } == DX_INVALID_ARGUMENT)
  }

  // MARK: Good paths

  @Test func messagesAndControl() throws {
    let host = try InstanceTests.host(.callback)
    let early = #"{"instance":"a","channel":"event","name":"go","data":1,"keep":true}"#
    #expect(try Self.send(host, dx_client_send, early)["kept"] as? Bool == true)
    try host.start("both", "a")
    func control(_ operation: String) throws -> String? {
      let request = #"{"instance":"a","operation":"\#(operation)","reason":"r"}"#
      return try Self.send(host, dx_client_control, request)["status"] as? String
    }
    #expect(try control("suspend") == "Suspended")
    #expect(try host.describe("a")["suspendReason"] as? String == "r")
    let twice = try #require(throws: CallError.self) { try control("suspend") }
    #expect(twice.code == DX_WRONG_STATUS && twice.details["status"] as? String == "Suspended")
    let late = #"{"instance":"a","channel":"queue","name":"mail","data":2}"#
    #expect(try Self.send(host, dx_client_send, late)["kept"] as? Bool == false)
    #expect(["Pending", "Running"].contains(try control("resume")))
    #expect(PerdureABITests.json(try host.wait("a")["output"]) == "[1,2]")
    #expect(try #require(throws: CallError.self) { try control("terminate") }.code == DX_WRONG_STATUS)
    let published = try with("t") { topic in
      try buffer { dx_client_publish(host.client, topic, dx_text(), $0) }
    }
    #expect(published == #"{"delivered":0}"#)
  }

  @Test func startsOfATakenId() throws {
    let host = try Host()
    func start(_ rest: String) throws -> String {
      let request = #"{"orchestration":"o","instance":"a"\#(rest)}"#
      return try with(request) { request in try buffer { dx_client_start(host.client, request, $0) } }
    }
    #expect(try start("") == #"{"instance":"a"}"#)
    #expect(try start(#","policy":"useExisting""#) == #"{"instance":"a","existing":true}"#)
    #expect(try #require(throws: CallError.self) { try start("") }.code == DX_ALREADY_EXISTS)
    #expect(try start(#","policy":"terminateAndRestart","priority":7,"memo":[1]"#) == #"{"instance":"a"}"#)
    let row = try host.describe("a")
    #expect(row["priority"] as? Int == 7 && PerdureABITests.json(row["memo"]) == "[1]")
  }

  /// Answers call "add" once, sets a key and a status, and answers queries.
  @Sendable static func server(_ request: JSON) -> String {
    if request["query"] != nil {
      let count = Code.events(request).count
      return #"{"v":1,"query":{"result":{"events":\#(count)}}}"#
    }
    var actions = [
      #"{"id":1,"after":1,"kind":"SetKV","key":"k","value":5}"#,
      #"{"id":2,"after":1,"kind":"SetCustomStatus","status":"up"}"#,
      #"{"id":3,"after":1,"kind":"WaitForCall","name":"add"}"#,
    ]
    guard let call = Code.first("CallReceived", request) else { return Code.answer(actions) }
    actions.append(
      #"{"id":4,"after":\#(PerdureABITests.json(call["id"])),"kind":"AnswerCall","#
        + #""call":\#(PerdureABITests.json(call["call"])),"result":6}"#)
    return Code.answer(actions)
  }

  @Test(arguments: Mode.allCases)
  func callsQueriesStatusAndState(_ mode: Mode) throws {
    let host = try Host(mode)
    try host.orchestration("server", Self.server)
    try host.start()
    try host.start("server", "a")
    let status = try Self.answer { done, user in
      with("a") { dx_client_wait_status(host.client, $0, 0, 30_000, done, user) }
    }
    #expect(status.description["customStatus"] as? String == "up")
    let called = try Self.answer { done, user in
      with(#"{"instance":"a","name":"add","input":5,"call":"c-1"}"#) {
        dx_client_call(host.client, $0, 30_000, done, user)
      }
    }
    #expect(PerdureABITests.json(called.description) == #"{"call":"c-1","result":6}"#)
    let asked = try Self.answer { done, user in
      with(#"{"instance":"a","name":"state"}"#) { dx_client_query(host.client, $0, 30_000, done, user) }
    }
    #expect(PerdureABITests.json(asked.description) == #"{"result":{"events":2}}"#)
    let page = try Self.send(host, dx_client_kv, #"{"instance":"a","key":"k"}"#)
    let entry = (page["entries"] as? [JSON])?.first
    #expect(entry?["key"] as? String == "k" && entry?["value"] as? Int == 5 && entry?["at"] is Int)
    let open = try Self.answer { done, user in
      with(#"{"instance":"a","name":"other"}"#) { dx_client_call(host.client, $0, 10, done, user) }
    }
    #expect(open.error?.code == DX_TIMED_OUT)
    _ = try Self.send(host, dx_client_control, #"{"instance":"a","operation":"terminate"}"#)
    let late = try #require(throws: CallError.self) {
      try Self.answer { done, user in
        with(#"{"instance":"a","name":"add"}"#) { dx_client_call(host.client, $0, 10, done, user) }
      }
    }
    #expect(late.code == DX_WRONG_STATUS)
  }
}
