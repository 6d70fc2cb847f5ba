package import PerdureModel

/// A schedule's times, worked out: the same spec and the same zone give the same times, anywhere.
package struct DueTimes: Sendable {
  package static let intervalRangeMS: ClosedRange<Int64> = 1_000...(1 << 40)

  private let spec: ScheduleSpec
  private let zone: ZoneRules
  private var patterns: [CivilPattern] = []
  /// Beyond it nothing is due: the largest number that JSON keeps.
  private static let latest: TimestampMS = 9_007_199_254_740_991

  /// - zone: the rules of `spec.timeZone`.
  package init(_ spec: ScheduleSpec, zone: ZoneRules) throws(ScheduleFault) {
    self.spec = spec
    self.zone = zone
    guard !spec.cron.isEmpty || !spec.intervals.isEmpty || !spec.calendars.isEmpty else {
      throw ScheduleFault("the schedule says nothing about when: give cron, interval or calendar")
    }
    for line in spec.cron { patterns.append(try CivilPattern(cron: line)) }
    for calendar in spec.calendars { patterns.append(try CivilPattern(calendar)) }
    for interval in spec.intervals {
      guard Self.intervalRangeMS.contains(interval.everyMS) else {
        throw ScheduleFault(
          "the interval of \(interval.everyMS) ms must be within "
            + "\(Self.intervalRangeMS.lowerBound)...\(Self.intervalRangeMS.upperBound) ms")
      }
      guard (0..<interval.everyMS).contains(interval.offsetMS) else {
        throw ScheduleFault(
          "the offset of \(interval.offsetMS) ms must be at least 0 and less than the interval")
      }
    }
    guard (0...(1 << 40)).contains(spec.jitterMS) else {
      throw ScheduleFault("the jitter of \(spec.jitterMS) ms must be within 0...\(1 << 40) ms")
    }
    if let start = spec.start, let end = spec.end, end < start {
      throw ScheduleFault("the schedule ends before it starts")
    }
  }

  /// The first nominal time after a moment; nil: there is none (within a hundred years).
  package func next(after time: TimestampMS) -> TimestampMS? {
    let next = unbounded(after: max(time, spec.start.map { $0 &- 1 } ?? time))
    guard let next, let end = spec.end else { return next }
    return next <= end ? next : nil
  }

  private func unbounded(after time: TimestampMS) -> TimestampMS? {
    guard time < Self.latest, time > -Self.latest else { return nil }
    let second = time.flooredQuotient(1_000)
    var next: TimestampMS?
    for pattern in patterns {
      if let found = pattern.next(after: second, in: zone) { next = min(next ?? .max, found &* 1_000) }
    }
    for interval in spec.intervals {
      let passed = (time &- interval.offsetMS).flooredQuotient(interval.everyMS)
      next = min(next ?? .max, (passed &+ 1) &* interval.everyMS &+ interval.offsetMS)
    }
    return next
  }

  /// When the run of a nominal time begins: up to `jitterMS` later, but before the next one is due. It
  /// depends on the name of the schedule and the time alone, so it is the same wherever it is worked out.
  package func begin(of due: TimestampMS, schedule: String) -> TimestampMS {
    guard spec.jitterMS > 0 else { return due }
    let gap = unbounded(after: due).map { $0 &- due } ?? .max
    let span = min(spec.jitterMS, gap &- 1)
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in schedule.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    // SplitMix64 over both, so that neighbours differ.
    var bits = hash &+ UInt64(bitPattern: due) &* 0x9E37_79B9_7F4A_7C15
    bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
    bits ^= bits >> 31
    return due &+ Int64(bits % UInt64(max(span, 0) &+ 1))
  }

  /// The moments at which the next runs of a schedule begin.
  package func next(_ question: ScheduleQuestion, count: Int) -> [TimestampMS] {
    var times: [TimestampMS] = []
    var last = question.after
    while times.count < count, let due = next(after: last) {
      times.append(begin(of: due, schedule: question.schedule))
      last = due
    }
    return times
  }

  /// What a schedule is to know next: at least one time if there is one, and those shortly after it.
  package func answer(_ question: ScheduleQuestion) -> ScheduleTimes {
    var times: [ScheduleTimes.Time] = []
    var last = question.after
    while times.count < Limits.scheduleTimes {
      guard let due = next(after: last), due <= question.to ?? .max else {
        return ScheduleTimes(times: times, isComplete: true)
      }
      if let first = times.first, due &- first.due > Limits.scheduleReachMS, question.to == nil { break }
      // A backfill is run at once.
      let at = question.to == nil ? begin(of: due, schedule: question.schedule) : due
      times.append(ScheduleTimes.Time(due: due, at: at))
      last = due
    }
    return ScheduleTimes(times: times, isComplete: false)
  }
}
