import Foundation
import TestSupport
import Testing

@testable import Perdure
// The engine in this process.
import PerdureABI

/// Ten years of schedules in virtual time, on a file, across fifty restarts.
@Suite struct ScheduleYearsTests {
  static let job = OrchestrationDefinition("job") { (context) in context.now.millisecondsSince1970 }
  static let begin = Timestamp(millisecondsSince1970: 1_735_689_600_000)  // 2025-01-01
  static let days = 3_652
  static let restarts = 50

  @Test func `Not one run too many or too few`() async throws {
    let folder = try TemporaryFolder()
    var time = Self.begin
    for life in 0...Self.restarts {
      let store = try await Store(url: folder.store, clock: .virtual(start: time))
      let runtime = try Runtime(store)
      try runtime.register(Self.job)
      try await runtime.start()
      let management = try Client(store).management()
      if life == 0 { try await Self.create(management) }
      let end = Self.begin.advanced(by: .seconds(86_400 * Self.days * (life + 1) / (Self.restarts + 1)))
      // Stops at any moment, and some days later another one goes on.
      let gap = life < Self.restarts ? Int64(life) * 7_919_104_729 % 400_000_000 : -5_000
      let target = max(end.millisecondsSince1970 - gap, time.millisecondsSince1970)
      let by = Duration.milliseconds(target - time.millisecondsSince1970)
      _ = try await store.advance(by: by, timeout: .seconds(200))
      try await runtime.stop(grace: life % 2 == 0 ? .zero : .seconds(1))
      time = life < Self.restarts ? end : time
    }
    try await Self.check(folder.store)
    withExtendedLifetime(folder) {}
  }

  private static func create(_ management: Management) async throws {
    let night = ScheduleSpec(cron: "30 2 * * *", timeZone: "Europe/Berlin")
    try await management.createSchedule(
      "night", night, ScheduleAction("job"), overlap: .bufferAll)
    let leap = ScheduleSpec(cron: "0 0 29 2 *", timeZone: "Asia/Kathmandu")
    try await management.createSchedule("leap", leap, ScheduleAction("job"), overlap: .allow)
    let monday = ScheduleSpec(cron: "0 9 * * mon", timeZone: "America/New_York", jitter: .seconds(600))
    try await management.createSchedule("monday", monday, ScheduleAction("job"), overlap: .bufferAll)
  }

  /// Against the calendar of Foundation.
  private static func check(_ url: String) async throws {
    let store = try await Store(url: url)
    let client = try Client(store)
    let night = try await runs("night", client)
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = try #require(TimeZone(identifier: "Europe/Berlin"))
    #expect(night.count == days)
    var wanted = DateComponents(year: 2025, month: 1, day: 1)
    for run in night {
      let parts = calendar.dateComponents([.year, .month, .day, .hour, .minute], from: run)
      let day = try #require(calendar.date(from: wanted))
      let expected = calendar.dateComponents([.year, .month, .day], from: day)
      #expect((parts.year, parts.month, parts.day) == (expected.year, expected.month, expected.day))
      // In the night in which the clocks go forward there is no half past two.
      let isSpring =
        !calendar.timeZone.isDaylightSavingTime(for: day)
        && calendar.timeZone.isDaylightSavingTime(for: day.addingTimeInterval(43_200))
      #expect(parts.hour == (isSpring ? 3 : 2) && parts.minute == (isSpring ? 0 : 30))
      wanted.day = (wanted.day ?? 0) + 1
    }
    let leap = try await runs("leap", client)
    #expect(leap.map { $0.ISO8601Format() } == ["2028-02-28T18:15:00Z", "2032-02-28T18:15:00Z"])
    let mondays = try await runs("monday", client)
    calendar.timeZone = try #require(TimeZone(identifier: "America/New_York"))
    #expect(mondays.count == 521)
    for run in mondays {
      let parts = calendar.dateComponents([.weekday, .hour, .minute], from: run)
      #expect(parts.weekday == 2 && parts.hour == 9 && parts.minute == 0)
    }
    for name in ["night", "leap", "monday"] {
      let schedule = try await client.management().schedule(name)
      #expect(schedule.skipped == 0 && schedule.missed == 0 && schedule.runningCount == 0)
    }
  }

  /// The due times of the runs, from their ids; each has completed.
  private static func runs(_ name: String, _ client: Client) async throws -> [Date] {
    var filter = InstanceFilter(parent: "perdure.schedule/\(name)")
    filter.limit = 1_000
    var times: [Date] = []
    var page: InstancePage? = try await client.list(filter)
    while let rows = page {
      for row in rows.instances {
        #expect(row.status == .completed, "\(row.instance)")
        times.append(try Date(String(row.instance.dropFirst(name.count + 1)), strategy: .iso8601))
      }
      page = rows.hasMore ? try await client.list(filter, after: rows) : nil
    }
    return times.sorted()
  }
}
