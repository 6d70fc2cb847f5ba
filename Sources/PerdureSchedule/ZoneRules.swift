/// How the clocks of one place stand against UTC, at all times.
package struct ZoneRules: Hashable, Sendable {
  /// A stretch of time with one offset: from `start` (with) to `end` (without), in seconds since 1970.
  package struct Segment: Hashable, Sendable {
    package var start: Int64
    package var end: Int64
    /// What is added to UTC, in seconds.
    package var offset: Int64
  }

  /// When the offset changes, and to what; ascending.
  private var changes: [(at: Int64, offset: Int64)]
  /// Before the first change.
  private var first: Int64
  /// After the last one.
  private var footer: PosixZone?

  package static let utc = ZoneRules(first: 0, changes: [], footer: nil)

  init(first: Int64, changes: [(at: Int64, offset: Int64)], footer: PosixZone?) {
    self.first = first
    self.changes = changes
    self.footer = footer
  }

  package static func == (one: ZoneRules, other: ZoneRules) -> Bool {
    one.first == other.first && one.footer == other.footer
      && one.changes.elementsEqual(other.changes) { $0 == $1 }
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(first)
    hasher.combine(changes.count)
  }

  /// The stretch that a moment lies in.
  package func segment(at time: Int64) -> Segment {
    // The number of changes up to `time`.
    var low = 0
    var high = changes.count
    while low < high {
      let middle = (low + high) / 2
      if changes[middle].at <= time { low = middle + 1 } else { high = middle }
    }
    let start = low > 0 ? changes[low - 1].at : .min
    if low < changes.count {
      return Segment(start: start, end: changes[low].at, offset: low > 0 ? changes[low - 1].offset : first)
    }
    guard var segment = footer?.segment(at: time) else {
      return Segment(start: start, end: .max, offset: low > 0 ? changes[low - 1].offset : first)
    }
    segment.start = max(segment.start, start)
    return segment
  }

  /// The first moment at which the clocks show a local time (as if it were UTC, in seconds); the end of the
  /// gap if they never do.
  package func firstMoment(ofLocal local: Int64) -> Int64 {
    // No offset is larger than 26 hours (RFC 9636 has up to 25:59:59).
    var segment = segment(at: local &- 93_600)
    while true {
      let moment = local &- segment.offset
      // Whatever is before the stretch fell into the gap that ended with its beginning.
      if moment < segment.start { return segment.start }
      if moment < segment.end || segment.end == .max { return moment }
      segment = self.segment(at: segment.end)
    }
  }
}

/// What is wrong with a time zone, a cron line or another part of a schedule: one sentence.
package struct ScheduleFault: Error, Hashable, Sendable {
  package var message: String

  package init(_ message: String) { self.message = message }
}
