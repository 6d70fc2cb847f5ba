import Synchronization
import TestSupport
import Testing

@testable import Perdure

/// Key-value state, custom status, patches, limits, measurements: on SQLite, with restarts.
@Suite struct StateTests {
  static let counter = OrchestrationDefinition("counter") { (context, round: Int) -> Int in
    try context.kv.set("count", try context.kv.get("count", default: 0) + 1)
    try context.kv.set("round \(round)", ["at": context.now])
    try await context.waitForEvent("go")
    if round < 2 { try context.continueAsNew(round + 1) }
    try context.kv.clear("round 0")
    return try context.kv.get("count", default: 0)
  }

  static let onlooker = OrchestrationDefinition("onlooker") { (context, key: String) -> Int? in
    try await context.readKV("c", key, as: Int.self)
  }

  @Test func keysAreCarriedAndReadByOthers() async throws {
    try await Site.with(register: { runtime in
      try runtime.register(Self.counter)
      try runtime.register(Self.onlooker)
    }) { site in
      let handle = try await site.client.start(Self.counter, input: 0, instance: "c")
      #expect(try await eventually { try await handle.getKV("count", as: Int.self) == 1 })
      for round in 1...2 {
        try await site.client.raiseEvent("go", to: "c")
        #expect(try await eventually { try await site.client.getKV("c", "count", default: 0) == round + 1 })
        try await site.restart()
      }
      let seen = try await site.client.start(Self.onlooker, input: "count").result(timeout: .seconds(20))
      #expect(seen == 3)
      let result = try await site.client.start(Self.onlooker, input: "none").result(timeout: .seconds(20))
      #expect(result == nil)
      try await site.client.raiseEvent("go", to: "c")
      #expect(try await site.client.instance("c", returning: Int.self).result(timeout: .seconds(20)) == 3)
      let left = try await site.client.kv("c")
      #expect(left.map(\.key) == ["count", "round 1", "round 2"], "also after the end")
      #expect(try left.first?.value(as: Int.self) == 3)
      #expect(left.allSatisfy { $0.at.millisecondsSince1970 > 0 })
      let nobody = await #expect(throws: DXError.self) { try await site.client.kv("nobody") }
      #expect(nobody?.code == .notFound)
    }
  }

  /// Defect 7 of engines of this kind: pruning by the wall clock does nothing inside one execution, or
  /// differs in a replay.
  @Test func pruningIsTheSameInEveryRun() async throws {
    let pruner = OrchestrationDefinition("pruner") { (context) -> [Int] in
      try context.kv.set("old", 1)
      try await context.sleep(for: .milliseconds(30))
      let cut = context.now
      try context.kv.set("new", 1)
      let count = try context.kv.prune(before: cut)
      try await context.waitForEvent("go")
      return [count, try context.kv.keys.count, try context.kv.prune(before: context.now)]
    }
    try await Site.with(register: { try $0.register(pruner) }) { site in
      _ = try await site.client.start(pruner, instance: "p")
      #expect(try await eventually { try await site.client.kv("p").map(\.key) == ["new"] })
      try await site.restart()
      try await site.client.raiseEvent("go", to: "p")
      let handle = site.client.instance("p", returning: [Int].self)
      #expect(try await handle.result(timeout: .seconds(20)) == [1, 1, 1])
    }
  }

  /// Defect 8 of engines of this kind: a value over the limit is stored all the same.
  @Test func whatIsOverALimitIsNotStored() async throws {
    let careful = OrchestrationDefinition("careful") { (context, size: Int) -> [String] in
      let large = String(repeating: "x", count: size)
      var refused: [String] = []
      do { try context.kv.set("large", large) } catch let error as LimitExceeded {
        refused.append("kv: \(error)")
      }
      do { try context.setCustomStatus(large) } catch let error as LimitExceeded {
        refused.append("status: \(error)")
      }
      try context.kv.set("small", 1)
      return refused
    }
    var limits = StoreLimits()
    limits.kvValueBytes = 100
    limits.customStatusBytes = 100
    try await Site.with(limits: limits, register: { try $0.register(careful) }) { site in
      let handle = try await site.client.start(careful, input: 200)
      let refused = try await handle.result(timeout: .seconds(20))
      #expect(refused.count == 2)
      #expect(refused.first?.contains("has 202 bytes; the limit is 100") == true)
      #expect(try await handle.kv().map(\.key) == ["small"])
      #expect(try await handle.describe().customStatusJSON == nil)
    }
  }

