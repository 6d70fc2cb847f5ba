/// A day of the Gregorian calendar, also before it was in use.
package struct CivilDate: Hashable, Sendable {
  package var year: Int64
  /// 1...12
  package var month: Int64
  /// 1...31
  package var day: Int64

  package init(year: Int64, month: Int64, day: Int64) {
    self.year = year
    self.month = month
    self.day = day
  }

  /// - dayNumber: days since 1970-01-01.
  package init(dayNumber: Int64) {
    // Years that begin in March, in eras of 400: leap days come last.
    let shifted = dayNumber &+ 719_468
    let era = shifted.flooredQuotient(146_097)
    let dayOfEra = shifted &- era &* 146_097
    let yearOfEra =
      (dayOfEra &- dayOfEra / 1_460 &+ dayOfEra / 36_524 &- dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra &- (365 &* yearOfEra &+ yearOfEra / 4 &- yearOfEra / 100)
    let shiftedMonth = (5 &* dayOfYear &+ 2) / 153
    day = dayOfYear &- (153 &* shiftedMonth &+ 2) / 5 &+ 1
    month = shiftedMonth < 10 ? shiftedMonth &+ 3 : shiftedMonth &- 9
    year = yearOfEra &+ era &* 400 &+ (month <= 2 ? 1 : 0)
  }

  /// Days since 1970-01-01. A day beyond the end of its month counts on into the next.
  package var dayNumber: Int64 {
    let shiftedYear = month <= 2 ? year &- 1 : year
    let era = shiftedYear.flooredQuotient(400)
    let yearOfEra = shiftedYear &- era &* 400
    let shiftedMonth = month > 2 ? month &- 3 : month &+ 9
    let dayOfYear = (153 &* shiftedMonth &+ 2) / 5 &+ day &- 1
    let dayOfEra = yearOfEra &* 365 &+ yearOfEra / 4 &- yearOfEra / 100 &+ dayOfYear
    return era &* 146_097 &+ dayOfEra &- 719_468
  }

  /// 0 is Sunday.
  package static func weekday(ofDay dayNumber: Int64) -> Int64 { (dayNumber &+ 4).flooredRemainder(7) }

  package static func isLeap(_ year: Int64) -> Bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
  }

  package static func days(inMonth month: Int64, of year: Int64) -> Int64 {
    switch month {
    case 2: isLeap(year) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }
}

extension Int64 {
  static let secondsPerDay: Int64 = 86_400

  /// Towards minus infinity. `divisor` is positive.
  package func flooredQuotient(_ divisor: Int64) -> Int64 {
    let quotient = self / divisor
    return self % divisor < 0 ? quotient &- 1 : quotient
  }

  /// 0..<divisor
  package func flooredRemainder(_ divisor: Int64) -> Int64 {
    let remainder = self % divisor
    return remainder < 0 ? remainder &+ divisor : remainder
  }
}

/// A moment as RFC 3339 has it in UTC: `2026-11-21T09:00:00Z`, with milliseconds if there are any.
package func utcText(ofMS time: Int64) -> String {
  let seconds = time.flooredQuotient(1_000)
  let fraction = time.flooredRemainder(1_000)
  let day = seconds.flooredQuotient(.secondsPerDay)
  let second = seconds.flooredRemainder(.secondsPerDay)
  let date = CivilDate(dayNumber: day)
  func padded(_ value: Int64, _ width: Int = 2) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
  let clock = [second / 3_600, second / 60 % 60, second % 60].map { padded($0) }.joined(separator: ":")
  let rest = fraction == 0 ? "" : "." + padded(fraction, 3)
  return "\(padded(date.year, 4))-\(padded(date.month))-\(padded(date.day))T\(clock)\(rest)Z"
}
