import PerdureModel

/// Which readings of a wall clock are meant: masks of the fields, bit n for the value n.
struct CivilPattern: Hashable, Sendable {
  var seconds: UInt64 = 1
  var minutes: UInt64
  var hours: UInt64
  var days: UInt64
  var months: UInt64
  var weekdays: UInt64
  /// Empty: all.
  var years: [ScheduleRange] = []
  /// The last day of each month, too.
  var hasLastDay = false
  /// crontab(5): where both day fields are restricted, one that fits is enough.
  var eitherDay = false
  /// Each real hour counts, also one that the clocks show twice; a reading that they never show is not made
  /// up for.
  var isHourly: Bool

  /// How far `next` looks. February 29 on a given weekday comes every 40 years at the latest.
  private static let reachDays: Int64 = 36_600

  /// The first reading that fits, from `local` on (seconds, as if the clock showed UTC); nil: none within a
  /// hundred years.
  func next(from local: Int64) -> Int64? {
    var day = local.flooredQuotient(.secondsPerDay)
    var second = local.flooredRemainder(.secondsPerDay)
    let last = day &+ Self.reachDays
    while day <= last {
      let date = CivilDate(dayNumber: day)
      guard let year = self.year(from: date.year) else { return nil }
      if year > date.year {
        day = CivilDate(year: year, month: 1, day: 1).dayNumber
        second = 0
      } else if months >> UInt64(date.month) & 1 == 0 {
        day =
          CivilDate(year: date.year, month: date.month, day: 1).dayNumber
          &+ CivilDate.days(inMonth: date.month, of: date.year)
        second = 0
      } else {
        if fits(date, day), let found = timeOfDay(from: second) { return day &* .secondsPerDay &+ found }
        day &+= 1
        second = 0
      }
    }
    return nil
  }

  private func year(from year: Int64) -> Int64? {
    if years.isEmpty { return year }
    return years.compactMap { range in
      guard year <= range.end else { return nil }
      guard year > range.start else { return range.start }
      let next = range.start &+ (year &- range.start &+ range.step &- 1) / range.step &* range.step
      return next <= range.end ? next : nil
    }.min()
  }

  private func fits(_ date: CivilDate, _ dayNumber: Int64) -> Bool {
    let isLast = hasLastDay && date.day == CivilDate.days(inMonth: date.month, of: date.year)
    let byDay = isLast || days >> UInt64(date.day) & 1 == 1
    let byWeekday = weekdays >> UInt64(CivilDate.weekday(ofDay: dayNumber)) & 1 == 1
    return eitherDay ? byDay || byWeekday : byDay && byWeekday
  }

  /// The first second of the day that fits, from `second` on.
  private func timeOfDay(from second: Int64) -> Int64? {
    let (hour, minute, rest) = (second / 3_600, second / 60 % 60, second % 60)
    if hours >> UInt64(hour) & 1 == 1 {
      if minutes >> UInt64(minute) & 1 == 1, let found = Self.bit(in: seconds, from: rest) {
        return hour &* 3_600 &+ minute &* 60 &+ found
      }
      if let next = Self.bit(in: minutes, from: minute &+ 1), let first = Self.bit(in: seconds, from: 0) {
        return hour &* 3_600 &+ next &* 60 &+ first
      }
    }
    guard let next = Self.bit(in: hours, from: hour &+ 1), let first = Self.bit(in: minutes, from: 0),
      let start = Self.bit(in: seconds, from: 0)
    else { return nil }
    return next &* 3_600 &+ first &* 60 &+ start
  }

  private static func bit(in mask: UInt64, from index: Int64) -> Int64? {
    let rest = (mask >> UInt64(index)) << UInt64(index)
    return rest == 0 ? nil : Int64(rest.trailingZeroBitCount)
  }
}

extension CivilPattern {
  /// The first moment after `time` (both in seconds) at which the clocks of the zone show a reading that
  /// fits.
  ///
  ///     the reading     hour field of single hours         hour field of all hours, or with a step
  ///     comes once      then                               then
  ///     comes never     at the end of the gap              not at all
  ///     comes twice     the first time                     both times
  func next(after time: Int64, in zone: ZoneRules) -> Int64? {
    isHourly ? nextHourly(after: time, zone) : nextNamed(after: time, zone)
  }

  private func nextHourly(after time: Int64, _ zone: ZoneRules) -> Int64? {
    var from = time &+ 1
    let last = time &+ Self.reachDays &* .secondsPerDay
    while from <= last {
      let segment = zone.segment(at: from)
      guard let local = next(from: from &+ segment.offset) else { return nil }
      let moment = local &- segment.offset
      if moment < segment.end { return moment }
      from = segment.end
    }
    return nil
  }

  /// Later readings never come at earlier moments, so the first reading with a later moment is the one.
  private func nextNamed(after time: Int64, _ zone: ZoneRules) -> Int64? {
    var local = time &+ zone.segment(at: time).offset &+ 1
    while let found = next(from: local) {
      let moment = zone.firstMoment(ofLocal: found)
      if moment > time { return moment }
      local = found &+ 1
    }
    return nil
  }
}
