import PerdureModel

extension CivilPattern {
  init(_ calendar: ScheduleCalendar) throws(ScheduleFault) {
    func mask(
      _ field: [ScheduleRange], _ what: String, _ range: ClosedRange<Int64>, empty: UInt64
    ) throws(ScheduleFault) -> UInt64 {
      if field.isEmpty { return empty }
      var mask: UInt64 = 0
      for part in field {
        guard range.contains(part.start), range.contains(part.end), part.start <= part.end else {
          throw ScheduleFault(
            "calendar: \(what) \(part.start)...\(part.end) must be within "
              + "\(range.lowerBound)...\(range.upperBound) and not run backwards")
        }
        guard part.step >= 1, part.step <= range.upperBound else {
          throw ScheduleFault(
            "calendar: the step \(part.step) of \(what) must be within 1...\(range.upperBound)")
        }
        for value in stride(from: part.start, through: part.end, by: Int(part.step)) {
          mask |= 1 << UInt64(value)
        }
      }
      return mask
    }
    for part in calendar.year {
      guard (1_970...9_999).contains(part.start), (part.start...9_999).contains(part.end), part.step >= 1,
        part.step <= 9_999
      else {
        throw ScheduleFault("calendar: years must be within 1970...9999, with a step of at least 1")
      }
    }
    let weekdays = try mask(calendar.dayOfWeek, "dayOfWeek", 0...7, empty: 0x7F)
    let hours = try mask(calendar.hour, "hour", 0...23, empty: 1)
    self.init(
      seconds: try mask(calendar.second, "second", 0...59, empty: 1),
      minutes: try mask(calendar.minute, "minute", 0...59, empty: 1), hours: hours,
      days: try mask(calendar.dayOfMonth, "dayOfMonth", 1...31, empty: 0xFFFF_FFFE),
      months: try mask(calendar.month, "month", 1...12, empty: 0x1FFE),
      weekdays: (weekdays | weekdays >> 7) & 0x7F, years: calendar.year,
      isHourly: hours == 0xFF_FFFF || calendar.hour.contains { $0.start == 0 && $0.end == 23 })
  }
}
