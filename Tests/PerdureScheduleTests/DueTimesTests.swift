import PerdureModel
import PerdureSchedule
import Testing

struct DueTimesTests {
  private func times(
    _ spec: ScheduleSpec, after: String, count: Int = 4, zone: ZoneRules? = nil
  ) throws -> [String] {
    let due = try DueTimes(spec, zone: try zone ?? Zones.rules(spec.timeZone))
    var found: [String] = []
    var time = moment(after)
    while found.count < count, let next = due.next(after: time) {
      found.append(utcText(ofMS: next))
      time = next
    }
    return found
  }

  private func moment(_ text: String) -> TimestampMS {
    let parts = text.split { !$0.isNumber }.compactMap { Int64($0) }
    let date = CivilDate(year: parts[0], month: parts[1], day: parts[2])
    return ((date.dayNumber * 24 + parts[3]) * 60 + parts[4]) * 60_000
  }

  @Test func `A time in the gap of spring comes at its end, once`() throws {
    let spec = ScheduleSpec(cron: ["30 2 * * *"], timeZone: "Europe/Berlin")
    #expect(
      try times(spec, after: "2026-03-28 00:00", count: 3) == [
        "2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z",
      ])
    let both = ScheduleSpec(cron: ["0,30 2,3 * * *"], timeZone: "Europe/Berlin")
    #expect(
      try times(both, after: "2026-03-29 00:00", count: 3) == [
        "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z", "2026-03-30T00:00:00Z",
      ])
  }

  @Test func `A time that autumn shows twice comes the first time`() throws {
    let spec = ScheduleSpec(cron: ["30 2 * * *"], timeZone: "Europe/Berlin")
    #expect(
      try times(spec, after: "2026-10-24 12:00", count: 2) == [
        "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z",
      ])
  }

  @Test func `Every hour is every real hour`() throws {
    let spec = ScheduleSpec(cron: ["0 * * * *"], timeZone: "Europe/Berlin")
    for after in ["2026-10-24 22:30", "2026-03-28 22:30"] {
      let found = try times(spec, after: after, count: 6)
      let first = moment(after) + 1_800_000
      #expect(found == (0..<6).map { utcText(ofMS: first + $0 * 3_600_000) })
    }
  }

  @Test func `Samoa left out a day`() throws {
    let spec = ScheduleSpec(cron: ["0 9 * * *"], timeZone: "Pacific/Apia")
    #expect(
      try times(spec, after: "2011-12-29 00:00", count: 3) == [
        "2011-12-29T19:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T19:00:00Z",
      ])
  }

  @Test func `Parts are united, and a moment that two of them name is one`() throws {
    let spec = ScheduleSpec(
      cron: ["0 12 * * *", "0 0,12 * * *"], intervals: [ScheduleInterval(everyMS: 43_200_000)])
    #expect(
      try times(spec, after: "2026-11-21 00:00", count: 3) == [
        "2026-11-21T12:00:00Z", "2026-11-22T00:00:00Z", "2026-11-22T12:00:00Z",
      ])
  }

  @Test func `Intervals count from 1970, with an offset`() throws {
    let spec = ScheduleSpec(intervals: [ScheduleInterval(everyMS: 5_400_000, offsetMS: 600_500)])
    #expect(
      try times(spec, after: "1970-01-01 00:00", count: 2) == [
        "1970-01-01T00:10:00.500Z", "1970-01-01T01:40:00.500Z",
      ])
    #expect(try times(spec, after: "1969-12-31 20:00", count: 1) == ["1969-12-31T21:10:00.500Z"])
  }

  @Test func `A calendar is fields that must all fit`() throws {
    var calendar = ScheduleCalendar()
    calendar.year = [ScheduleRange(2_028, 2_100, step: 4)]
    calendar.month = [ScheduleRange(2)]
    calendar.dayOfMonth = [ScheduleRange(29)]
    calendar.dayOfWeek = [ScheduleRange(2)]
    calendar.hour = [ScheduleRange(9)]
    calendar.second = [ScheduleRange(0, 59, step: 30)]
    #expect(
      try times(ScheduleSpec(calendars: [calendar]), after: "2026-01-01 00:00") == [
        "2028-02-29T09:00:00Z", "2028-02-29T09:00:30Z", "2056-02-29T09:00:00Z", "2056-02-29T09:00:30Z",
      ])
  }

  @Test func `Start and end are part of the time`() throws {
    var spec = ScheduleSpec(cron: ["0 0 * * *"])
    spec.start = moment("2026-02-27 00:00")
    spec.end = moment("2026-03-01 00:00")
    #expect(
      try times(spec, after: "2020-01-01 00:00") == [
        "2026-02-27T00:00:00Z", "2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z",
      ])
  }

  @Test func `Leap days, also around a year that has none`() throws {
    let spec = ScheduleSpec(cron: ["0 0 29 2 *"])
    #expect(
      try times(spec, after: "2091-01-01 00:00", count: 3) == [
        "2092-02-29T00:00:00Z", "2096-02-29T00:00:00Z", "2104-02-29T00:00:00Z",
      ])
    #expect(try times(ScheduleSpec(cron: ["0 0 30 2 *"]), after: "2026-01-01 00:00").isEmpty)
  }

  @Test func `Six fields begin with the second`() throws {
    #expect(
      try times(ScheduleSpec(cron: ["*/30 59 23 31 12 ?"]), after: "2026-01-01 00:00", count: 3) == [
        "2026-12-31T23:59:00Z", "2026-12-31T23:59:30Z", "2027-12-31T23:59:00Z",
      ])
  }

  @Test func `Jitter is the same everywhere, and never reaches the next due time`() throws {
    var spec = ScheduleSpec(cron: ["* * * * *"])
    spec.jitterMS = 3_600_000
    let due = try DueTimes(spec, zone: .utc)
    let times = due.answer(ScheduleQuestion(schedule: "a", spec: spec, after: 0)).times
    #expect(times.count == Limits.scheduleTimes)
    #expect(times.allSatisfy { (0..<60_000).contains($0.at - $0.due) })
    #expect(Set(times.map { $0.at - $0.due }).count > 40)
    #expect(due.answer(ScheduleQuestion(schedule: "a", spec: spec, after: 0)).times == times)
    #expect(due.answer(ScheduleQuestion(schedule: "b", spec: spec, after: 0)).times != times)
  }

  @Test func `An answer reaches a week, but has one time at least`() throws {
    func count(_ cron: String) throws -> Int {
      let spec = ScheduleSpec(cron: [cron])
      let question = ScheduleQuestion(schedule: "a", spec: spec, after: 0)
      return try DueTimes(spec, zone: .utc).answer(question).times.count
    }
    #expect(try count("0 0 * * *") == 8)
    #expect(try count("0 0 1 * *") == 1)
    #expect(try count("* * * * *") == Limits.scheduleTimes)
  }
}
