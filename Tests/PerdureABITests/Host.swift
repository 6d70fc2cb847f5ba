import CDX
import Foundation
import Testing

enum Mode: CaseIterable { case callback, poll }

/// A host as small as can be: turns and activities are functions from JSON to JSON.
final class Host: @unchecked Sendable {
  typealias Turn = @Sendable (JSON) -> String
  typealias Activity = @Sendable (OpaquePointer) -> Void

  let mode: Mode
  private(set) var store: OpaquePointer?
  private(set) var client: OpaquePointer?
  private(set) var runtime: OpaquePointer?
  let released = Collected<UInt>()
  /// What the answers of turns and activities came to.
  let codes = Collected<Int>()
  private var turns: [String: Turn] = [:]
  private var results: [String: @Sendable (JSON) -> (isFailure: Bool, json: String)] = [:]
  private let ownsStore: Bool
  private let pollEnded = Collected<Void>()

  /// - store: of another host, which keeps it open; nil: one in memory.
  init(
    _ mode: Mode = .callback, config: String = "", storeConfig: String = "",
    store given: OpaquePointer? = nil
  ) throws {
    self.mode = mode
    store = try given ?? Self.open("memory:", config: storeConfig)
    ownsStore = given == nil
    try call(dx_client_new(store, &client))
    try with(config) { config in
      var options = dx_runtime_options(struct_size: MemoryLayout<dx_runtime_options>.size, config: config)
      try call(dx_runtime_new(store, &options, &runtime))
    }
  }

  deinit {
    try? stop(grace: 0)
    free()
  }

  static func open(_ url: String, config: String = "") throws -> OpaquePointer? {
    var store: OpaquePointer?
    try with(url) { url in
      try with(config) { config in
        var options = dx_store_options(
          struct_size: MemoryLayout<dx_store_options>.size, url: url, config: config)
        try call(dx_store_open(&options, &store))
      }
    }
    return store
  }

  func free() {
    dx_client_free(client)
    dx_runtime_free(runtime)
    if ownsStore { dx_store_close(store) }
    (client, runtime, store) = (nil, nil, nil)
  }

  // MARK: Runtime

  func orchestration(_ name: String, version: String = "", _ body: @escaping Turn) throws {
    if mode == .poll {
      turns[name] = body
      try with(name) { name in
        try with(version) { try call(dx_register_orchestration(runtime, name, $0, nil, nil, nil)) }
      }
      return
    }
    let codes = codes
    try register(name, version: version) { turn in
      var input = dx_text()
      codes.add(code(dx_turn_input(turn, &input)))
      codes.add(code(with(body(parse(string(input)))) { dx_turn_complete(turn, $0) }))
    }
  }

  /// An orchestration that sees to its tokens itself.
  func register(_ name: String, version: String = "", _ body: @escaping Activity) throws {
    let box = UserBox<Activity>(body, released: released)
    let run: dx_turn_fn = { turn, user in
      if let turn { UserBox<Activity>.from(user)?.body(turn) }
    }
    try with(name) { name in
      try with(version) {
        try call(dx_register_orchestration(runtime, name, $0, run, box.pointer, releaseBox))
      }
    }
  }

  func activity(_ name: String, _ body: @escaping @Sendable (JSON) -> (isFailure: Bool, json: String)) throws
  {
    if mode == .poll {
      results[name] = body
      return try with(name) { try call(dx_register_activity(runtime, $0, nil, nil, nil)) }
    }
    let codes = codes
    try registerActivity(name) { activity in
      var input = dx_text()
      codes.add(code(dx_activity_input(activity, &input)))
      let (isFailure, result) = body(parse(string(input)))
      codes.add(
        code(with(result) { isFailure ? dx_activity_fail(activity, $0) : dx_activity_complete(activity, $0) })
      )
    }
  }

  func registerActivity(_ name: String, _ body: @escaping Activity) throws {
    let box = UserBox<Activity>(body, released: released)
    let run: dx_activity_fn = { activity, user in
      if let activity { UserBox<Activity>.from(user)?.body(activity) }
    }
    try with(name) { try call(dx_register_activity(runtime, $0, run, box.pointer, releaseBox)) }
  }

  func start() throws {
    try call(dx_runtime_start(runtime))
    if mode == .poll { Thread.detachNewThread { self.poll() } }
  }

  func stop(grace: Int64) throws {
    let stopped = Collected<Void>()
    let box = Unmanaged.passRetained(stopped)
    try call(
      dx_runtime_stop(
        runtime, grace,
        { user in
          if let user { Unmanaged<Collected<Void>>.fromOpaque(user).takeRetainedValue().add(()) }
        }, box.toOpaque()))
    #expect(stopped.wait(for: 1).count == 1)
    if mode == .poll { pollEnded.wait(for: 1) }
  }

