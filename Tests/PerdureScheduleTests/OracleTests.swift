import Glibc
import PerdureModel
import PerdureSchedule
import Testing

/// Cron lines against a clock that is read every quarter of an hour: no line names another minute, and no
/// clock of these years was changed at another.
@Suite(.serialized)
struct OracleTests {
  private static let step: Int64 = 15

  struct Line: CustomTestStringConvertible, Sendable {
    var cron: String
    /// All readings count, also those that come twice.
    var isHourly = false
    var fits: @Sendable (_ reading: tm) -> Bool
    var testDescription: String { cron }
  }

  static let lines = [
    Line(cron: "30 2 * * *") { $0.tm_hour == 2 && $0.tm_min == 30 },
    Line(cron: "0 0 * * *") { $0.tm_hour == 0 && $0.tm_min == 0 },
    Line(cron: "45 1 * * *") { $0.tm_hour == 1 && $0.tm_min == 45 },
    Line(cron: "0,15,30 1-3 * * *") { (1...3).contains($0.tm_hour) && [0, 15, 30].contains($0.tm_min) },
    Line(cron: "0 0 29 2 *") { $0.tm_mon == 1 && $0.tm_mday == 29 && $0.tm_hour == 0 && $0.tm_min == 0 },
    Line(cron: "15 6 L * ?") { reading in
      let isLeap = reading.tm_year % 4 == 0 && reading.tm_year != 200
      let days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
      return reading.tm_mday == days[Int(reading.tm_mon)] && reading.tm_hour == 6 && reading.tm_min == 15
    },
    Line(cron: "0 9 13 * FRI") { ($0.tm_mday == 13 || $0.tm_wday == 5) && $0.tm_hour == 9 && $0.tm_min == 0 },
    Line(cron: "45 4 * jan-mar,OCT mon") {
      ($0.tm_mon <= 2 || $0.tm_mon == 9) && $0.tm_wday == 1 && $0.tm_hour == 4 && $0.tm_min == 45
    },
    Line(cron: "30 * * * *", isHourly: true) { $0.tm_min == 30 },
    Line(cron: "*/30 */2 * * 0", isHourly: true) {
      $0.tm_min % 30 == 0 && $0.tm_hour % 2 == 0 && $0.tm_wday == 0
    },
    Line(cron: "@hourly", isHourly: true) { $0.tm_min == 0 },
    Line(cron: "@weekly") { $0.tm_wday == 0 && $0.tm_hour == 0 && $0.tm_min == 0 },
  ]

  /// Years with leap days; of Samoa those around the day that it left out; of Lord Howe changes of half an
  /// hour; and a stretch that lies beyond the table of changes, where the rule of the file holds.
  @Test(arguments: [
    ("Europe/Berlin", 2019, 2029), ("America/New_York", 2003, 2013), ("Australia/Lord_Howe", 2019, 2029),
    ("Asia/Kathmandu", 1983, 1993), ("Pacific/Apia", 2005, 2015), ("UTC", 2095, 2105),
    ("Europe/Berlin", 2095, 2105), ("America/Sao_Paulo", 2010, 2020), ("Africa/Casablanca", 2015, 2025),
  ])
  func `Ten years of each line, quarter by quarter`(zone: String, from: Int, to: Int) throws {
    Zones.use(zone)
    let rules = try Zones.rules(zone)
    let begin = CivilDate(year: Int64(from), month: 1, day: 1).dayNumber * 86_400 - 43_200
    let end = CivilDate(year: Int64(to), month: 1, day: 1).dayNumber * 86_400
    var expected = [[Int64]](repeating: [], count: Self.lines.count)
    // Local minutes since 1970 that the clock has shown.
    var shown = Self.minute(Zones.reading(begin))
    for time in stride(from: begin + Self.step * 60, through: end, by: Int(Self.step) * 60) {
      let reading = Zones.reading(time)
      let minute = Self.minute(reading)
      for (index, line) in Self.lines.enumerated() {
        let isDue: Bool
        if line.isHourly || minute == shown + Self.step {
          isDue = line.fits(reading)
        } else {
          isDue = Self.skipped(shown, minute).contains { line.fits($0) }
        }
        if isDue { expected[index].append(time) }
      }
      shown = max(shown, minute)
    }
    for (line, times) in zip(Self.lines, expected) {
      let due = try DueTimes(ScheduleSpec(cron: [line.cron], timeZone: zone), zone: rules)
      var found: [Int64] = []
      var time = begin * 1_000
      while let next = due.next(after: time), next <= end * 1_000 {
        found.append(next / 1_000)
        time = next
      }
      #expect(found == times, "\(line.cron) in \(zone)")
      if line.cron != "0 0 29 2 *" { #expect(times.count > 100) }
    }
  }

  private static func minute(_ reading: tm) -> Int64 {
    let date = CivilDate(
      year: Int64(reading.tm_year) + 1_900, month: Int64(reading.tm_mon) + 1, day: Int64(reading.tm_mday))
    return date.dayNumber * 1_440 + Int64(reading.tm_hour) * 60 + Int64(reading.tm_min)
  }

  /// The readings after `shown` up to `minute`: none when the clock was put back.
  private static func skipped(_ shown: Int64, _ minute: Int64) -> [tm] {
    guard minute > shown else { return [] }
    return stride(from: shown + step, through: minute, by: Int(step)).map { minute in
      let day = minute.flooredQuotient(1_440)
      let date = CivilDate(dayNumber: day)
      var reading = tm()
      reading.tm_year = Int32(date.year - 1_900)
      reading.tm_mon = Int32(date.month - 1)
      reading.tm_mday = Int32(date.day)
      reading.tm_wday = Int32(CivilDate.weekday(ofDay: day))
      reading.tm_hour = Int32(minute.flooredRemainder(1_440) / 60)
      reading.tm_min = Int32(minute.flooredRemainder(60))
      return reading
    }
  }
}
