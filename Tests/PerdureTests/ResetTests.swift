import Synchronization
import Testing

@testable import Perdure

/// Rewinding and resetting instances: on a file and in memory, with restarts.
@Suite struct ResetTests {
  /// Names of steps that are broken, and those that ran.
  final class Shop: Sendable {
    let broken = Mutex<Set<String>>([])
    let ran = Mutex<[String]>([])
  }

  static func definitions(_ shop: Shop) -> (
    chain: OrchestrationDefinition<[String], [String]>, family: OrchestrationDefinition<[String], [String]>,
    work: ActivityDefinition<String, String>
  ) {
    let work = ActivityDefinition("work") { (_, name: String) -> String in
      shop.ran.withLock { $0.append(name) }
      if shop.broken.withLock({ $0.contains(name) }) {
        throw Failure(type: "Broken", message: "\(name) is broken")
      }
      return name.uppercased()
    }
    let chain = OrchestrationDefinition("chain") { (context, names: [String]) -> [String] in
      var done: [String] = []
      for name in names { done.append(try await context.call(work, with: name)) }
      return done
    }
    let family = OrchestrationDefinition("family") { (context, names: [String]) -> [String] in
      try await context.call(chain, with: names, instance: "kid")
    }
    return (chain, family, work)
  }

  @Test(arguments: Site.Place.allCases)
  func rewindGoesOnFromTheFailedStep(_ place: Site.Place) async throws {
    let shop = Shop()
    let made = Self.definitions(shop)
    try await Site.with(
      in: place,
      register: { runtime in
        try runtime.register(made.work)
        try runtime.register(made.chain)
        try runtime.register(made.family)
      }
    ) { site in
      shop.broken.withLock { $0 = ["b"] }
      let handle = try await site.client.start(made.family, input: ["a", "b", "c"], instance: "p")
      await #expect(throws: (any Error).self) { try await handle.result(timeout: .seconds(20)) }
      try await site.restart()
      let management = site.client.management(actor: "ana")
      await #expect(throws: DXError.self) { try await management.rewind("kid") }
      let plan = try await management.rewind("p", dryRun: true)
      #expect(plan.map(\.instance) == ["p", "kid"])
      #expect(plan.first?.children == [.init(instance: "kid", fate: .rewound)])
      #expect(plan.last?.reopened == ["work"])
      shop.broken.withLock { $0 = [] }
      #expect(try await management.rewind("p", reason: "mended") == plan)
      let again = site.client.instance("p", returning: [String].self)
      #expect(try await again.result(timeout: .seconds(20)) == ["A", "B", "C"])
      #expect(shop.ran.withLock { $0 } == ["a", "b", "b", "c"])
    }
  }

  @Test(arguments: Site.Place.allCases)
  func ofTwoChildrenWithOneIDTheSecondHearsOfIt(_ place: Site.Place) async throws {
    let made = Self.definitions(Shop())
    let twins = OrchestrationDefinition("twins") { (context, name: String) -> [String] in
      func child() async throws -> String {
        do {
          return try await context.call(made.chain, with: [name], instance: "kid").joined()
        } catch let failure as OrchestrationFailure {
          return "\(failure.failure.type)"
        }
      }
      async let one = child()
      async let other = child()
      return try await [one, other].sorted()
    }
    try await Site.with(
      in: place,
      register: { runtime in
        try runtime.register(made.work)
        try runtime.register(made.chain)
        try runtime.register(twins)
      }
    ) { site in
      let before = try await site.client.start(made.chain, input: ["x"], instance: "kid")
      _ = try await before.result(timeout: .seconds(20))
      let handle = try await site.client.start(twins, input: "a", instance: "p")
      let taken = "perdure.AlreadyExists"
      #expect(try await handle.result(timeout: .seconds(20)) == [taken, taken])
      _ = try await site.client.delete("kid")
      try await site.restart()
      let report = try await site.client.management().reset("p", toEvent: 1)
      #expect(report.first?.children.map(\.fate) == [.restarted, .ended])
      let again = site.client.instance("p", returning: [String].self)
      #expect(try await again.result(timeout: .seconds(20)) == ["A", taken])
    }
  }

  @Test(arguments: Site.Place.allCases)
  func resetBeginsAnew(_ place: Site.Place) async throws {
    let shop = Shop()
    let made = Self.definitions(shop)
    try await Site.with(
      in: place,
      register: { runtime in
        try runtime.register(made.work)
        try runtime.register(made.chain)
      }
    ) { site in
      let handle = try await site.client.start(made.chain, input: ["a", "b"], instance: "c")
      #expect(try await handle.result(timeout: .seconds(20)) == ["A", "B"])
      let report = try await site.client.management().reset("c", toEvent: 0, reason: "once more")
      #expect(report.first?.repeated == ["work", "work"])
      #expect(try await handle.result(timeout: .seconds(20)) == ["A", "B"])
      #expect(shop.ran.withLock { $0 } == ["a", "b", "a", "b"])
      try await site.restart()
      let again = site.client.instance("c", returning: [String].self)
      #expect(try await again.result(timeout: .seconds(20)) == ["A", "B"])
      let error = await #expect(throws: DXError.self) {
        try await site.client.management().reset("c", toEvent: 99)
      }
      #expect(error?.code == .wrongStatus)
    }
  }
}
