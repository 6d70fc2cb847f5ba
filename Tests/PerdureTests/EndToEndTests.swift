import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Perdure
// The engine in this process.
import PerdureABI

@Suite struct EndToEndTests {
  struct Order: Codable, Sendable, Hashable {
    var item: String
    var amount: Int
  }

  struct Declined: Error, Codable, Hashable {
    var limit: Int
  }

  static let double = ActivityDefinition("double") { (_, number: Int) in number * 2 }

  static let charge = ActivityDefinition("charge") { (context, order: Order) in
    guard order.amount <= 100 else { throw Declined(limit: 100) }
    return "\(context.idempotencyKey) \(context.attempt) \(order.item)"
  }

  static let quadruple = OrchestrationDefinition("quadruple") { (context, number: Int) in
    let twice = try await context.call(double, with: number)
    return try await context.call(double, with: twice)
  }

  static let buy = OrchestrationDefinition("buy") { (context, order: Order) -> String in
    do {
      return try await context.call(charge, with: order)
    } catch let error as ActivityFailure {
      return "declined above \(try error.failure.details(as: Declined.self).limit)"
    }
  }

  static let family = OrchestrationDefinition("family") { (context, numbers: [Int]) in
    try await withThrowingTaskGroup(of: Int.self) { group in
      for number in numbers { group.addTask { try await context.call(quadruple, with: number) } }
      return try await group.reduce(0, +)
    }
  }

  static let approval = OrchestrationDefinition("approval") { (context, name: String) in
    try context.setCustomStatus(["waiting": name])
    let one = try await context.waitForEvent("approve", as: Int.self)
    let two = try await context.dequeue("numbers", as: Int.self)
    return "\(name) \(one) \(two)"
  }

  static let counter = OrchestrationDefinition("counter") { (context, number: Int) in
    if number < 5 { try context.continueAsNew(number + 1) }
    return "\(context.execution)"
  }

  static let stubborn = OrchestrationDefinition("stubborn") { (context) in
    do { try await context.waitForEvent("never") } catch is CancellationError {
      try await context.call(double, with: 1)
      throw CancellationError()
    }
  }

  static let careless = OrchestrationDefinition("careless") { (_) in
    try await Task.sleep(for: .seconds(3_600))
  }

  static func runtime(_ store: Store, _ options: RuntimeOptions = RuntimeOptions()) async throws -> Runtime {
    let runtime = try Runtime(store, options)
    try runtime.register(double)
    try runtime.register(charge)
    try runtime.register(quadruple)
    try runtime.register(buy)
    try runtime.register(family)
    try runtime.register(approval)
    try runtime.register(counter)
    try runtime.register(stubborn)
    try runtime.register(careless)
    try await runtime.start()
    return runtime
  }

  enum Kind: String, CaseIterable {
    case memory, sqlite, sqliteWithoutCache
  }

  static func with(
    _ kind: Kind, _ body: (Store, Client) async throws -> Void
  ) async throws {
    let folder = try TemporaryFolder()
    let store = try await Store(url: kind == .memory ? "memory:" : folder.store)
    var options = RuntimeOptions()
    options.isCaching = kind != .sqliteWithoutCache
    let runtime = try await runtime(store, options)
    try await body(store, Client(store))
    try await runtime.stop(grace: .seconds(1))
    withExtendedLifetime(folder) {}
  }

  @Test(arguments: Kind.allCases)
  func callsAndChildren(kind: Kind) async throws {
    try await Self.with(kind) { _, client in
      let four = try await client.start(Self.quadruple, input: 10)
      #expect(try await four.result(timeout: .seconds(20)) == 40)
      let all = try await client.start(Self.family, input: Array(1...20), instance: "family-1")
      #expect(try await all.result(timeout: .seconds(20)) == 4 * 210)
      let children = try await client.list(InstanceFilter(parent: "family-1"))
      #expect(children.instances.count == 20)
      #expect(children.instances.allSatisfy { $0.status == .completed })
      let again = try await client.start(Self.counter, input: 1)
      #expect(try await again.result(timeout: .seconds(20)) == "5")
    }
  }