  /// Defect 2 of engines of this kind: a child that breaks a limit never tells its parent.
  @Test func aParentHearsOfALimitItsChildBroke() async throws {
    let wasteful = OrchestrationDefinition("wasteful") { (context) -> String in
      String(repeating: "x", count: 5_000)
    }
    let parent = OrchestrationDefinition("parent") { (context) -> String in
      do { return try await context.call(wasteful) } catch let error as OrchestrationFailure {
        return error.failure.type
      }
    }
    var limits = StoreLimits()
    limits.payloadBytes = 1_000
    try await Site.with(
      limits: limits,
      register: { runtime in
        try runtime.register(wasteful)
        try runtime.register(parent)
      }
    ) { site in
      let result = try await site.client.start(parent).result(timeout: .seconds(20))
      #expect(result == "perdure.LimitExceeded")
      let refused = await #expect(throws: DXError.self) {
        try await site.client.start("parent", input: String(repeating: "x", count: 5_000))
      }
      #expect(refused?.code == .limitExceeded)
    }
  }

  @Test func aLongHistoryIsToldToContinueAsNew() async throws {
    let long = OrchestrationDefinition("long") { (context, before: Int) -> [Int64] in
      var steps = before
      while steps < 100 {
        try await context.sleep(for: .zero)
        steps += 1
        if context.shouldContinueAsNew { try context.continueAsNew(steps) }
      }
      return [Int64(steps), context.execution]
    }
    var limits = StoreLimits()
    limits.historyEvents = 60
    try await Site.with(limits: limits, register: { try $0.register(long) }) { site in
      let handle = try await site.client.start(long, input: 0)
      let result = try await handle.result(timeout: .seconds(20))
      #expect(result.first == 100)
      #expect((result.last ?? 0) > 2)
      #expect(try await handle.describe().eventCount <= 60)
    }
  }

  @Test func theCustomStatusHasVersions() async throws {
    let reporting = OrchestrationDefinition("reporting") { (context) in
      for step in 1...3 {
        try context.setCustomStatus(step)
        try await context.waitForEvent("go")
      }
    }
    try await Site.with(register: { try $0.register(reporting) }) { site in
      var handle = try await site.client.start(reporting)
      var version: Int64 = 0
      for step in 1...3 {
        let description = try await handle.waitForStatus(after: version, timeout: .seconds(20))
        #expect(try description.customStatus(as: Int.self) == step)
        #expect(description.customStatusVersion > version)
        version = description.customStatusVersion
        if step == 2 {
          try await site.restart()
          handle = site.client.instance(handle.instance, returning: Nothing.self)
        }
        let late = await #expect(throws: DXError.self) {
          try await handle.waitForStatus(after: version, timeout: .milliseconds(10))
        }
        #expect(late?.code == .timedOut)
        try await handle.raiseEvent("go")
      }
      let ended = try await handle.waitForStatus(after: version, timeout: .seconds(20))
      #expect(ended.status == .completed, "the end answers too")
    }
  }

  // MARK: Patches

  static let letter = ActivityDefinition("letter") { (_, text: String) in text }

  static func mailing(_ patched: Bool) -> OrchestrationDefinition<Nothing, [String]> {
    OrchestrationDefinition("mailing") { (context) in
      var sent = [try await context.call(letter, with: "first")]
      if patched, try context.patched("two letters") {
        sent.append(try await context.call(letter, with: "second"))
      }
      try await context.waitForEvent("go")
      sent.append(try await context.call(letter, with: "last"))
      return sent
    }
  }

  @Test func codeChangesUnderRunningInstances() async throws {
    func register(_ patched: Bool) -> (Runtime) throws -> Void {
      { runtime in
        try runtime.register(Self.letter)
        try runtime.register(Self.mailing(patched))
      }
    }
    try await Site.with(register: register(false)) { site in
      let old = try await site.client.start(Self.mailing(false), instance: "old")
      #expect(try await eventually { try await old.describe().eventCount >= 4 })
      try await site.restart(register: register(true))
      let new = try await site.client.start(Self.mailing(true), instance: "new")
      #expect(try await eventually { try await new.describe().eventCount >= 7 })
      try await site.restart(register: register(true))
      for id in ["old", "new"] { try await site.client.raiseEvent("go", to: id) }
      let one = try await site.client.instance("old", returning: [String].self).result(timeout: .seconds(20))
      #expect(one == ["first", "last"])
      let two = try await site.client.instance("new", returning: [String].self).result(timeout: .seconds(20))
      #expect(two == ["first", "second", "last"])
    }
  }
}
