import PerdureModel
import Testing

@testable import Perdure

/// Requests from outside that code answers, and queries.
@Suite struct CallTests {
  private func call(_ id: String, _ name: String, _ input: String) -> EventKind {
    .callReceived(call: id, name: name, input: Payload(input))
  }

  private func adder() -> Rig {
    Rig { context in
      try context.onCall("add") { (number: Int) in
        guard number >= 0 else { throw Perdure.Failure(type: "Negative", message: "below zero") }
      } handler: { (number: Int) in
        try context.kv.set("total", try context.kv.get("total", default: 0) + number)
        return try context.kv.get("total", default: 0)
      }
      try context.onQuery("total") { try context.kv.get("total", default: 0) }
      try await context.waitForEvent("stop")
      return try context.kv.get("total", default: 0)
    }
  }

  @Test func aHandlerServesCallsInOrder() {
    let rig = adder()
    #expect(rig.start()?.actions.map(\.short) == ["1@1 call(add)", "2@1 event(stop)"])
    let turn = rig.deliver(call("c1", "add", "2"), call("c2", "add", "-1"), call("c3", "add", "40"))
    #expect(
      turn?.actions.map(\.short) == [
        "3@3 set(total=2)", "4@3 answer(c1 2)", "5@3 call(add)",
        "6@5 refuse(c2 perdure.CallRejected: below zero)", "7@5 call(add)",
        "8@7 set(total=42)", "9@7 answer(c3 42)", "10@7 call(add)",
      ])
    let last = rig.deliver(.messageReceived(channel: .event, name: "stop", data: .null))
    #expect(last?.actions == [], "an open handler does not keep the code from ending")
    #expect(rig.output == "42")
    #expect(rig.replay()?.actions == rig.actions)
    #expect(rig.replay(batches: [1, 2, 1, 9]).actions == rig.actions)
  }

  @Test func nothingIsLeftOfHandlersWhenTheCodeHasEnded() {
    let alive = EvictionTests.AliveCount()
    let rig = Rig { context in
      try context.onCall("c") { [probe = EvictionTests.Probe(alive)] (_: Int) in probe.touch() }
      try await context.waitForEvent("stop")
    }
    rig.start()
    #expect(alive.value == 1)
    rig.deliver(.messageReceived(channel: .event, name: "stop", data: .null))
    #expect(rig.output == "null")
    #expect(alive.value == 0)
  }

  @Test func durableHandlersTakeOneCallAtATime() {
    let rig = Rig { context in
      try context.onCall("work") { (input: Int) in
        try await context.activity("w", with: input, returning: Int.self)
      }
      try await context.waitForEvent("stop")
    }
    rig.start()
    #expect(
      rig.deliver(call("c1", "work", "1"), call("c2", "work", "2"))?.actions.map(\.short) == ["3@3 w(1)"])
    #expect(
      rig.deliver(.activityCompleted(action: 3, result: Payload("10")))?.actions.map(\.short)
        == ["4@7 answer(c1 10)", "5@7 call(work)", "6@7 w(2)"])
    let failure = PerdureModel.Failure(type: "Broken", message: "no tools")
    #expect(
      rig.deliver(.activityFailed(action: 6, failure: failure))?.actions.map(\.short)
        == ["7@9 refuse(c2 Broken: no tools)", "8@9 call(work)"])
    #expect(rig.replay()?.actions == rig.actions)
  }

  @Test func theEndComesInTheMiddleOfAHandler() {
    let rig = Rig { context in
      try context.onCall("work") { (_: Int) in try await context.activity("w") }
      try await context.waitForEvent("stop")
    }
    rig.start()
    let last = rig.deliver(
      call("c1", "work", "1"), .messageReceived(channel: .event, name: "stop", data: .null))
    #expect(last?.actions.map(\.short) == ["3@3 w(null)"])
    #expect(last?.end?.kind == .completed(output: .null))
  }

  @Test func aCancellationDoesNotReachHandlers() {
    let rig = Rig { context in
      try context.onCall("work") { (_: Int) in try await context.activity("w", returning: Int.self) }
      do { try await context.waitForEvent("never") } catch is CancellationError {
        try await context.activity("undo")
        throw CancellationError()
      }
    }
    rig.start()
    rig.deliver(call("c1", "work", "1"))
    #expect(
      rig.deliver(.cancellationRequested(reason: "", deadline: nil))?.actions.map(\.short)
        == ["4@5 cancel(2)", "5@5 undo(null)"])
    #expect(
      rig.deliver(.activityCompleted(action: 3, result: Payload("7")))?.actions.map(\.short)
        == ["6@7 answer(c1 7)", "7@7 call(work)"])
    rig.deliver(.activityCompleted(action: 5, result: .null))
    #expect(rig.end?.kind == .cancelled)
    #expect(rig.replay()?.actions == rig.actions)
  }

  @Test func callsThatCameEarlyAreKept() {
    let rig = Rig { context in
      try await context.sleep(for: .seconds(1))
      let one = try await context.nextCall("c", as: Int.self)
      try one.answer(one.input + 1)
      let two = try await context.nextCall("c", as: Int.self)
      try two.reject("no")
      return [one.id, two.id]
    }
    rig.start()
    rig.deliver(call("x", "c", "1"), call("y", "c", "2"))
    let turn = rig.deliver(.timerFired(action: 1))
    #expect(
      turn?.actions.map(\.kind.short) == [
        "call(c)", "answer(x 2)", "call(c)", "refuse(y perdure.CallRejected: no)",
      ])
    #expect(rig.output == #"["x","y"]"#)
  }

  @Test func aCallOfAnotherTypeIsRejectedAndTheNextTaken() {
    let rig = Rig { context in
      let call = try await context.nextCall("c", as: Int.self)
      try call.answer()
      return call.input
    }
    rig.start()
    let turn = rig.deliver(call("x", "c", #""text""#), call("y", "c", "5"))
    #expect(turn?.actions.first?.kind.short.hasPrefix("refuse(x perdure.CallRejected: the input of") == true)
    #expect(turn?.actions.map(\.kind.short).dropFirst() == ["call(c)", "answer(y null)"])
    #expect(rig.output == "5")
  }

  @Test func aCallIsAnsweredOnce() {
    let rig = Rig { context in
      let call = try await context.nextCall("c", as: Int.self)
      try call.answer(1)
      do { try call.reject("again") } catch let error as DXError { return error.message }
      return "twice"
    }
    rig.start()
    let turn = rig.deliver(call("x", "c", "1"))
    #expect(turn?.actions.map(\.kind.short) == ["answer(x 1)"])
    #expect(rig.output?.contains("has been answered already") == true)
  }

  @Test func aNameHasOneHandler() {
    let rig = Rig { context in
      try context.onCall("c") { (_: Int) in }
      do { try context.onCall("c") { (_: Int) in } } catch let error as DXError { return "\(error.code)" }
      return "two"
    }
    rig.start()
    #expect(rig.output == #""alreadyExists""#)
  }

  @Test func aValidatorCannotDoDurableWork() {
    let rig = Rig { context in
      try context.onCall("c", validator: { (_: Int) in try context.setCustomStatus("seen") }) { (_: Int) in }
      try await context.waitForEvent("stop")
    }
    rig.start()
    let turn = rig.deliver(call("x", "c", "1"))
    #expect(turn?.actions.count == 2)
    #expect(turn?.actions.first?.kind.short.contains("a validator cannot do") == true)
  }

  @Test func aHandlerCannotContinueAsNew() {
    let rig = Rig { context in
      try context.onCall("c") { (_: Int) in try context.continueAsNew(1) }
      try await context.waitForEvent("stop")
    }
    rig.start()
    let turn = rig.deliver(call("x", "c", "1"))
    #expect(turn?.end == nil)
    #expect(
      turn?.actions.first?.kind.short.hasPrefix("refuse(x ContinueAsNew: the handler of a call") == true)
  }

  // MARK: Queries

  @Test func aQueryAsksACopyOfTheCode() {
    let rig = adder()
    rig.start()
    rig.deliver(call("c1", "add", "2"))
    #expect(rig.query("total") == .completed(Payload("2")))
    #expect(rig.driver.retained == 1, "the live code is still there")
    rig.deliver(call("c2", "add", "3"))
    #expect(!rig.turns.contains(.miss))
    rig.deliver(.messageReceived(channel: .event, name: "stop", data: .null))
    #expect(rig.driver.retained == 0)
    #expect(rig.query("total") == .completed(Payload("5")), "also of code that has ended")
    #expect(rig.driver.retained == 0)
  }

  @Test func aQueryWithoutHandlerNamesThoseThatAreThere() {
    let rig = adder()
    rig.start()
    guard case .failed(let failure) = rig.query("nothing") else {
      Issue.record("answered")
      return
    }
    #expect(failure.type == "perdure.NotRegistered")
    #expect(failure.message.contains("'nothing'; it has 'total'"))
  }

  @Test func aQueryHandlerMayOnlyLook() {
    let rig = Rig { context in
      try context.onQuery("bad") { (_: Nothing) in
        try context.kv.set("k", 1)
        return 1
      }
      try context.onQuery("typed") { (number: Int) in number + 1 }
      try await context.waitForEvent("stop")
    }
    rig.start()
    guard case .failed(let failure) = rig.query("bad"), case .failed(let wrong) = rig.query("typed") else {
      Issue.record("answered")
      return
    }
    #expect(failure.message.contains("a query handler cannot do"))
    #expect(wrong.type == "PayloadError")
    #expect(rig.query("typed", Payload("1")) == .completed(Payload("2")))
  }

  @Test func nothingIsLeftOfAQuery() {
    let alive = EvictionTests.AliveCount()
    let rig = Rig(driver: TurnDriver(cachedInstances: 0)) { context in
      let probe = EvictionTests.Probe(alive)
      try context.onQuery("q") { 1 }
      try await context.waitForEvent("stop")
      probe.touch()
    }
    rig.start()
    for _ in 0..<50 { #expect(rig.query("q") == .completed(Payload("1"))) }
    #expect(alive.value == 0)
  }
}
