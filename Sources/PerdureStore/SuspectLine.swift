package import PerdureModel

/// What a claim does with rows under which process after process died: it puts each off for a while, once for
/// each loss, and of those that have waited it takes one. So in the end the one that is to blame dies alone.
package struct SuspectLine<Row> {
  private let now: TimestampMS
  private let spacingMS: Int64
  private let delayMS: Int64
  private var hasTaken = false
  private var waiting: [(row: Row, pauseMS: Int64)] = []

  /// - Parameters:
  ///   - spacingMS: between two of those that have waited.
  ///   - delayMS: added to each pause. What was lost in one process waits equally long in all lines, and
  ///     would be lost together again.
  package init(now: TimestampMS, spacingMS: Int64, delayMS: Int64 = 0) {
    self.now = now
    self.spacingMS = spacingMS
    self.delayMS = delayMS
  }

  /// Whether the claim takes the row; else it is put off.
  ///
  /// - Parameters:
  ///   - losses: how often in a row its process died.
  ///   - hasWaited: since the last time.
  package mutating func takes(
    _ row: @autoclosure () -> Row, losses: Int64, hasWaited: @autoclosure () -> Bool
  ) -> Bool {
    guard losses > Limits.lossesUnpaused else { return true }
    let hasWaited = hasWaited()
    if hasWaited, !hasTaken {
      hasTaken = true
      return true
    }
    waiting.append((row(), hasWaited ? 0 : Limits.pauseMS(afterLosses: losses) &+ delayMS))
    return false
  }

  /// Those that were put off, and when each comes back: at a time of its own, at most 10 seconds after its
  /// pause.
  package var putOff: [(row: Row, until: TimestampMS)] {
    waiting.enumerated().map { place, item in
      let behind = min(Int64(min(place, 1_000)) &* spacingMS, 10_000)
      return (item.row, now &+ max(item.pauseMS &+ behind, spacingMS))
    }
  }
}
