import PerdureClient
import PerdureModel
import PerdureRuntime
import PerdureStore
import Testing

/// What somebody asks of an instance as a whole, and how starts treat one that is there.
@Suite struct ControlTests {
  let bed = try! Bed()
  var client: Client { bed.client }

  func control(_ instance: InstanceID, _ verb: ControlVerb, _ reason: String = "") throws -> InstanceStatus {
    try ClientTests.control(client, instance, verb, reason)
  }

  @Test func suspendedInstancesKeepTheirMessagesAndResults() throws {
    let runtime = try bed.runtime()
    try bed.start("a")
    try bed.runs(runtime, [.work(), .wait("go")])
    let task = try bed.activity(runtime)
    #expect(try control("a", .suspend, "for a look") == .suspended)
    let row = try client.describe("a")
    #expect(row.status == .suspended && row.suspendReason == "for a look")
    #expect(client.pendingReason(row) == "suspended: for a look")
    try bed.send(.event, "go", to: "a", Payload("1"))
    #expect(!task.isCancelled)
    guard case .taken = task.end(.completed(Payload("2"))) else { throw Surprise("not taken") }
    try bed.wait { try bed.store.activities(of: "a").isEmpty }
    #expect(runtime.poll(turnsMax: 1, activitiesMax: 0, timeoutMS: 0).turns.isEmpty)
    #expect(try control("a", .resume) == .running)
    let request = try bed.runs(runtime, end: nil)
    #expect(request.from == 0)
    #expect(
      Set(request.events.suffix(2).map { $0.kind }) == [
        .messageReceived(channel: .event, name: "go", data: Payload("1")),
        .activityCompleted(action: 1, result: Payload("2")),
      ])
  }

  @Test func aTurnThatIsOutComesToNothing() throws {
    let runtime = try bed.runtime()
    try bed.start("a")
    let ticket = try bed.turn(runtime)
    #expect(try control("a", .suspend) == .suspended)
    _ = ticket.answer(.ran(TurnResult(end: TurnEnd(after: 1, kind: .completed(output: .null)))))
    #expect(try control("a", .resume) == .pending)
    try bed.complete(runtime)
    try bed.wait { try client.describe("a").status == .completed }
  }

  @Test func terminatedInstancesEndAtOnceWithTheirWork() throws {
    let runtime = try bed.runtime()
    try bed.start("a")
    try bed.runs(
      runtime,
      [
        .work(),
        .scheduleSubOrchestration(
          name: "order", version: nil, instance: "kid", input: .null, closePolicy: .terminate),
      ])
    let task = try bed.activity(runtime)
    let cancelled = Collected<Void>()
    #expect(task.onCancel { cancelled.add(()) })
    let ended = Collected<String>()
    _ = try client.wait(for: "a", timeoutMS: 30_000) { ended.add(WaitDeskTests.name($0)) }
    #expect(try control("a", .terminate, "enough") == .terminated)
    #expect(ended.wait(for: 1) == ["Terminated, status 0"])
    #expect(cancelled.wait(for: 1).count == 1)
    #expect(try client.describe("a").failure?.message == "terminated: enough")
    #expect(try client.describe("kid").status == .terminated)
    guard case .stale = task.end(.completed(.null)) else { throw Surprise("taken") }
  }

  @Test func cancelledWithALimitItEndsThen() throws {
    let runtime = try bed.runtime()
    try bed.start("a")
    try bed.runs(runtime, [.wait("never")])
    try bed.wait { try client.describe("a").status == .running }
    let request = ControlRequest(instance: "a", operation: .cancel(graceMS: 0), reason: "late")
    #expect(try client.control(request) == .running)
    _ = try bed.runs(runtime, [.wait("never")])
    try bed.wait { try client.describe("a").status == .cancelled }
    #expect(try client.describe("a").failure?.message == "cancelled: late")
  }

  @Test func quarantinedInstancesAreRetried() throws {
    let runtime = try bed.runtime()
    try bed.start("a")
    let quarantine = StoreEntry.quarantine(
      "a", revision: 0, failure: Failure(type: FailureType.poison, message: "the host failed"), now: 1)
    let ticket = try bed.turn(runtime)
    _ = bed.hub.write([quarantine])
    _ = ticket.answer(.ran(TurnResult(end: TurnEnd(after: 1, kind: .completed(output: .null)))))
    try bed.wait { try client.describe("a").status == .quarantined }
    #expect(client.pendingReason(try client.describe("a")) == "quarantined: the host failed")
    #expect(try control("a", .retry) == .pending)
    try bed.complete(runtime)
    try bed.wait { try client.describe("a").status == .completed }
  }

  // MARK: Starts

  func start(_ instance: InstanceID, _ policy: StartPolicy, dedupKey: String? = nil) throws -> Started {
    var options = StartOptions()
    options.policy = policy
    options.dedupKey = dedupKey
    return try client.start(StartRequest(orchestration: "order", instance: instance, options: options))
  }

  @Test func policiesOfATakenId() throws {
    let runtime = try bed.runtime()
    #expect(try start("a", .useExisting) == Started(instance: "a"))
    #expect(try start("a", .useExisting) == Started(instance: "a", isExisting: true))
    let old = try bed.turn(runtime)
    #expect(try start("a", .terminateAndRestart) == Started(instance: "a"))
    _ = old.answer(
      .ran(TurnResult(end: TurnEnd(after: 1, kind: .failed(Failure(type: "Old", message: "m"))))))
    try bed.complete(runtime)
    try bed.wait { try client.describe("a").status == .completed }
    #expect(try start("a", .restartIfFinished) == Started(instance: "a"))
    #expect(try client.describe("a").status == .pending)
    try bed.complete(runtime)
    try bed.wait { try client.describe("a").status == .completed }
  }

  @Test func aKnownKeyComesToItsInstance() throws {
    #expect(try start("a", .fail, dedupKey: "k") == Started(instance: "a"))
    #expect(try start("b", .fail, dedupKey: "k") == Started(instance: "a", isExisting: true))
    #expect(throws: ClientError.self) { try client.describe("b") }
  }

  @Test func aDelayedStartWaits() throws {
    let runtime = try bed.runtime()
    let now = bed.hub.clock.now()
    _ = try client.start(StartRequest(orchestration: "order", instance: "a", delayMS: 1 << 40))
    _ = try client.start(StartRequest(orchestration: "order", instance: "b", delayMS: 30))
    let row = try client.describe("a")
    #expect(row.startAt >= now + (1 << 40) && client.pendingReason(row) == "starts at \(row.startAt)")
    let ticket = try bed.turn(runtime)
    #expect(ticket.request.instance == "b" && bed.hub.clock.now() >= now + 30)
    #expect(runtime.poll(turnsMax: 1, activitiesMax: 0, timeoutMS: 0).turns.isEmpty)
  }

  // MARK: Messages

  @Test func whatIsKeptWaitsForTheStart() throws {
    let runtime = try bed.runtime()
    let request = SendRequest(instance: "a", channel: .event, name: "go", data: Payload("1"), isKept: true)
    #expect(try client.send(request))
    try bed.start("a")
    var events: [EventKind] = []
    while events.count < 2 { events += try bed.runs(runtime).events.map { $0.kind } }
    let message = EventKind.messageReceived(channel: .event, name: "go", data: Payload("1"))
    #expect(events.last == message)
    #expect(try !client.send(request), "it is there now")
    #expect(try bed.runs(runtime).events.map { $0.kind } == [message])
  }

  @Test func topicsReachThoseWhoSubscribed() throws {
    let runtime = try bed.runtime()
    #expect(try client.publish("news", .null) == 0)
    for instance in ["a", "b", "c"] {
      try bed.start(instance)
      try bed.runs(runtime, [.wait("news", .topic)] + (instance == "c" ? [] : [.subscribeTopic("news")]))
    }
    try bed.wait { try client.publish("probe", .null) == 0 && bed.store.load("c")?.start == nil }
    #expect(try client.publish("news", Payload("7")) == 2)
    for _ in 0..<2 {
      let kinds = try bed.runs(runtime).events.map { $0.kind }
      #expect(kinds == [.messageReceived(channel: .topic, name: "news", data: Payload("7"))])
    }
  }

  @Test func messagesBetweenInstancesAreAnswered() throws {
    let runtime = try bed.runtime()
    try bed.start("b")
    try bed.runs(runtime, [.wait("go"), .changeKV(.set(key: "k", value: Payload("8")))])
    try bed.start("a")
    let sent = SentMessage(to: "b", content: .raised(channel: .event, name: "go", data: Payload("1")))
    let lost = SentMessage(to: "nobody", content: .cancel(reason: ""))
    try bed.runs(runtime, [.send(sent), .send(lost), .readKV(instance: "b", key: "k")])
    var heard: [EventKind] = []
    var received: [EventKind] = []
    while heard.count < 3 || received.isEmpty {
      let request = try bed.runs(runtime)
      if request.instance == "a" {
        heard += request.events.map { $0.kind }
      } else {
        received += request.events.map { $0.kind }
      }
    }
    #expect(received == [.messageReceived(channel: .event, name: "go", data: Payload("1"))])
    #expect(
      Set(heard) == [
        .requestCompleted(action: 1, result: .null),
        .requestFailed(action: 2, failure: .unknownReceiver("nobody")),
        .requestCompleted(action: 3, result: Payload(#"{"value":8}"#)),
      ])
  }
}
