import PerdureModel
import Testing

@testable import Perdure

/// Key-value state, patches, measurements and the sign that it is time to continue as new.
@Suite struct StateTurnTests {
  @Test func keysAreChangedAtOnce() {
    let rig = Rig { context in
      let kv = context.kv
      try kv.set("b", 1)
      try kv.set("a", ["x": 2])
      let sum = try kv.get("b", default: 0) + (try kv.get("a", as: [String: Int].self)?["x"] ?? 0)
      try kv.clear("b")
      let keys = try kv.keys
      try kv.set("é", "composed")
      try kv.set("e\u{301}", "decomposed")
      let both = try kv.keys.count
      try kv.clearAll()
      return [sum, keys.count, both, try kv.all.count]
    }
    rig.start()
    #expect(rig.output == "[3,1,3,0]")
    #expect(
      rig.actions.map(\.kind.short) == [
        "set(b=1)", #"set(a={"x":2})"#, "clear(b)", #"set(é="composed")"#, "set(e\u{301}=\"decomposed\")",
        "clearAll",
      ])
  }

  @Test func anExecutionBeginsWithWhatTheLastOneLeft() {
    let rig = Rig(driver: TurnDriver(cachedInstances: 0)) { context in
      let before = try context.kv.get("n", default: 0)
      try context.kv.set("n", before + 1)
      try await context.sleep(for: .seconds(1))
      return try context.kv.get("n", default: 0)
    }
    rig.kv = [KVEntry(key: "n", value: Payload("41"), at: 1)]
    #expect(rig.start()?.actions.first?.kind.short == "set(n=42)")
    rig.deliver(.timerFired(action: 2))
    #expect(rig.output == "42", "a replay begins with the same, not with what it made of it")
  }

  /// Defect 7 of engines of this kind: pruning compares the wall clock, and does nothing inside one execution
  /// or differs in a replay.
  @Test func pruningGoesByTheTimeOfEvents() {
    let rig = Rig { context in
      try context.kv.set("z", 1)
      try context.kv.set("a", 1)
      try await context.sleep(for: .seconds(1))
      let cut = context.now
      try context.kv.set("late", 1)
      let count = try context.kv.prune(before: cut)
      return [count, try context.kv.keys.count]
    }
    rig.kv = [KVEntry(key: "old", value: Payload("1"), at: 5)]
    rig.start()
    let last = rig.deliver(.timerFired(action: 3))
    #expect(last?.actions.map(\.kind.short) == ["set(late=1)", "clear(a)", "clear(old)", "clear(z)"])
    #expect(rig.output == "[3,1]")
    #expect(rig.replay()?.actions == rig.actions)
  }

  static let patching: @Sendable (OrchestrationContext) async throws -> String = { context in
    try await context.sleep(for: .seconds(1))
    let isNew = try context.patched("p")
    let again = try context.patched("p")
    try await context.sleep(for: .seconds(1))
    return "\(isNew) \(again) \(try context.patched("p"))"
  }

  @Test func codeThatComesToAPatchForTheFirstTimeTakesIt() {
    let rig = Rig(run: Self.patching)
    rig.start()
    #expect(rig.deliver(.timerFired(action: 1))?.actions.map(\.kind.short).first == "patch(p)")
    rig.deliver(.timerFired(action: 3))
    #expect(rig.output == #""true true true""#)
    rig.patches = ["p"]
    #expect(rig.replay()?.actions == rig.actions)
  }

  @Test func codeThatHasPassedThePlaceDoesNot() {
    // What the code was before the patch listed no action for it.
    let rig = Rig(driver: TurnDriver(cachedInstances: 0), run: Self.patching)
    rig.start()
    rig.deliver(.timerFired(action: 1))
    let cold = rig.replay()
    #expect(cold?.actions.map(\.kind.short).contains("patch(p)") == false)
    rig.deliver(.timerFired(action: 2))
    #expect(rig.output == #""false false false""#)
  }

  @Test(arguments: [true, false])
  func aDeprecatedPatchIsRecordedWhereItWas(isRecorded: Bool) {
    let rig = Rig { context in
      try context.deprecatePatch("p")
      try context.deprecatePatch("p")
    }
    if isRecorded { rig.patches = ["p"] }
    #expect(rig.start()?.actions.map(\.kind.short) == (isRecorded ? ["patch(p)"] : []))
  }

  @Test func lateEventsSayThatItIsTimeToContinue() {
    let rig = Rig { context in
      let before = context.shouldContinueAsNew
      try await context.sleep(for: .seconds(1))
      let at = context.shouldContinueAsNew
      try await context.sleep(for: .seconds(1))
      return [before, at, context.shouldContinueAsNew]
    }
    rig.start()
    rig.deliver(all: [.timerFired(action: 1)], isLate: true)
    rig.deliver(.timerFired(action: 2))
    #expect(rig.output == "[false,true,true]")
    #expect(rig.replay()?.end == rig.end)
  }

  @Test func measurementsAreMadeOnce() {
    let rig = Rig(driver: TurnDriver(cachedInstances: 0)) { context in
      try context.metric("orders", 1, attributes: ["kind": "book"])
      try await context.sleep(for: .seconds(1))
      try context.metric("load", 0.5, kind: .gauge)
      do { try context.metric("none", .nan) } catch let error as DXError { return "\(error.code)" }
      return ""
    }
    rig.start()
    rig.deliver(.timerFired(action: 1))
    #expect(
      rig.metrics == [
        MetricLine(
          name: "orders", kind: .counter, value: Payload("1"), attributes: Payload(#"{"kind":"book"}"#)),
        MetricLine(name: "load", kind: .gauge, value: Payload("0.5")),
      ])
    #expect(rig.actions.count == 1)
    #expect(rig.output == #""invalidArgument""#)
  }
}
