import PerdureModel
import Testing

@testable import Perdure

@Suite struct TurnTests {
  @Test func stepsOfAChain() {
    let rig = Rig { context in
      let one = try await context.activity("A", with: 1, returning: Int.self)
      return try await context.activity("B", with: one + 1, returning: Int.self)
    }
    #expect(rig.start()?.actions.map(\.short) == ["1@1 A(1)"])
    #expect(
      rig.deliver(.activityCompleted(action: 1, result: Payload("10")))?.actions.map(\.short) == ["2@3 B(11)"]
    )
    let last = rig.deliver(.activityCompleted(action: 2, result: Payload("12")))
    #expect(last?.end == TurnEnd(after: 5, kind: .completed(output: Payload("12"))))
    #expect(last?.retained == false)
    #expect(rig.driver.retained == 0)
  }

  @Test func asyncLetSchedulesEverythingBeforeItWaits() {
    let rig = Rig { context in
      async let left = context.activity("left", with: 1, returning: Int.self)
      async let right = context.activity("right", with: 2, returning: Int.self)
      return try await left - right
    }
    #expect(rig.start()?.actions.map(\.short) == ["1@1 left(1)", "2@1 right(2)"])
    rig.deliver(.activityCompleted(action: 2, result: Payload("3")))
    rig.deliver(.activityCompleted(action: 1, result: Payload("10")))
    #expect(rig.output == "7")
  }

  @Test func aGroupOfThirtyYieldsInTheOrderOfCompletion() {
    let rig = Rig { context in
      try await withThrowingTaskGroup(of: Int.self) { group in
        for number in 0..<30 {
          group.addTask { try await context.activity("work", with: number, returning: Int.self) }
        }
        return try await group.reduce(into: [Int]()) { $0.append($1) }
      }
    }
    #expect(rig.start()?.actions.map(\.id) == Array(1...30))
    var numbers = Seeded(30)
    let order = (0..<30).shuffled(using: &numbers)
    for number in order {
      rig.deliver(.activityCompleted(action: Int64(number) + 1, result: Payload("\(number)")))
    }
    #expect(rig.output == "[\(order.map(String.init).joined(separator: ","))]")
    #expect(rig.replay()?.end == rig.end)
  }

  private actor Ledger {
    private var entries: [String] = []

    func book(_ entry: String, _ context: OrchestrationContext) async throws -> Int {
      entries.append(entry)
      let result = try await context.activity("book", with: entry, returning: Int.self)
      entries.append("\(entry)=\(result)")
      return entries.count
    }

    var all: [String] { entries }
  }

  @Test func actorsStayOnTheTurn() {
    let rig = Rig { context in
      let ledger = Ledger()
      async let one = ledger.book("x", context)
      async let two = ledger.book("y", context)
      _ = try await (one, two)
      return await ledger.all
    }
    rig.start()
    rig.deliver(
      .activityCompleted(action: 2, result: Payload("2")), .activityCompleted(action: 1, result: Payload("1"))
    )
    #expect(rig.output == #"["x","y","y=2","x=1"]"#)
    #expect(rig.replay()?.actions == rig.actions)
  }

  @Test func aRaceCancelsTheLoser() {
    let rig = Rig { context in
      try await context.withTimeout(.seconds(1)) {
        try await context.waitForEvent("go", as: String.self)
      }
    }
    let first = rig.start()?.actions.map(\.short)
    #expect(first == ["1@1 event(go)", "2@1 timer(1760000001007)"])
    let last = rig.deliver(.messageReceived(channel: .event, name: "go", data: Payload(#""now""#)))
    #expect(last?.actions.map(\.short) == ["3@3 cancel(2)"])
    #expect(rig.output == #""now""#)
  }

  @Test func aTimeoutIsThrownAndTheWaitGivenUp() {
    let rig = Rig { context in
      do {
        return try await context.withTimeout(.seconds(1)) {
          try await context.waitForEvent("go", as: String.self)
        }
      } catch is TimedOut {
        return try await context.waitForEvent("go", as: String.self)
      }
    }
    rig.start()
    let second = rig.deliver(.timerFired(action: 2))?.actions.map(\.short)
    #expect(second == ["3@3 cancel(1)", "4@3 event(go)"])
    rig.deliver(.messageReceived(channel: .event, name: "go", data: Payload(#""late""#)))
    #expect(rig.output == #""late""#, "the event goes to the second wait, since the first was given up")
  }

  @Test func messagesAreMatchedByNameInOrder() {
    let rig = Rig { context in
      try await context.sleep(for: .milliseconds(1))
      let one = try await context.dequeue("q", as: Int.self)
      let event = try await context.waitForEvent("q", as: Int.self)
      let two = try await context.dequeue("q", as: Int.self)
      return [one, event, two]
    }
    rig.start()
    rig.deliver(.messageReceived(channel: .queue, name: "q", data: Payload("1")))
    rig.deliver(.messageReceived(channel: .queue, name: "q", data: Payload("2")))
    rig.deliver(.messageReceived(channel: .event, name: "q", data: Payload("3")))
    let actions = rig.deliver(.timerFired(action: 1))?.actions.map(\.short)
    #expect(actions == ["2@9 queue(q)", "3@9 event(q)", "4@9 queue(q)"])
    #expect(rig.output == "[1,3,2]")
  }

  @Test func aFailureThatIsNotCaughtIsTheFailureOfTheOrchestration() {
    let rig = Rig { context in try await context.activity("A", returning: Int.self) }
    rig.start()
    let failure = PerdureModel.Failure(type: "Declined", message: "no", details: Payload("[1]"))
    rig.deliver(.activityFailed(action: 1, failure: failure))
    #expect(rig.failure == failure)
  }

  @Test func continueAsNewEndsTheExecution() {
    let rig = Rig { context -> Int in try context.continueAsNew(["n": 2], version: "2.0.0") }
    #expect(
      rig.start()?.end?.kind == .continuedAsNew(version: "2.0.0", input: Payload(#"{"n":2}"#)))
  }

  @Test func logsAreNotRepeated() {
    let rig = Rig(driver: TurnDriver(cachedInstances: 0)) { context in
      context.log("begin")
      try await context.sleep(for: .seconds(1))
      context.log("end", level: .warn)
    }
    rig.start()
    rig.deliver(.timerFired(action: 1))
    #expect(rig.logs.map(\.message) == ["begin", "end"])
    #expect(rig.logs.map(\.level) == [.info, .warn])
  }

  @Test func statusAndDetachedStartsDoNotWait() {
    let rig = Rig { context in
      try context.setCustomStatus("busy")
      let child = try context.startDetached("other", with: 5)
      try context.clearCustomStatus()
      return child
    }
    #expect(
      rig.start()?.actions.map(\.short) == [#"1@1 status("busy")"#, "2@1 start other(5)", "3@1 status(-)"])
    #expect(rig.output == #""test-1.1.2""#)
  }

  @Test func answersToCancelledOrUnknownWorkAreIgnored() {
    let rig = Rig { context in
      _ = try await context.race(
        { try await context.activity("slow", returning: Int.self) },
        { try await context.activity("fast", returning: Int.self) })
      try await context.sleep(for: .seconds(1))
    }
    rig.start()
    rig.deliver(.activityCompleted(action: 2, result: Payload("1")))
    let late = rig.deliver(
      .activityCompleted(action: 1, result: Payload("2")),
      .activityCompleted(action: 99, result: Payload("2")))
    #expect(late?.actions == [])
    #expect(late?.end == nil)
  }

  @Test func resultsOfAnotherTypeAreErrorsThatNameTheActivity() {
    let rig = Rig { context in try await context.activity("A", returning: Int.self) }
    rig.start()
    rig.deliver(.activityCompleted(action: 1, result: Payload(#""text""#)))
    #expect(rig.failure?.type == "PayloadError")
    #expect(rig.failure?.message.contains("the result of the activity 'A' cannot be read as Int") == true)
  }
}
