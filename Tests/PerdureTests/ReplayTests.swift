import Foundation
import TestSupport
import Testing

@testable import Perdure
import PerdureTesting

/// Recorded histories against changed code, a whole store against it, and instances that move: on a file and
/// in memory, with restarts.
@Suite struct ReplayTests {
  static let charge = ActivityDefinition("charge") { (_, amount: Int) -> Int in amount + 1 }
  static let check = ActivityDefinition("check") { (_, amount: Int) -> Int in amount }

  /// How an order changed over time.
  enum Change { case none, checksFirst, patched, endsOtherwise }

  static func order(_ change: Change = .none) -> OrchestrationDefinition<Int, Int> {
    OrchestrationDefinition("order") { (context, amount: Int) -> Int in
      switch change {
      case .checksFirst: _ = try await context.call(check, with: amount)
      case .patched: if try context.patched("check") { _ = try await context.call(check, with: amount) }
      case .none, .endsOtherwise: break
      }
      let paid = try await context.call(charge, with: amount)
      _ = try await context.waitForEvent("packed", as: Nothing.self)
      return change == .endsOtherwise ? -1 : paid
    }
  }

  static func register(_ runtime: Runtime) throws {
    try runtime.register(order())
    try runtime.register(charge)
  }

  /// An order that waits to be packed, exported.
  static func waiting(_ site: Site, _ instance: String = "o-1") async throws -> String {
    try await site.client.start(order(), input: 5, instance: instance)
    #expect(
      try await eventually {
        try await site.client.history(instance).events.contains { try $0.kind == "EventSubscribed" }
      })
    return try await site.client.management().exportInstance(instance)
  }

  static func finish(_ site: Site, _ instance: String = "o-1") async throws -> Int {
    try await site.client.raiseEvent("packed", to: instance)
    return try await site.client.instance(instance, returning: Int.self).result(timeout: .seconds(20))
  }

  @Test(arguments: Site.Place.allCases)
  func aRecordedHistory(_ place: Site.Place) async throws {
    try await Site.with(in: place, register: Self.register) { site in
      _ = try await Self.waiting(site)
      try await site.restart()
      #expect(try await Self.finish(site) == 6)
      let history = try await site.client.management().exportInstance("o-1")

      let same = try await HistoryReplay.check(history, against: [Self.order(), Self.charge])
      #expect(same.isSame && same.replayed == 1, "\(same)")
      try same.throwIfDifferent()
      try await HistoryReplay.check(history, against: [Self.order(.patched)]).throwIfDifferent()

      let differs = try await HistoryReplay.check(history, against: [Self.order(.checksFirst)])
      #expect(differs.verdict == .differs && differs.event == 2 && differs.eventKind == "ActivityScheduled")
      #expect(
        differs.description.hasPrefix(
          """
          differs: instance 'o-1', execution 1, orchestration 'order' 1.0.0
            at event 2 (ActivityScheduled): action differs
            history has: activity 'charge' with input 5
            the code does: activity 'check' with input 5
            hint: keep the old way
          """))
      let error = #expect(throws: DXError.self) { try differs.throwIfDifferent() }
      #expect(error?.code == .nondeterminism)

      let other = try await HistoryReplay.check(history, against: [Self.order(.endsOtherwise)])
      #expect(other.verdict == .endedDifferently && other.found == "completion with output -1")
      let unknown = try await HistoryReplay.check(history, against: [])
      #expect(unknown.verdict == .notRegistered)
    }
  }

  @Test(arguments: Site.Place.allCases)
  func aFile(_ place: Site.Place) async throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).jsonl").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try await Site.with(in: place, register: Self.register) { site in
      try await Self.waiting(site).write(toFile: path, atomically: true, encoding: .utf8)
    }
    #expect(try await HistoryReplay.check(file: path, against: [Self.order()]).isSame)
    await #expect(throws: DXError.self) { try await HistoryReplay.check("[]", against: [Self.order()]) }
  }

  @Test(arguments: Site.Place.allCases)
  func aWholeStore(_ place: Site.Place) async throws {
    try await Site.with(in: place, register: Self.register) { site in
      for number in 1...12 { _ = try await Self.waiting(site, "o-\(number)") }
      #expect(try await site.runtime.preflight().isClean)

      var options = RuntimeOptions()
      options.replayOnly = true
      let changed = try Runtime(site.store, options)
      try changed.register(Self.order(.checksFirst))
      try await changed.start()
      let report = try await changed.preflight(timeout: .seconds(20))
      try await changed.stop()
      #expect(!report.isClean && report.checked == 12 && report.same == 0)
      #expect(report.groups.count == 1 && report.groups.first?.count == 12)
      #expect(report.groups.first?.instances.count == 10)
      #expect(report.description.contains("12 x differs: 'order' 1.0.0"))

      // It took nothing away from who works.
      #expect(try await site.client.management().nodes().count == 1)
      #expect(try await Self.finish(site, "o-7") == 6)
      var ones = PreflightOptions()
      ones.orchestration = "order"
      ones.statuses = [.running]
      ones.limit = 3
      #expect(try await site.runtime.preflight(ones).checked == 3)
    }
  }

  @Test(arguments: Site.Place.allCases)
  func anInstanceMovesAndGoesOn(_ place: Site.Place) async throws {
    try await Site.with(in: place, register: Self.register) { site in
      let exported = try await Self.waiting(site)
      _ = try await site.client.delete("o-1", force: true)
      let elsewhere = try Client(try await Store(url: "memory:"))
      #expect(try await elsewhere.management().importInstances(exported) == ["o-1"])
      #expect(try await elsewhere.describe("o-1").status == .suspended)
      let again = try await elsewhere.management().exportInstance("o-1")
      let management = site.client.management(actor: "ana")
      try await management.importInstances(again, reason: "moved")
      let error = await #expect(throws: DXError.self) { try await management.importInstances(again) }
      #expect(error?.code == .alreadyExists)
      try await site.restart()
      try await site.client.resume("o-1")
      #expect(try await Self.finish(site) == 6)
    }
  }

  @Test(arguments: Site.Place.allCases)
  func aBrokenFileNamesItsLine(_ place: Site.Place) async throws {
    try await Site.with(in: place, register: Self.register) { site in
      var lines = try await Self.waiting(site).split(separator: "\n").map(String.init)
      lines[2] = "{"
      let text = lines.joined(separator: "\n")
      let management = site.client.management()
      let error = await #expect(throws: DXError.self) { try await management.importInstances(text) }
      #expect(error?.code == .invalidArgument && error?.message.contains("Line 3:") == true)
    }
  }
}