  @Test(arguments: Kind.allCases)
  func failuresBothWays(kind: Kind) async throws {
    try await Self.with(kind) { _, client in
      let good = try await client.start(Self.buy, input: Order(item: "book", amount: 5), instance: "buy-1")
      #expect(try await good.result(timeout: .seconds(20)) == "buy-1/1/1 1 book")
      let bad = try await client.start(Self.buy, input: Order(item: "car", amount: 500))
      #expect(try await bad.result(timeout: .seconds(20)) == "declined above 100")
      let wrong = try await client.start("buy", input: "no order", instance: "buy-2", returning: String.self)
      let failure = await #expect(throws: OrchestrationFailure.self) {
        try await wrong.result(timeout: .seconds(20))
      }
      #expect(failure?.failure.type == "PayloadError")
      #expect(failure?.instance == "buy-2")
      let careless = try await client.start(Self.careless)
      let report = await #expect(throws: OrchestrationFailure.self) {
        try await careless.result(timeout: .seconds(20))
      }
      #expect(report?.failure.type == "perdure.Nondeterminism")
    }
  }

  @Test(arguments: Kind.allCases)
  func messagesStatusAndCancellation(kind: Kind) async throws {
    try await Self.with(kind) { _, client in
      let approval = try await client.start(Self.approval, input: "Ann", instance: "a-1")
      try await client.enqueue("numbers", to: "a-1", data: 2)
      try await client.raiseEvent("approve", to: "a-1", data: 1)
      #expect(try await approval.result(timeout: .seconds(20)) == "Ann 1 2")
      let description = try await client.describe("a-1")
      #expect(try description.customStatus(as: [String: String].self) == ["waiting": "Ann"])
      #expect(try description.output(as: String.self) == "Ann 1 2")
      let history = try await client.history("a-1")
      #expect(try history.events.first?.kind == "OrchestrationStarted")
      #expect(try history.events.last?.kind == "OrchestrationCompleted")

      let stubborn = try await client.start(Self.stubborn)
      try await client.cancel(stubborn.instance, reason: "enough")
      let failure = await #expect(throws: OrchestrationFailure.self) {
        try await stubborn.result(timeout: .seconds(20))
      }
      #expect(failure?.isCancellation == true)
      #expect(try await client.describe(stubborn.instance).status == .cancelled)
      #expect(try await client.delete("a-1") == ["a-1"])
    }
  }

  @Test func errorsOfTheClientNameWhatIsWrong() async throws {
    try await Self.with(.memory) { store, client in
      let missing = await #expect(throws: DXError.self) { try await client.describe("nobody") }
      #expect(missing?.code == .notFound)
      #expect(missing?.message.contains("nobody") == true)
      let unknown = await #expect(throws: DXError.self) { try await client.raiseEvent("e", to: "nobody") }
      #expect(unknown?.code == .notFound)
      _ = try await client.start(Self.approval, input: "x", instance: "taken")
      let taken = await #expect(throws: DXError.self) {
        try await client.start(Self.approval, input: "x", instance: "taken")
      }
      #expect(taken?.code == .alreadyExists)
      let late = await #expect(throws: DXError.self) {
        try await client.instance("taken", returning: String.self).result(timeout: .milliseconds(20))
      }
      #expect(late?.code == .timedOut)
      let nul = await #expect(throws: PayloadError.self) { try await client.start("x", input: "a\0b") }
      #expect(nul?.message.contains("the input of the orchestration 'x'") == true)
      let scheme = await #expect(throws: DXError.self) { try await Store(url: "nosuch:thing") }
      #expect(scheme?.code == .unsupported)
      let runtime = try Runtime(store)
      try runtime.register(Self.double)
      #expect(throws: DXError.self) { try runtime.register(Self.double) }
    }
  }

  @Test func manyAtOnce() async throws {
    try await Self.with(.sqlite) { _, client in
      let inputs = (0..<300).map { (instance: Optional("m-\($0)"), input: $0) }
      let handles = try await client.startMany(Self.quadruple, inputs).map { try $0.get() }
      for (number, handle) in handles.enumerated() {
        #expect(try await handle.result(timeout: .seconds(30)) == number * 4)
      }
      let again = try await client.startMany(Self.quadruple, [(instance: "m-1", input: 1)])
      #expect(throws: DXError.self) { try again[0].get() }
      var page = try await client.list(InstanceFilter(orchestration: "quadruple"))
      var total = page.instances.count
      while page.hasMore {
        page = try await client.list(InstanceFilter(orchestration: "quadruple"), after: page)
        total += page.instances.count
      }
      #expect(total == 300)
    }
  }

  @Test func instancesGoOnAfterARestart() async throws {
    let folder = try TemporaryFolder()
    for round in 0..<2 {
      let store = try await Store(url: folder.store)
      let runtime = try await Self.runtime(store)
      let client = try Client(store)
      if round == 0 {
        for number in 0..<20 {
          _ = try await client.start(Self.approval, input: "n\(number)", instance: "r-\(number)")
          try await client.raiseEvent("approve", to: "r-\(number)", data: number)
        }
      } else {
        for number in 0..<20 { try await client.enqueue("numbers", to: "r-\(number)", data: -number) }
        for number in 0..<20 {
          let handle = client.instance("r-\(number)", returning: String.self)
          #expect(try await handle.result(timeout: .seconds(20)) == "n\(number) \(number) \(-number)")
        }
      }
      try await runtime.stop(grace: .seconds(1))
    }
  }

  @Test func aCancelledActivityHears() async throws {
    let (heard, hears) = AsyncStream.makeStream(of: Bool.self)
    let (begun, begins) = AsyncStream.makeStream(of: Void.self)
    let slow = ActivityDefinition("slow") { (context) in
      begins.finish()
      do { try await Task.sleep(for: .seconds(60)) } catch {
        hears.yield(context.isCancelled)
        hears.finish()
        throw error
      }
    }
    let waiting = OrchestrationDefinition("waiting") { (context) in try await context.call(slow) }
    let store = try await Store(url: "memory:")
    let runtime = try Runtime(store)
    try runtime.register(slow)
    try runtime.register(waiting)
    try await runtime.start()
    let client = try Client(store)
    let handle = try await client.start(waiting)
    for await _ in begun {}
    try await client.cancel(handle.instance)
    var answers: [Bool] = []
    for await answer in heard { answers.append(answer) }
    #expect(answers == [true])
    await #expect(throws: OrchestrationFailure.self) { try await handle.result(timeout: .seconds(20)) }
    try await runtime.stop(grace: .zero)
  }

  @Test func aWaitEndsWithItsTask() async throws {
    try await Self.with(.memory) { _, client in
      let handle = try await client.start(Self.approval, input: "x")
      let wait = Task { try await handle.result() }
      wait.cancel()
      await #expect(throws: CancellationError.self) { try await wait.value }
    }
  }
}
