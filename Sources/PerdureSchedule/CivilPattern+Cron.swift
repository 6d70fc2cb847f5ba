extension CivilPattern {
  private static let monthNames = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
  ]
  private static let dayNames = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
  private static let aliases = [
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
  ]

  /// One line of crontab(5), without a command: minute, hour, day of month, month, day of week; six fields
  /// begin with the second. `?` is `*`, `L` as a day of month is the last one.
  init(cron line: String) throws(ScheduleFault) {
    func fault(_ what: String) -> ScheduleFault {
      ScheduleFault("cron '\(line.prefix(100))': \(what)")
    }
    guard line.utf8.count <= 1_000 else { throw fault("it is longer than 1000 bytes") }
    var fields = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).map { $0.lowercased() }
    if let alias = fields.first, alias.hasPrefix("@") {
      guard fields.count == 1, let known = Self.aliases[alias] else {
        throw fault("'\(alias)' is none of @yearly, @monthly, @weekly, @daily, @hourly")
      }
      fields = known.split(separator: " ").map { String($0) }
    }
    if fields.count == 5 { fields.insert("0", at: 0) }
    guard fields.count == 6 else {
      throw fault("it has \(fields.count) fields; there must be 5, or 6 that begin with the second")
    }
    func field(
      _ index: Int, _ what: String, _ range: ClosedRange<Int64>, _ names: [String] = []
    ) throws(ScheduleFault) -> UInt64 {
      do throws(ScheduleFault) {
        return try CronField(range: range, names: names, firstName: index == 4 ? 1 : 0).mask(
          of: fields[index])
      } catch { throw fault("\(what) '\(fields[index])': \(error.message)") }
    }
    var dayParts = fields[3].split(separator: ",", omittingEmptySubsequences: false).map { String($0) }
    let parts = dayParts.count
    dayParts.removeAll { $0 == "l" }
    let hasLastDay = dayParts.count < parts
    fields[3] = dayParts.joined(separator: ",")
    let days = dayParts.isEmpty ? 0 : try field(3, "the day of month", 1...31)
    var weekdays = try field(5, "the day of week", 0...7, Self.dayNames)
    // Both 0 and 7 are Sunday.
    weekdays = (weekdays | weekdays >> 7) & 0x7F
    let hours = try field(2, "the hour", 0...23)
    self.init(
      seconds: try field(0, "the second", 0...59), minutes: try field(1, "the minute", 0...59),
      hours: hours, days: days, months: try field(4, "the month", 1...12, Self.monthNames),
      weekdays: weekdays, hasLastDay: hasLastDay,
      eitherDay: !Self.isAny(fields[3]) && !Self.isAny(fields[5]),
      isHourly: fields[2].hasPrefix("*") || fields[2].hasPrefix("?") || hours == 0xFF_FFFF)
  }

  /// crontab(5) goes by the first character.
  private static func isAny(_ field: String) -> Bool { field.hasPrefix("*") || field.hasPrefix("?") }
}

/// One field of a cron line: a list of values, ranges, and steps over them.
private struct CronField {
  let range: ClosedRange<Int64>
  let names: [String]
  let firstName: Int64

  func mask(of text: String) throws(ScheduleFault) -> UInt64 {
    var mask: UInt64 = 0
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      mask |= try self.mask(ofPart: part)
    }
    return mask
  }

  private func mask(ofPart part: Substring) throws(ScheduleFault) -> UInt64 {
    let pieces = part.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    let base = pieces.first ?? ""
    var step: Int64 = 1
    if pieces.count == 2 {
      guard let given = Int64(pieces[1]), (1...range.upperBound).contains(given) else {
        throw ScheduleFault("the step '\(pieces[1])' must be a number within 1...\(range.upperBound)")
      }
      step = given
    }
    var bounds = range
    if base != "*", base != "?" {
      let ends = base.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
      let low = try value(ends.first ?? "")
      // `5/10` goes on to the end of the range.
      var high = pieces.count == 2 ? range.upperBound : low
      if ends.count == 2 { high = try value(ends[1]) }
      guard low <= high else { throw ScheduleFault("the range '\(base)' runs backwards") }
      bounds = low...high
    } else if range.upperBound == 7 {
      bounds = 0...6
    }
    var mask: UInt64 = 0
    for value in stride(from: bounds.lowerBound, through: bounds.upperBound, by: Int(step)) {
      mask |= 1 << UInt64(value)
    }
    return mask
  }

  private func value(_ text: Substring) throws(ScheduleFault) -> Int64 {
    if let index = names.firstIndex(where: { $0 == text }) { return Int64(index) + firstName }
    guard let value = Int64(text), text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), range.contains(value)
    else {
      let words = names.isEmpty ? "" : " or a name such as \(names[1])"
      throw ScheduleFault(
        "'\(text)' must be a number within \(range.lowerBound)...\(range.upperBound)\(words)")
    }
    return value
  }
}
