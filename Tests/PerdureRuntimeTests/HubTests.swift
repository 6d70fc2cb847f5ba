import PerdureClient
import PerdureModel
import PerdureRuntime
import PerdureStore
import Testing

/// Who is told of what.
@Suite struct HubTests {
  let bed = try! Bed()

  @Test func startsGoRoundTheRuntimes() throws {
    let runtimes = [try bed.runtime(), try bed.runtime(["order", "mail"])]
    for number in 0..<10 { try bed.start("i\(number)") }
    try bed.start("m", "mail")
    var seen = Set<InstanceID>()
    for (runtime, count) in zip(runtimes, [5, 6]) {
      for _ in 0..<count { seen.insert(try bed.turn(runtime).request.instance) }
    }
    #expect(seen.count == 11)
  }

  @Test func messagesGoToTheHolder() throws {
    let runtimes = [try bed.runtime(), try bed.runtime()]
    try bed.start("a")
    let owner = try bed.store.load("a")?.owner
    let holder = try #require(runtimes.first { $0.node == owner })
    let ticket = try bed.turn(holder)
    let wait = Action(id: 1, after: 1, kind: .subscribe(channel: .event, name: "go"))
    _ = ticket.answer(.ran(TurnResult(actions: [wait], retained: true)))
    try bed.send(.event, "go", to: "a", Payload("7"))
    let second = try bed.turn(holder)
    #expect(second.request.from == 1)
    #expect(
      second.request.events.map { $0.kind } == [
        .messageReceived(channel: .event, name: "go", data: Payload("7"))
      ])
  }

  @Test func whatNobodyHeldIsTakenByARuntimeThatStarts() throws {
    try bed.start("a")
    try bed.send(.queue, "q", to: "a", .null)
    let runtime = try bed.runtime()
    #expect(try bed.turn(runtime).request.events.count == 2)
  }

  @Test func childrenRunWhereTheirNameIsServed() throws {
    let runtime = try bed.runtime(["order"])
    let mail = try bed.runtime(["mail"])
    try bed.start("a")
    let child = Action(
      id: 1, after: 1,
      kind: .scheduleSubOrchestration(
        name: "mail", version: nil, instance: nil, input: .null, closePolicy: .cancel))
    _ = try bed.turn(runtime).answer(.ran(TurnResult(actions: [child])))
    let ticket = try bed.turn(mail)
    #expect(ticket.request.instance == "a.1.1")
    let failure = Failure(type: "T", message: "m")
    _ = ticket.answer(.ran(TurnResult(end: TurnEnd(after: 1, kind: .failed(failure)))))
    #expect(
      try bed.turn(runtime).request.events.last?.kind == .subOrchestrationFailed(action: 1, failure: failure))
  }

  @Test func activitiesOfAnotherRuntimeComeBack() throws {
    let orders = Runtime(hub: bed.hub, settings: RuntimeSettings())
    try orders.registerOrchestration("order", version: .first, .poll)
    try orders.start()
    let worker = try bed.runtime([])
    try bed.start("a")
    let work = Action(id: 1, after: 1, kind: .work())
    _ = try bed.turn(orders).answer(.ran(TurnResult(actions: [work], retained: true)))
    let task = try #require(worker.poll(turnsMax: 0, activitiesMax: 1, timeoutMS: 30_000).activities.first)
    #expect(task.task.input == Payload("3"))
    _ = task.end(.completed(Payload("9")))
    #expect(
      try bed.turn(orders).request.events.map { $0.kind } == [
        .activityCompleted(action: 1, result: Payload("9"))
      ])
    let stopped = Collected<Void>()
    try orders.stop(graceMS: 0) { stopped.add(()) }
    stopped.wait(for: 1)
  }

  @Test func anyActivityIsLeftToTheFunctionWithoutAName() throws {
    let runtime = Runtime(hub: bed.hub, settings: RuntimeSettings())
    try runtime.registerOrchestration("order", version: .first, .poll)
    try runtime.registerActivity("", .poll)
    #expect(throws: RuntimeError.self) { try runtime.registerActivity("", .poll) }
    try runtime.start()
    #expect(try bed.store.services().first?.takes("whatever", tag: nil) == true)
    try bed.start("a")
    var options = ActivityOptions()
    options.retry = RetryPolicy()
    try bed.runs(
      runtime, [.scheduleActivity(name: "whatever", input: .null, options: options)])
    // The second attempt lies in the store, and is claimed by its name.
    _ = try bed.activity(runtime).end(.failed(Failure(type: "T", message: "m")))
    let second = try bed.activity(runtime)
    #expect(second.task.name == "whatever")
    #expect(second.task.attempt == 2)
    _ = second.end(.completed(.null))
    try bed.complete(runtime)
    let stopped = Collected<Void>()
    try runtime.stop(graceMS: 0) { stopped.add(()) }
    stopped.wait(for: 1)
  }

  @Test func aRuntimeThatStopsHandsItsInstancesOver() throws {
    let one = try bed.runtime()
    try bed.start("a")
    let work = Action(id: 1, after: 1, kind: .subscribe(channel: .event, name: "go"))
    _ = try bed.turn(one).answer(.ran(TurnResult(actions: [work], retained: true)))
    let other = try bed.runtime()
    let stopped = Collected<Void>()
    try one.stop(graceMS: 1_000) { stopped.add(()) }
    try one.stop(graceMS: 1_000) { stopped.add(()) }
    #expect(stopped.wait(for: 2).count == 2)
    #expect(one.poll(turnsMax: 1, activitiesMax: 1, timeoutMS: 30_000).isStopped)
    try bed.send(.event, "go", to: "a", .null)
    #expect(try bed.turn(other).request.from == 0, "built anew")
  }

  @Test func ticketsAreAnsweredOnceAndGoStaleWithTheirRuntime() throws {
    let runtime = try bed.runtime()
    try bed.start("a")
    try bed.start("b")
    let tickets = [try bed.turn(runtime), try bed.turn(runtime)]
    func name(_ answer: TicketAnswer) -> String { String("\(answer)".prefix { $0 != "(" }) }
    #expect(name(tickets[0].answer(.miss)) == "refused", "from 0, there is nothing to miss")
    #expect(name(tickets[0].answer(.ran(TurnResult()))) == "isGone")
    let stopped = Collected<Void>()
    try runtime.stop(graceMS: 0) { stopped.add(()) }
    stopped.wait(for: 1)
    #expect(name(tickets[1].answer(.ran(TurnResult()))) == "stale")
  }

  @Test func registrationHasItsTime() throws {
    let runtime = try bed.runtime()
    #expect(throws: RuntimeError.self) { try runtime.registerActivity("late", .poll) }
    #expect(throws: RuntimeError.self) { try runtime.start() }
    let other = Runtime(hub: bed.hub, settings: RuntimeSettings())
    try other.registerOrchestration("o", version: .first, .poll)
    #expect(throws: RuntimeError.self) { try other.registerOrchestration("o", version: .first, .poll) }
    try other.registerActivity("o", .poll)
    #expect(throws: RuntimeError.self) { try other.registerActivity("o", .poll) }
  }

  /// Clients that start instances while a runtime comes up: none is lost between "has an owner" and "is
  /// told".
  @Test func startsDuringTheStartOfARuntime() throws {
    let store = bed.store
    let client = bed.client
    for round in 0..<20 {
      let begun = Collected<Void>()
      let isRunning = startThread {
        for number in 0..<10 {
          _ = try? client.start(StartRequest(orchestration: "order", instance: "i\(round)-\(number)"))
          begun.add(())
        }
      }
      #expect(isRunning)
      let runtime = try bed.runtime()
      begun.wait(for: 10)
      for _ in 0..<10 { try bed.complete(runtime) }
      let stopped = Collected<Void>()
      try runtime.stop(graceMS: 10_000) { stopped.add(()) }
      stopped.wait(for: 1)
      #expect(try store.list(ListQuery(status: .completed, limit: 1_000)).instances.count == 10 * (round + 1))
    }
  }

  @Test func aStopIsAnsweredAlsoWhenTheStartFails() throws {
    let stopped = Collected<Void>()
    let runtime = Runtime(hub: bed.hub, settings: RuntimeSettings())
    bed.store.failJoins(StoreError(.io, "the disk")) {
      try? runtime.stop(graceMS: 0) { stopped.add(()) }
    }
    #expect(throws: RuntimeError.self) { try runtime.start() }
    #expect(stopped.wait(for: 1).count == 1)
    #expect(throws: RuntimeError.self) { try runtime.start() }
  }

  /// An answer may come when the engine has looked for the last time.
  @Test func nothingIsKeptOfARuntimeThatHasEnded() throws {
    weak var ended: Runtime?
    do {
      let runtime = Runtime(hub: bed.hub, settings: RuntimeSettings())
      try runtime.registerOrchestration("order", version: .first, .poll)
      try runtime.registerActivity("work", .poll)
      try runtime.start()
      try bed.start("a")
      try bed.runs(runtime, [.work()])
      let ticket = try bed.activity(runtime)
      bed.store.whenLeaving { _ = ticket.end(.completed(Payload("1"))) }
      let stopped = Collected<Void>()
      try runtime.stop(graceMS: 0) { stopped.add(()) }
      stopped.wait(for: 1)
      bed.store.whenLeaving(nil)
      ended = runtime
    }
    try bed.wait { ended == nil }
    #expect(ended == nil)
  }
}
