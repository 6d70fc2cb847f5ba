import PerdureModel

/// How much was done of late: counts by quarters of a second, the current one and the one before.
struct Pace {
  private static let windowMS: Int64 = 250

  private var window: Int64 = 0
  private var count = 0
  private var countBefore = 0

  mutating func note(_ now: TimestampMS) {
    turn(now)
    count += 1
  }

  /// What was done in a quarter of a second.
  mutating func recent(_ now: TimestampMS) -> Int {
    turn(now)
    return max(count, countBefore)
  }

  private mutating func turn(_ now: TimestampMS) {
    let current = now / Self.windowMS
    guard current != window else { return }
    countBefore = current == window &+ 1 ? count : 0
    window = current
    count = 0
  }
}
