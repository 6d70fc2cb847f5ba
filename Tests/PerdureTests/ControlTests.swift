import TestSupport
import Testing

@testable import Perdure

/// What is done to instances as a whole: on SQLite, with restarts.
@Suite struct ControlTests {
  static let waiter = OrchestrationDefinition("waiter") { (context) -> Int in
    let one = try await context.waitForEvent("one", as: Int.self)
    return one + (try await context.waitForEvent("two", as: Int.self))
  }

  static let stubborn = OrchestrationDefinition("stubborn") { (context) in
    do { try await context.waitForEvent("never") } catch is CancellationError {
      try context.setCustomStatus("cleaning up")
      try await context.waitForEvent("never")
    }
  }

  static let parent = OrchestrationDefinition("parent") { (context, policies: [String]) -> String in
    try await withThrowingTaskGroup(of: Void.self) { group in
      for name in policies {
        group.addTask {
          _ = try await context.call(
            waiter, instance: "child-\(name)", closePolicy: ClosePolicy(rawValue: name) ?? .cancel)
        }
      }
      try await context.waitForEvent("end")
      throw Failure(type: "Enough", message: "leaving")
    }
  }

  static func register(_ runtime: Runtime) throws {
    try runtime.register(waiter)
    try runtime.register(stubborn)
    try runtime.register(parent)
    try runtime.register(mother)
  }

  @Test func aSuspendedInstanceKeepsWhatIsSentToIt() async throws {
    try await Site.with(register: Self.register) { site in
      let handle = try await site.client.start(Self.waiter, instance: "w")
      #expect(try await eventually { try await handle.describe().status == .running })
      #expect(try await handle.suspend(reason: "audit") == .suspended)
      try await handle.raiseEvent("one", data: 1)
      try await site.restart()
      try await site.client.raiseEvent("two", to: "w", data: 2)
      let description = try await site.client.describe("w")
      #expect(description.status == .suspended)
      #expect(description.suspendReason == "audit")
      let again = site.client.instance("w", returning: Int.self)
      let early = await #expect(throws: DXError.self) { try await again.result(timeout: .milliseconds(100)) }
      #expect(early?.code == .timedOut)
      #expect(try await again.resume() != .suspended)
      #expect(try await again.result(timeout: .seconds(20)) == 3)
      let ended = await #expect(throws: DXError.self) { try await again.suspend() }
      #expect(ended?.code == .wrongStatus)
    }
  }

