import PerdureModel
import PerdureStore
import Testing

/// Which rows a claim takes when processes died under some of them.
@Suite struct SuspectLineTests {
  @Test(arguments: [(0, 0), (2, 0), (3, 1_000), (4, 2_000), (5, 4_000), (6, 5_000), (.max, 5_000)])
  func eachFurtherTryWaitsLonger(_ losses: Int64, _ pauseMS: Int64) {
    #expect(Limits.pauseMS(afterLosses: losses) == pauseMS)
  }

  @Test func whatWasLostTwiceIsTakenLikeAllOthers() {
    var line = SuspectLine<Int>(now: 0, spacingMS: 50)
    #expect((1...3).allSatisfy { line.takes($0, losses: Int64($0 % 3), hasWaited: false) })
    #expect(line.putOff.isEmpty)
  }

  @Test func ofThoseThatHaveWaitedOneIsTaken() {
    var line = SuspectLine<String>(now: 10_000, spacingMS: 50)
    let taken = [("a", 3, false), ("b", 3, true), ("c", 9, true), ("d", 4, false), ("e", 0, false)]
      .filter { line.takes($0.0, losses: Int64($0.1), hasWaited: $0.2) }
    #expect(taken.map(\.0) == ["b", "e"])
    #expect(line.putOff.map(\.row) == ["a", "c", "d"])
    #expect(line.putOff.map(\.until) == [11_000, 10_050, 12_100])
  }

  /// Lines of turns and of activities that were lost together.
  @Test func ofTwoLinesOneComesFirst() {
    var turns = SuspectLine<Int>(now: 0, spacingMS: 50)
    var activities = SuspectLine<Int>(now: 0, spacingMS: 250, delayMS: 500)
    for losses in 3...9 as ClosedRange<Int64> {
      _ = turns.takes(0, losses: losses, hasWaited: false)
      _ = activities.takes(0, losses: losses, hasWaited: false)
    }
    #expect(turns.putOff.count == 7 && activities.putOff.count == 7)
    for (turn, activity) in zip(turns.putOff, activities.putOff) { #expect(turn.until < activity.until) }
  }

  @Test func nobodyWaitsForLongBehindOthers() {
    var line = SuspectLine<Int>(now: 0, spacingMS: 250)
    for row in 0..<5_000 { _ = line.takes(row, losses: 3, hasWaited: false) }
    #expect(line.putOff.map(\.until).max() == 11_000)
  }
}
