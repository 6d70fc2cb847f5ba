/// Moments as people read them.
package enum Moment {
  /// `2026-11-21T10:05:00.250Z`, without the milliseconds if there are none. As a number where years have
  /// more than four digits.
  package static func text(_ moment: TimestampMS) -> String {
    guard moment >= 0, moment < 253_402_300_800_000 else { return "\(moment) ms" }
    let (days, rest) = (moment / 86_400_000, moment % 86_400_000)
    let (year, month, day) = date(days)
    let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1_000 % 60)
    let fraction = rest % 1_000 == 0 ? "" : ".\(padded(rest % 1_000, 3))"
    return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))T\(padded(hour, 2)):\(padded(minute, 2))"
      + ":\(padded(second, 2))\(fraction)Z"
  }

  /// Of a number of days since 1970, in the Gregorian calendar: years begin in March, so that the leap day is
  /// their last.
  private static func date(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = days + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let month = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * month + 2) / 5 + 1
    return (yearOfEra + era * 400 + (month >= 10 ? 1 : 0), month < 10 ? month + 3 : month - 9, day)
  }

  private static func padded(_ value: Int64, _ width: Int) -> String {
    let digits = "\(value)"
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
