import PerdureClient
import PerdureModel
import PerdureRuntime
import PerdureStore
import Testing

@Suite struct ClientTests {
  let bed = try! Bed()
  var client: Client { bed.client }

  static let longName = String(repeating: "n", count: Limits.nameBytes + 1)
  static let longID = String(repeating: "i", count: Limits.instanceIDBytes + 1)
  static let large = Payload("\"" + String(repeating: "x", count: Limits.payloadBytes) + "\"")

  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var call: @Sendable (Client) throws -> Void
    var error: String
    var says: String

    init(_ name: String, _ error: String, _ says: String, _ call: @escaping @Sendable (Client) throws -> Void)
    {
      testDescription = name
      self.call = call
      self.error = error
      self.says = says
    }
  }

  static func control(
    _ client: Client, _ instance: InstanceID, _ verb: ControlVerb, _ reason: String = ""
  ) throws -> InstanceStatus {
    try client.control(ControlRequest(instance: instance, operation: .control(verb), reason: reason))
  }

  static func call(_ client: Client, _ request: CallRequest) throws -> Bool {
    try client.call(request, timeoutMS: 0) { _, _ in }
  }

  static func ask(_ client: Client, _ instance: InstanceID, _ name: String = "q") throws -> Bool {
    let query = InstanceQuery(instance: instance, query: QueryRequest(name: name, input: .null))
    return try client.query(query, timeoutMS: 0) { _ in }
  }

  /// `ended` is an instance that has ended, `kid` a child of `open`.
  static let refused = [
    Case("start without a name", "invalidArgument", "name is empty") {
      _ = try $0.start(StartRequest(orchestration: ""))
    },
    Case("start with a long name", "limitExceeded", "257 bytes") {
      _ = try $0.start(StartRequest(orchestration: longName))
    },
    Case("start with an empty id", "invalidArgument", "id is empty") {
      _ = try $0.start(StartRequest(orchestration: "o", instance: ""))
    },
    Case("start with a long id", "limitExceeded", "513 bytes") {
      _ = try $0.start(StartRequest(orchestration: "o", instance: longID))
    },
    Case("start with a large input", "limitExceeded", "the input") {
      _ = try $0.start(StartRequest(orchestration: "o", input: large))
    },
    Case("start with a bad version", "invalidArgument", "'1.0'") {
      _ = try $0.start(StartRequest(orchestration: "o", version: "1.0"))
    },
    Case("start what is there", "alreadyExists", "'open' already exists and is Running") {
      _ = try $0.start(StartRequest(orchestration: "o", instance: "open"))
    },
    Case("send to nobody", "notFound", "'nobody' does not exist") {
      try $0.send(SendRequest(instance: "nobody", channel: .event, name: "e"))
    },
    Case("send to the ended", "wrongStatus", "'ended' is Completed") {
      try $0.send(SendRequest(instance: "ended", channel: .queue, name: "q"))
    },
    Case("send without a name", "invalidArgument", "event name is empty") {
      try $0.send(SendRequest(instance: "open", channel: .event, name: ""))
    },
    Case("send with a long name", "limitExceeded", "queue name") {
      try $0.send(SendRequest(instance: "open", channel: .queue, name: longName))
    },
    Case("send what is large", "limitExceeded", "the payload") {
      try $0.send(SendRequest(instance: "open", channel: .event, name: "e", data: large))
    },
    Case("cancel nobody", "notFound", "'nobody'") { try $0.cancel("nobody", by: Requester()) },
    Case("cancel the ended", "wrongStatus", "'ended'") { try $0.cancel("ended", by: Requester()) },
    Case("cancel with a long reason", "limitExceeded", "the reason") {
      try $0.cancel("open", by: Requester(reason: String(repeating: "r", count: Limits.reasonBytes + 1)))
    },
    Case("describe nobody", "notFound", "'nobody'") { _ = try $0.describe("nobody") },
    Case("describe nothing", "invalidArgument", "empty") { _ = try $0.describe("") },
    Case("history of nobody", "notFound", "'nobody'") {
      _ = try $0.history(HistoryQuery(instance: "nobody"))
    },
    Case("history of an execution that is not", "notFound", "execution 9") {
      _ = try $0.history(HistoryQuery(instance: "open", execution: 9))
    },
    Case("start with long attributes", "limitExceeded", "attributes") {
      var options = StartOptions()
      options.attributes = Payload(
        "{\"k\":\"" + String(repeating: "x", count: Limits.attributesBytes) + "\"}")
      _ = try $0.start(StartRequest(orchestration: "o", options: options))
    },
    Case("start with a large memo", "limitExceeded", "the memo") {
      var options = StartOptions()
      options.memo = large
      _ = try $0.start(StartRequest(orchestration: "o", options: options))
    },
    Case("start with an empty key", "invalidArgument", "deduplication key") {
      var options = StartOptions()
      options.dedupKey = ""
      _ = try $0.start(StartRequest(orchestration: "o", options: options))
    },
    Case("restart what runs", "alreadyExists", "'open'") {
      var options = StartOptions()
      options.policy = .restartIfFinished
      _ = try $0.start(StartRequest(orchestration: "o", instance: "open", options: options))
    },
    Case("restart a child", "wrongStatus", "child of 'open'") {
      var options = StartOptions()
      options.policy = .terminateAndRestart
      _ = try $0.start(StartRequest(orchestration: "o", instance: "kid", options: options))
    },
    Case("keep for the ended", "wrongStatus", "'ended' is Completed") {
      try $0.send(SendRequest(instance: "ended", channel: .event, name: "e", isKept: true))
    },
    Case("publish to nothing", "invalidArgument", "topic name is empty") { _ = try $0.publish("", .null) },
    Case("publish what is large", "limitExceeded", "the payload") { _ = try $0.publish("t", large) },
    Case("suspend nobody", "notFound", "'nobody'") { _ = try control($0, "nobody", .suspend) },
    Case("suspend the ended", "wrongStatus", "be suspended") { _ = try control($0, "ended", .suspend) },
    Case("resume what runs", "wrongStatus", "be resumed") { _ = try control($0, "open", .resume) },
    Case("retry what runs", "wrongStatus", "for quarantined ones") { _ = try control($0, "open", .retry) },
    Case("terminate the ended", "wrongStatus", "be terminated") { _ = try control($0, "ended", .terminate) },
    Case("control with a long reason", "limitExceeded", "the reason") {
      _ = try control($0, "open", .suspend, String(repeating: "r", count: Limits.reasonBytes + 1))
    },
    Case("call nobody", "notFound", "'nobody'") {
      _ = try call($0, CallRequest(instance: "nobody", name: "c"))
    },
    Case("call the ended", "wrongStatus", "be called") {
      _ = try call($0, CallRequest(instance: "ended", name: "c"))
    },
    Case("call nothing", "invalidArgument", "call name is empty") {
      _ = try call($0, CallRequest(instance: "open", name: ""))
    },
    Case("call with a large input", "limitExceeded", "the input") {
      _ = try call($0, CallRequest(instance: "open", name: "c", input: large))
    },
    Case("call under an empty id", "invalidArgument", "call's own name is empty") {
      _ = try call($0, CallRequest(instance: "open", name: "c", call: ""))
    },
    Case("query nobody", "notFound", "'nobody'") { _ = try ask($0, "nobody") },
    Case("query what has not begun", "wrongStatus", "has not begun") { _ = try ask($0, "kid") },
    Case("query nothing", "invalidArgument", "query name is empty") { _ = try ask($0, "open", "") },
    Case("complete by no token", "invalidArgument", "no completion token") {
      try $0.completeActivity("1.2", .completed(.null))
    },
    Case("complete by the token of nobody", "notFound", "'nobody'") {
      try $0.completeActivity("1.1.1.nobody", .completed(.null))
    },
    Case("complete by an old token", "stale", "'open' is over") {
      try $0.completeActivity("1.1.9.open", .failed(Failure(type: "T", message: "m")))
    },
    Case("complete with a large result", "limitExceeded", "the result") {
      try $0.completeActivity("1.1.9.open", .completed(large))
    },
    Case("beat by an old token", "stale", "'open' is over") { try $0.heartbeatActivity("1.1.9.open", .null) },
    Case("beat with large details", "limitExceeded", "the details") {
      try $0.heartbeatActivity("1.1.9.open", large)
    },
    Case("values of nobody", "notFound", "'nobody'") { _ = try $0.keyValues(KVQuery(instance: "nobody")) },
    Case("delete nobody", "notFound", "'nobody'") { _ = try $0.delete("nobody", force: true) },
    Case("delete what runs", "wrongStatus", "force") { _ = try $0.delete("open", force: false) },
    Case("delete a child", "wrongStatus", "child of 'open'") { _ = try $0.delete("kid", force: true) },
  ]

  @Test(arguments: refused)
  func refusal(_ given: Case) throws {
    let runtime = try bed.runtime()
    try bed.start("ended")
    try bed.complete(runtime)
    try bed.start("open")
    let child = Action(
      id: 1, after: 1,
      kind: .scheduleSubOrchestration(
        name: "far", version: nil, instance: "kid", input: .null, closePolicy: .cancel))
    let ended = Collected<Void>()
    _ = try client.wait(for: "ended", timeoutMS: 30_000) { _ in ended.add(()) }
    ended.wait(for: 1)
    _ = try bed.turn(runtime).answer(.ran(TurnResult(actions: [child])))
    try bed.wait { try client.describe("open").status == .running }
    let error = try #require(throws: ClientError.self) { try given.call(client) }
    #expect("\(error)".hasPrefix(given.error), "\(error)")
    #expect(error.message.contains(given.says), "\(error.message)")
  }

  @Test func manyStartsAreOneCommit() throws {
    try bed.start("taken")
    let before = bed.store.groups.all.count
    let requests = ["a", "taken", "", "b"].map { StartRequest(orchestration: "o", instance: $0) }
    let results = client.start(requests)
    #expect(results.map { (try? $0.get())?.instance } == ["a", nil, nil, "b"])
    #expect(bed.store.groups.all.dropFirst(before) == [3])
  }

  @Test func idsAreMadeWhenNoneIsGiven() throws {
    let ids = try (0..<50).map { _ in try client.start(StartRequest(orchestration: "o")).instance }
    #expect(Set(ids).count == 50)
    for id in ids {
      #expect(
        try Regex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}").wholeMatch(in: id)
          != nil)
    }
  }

  @Test func aStartIsPendingForAReason() throws {
    try bed.start("a", "order")
    let description = try client.describe("a")
    #expect(description.status == .pending)
    #expect(client.pendingReason(description)?.contains("'order'") == true)
    _ = try bed.runtime()
    #expect(client.pendingReason(description) == nil)
  }

  @Test func storeErrorsComeThrough() throws {
    bed.store.fail([StoreError(.full, "no room on the device")])
    #expect(throws: ClientError.store(StoreError(.full, "no room on the device"))) { try bed.start("a") }
    try bed.start("a")
    bed.hub.close()
    let error = try #require(throws: ClientError.self) { try bed.start("b") }
    guard case .store(let cause) = error else { throw error }
    #expect(cause.code == .closed)
    let waits = try client.wait(for: "a", timeoutMS: 5) { _ in }
    #expect(!waits)
  }

  @Test(arguments: [Int64.max, Int64.min, -1])
  func longWaits(_ timeout: Int64) throws {
    try bed.start("a")
    let answers = Collected<String>()
    #expect(try client.wait(for: "a", timeoutMS: timeout) { answers.add(WaitDeskTests.name($0)) })
    client.close()
    #expect(answers.wait(for: 1) == ["closed"])
  }
}
