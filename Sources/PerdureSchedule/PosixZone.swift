/// The rule at the end of a zone file (a POSIX TZ string with the extensions of RFC 9636), such as
/// `CET-1CEST,M3.5.0,M10.5.0/3`.
struct PosixZone: Hashable, Sendable {
  enum Day: Hashable, Sendable {
    /// 1...365, February 29 is never counted.
    case julian(Int64)
    /// 0...365
    case ordinal(Int64)
    /// The `week`-th (5: last) `weekday` of `month`.
    case weekday(month: Int64, week: Int64, weekday: Int64)

    func dayNumber(in year: Int64) -> Int64 {
      let first = CivilDate(year: year, month: 1, day: 1).dayNumber
      switch self {
      case .julian(let day): return first &+ day &- (CivilDate.isLeap(year) && day >= 60 ? 0 : 1)
      case .ordinal(let day): return first &+ day
      case .weekday(let month, let week, let weekday):
        let first = CivilDate(year: year, month: month, day: 1).dayNumber
        let ahead = (weekday &- CivilDate.weekday(ofDay: first)).flooredRemainder(7)
        let day = ahead &+ (week &- 1) &* 7
        let length = CivilDate.days(inMonth: month, of: year)
        return first &+ (day < length ? day : day &- 7)
      }
    }
  }

  struct Change: Hashable, Sendable {
    var day: Day
    /// Seconds of local time, also below 0 and above a day.
    var time: Int64 = 7_200
  }

  struct Daylight: Hashable, Sendable {
    var offset: Int64
    var begin: Change
    var end: Change
  }

  var standard: Int64
  var daylight: Daylight?

  func segment(at time: Int64) -> ZoneRules.Segment {
    guard let daylight else { return ZoneRules.Segment(start: .min, end: .max, offset: standard) }
    let year = CivilDate(dayNumber: time.flooredQuotient(.secondsPerDay)).year
    // Where one year's daylight time ends as the next one's begins, it goes on without a change.
    var changes: [(at: Int64, offset: Int64)] = []
    for year in (year &- 2)...(year &+ 2) {
      let begin = daylight.begin.day.dayNumber(in: year) &* .secondsPerDay &+ daylight.begin.time &- standard
      let end =
        daylight.end.day.dayNumber(in: year) &* .secondsPerDay &+ daylight.end.time &- daylight.offset
      changes.append((begin, daylight.offset))
      changes.append((end, standard))
    }
    // Stable: an end and a beginning at the same moment stay in the order of the year.
    changes = changes.enumerated().sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }
      .map { $0.element }
    var segment = ZoneRules.Segment(start: .min, end: .max, offset: standard)
    for change in changes {
      if change.at > time, change.offset != segment.offset {
        segment.end = change.at
        return segment
      }
      if change.at <= time {
        if change.offset != segment.offset { segment.start = change.at }
        segment.offset = change.offset
      }
    }
    return segment
  }
}

extension PosixZone {
  /// nil: the text is no such rule.
  init?(_ text: [UInt8]) {
    var reader = PosixReader(text)
    guard reader.skipName(), let west = reader.span() else { return nil }
    standard = -west
    if reader.isAtEnd { return }
    guard reader.skipName() else { return nil }
    var offset = standard &+ 3_600
    if !reader.isNext(UInt8(ascii: ",")) {
      guard let west = reader.span() else { return nil }
      offset = -west
    }
    // Without rules POSIX leaves the dates open; zone files always have them.
    guard let begin = reader.change(), let end = reader.change(), reader.isAtEnd else { return nil }
    daylight = Daylight(offset: offset, begin: begin, end: end)
  }
}

private struct PosixReader {
  private let text: [UInt8]
  private var at = 0

  init(_ text: [UInt8]) { self.text = text }

  var isAtEnd: Bool { at >= text.count }

  private var current: UInt8 { at < text.count ? text[at] : 0 }

  func isNext(_ byte: UInt8) -> Bool { current == byte }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard current == byte else { return false }
    at += 1
    return true
  }

  mutating func skipName() -> Bool {
    if take(UInt8(ascii: "<")) {
      while !isAtEnd, !isNext(UInt8(ascii: ">")) { at += 1 }
      return take(UInt8(ascii: ">"))
    }
    let start = at
    while (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(current)
      || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(current)
    {
      at += 1
    }
    return at - start >= 3
  }

  private mutating func number(_ range: ClosedRange<Int64>) -> Int64? {
    var value: Int64 = 0
    let start = at
    while (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(current), at - start < 4 {
      value = value * 10 + Int64(current - UInt8(ascii: "0"))
      at += 1
    }
    return at > start && range.contains(value) ? value : nil
  }

  /// [+-]hh[:mm[:ss]] in seconds.
  mutating func span() -> Int64? {
    let isNegative = take(UInt8(ascii: "-"))
    if !isNegative { _ = take(UInt8(ascii: "+")) }
    guard let hours = number(0...167) else { return nil }
    var seconds = hours * 3_600
    for unit: Int64 in [60, 1] {
      guard take(UInt8(ascii: ":")) else { break }
      guard let part = number(0...59) else { return nil }
      seconds += part * unit
    }
    return isNegative ? -seconds : seconds
  }

  /// ,date[/time]
  mutating func change() -> PosixZone.Change? {
    guard take(UInt8(ascii: ",")), let day = day() else { return nil }
    var change = PosixZone.Change(day: day)
    if take(UInt8(ascii: "/")) {
      guard let time = span() else { return nil }
      change.time = time
    }
    return change
  }

  private mutating func day() -> PosixZone.Day? {
    if take(UInt8(ascii: "J")) { return number(1...365).map { .julian($0) } }
    guard take(UInt8(ascii: "M")) else { return number(0...365).map { .ordinal($0) } }
    guard let month = number(1...12), take(UInt8(ascii: ".")), let week = number(1...5),
      take(UInt8(ascii: ".")), let weekday = number(0...6)
    else { return nil }
    return .weekday(month: month, week: week, weekday: weekday)
  }
}
