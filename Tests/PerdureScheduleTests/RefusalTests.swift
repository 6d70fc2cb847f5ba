import PerdureModel
import PerdureSchedule
import Testing

struct RefusalTests {
  private static func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "(none)"
    } catch let fault as ScheduleFault { return fault.message } catch { return "\(error)" }
  }

  @Test(arguments: [
    ("* * * *", "cron '* * * *': it has 4 fields; there must be 5, or 6 that begin with the second"),
    ("60 * * * *", "cron '60 * * * *': the minute '60': '60' must be a number within 0...59"),
    ("5-1 * * * *", "cron '5-1 * * * *': the minute '5-1': the range '5-1' runs backwards"),
    (
      "*/0 * * * *",
      "cron '*/0 * * * *': the minute '*/0': the step '0' must be a number within 1...59"
    ),
    (
      "0 0 * foo *",
      "cron '0 0 * foo *': the month 'foo': 'foo' must be a number within 1...12 or a name such as feb"
    ),
    ("0 0 0 * *", "cron '0 0 0 * *': the day of month '0': '0' must be a number within 1...31"),
    ("0,,1 * * * *", "cron '0,,1 * * * *': the minute '0,,1': '' must be a number within 0...59"),
    ("@never", "cron '@never': '@never' is none of @yearly, @monthly, @weekly, @daily, @hourly"),
    ("+5 * * * *", "cron '+5 * * * *': the minute '+5': '+5' must be a number within 0...59"),
  ])
  func `A cron line is refused with its field`(line: String, message: String) {
    #expect(Self.message { _ = try DueTimes(ScheduleSpec(cron: [line]), zone: .utc) } == message)
  }

  @Test func `Other parts are refused, too`() {
    func message(_ spec: ScheduleSpec) -> String {
      Self.message { _ = try DueTimes(spec, zone: .utc) }
    }
    #expect(message(ScheduleSpec()).contains("says nothing about when"))
    #expect(message(ScheduleSpec(intervals: [ScheduleInterval(everyMS: 10)])).contains("must be within 1000"))
    #expect(
      message(ScheduleSpec(intervals: [ScheduleInterval(everyMS: 1_000, offsetMS: 1_000)])).contains("offset")
    )
    #expect(message(ScheduleSpec(cron: ["@daily"], jitterMS: -1)).contains("jitter"))
    #expect(message(ScheduleSpec(cron: ["@daily"], start: 2, end: 1)).contains("ends before it starts"))
    var calendar = ScheduleCalendar()
    calendar.hour = [ScheduleRange(20, 24)]
    #expect(message(ScheduleSpec(calendars: [calendar])).contains("hour 20...24 must be within 0...23"))
    calendar.hour = [ScheduleRange(1, 2, step: 0)]
    #expect(message(ScheduleSpec(calendars: [calendar])).contains("step 0"))
    calendar.hour = []
    calendar.year = [ScheduleRange(1)]
    #expect(message(ScheduleSpec(calendars: [calendar])).contains("years"))
  }

  @Test func `A zone file may be anything`() throws {
    let good = try Zones.bytes("/usr/share/zoneinfo/Europe/Berlin")
    #expect(Self.message { _ = try ZoneRules(tzif: []) } == "it ends too early")
    #expect(Self.message { _ = try ZoneRules(tzif: Array("not a zone".utf8)) }.contains("TZif"))
    // Cut and changed in every place: an answer or a refusal, never a crash.
    for place in good.indices {
      _ = try? ZoneRules(tzif: Array(good[..<place]))
      var bad = good
      bad[place] ^= 0xFF
      if let rules = try? ZoneRules(tzif: bad) {
        _ = try DueTimes(ScheduleSpec(cron: ["30 2 * * *"]), zone: rules).next(after: 1_790_000_000_000)
      }
    }
  }
}