  @Test func terminateEndsAtOnce() async throws {
    try await Site.with(register: Self.register) { site in
      let handle = try await site.client.start(Self.stubborn)
      #expect(try await handle.terminate(reason: "no more") == .terminated)
      let failure = await #expect(throws: OrchestrationFailure.self) {
        try await handle.result(timeout: .seconds(20))
      }
      #expect(failure?.failure.engineType == .terminated)
      #expect(failure?.failure.message.contains("no more") == true)
      let last = try await site.client.history(handle.instance).events.last
      #expect(try last == nil || last?.kind == "OrchestrationTerminated")
    }
  }

  /// Defect 13 of engines of this kind: the terminal event is not the last of its history.
  @Test func aCancellationHasAGrace() async throws {
    try await Site.with(register: Self.register) { site in
      let handle = try await site.client.start(Self.stubborn, instance: "s")
      #expect(try await eventually { try await handle.describe().status == .running })
      try await handle.cancel(reason: "enough", grace: .milliseconds(300))
      let cleaning = try await handle.waitForStatus(timeout: .seconds(20))
      #expect(try cleaning.customStatus(as: String.self) == "cleaning up")
      try await site.restart()
      let again = site.client.instance("s", returning: Nothing.self)
      let failure = await #expect(throws: OrchestrationFailure.self) {
        try await again.result(timeout: .seconds(20))
      }
      #expect(failure?.isCancellation == true)
      let kinds = try await site.client.history("s").events.map { try $0.kind }
      #expect(kinds.last == "OrchestrationCancelled")
      #expect(kinds.count { $0.hasPrefix("Orchestration") } == 2, "\(kinds)")
    }
  }

  @Test func childrenEndByTheirClosePolicy() async throws {
    try await Site.with(register: Self.register) { site in
      let handle = try await site.client.start(
        Self.parent, input: ClosePolicy.allCases.map(\.rawValue), instance: "p")
      let children = InstanceFilter(parent: "p")
      #expect(try await eventually { try await site.client.list(children).instances.count == 3 })
      try await handle.terminate()
      try await site.restart()
      for (policy, status) in [("cancel", InstanceStatus.cancelled), ("terminate", .terminated)] {
        let child = "child-\(policy)"
        #expect(try await eventually { try await site.client.describe(child).status == status }, "\(policy)")
      }
      #expect(try await site.client.describe("child-abandon").status.isTerminal == false)
    }
  }

  static let mother = OrchestrationDefinition("mother") { (context) -> String in
    do { _ = try await context.call(waiter, instance: "kid") } catch let error as OrchestrationFailure {
      return error.failure.type
    }
    return "done"
  }

  @Test func aParentHearsOfATerminatedChild() async throws {
    try await Site.with(register: Self.register) { site in
      let mother = try await site.client.start(Self.mother)
      let kids = InstanceFilter(instancePrefix: "kid")
      #expect(try await eventually { try await site.client.list(kids).instances.count == 1 })
      try await site.client.terminate("kid")
      #expect(try await mother.result(timeout: .seconds(20)) == "perdure.Terminated")
    }
  }

  // MARK: Starts

  static let policies: [(policy: StartOptions.Policy, running: String, finished: String)] = [
    (.fail, "refused", "refused"),
    (.useExisting, "existing", "existing"),
    (.restartIfFinished, "refused", "new"),
    (.terminateAndRestart, "new", "new"),
  ]

  @Test(arguments: policies.indices, [true, false])
  func aTakenIdIsDealtWithByThePolicy(index: Int, isFinished: Bool) async throws {
    let (policy, running, finished) = Self.policies[index]
    try await Site.with(register: Self.register) { site in
      let first = try await site.client.start(Self.waiter, instance: "id")
      #expect(!first.isExisting)
      if isFinished {
        try await first.raiseEvent("one", data: 1)
        try await first.raiseEvent("two", data: 1)
        #expect(try await first.result(timeout: .seconds(20)) == 2)
      }
      var what = "refused"
      do {
        let again = try await site.client.start(
          Self.waiter, instance: "id", options: StartOptions(policy: policy))
        what = again.isExisting ? "existing" : "new"
      } catch let error as DXError {
        #expect(error.code == .alreadyExists)
      }
      #expect(what == (isFinished ? finished : running))
      if what == "new" {
        try await site.restart()
        let again = site.client.instance("id", returning: Int.self)
        try await again.raiseEvent("one", data: 5)
        try await again.raiseEvent("two", data: 5)
        #expect(try await again.result(timeout: .seconds(20)) == 10)
      }
    }
  }

  @Test func startsWithOneKeyAreOneInstance() async throws {
    try await Site.with(register: Self.register) { site in
      let options = StartOptions(dedupKey: "order-7")
      let first = try await site.client.start(Self.waiter, options: options)
      try await site.restart()
      let second = try await site.client.start(Self.waiter, instance: "other", options: options)
      #expect(second.instance == first.instance)
      #expect(second.isExisting)
      #expect(try await site.client.describe(first.instance).dedupKey == "order-7")
    }
  }

  struct Memo: Codable, Sendable, Equatable {
    var by: String
  }

  /// Defect 9 of engines of this kind: created, updated and started times are 0 on SQLite.
  @Test func aStartDescribesTheInstanceAndCanWait() async throws {
    // Time stands still until somebody waits for a result.
    try await Site.with(clock: .virtual(), register: Self.register) { site in
      let handle = try await site.client.start(
        Self.waiter, instance: "later",
        options: StartOptions(
          delay: .seconds(1), priority: 7, attributes: ["colour": "red"], memo: Memo(by: "Ann")))
      let description = try await handle.describe()
      try await handle.raiseEvent("one", data: 1)
      try await handle.raiseEvent("two", data: 1)
      #expect(description.status == .pending)
      #expect(description.priority == 7)
      #expect(description.attributes == ["colour": "red"])
      #expect(try description.memo(as: Memo.self) == Memo(by: "Ann"))
      #expect((description.startAt?.millisecondsSince1970 ?? 0) > description.createdAt.millisecondsSince1970)
      #expect(description.createdAt.millisecondsSince1970 > 0)
      try await site.restart()
      let again = site.client.instance("later", returning: Int.self)
      #expect(try await again.result(timeout: .seconds(20)) == 2)
      let ended = try await again.describe()
      #expect(try #require(ended.endedAt) >= #require(description.startAt), "never early")
      let wrong = await #expect(throws: DXError.self) {
        try await site.client.start(
          Self.waiter, options: StartOptions(startAt: ended.createdAt, delay: .seconds(1)))
      }
      #expect(wrong?.code == .invalidArgument)
    }
  }

  /// Defect 17 of engines of this kind: an unregistered name shows as not found until it is poison.
  @Test func anUnknownNameIsPendingWithAReason() async throws {
    try await Site.with(register: Self.register) { site in
      let handle = try await site.client.start("not-yet", returning: Int.self)
      #expect(
        try await eventually { try await handle.describe().pendingReason?.contains("not-yet") == true })
      #expect(try await handle.describe().status == .pending)
      let id = handle.instance
      try await site.restart(register: { runtime in
        try Self.register(runtime)
        try runtime.register(OrchestrationDefinition("not-yet") { (_) in 5 })
      })
      #expect(try await site.client.instance(id, returning: Int.self).result(timeout: .seconds(20)) == 5)
    }
  }

  // MARK: Quarantine

  static func steps(_ names: [String]) -> OrchestrationDefinition<Nothing, String> {
    OrchestrationDefinition("steps") { (context) -> String in
      var all = ""
      for name in names { all += try await context.waitForEvent(name, as: String.self) }
      return all
    }
  }

  @Test(arguments: RuntimeOptions.Nondeterminism.allCases)
  func codeThatDiffersFromItsHistory(mode: RuntimeOptions.Nondeterminism) async throws {
    var options = RuntimeOptions()
    options.nondeterminism = mode
    try await Site.with(options, register: { try $0.register(Self.steps(["a", "b"])) }) { site in
      let first = try await site.client.start(Self.steps(["a", "b"]), instance: "s")
      #expect(try await eventually { try await first.describe().status == .running })
      try await site.restart(register: { try $0.register(Self.steps(["x", "b"])) })
      try await site.client.raiseEvent("a", to: "s", data: "A")
      let expected: InstanceStatus = mode == .fail ? .failed : .quarantined
      #expect(try await eventually { try await site.client.describe("s").status == expected })
      #expect(try await site.client.describe("s").failure?.engineType == .nondeterminism)
      guard mode == .quarantine else { return }
      try await site.client.raiseEvent("b", to: "s", data: "B")
      try await site.restart()
      #expect(try await site.client.describe("s").status == .quarantined, "it does not loop")
      try await site.client.retry("s")
      let handle = site.client.instance("s", returning: String.self)
      #expect(try await handle.result(timeout: .seconds(20)) == "AB", "nothing is lost")
    }
  }
}