  private func poll() {
    var answers = ""
    while true {
      let work = try? with(answers) { answers in
        try buffer { dx_runtime_poll(runtime, answers, 8, 8, 30_000, $0) }
      }
      let polled = parse(work ?? "")
      for refused in polled["refused"] as? [JSON] ?? [] { codes.add(refused["code"] as? Int ?? -1) }
      if polled["stopped"] as? Bool != false { break }
      let turnAnswers = (polled["turns"] as? [JSON] ?? []).map { turn in
        let request = turn["request"] as? JSON ?? [:]
        let answer = turns[request["orchestration"] as? String ?? ""]?(request) ?? "null"
        return #"{"token":\#(json(turn["token"])),"answer":\#(answer)}"#
      }
      let activityAnswers = (polled["activities"] as? [JSON] ?? []).map { activity in
        let task = activity["task"] as? JSON ?? [:]
        let (isFailure, result) = results[task["name"] as? String ?? ""]?(task) ?? (true, "null")
        return #"{"token":\#(json(activity["token"])),"\#(isFailure ? "failure" : "result")":\#(result)}"#
      }
      answers =
        #"{"v":1,"turns":[\#(turnAnswers.joined(separator: ","))],"#
        + #""activities":[\#(activityAnswers.joined(separator: ","))]}"#
    }
    pollEnded.add(())
  }

  // MARK: Client

  @discardableResult
  func start(_ orchestration: String, _ instance: String, input: String = "null") throws -> String {
    let request = #"{"orchestration":"\#(orchestration)","instance":"\#(instance)","input":\#(input)}"#
    let answer = try with(request) { request in try buffer { dx_client_start(client, request, $0) } }
    return parse(answer)["instance"] as? String ?? ""
  }

  func describe(_ instance: String) throws -> JSON {
    parse(try with(instance) { instance in try buffer { dx_client_describe(client, instance, $0) } })
  }

  func raise(_ instance: String, _ name: String, _ payload: String) throws {
    try with(instance) { instance in
      try with(name) { name in
        try with(payload) { try call(dx_client_raise_event(client, instance, name, $0)) }
      }
    }
  }

  func enqueue(_ instance: String, _ queue: String, _ payload: String) throws {
    try with(instance) { instance in
      try with(queue) { queue in
        try with(payload) { try call(dx_client_enqueue(client, instance, queue, $0)) }
      }
    }
  }

  func cancel(_ instance: String, _ reason: String) throws {
    try with(instance) { instance in
      try with(reason) { try call(dx_client_cancel(client, instance, $0)) }
    }
  }

  typealias Waited = (error: CallError?, description: JSON)

  func waits(_ instance: String, timeout: Int64 = 30_000) throws -> Collected<Waited> {
    let waited = Collected<Waited>()
    let done: dx_wait_fn = { error, result, user in
      guard let user else { return }
      let waited = Unmanaged<Collected<Waited>>.fromOpaque(user).takeRetainedValue()
      waited.add((CallError(error), parse(string(result))))
    }
    let box = Unmanaged.passRetained(waited)
    do {
      try with(instance) { try call(dx_client_wait(client, $0, timeout, done, box.toOpaque())) }
    } catch {
      box.release()
      throw error
    }
    return waited
  }

  /// The description of an instance that has ended.
  func wait(_ instance: String) throws -> JSON {
    let waited = try #require(try waits(instance).wait(for: 1).first)
    if let error = waited.error { throw error }
    return waited.description
  }
}

// MARK: - Orchestrations

/// Turns that are built anew each time: a function of all events.
enum Code {
  static func answer(_ actions: [String] = [], end: String? = nil) -> String {
    let end = end.map { #","end":\#($0)"# } ?? ""
    return #"{"v":1,"actions":[\#(actions.joined(separator: ","))]\#(end),"retained":false}"#
  }

  static func events(_ request: JSON) -> [JSON] { request["events"] as? [JSON] ?? [] }

  static func first(_ kind: String, _ request: JSON) -> JSON? {
    events(request).first { $0["kind"] as? String == kind }
  }

  /// Runs activity "work" on its input; its output is the result, or the type of the failure.
  @Sendable static func order(_ request: JSON) -> String {
    let input = json(first("OrchestrationStarted", request)?["input"])
    let schedule = #"{"id":1,"after":1,"kind":"ScheduleActivity","name":"work","input":\#(input)}"#
    if let done = first("ActivityCompleted", request) {
      return answer([schedule], end: completed(after: done, json(done["result"])))
    }
    if let failed = first("ActivityFailed", request) {
      return answer([schedule], end: completed(after: failed, json((failed["failure"] as? JSON)?["type"])))
    }
    return answer([schedule])
  }

  /// Waits for event "go" and queue message "mail"; its output are both.
  @Sendable static func both(_ request: JSON) -> String {
    let actions = [
      #"{"id":1,"after":1,"kind":"WaitForEvent","name":"go"}"#,
      #"{"id":2,"after":1,"kind":"Dequeue","name":"mail"}"#,
    ]
    if let cancelled = first("CancellationRequested", request) {
      return answer(actions, end: #"{"after":\#(json(cancelled["id"])),"kind":"Cancelled"}"#)
    }
    guard let go = first("EventRaised", request), let mail = first("QueueMessageReceived", request),
      let last = events(request).last
    else { return answer(actions) }
    return answer(actions, end: completed(after: last, "[\(json(go["data"])),\(json(mail["data"]))]"))
  }

  static func completed(after event: JSON, _ output: String) -> String {
    #"{"after":\#(json(event["id"])),"kind":"Completed","output":\#(output)}"#
  }
}
