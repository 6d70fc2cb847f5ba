import TestSupport
import Testing

@testable import Perdure

/// Lives of instances, from the choice of their code to what they leave: on SQLite, with restarts.
@Suite struct LifeTests {
  static let waits = OrchestrationDefinition("waits") { (context) in
    try await context.waitForEvent("go", as: String.self)
  }

  // MARK: Versions and order

  /// Tells its version twice, with a wait in between, and a third time from the next execution.
  static func job(_ version: String) -> OrchestrationDefinition<[String], [String]> {
    OrchestrationDefinition("job", version: version) { (context, before: [String]) in
      try await context.waitForEvent("go")
      if before.isEmpty { try context.continueAsNew([version, version]) }
      return before + [version]
    }
  }

  static func jobs(_ versions: String...) -> (Runtime) throws -> Void {
    { runtime in
      for version in versions { try runtime.register(job(version)) }
    }
  }

  @Test func anExecutionKeepsItsVersionAndTheNextOneTakesTheHighest() async throws {
    try await Site.with(register: Self.jobs("1.0.0", "1.2.0", "1.10.0")) { site in
      for (instance, version) in [("free", nil), ("named", "1.2.0"), ("ahead", "3.0.0")] {
        let handle = try await site.client.start(
          "job", input: [String](), instance: instance, version: version, returning: [String].self)
        if instance != "ahead" { _ = try await handle.waitForHistory(of: 2) }
      }
      #expect(try await site.client.describe("free").version == "1.10.0", "not 1.2.0: versions are no texts")
      try await site.restart(register: Self.jobs("1.0.0", "1.2.0", "1.10.0", "2.0.0"))
      #expect(
        try await eventually {
          try await site.client.describe("ahead").pendingReason?.contains("3.0.0") == true
        })
      for (instance, first) in [("free", "1.10.0"), ("named", "1.2.0")] {
        for _ in 0..<2 { try await site.client.raiseEvent("go", to: instance) }
        let handle = site.client.instance(instance, returning: [String].self)
        #expect(try await handle.result(timeout: .seconds(20)) == [first, first, "2.0.0"])
      }
      try await site.restart(register: Self.jobs("3.0.0"))
      for _ in 0..<2 { try await site.client.raiseEvent("go", to: "ahead") }
      let ahead = site.client.instance("ahead", returning: [String].self)
      #expect(try await ahead.result(timeout: .seconds(20)) == ["3.0.0", "3.0.0", "3.0.0"])
    }
  }

  @Test func codeWithoutAVersionIsTheFirst() async throws {
    let plain = OrchestrationDefinition("plain") { (_) in "first" }
    let later = OrchestrationDefinition("plain", version: "1.0.1") { (_) in "later" }
    try await Site.with(register: { _ in }) { site in
      _ = try await site.client.start(
        "plain", instance: "named", version: "1.0.0", returning: String.self)
      _ = try await site.client.start(plain, instance: "free")
      try await site.restart(register: { try $0.register([plain, later]) })
      for (instance, found, version) in [("named", "first", "1.0.0"), ("free", "later", "1.0.1")] {
        let handle = site.client.instance(instance, returning: String.self)
        #expect(try await handle.result(timeout: .seconds(20)) == found)
        #expect(try await handle.describe().version == version)
      }
    }
  }

  @Test func instancesOfHigherPriorityBeginFirst() async throws {
    let order = Notes<Int>()
    let notes = OrchestrationDefinition("notes") { (_, number: Int) in order.add(number) }
    var options = RuntimeOptions()
    options.turnThreads = 1
    try await Site.with(options, register: { _ in }) { site in
      for number in [0, -5, 3, 9, 1] {
        _ = try await site.client.start(
          notes, input: number, instance: "n\(number)", options: StartOptions(priority: number))
      }
      try await site.restart(register: { try $0.register(notes) })
      for number in [0, -5, 3, 9, 1] {
        _ = try await site.client.instance("n\(number)", returning: Int.self).result(timeout: .seconds(20))
      }
      #expect(order.all == [9, 3, 1, 0, -5])
    }
  }

  // MARK: Children

  struct Refusal: Error {}

  static let kid = OrchestrationDefinition("kid") { (context, how: String) -> String in
    try await context.waitForEvent("go")
    if how == "fail" { throw Refusal() }
    if how == "again" { try context.continueAsNew("complete") }
    return how
  }

  static let mother = OrchestrationDefinition("mother") { (context, kinds: [String]) in
    try await context.all(kinds) { how in
      do { return "ok \(try await context.call(kid, with: how, instance: how))" } catch let error
        as OrchestrationFailure
      { return error.failure.type }
    }
  }

  @Test func aParentHearsOfEveryEndOfAChild() async throws {
    try await Site.with(register: { try $0.register([Self.mother, Self.kid]) }) { site in
      let kinds = ["complete", "fail", "again", "cancel", "terminate", "taken"]
      _ = try await site.client.start(Self.kid, input: "complete", instance: "taken")
      _ = try await site.client.start(Self.mother, input: kinds, instance: "p")
      let children = InstanceFilter(parent: "p")
      #expect(try await eventually { try await site.client.list(children).instances.count == 5 })
      try await site.restart()
      for instance in ["complete", "fail", "again", "again"] {
        try await site.client.raiseEvent("go", to: instance)
      }
      try await site.client.cancel("cancel")
      try await site.client.terminate("terminate")
      let heard = try await site.client.instance("p", returning: [String].self).result(timeout: .seconds(20))
      #expect(
        heard == [
          "ok complete", "Refusal", "ok complete", "perdure.Cancelled", "perdure.Terminated",
          "perdure.AlreadyExists",
        ])
      let again = try await site.client.describe("again")
      #expect(again.execution == 2 && again.parent == "p")
    }
  }

  @Test func theLoserOfARaceIsCancelledOnceAndHistorySaysSo() async throws {
    let races = OrchestrationDefinition("races") { (context) -> String in
      let winner = try await context.race(
        { try await context.call(Self.waits, instance: "loser") },
        {
          try await context.activity("nobody", options: ActivityOptions(tag: "none"), returning: String.self)
        },
        { try await context.waitForEvent("winner", as: String.self) })
      try await context.waitForEvent("end")
      return winner
    }
    try await Site.with(register: { try $0.register([races, Self.waits]) }) { site in
      _ = try await site.client.start(races, instance: "r")
      let children = InstanceFilter(parent: "r")
      #expect(try await eventually { try await site.client.list(children).instances.count == 1 })
      try await site.client.raiseEvent("winner", to: "r", data: "event")
      #expect(try await eventually { try await site.client.describe("loser").status == .cancelled })
      try await site.restart()
      try await site.client.raiseEvent("end", to: "r")
      let result = try await site.client.instance("r", returning: String.self).result(timeout: .seconds(20))
      #expect(result == "event")
      let kinds = try await site.client.history("r").events.map { try $0.kind }
      #expect(kinds.count { $0 == "SubOrchestrationCancelRequested" } == 1)
      #expect(kinds.count { $0 == "ActivityCancelRequested" } == 1)
      let heard = try await site.client.history("loser").events.map { try $0.kind }
      #expect(heard.count { $0 == "CancellationRequested" } == 1)
    }
  }

  @Test func aCancellationReachesAllThatIsAwaited() async throws {
    let many = OrchestrationDefinition("many") { (context) in
      try await context.all(Array(0..<3)) { number in
        try await context.call(Self.waits, instance: "kid-\(number)")
      }
    }
    try await Site.with(register: { try $0.register([many, Self.waits]) }) { site in
      _ = try await site.client.start(many, instance: "p")
      let children = InstanceFilter(parent: "p")
      #expect(try await eventually { try await site.client.list(children).instances.count == 3 })
      try await site.restart()
      try await site.client.cancel("p")
      for id in ["p", "kid-0", "kid-1", "kid-2"] {
        #expect(try await eventually { try await site.client.describe(id).status == .cancelled }, "\(id)")
      }
      let kinds = try await site.client.history("p").events.map { try $0.kind }
      #expect(kinds.count { $0 == "SubOrchestrationCancelRequested" } == 3)
      #expect(kinds.last == "OrchestrationCancelled")
    }
  }

  static let family = OrchestrationDefinition("family") { (context, round: Int) -> [String] in
    async let open = context.call(waits, instance: round == 1 ? "old" : "new", closePolicy: .abandon)
    async let own = context.call(kid, with: "complete", instance: "own")
    try context.startDetached(waits, with: Nothing(), instance: "detached")
    try await context.waitForEvent("go")
    try await context.raiseEvent("go", to: "own")
    if round > 2 { _ = try await open }
    return ["\(round)", try await own]
  }

  @Test func aRestartedInstanceTakesItsChildrenAlongAndDetachedOnesStay() async throws {
    try await Site.with(register: { try $0.register([Self.family, Self.kid, Self.waits]) }) { site in
      for round in 1...2 {
        let handle = try await site.client.start(
          Self.family, input: round, instance: "f", options: StartOptions(policy: .restartIfFinished))
        try await handle.raiseEvent("go")
        #expect(try await handle.result(timeout: .seconds(20)) == ["\(round)", "complete"])
        try await site.restart()
      }
      let gone = await #expect(throws: DXError.self) { try await site.client.describe("old") }
      #expect(gone?.code == .notFound)
      #expect(try await site.client.describe("new").parent == "f")
      try await site.client.raiseEvent("go", to: "detached", data: "still here")
      let detached = site.client.instance("detached", returning: String.self)
      #expect(try await detached.result(timeout: .seconds(20)) == "still here")
    }
  }

  /// Its execution is the first again, and with it come the ids, keys and numbers that derive from it.
  @Test func aRestartedInstanceDerivesTheSameIdsAgain() async throws {
    let key = ActivityDefinition("key") { (context) in context.idempotencyKey }
    let sends = OrchestrationDefinition("sends") { (context) -> [String] in
      [
        try context.startDetached(Self.waits, with: Nothing()), try await context.call(key),
        context.newGUID(),
      ]
    }
    try await Site.with(register: { try $0.register([sends, key, Self.waits]) }) { site in
      let first = try await site.client.start(sends, instance: "s").result(timeout: .seconds(20))
      #expect(first.prefix(2) == ["s.1.1", "s/1/2"])
      try await site.client.raiseEvent("go", to: "s.1.1", data: "of the first")
      let detached = site.client.instance("s.1.1", returning: String.self)
      #expect(try await detached.result(timeout: .seconds(20)) == "of the first")
      try await site.restart()
      let options = StartOptions(policy: .restartIfFinished)
      let again = try await site.client.start(sends, instance: "s", options: options)
      #expect(try await again.result(timeout: .seconds(20)) == first)
      #expect(try await site.client.describe("s.1.1").output(as: String.self) == "of the first")
    }
  }

  // MARK: Continue as new

  @Test func whatTheNextExecutionKeepsAndWhatEndsWithTheLast() async throws {
    let (begun, told) = (Gate(), Gate())
    let long = ActivityDefinition("long") { (_) in
      begun.open()
      await Gate().wait()
      told.open()
    }
    let renews = OrchestrationDefinition("renews") { (context, round: Int) -> [String] in
      if round == 1 {
        try context.setCustomStatus("from the first")
        try context.kv.set("key", "kept")
        try context.subscribe("news")
        async let work: Nothing = context.call(long)
        try await context.waitForEvent("renew")
        if context.execution > 1 { _ = try await work }
        try context.continueAsNew(2)
      }
      try await context.waitForEvent("end")
      return [
        try context.kv.get("key", default: ""), try await context.waitForEvent("early", as: String.self),
        try await context.waitForTopic("news", as: String.self),
      ]
    }
    let parent = OrchestrationDefinition("parent") { (context) in
      try await context.call(renews, with: 1, instance: "r")
    }
    try await Site.with(register: { try $0.register([parent, renews, long]) }) { site in
      _ = try await site.client.start(parent, instance: "p")
      let children = InstanceFilter(parent: "p")
      #expect(try await eventually { try await site.client.list(children).instances.count == 1 })
      let child = site.client.instance("r", returning: [String].self)
      await begun.wait()
      try await child.raiseEvent("early", data: "event")
      #expect(try await site.client.publish("news", data: "topic") == 1)
      try await child.raiseEvent("renew")
      await told.wait()
      #expect(try await eventually { try await child.describe().execution == 2 })
      try await site.restart()
      let row = try await site.client.describe("r")
      #expect(try row.customStatus(as: String.self) == "from the first")
      #expect(row.parent == "p")
      try await site.client.raiseEvent("end", to: "r")
      let result = try await site.client.instance("p", returning: [String].self).result(timeout: .seconds(20))
      #expect(result == ["kept", "event", "topic"])
      let kinds = try await site.client.history("r", execution: 1).events.map { try $0.kind }
      #expect(kinds.contains("ActivityCancelRequested"))
      #expect(kinds.last == "OrchestrationContinuedAsNew")
    }
  }
}
