import Testing

@testable import Perdure

/// What operators do with schedules: in virtual time, on a file and in memory, with restarts.
@Suite struct ScheduleTests {
  static let begin = Timestamp(millisecondsSince1970: 1_767_225_600_000)  // 2026-01-01T00:00:00Z
  static let hourly = ScheduleSpec(cron: "0 * * * *")
  static let report = OrchestrationDefinition("report") { (context) in context.now.millisecondsSince1970 }

  static func with(_ place: Site.Place, _ body: (Site) async throws -> Void) async throws {
    let register: (Runtime) throws -> Void = { try $0.register(report) }
    try await Site.with(in: place, clock: .virtual(start: begin), register: register, body)
  }

  /// What of the ids of the runs follows the name, in their order.
  static func runs(_ site: Site, _ name: String = "tick") async throws -> [String] {
    let rows = try await site.client.list(InstanceFilter(parent: "perdure.schedule/\(name)")).instances
    return rows.map { String($0.instance.dropFirst(name.count + 1)) }.sorted()
  }

  /// Those that the clock began.
  static func due(_ site: Site) async throws -> [String] {
    try await runs(site).filter { !$0.contains("+") }
  }

  static func pass(_ site: Site, _ seconds: Int) async throws {
    try await site.store.advance(by: .seconds(seconds), timeout: .seconds(20))
  }

  static func at(_ hour: Int, _ minute: String = "00") -> String { "2026-01-01T0\(hour):\(minute):00Z" }

  @Test(arguments: Site.Place.allCases)
  func pauseResumeUpdateTriggerBackfillDelete(_ place: Site.Place) async throws {
    try await Self.with(place) { site in
      func schedules() -> Management { site.client.management(actor: "ana") }
      try await schedules().createSchedule("tick", Self.hourly, ScheduleAction("report"), note: "first")
      try await Self.pass(site, 3_660)
      #expect(try await schedules().schedule("tick").note == "first")
      try await schedules().pauseSchedule("tick", note: "holiday")
      try await site.restart()
      try await Self.pass(site, 7_200)
      let paused = try await schedules().schedule("tick")
      #expect(paused.isPaused && paused.note == "holiday" && paused.next.isEmpty && paused.runs == 1)

      let triggered = try await schedules().triggerSchedule("tick", overlap: .allow)
      #expect(triggered.hasPrefix("tick@2026-01-01T03:01:00Z+trigger-"))
      try await Self.pass(site, 1)
      #expect(try await site.client.describe(triggered).status == .completed)

      try await schedules().resumeSchedule("tick", note: "")
      try await Self.pass(site, 3_600)
      #expect(try await Self.due(site) == [Self.at(1), Self.at(4)])
      try await schedules().updateSchedule(
        "tick", spec: ScheduleSpec(cron: "30 * * * *"), overlap: .bufferAll, catchUp: .seconds(600),
        note: "half")
      try await site.restart()
      try await Self.pass(site, 3_600)
      #expect(try await Self.due(site) == [Self.at(1), Self.at(4), Self.at(4, "30")])
      let updated = try await schedules().schedule("tick")
      #expect(updated.overlap == .bufferAll && updated.note == "half" && updated.catchUp == .seconds(600))
      #expect(updated.spec.cron == ["30 * * * *"])
      try await schedules().updateSchedule("tick", unlimitedCatchUp: true)
      try await Self.pass(site, 0)
      #expect(try await schedules().schedule("tick").catchUp == nil)

      let before = Self.begin.advanced(by: .seconds(-3 * 3_600))
      try await schedules().backfillSchedule("tick", from: before, to: Self.begin)
      try await site.restart()
      try await Self.pass(site, 1)
      let filled = try await Self.runs(site).filter { $0.contains("+backfill-") }
      #expect(filled.map { $0.prefix(20) } == [21, 22, 23].map { "2025-12-31T\($0):30:00Z" })

      try await schedules().deleteSchedule("tick", reason: "enough")
      try await Self.pass(site, 3 * 3_600)
      #expect(try await site.client.describe("perdure.schedule/tick").status == .completed)
      #expect(try await schedules().schedules().schedules.isEmpty)
      #expect(try await Self.runs(site).count == 7)
      let refused = await #expect(throws: DXError.self) { try await schedules().pauseSchedule("tick") }
      #expect(refused?.code == .wrongStatus)
      let records = try await schedules().audit(AuditFilter(target: "tick", actor: "ana")).records
      #expect(
        records.map(\.operation) == [
          "deleteSchedule", "backfillSchedule", "updateSchedule", "updateSchedule", "resumeSchedule",
          "triggerSchedule", "pauseSchedule", "createSchedule",
        ])
      #expect(records.first?.reason == "enough")
    }
  }

  @Test(arguments: Site.Place.allCases)
  func schedulesAreListedInPagesAndReplaced(_ place: Site.Place) async throws {
    try await Self.with(place) { site in
      let management = site.client.management()
      for name in ["a", "b", "c"] {
        let id = try await management.createSchedule(
          name, Self.hourly, ScheduleAction("report"), paused: name == "b")
        #expect(id == "perdure.schedule/\(name)")
      }
      let taken = await #expect(throws: DXError.self) {
        try await management.createSchedule("a", Self.hourly, ScheduleAction("report"))
      }
      #expect(taken?.code == .alreadyExists)
      try await Self.pass(site, 3_601)
      let half = ScheduleSpec(intervals: [ScheduleInterval(every: .seconds(1_800))])
      try await management.createSchedule("a", half, ScheduleAction("report"), policy: .replace)
      try await site.restart()
      try await Self.pass(site, 3_600)
      #expect(try await Self.runs(site, "a") == [Self.at(1), Self.at(1, "30"), Self.at(2)])
      #expect(try await Self.runs(site, "b").isEmpty)

      let again = site.client.management()
      let first = try await again.schedules(limit: 2)
      #expect(first.schedules.map(\.name) == ["a", "b"] && first.schedules.map(\.isPaused) == [false, true])
      #expect(first.next != nil)
      let rest = try await again.schedules(after: first.next, limit: 2)
      #expect(rest.schedules.map(\.name) == ["c"] && rest.next == nil)
      let missing = await #expect(throws: DXError.self) { try await again.schedule("none") }
      #expect(missing?.code == .notFound)
    }
  }

  @Test(arguments: Site.Place.allCases)
  func timesAreToldWithoutASchedule(_ place: Site.Place) async throws {
    try await Self.with(place) { site in
      let management = site.client.management()
      let night = ScheduleSpec(cron: "30 2 * * *", timeZone: "Europe/Berlin")
      try await Self.pass(site, 3_600)
      let hour: Int64 = 3_600_000
      let start = Self.begin.millisecondsSince1970
      let next = try await management.scheduleTimes(Self.hourly, count: 2)
      #expect(next.map(\.millisecondsSince1970) == [start + 2 * hour, start + 3 * hour])
      let later = Self.begin.advanced(by: .seconds(86_400))
      let found = try await management.scheduleTimes(night, after: later, count: 2)
      #expect(
        found.map(\.millisecondsSince1970) == [start + 25 * hour + hour / 2, start + 49 * hour + hour / 2])
      #expect(try await management.scheduleTimes(ScheduleSpec(cron: "0 0 30 2 *")).isEmpty)
      for spec in [ScheduleSpec(), ScheduleSpec(cron: "61 * * * *")] {
        let error = await #expect(throws: DXError.self) { try await management.scheduleTimes(spec) }
        #expect(error?.code == .invalidArgument)
      }
    }
  }
}
