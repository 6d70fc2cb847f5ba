@testable import PerdureDispatch
import PerdureModel
import Testing

/// What is to happen in a year takes memory for as long only as it can still happen.
@Suite struct ForgottenTimersTests {
  static let year: Int64 = 365 * 24 * 3_600_000

  @Test func ofInstancesThatEnded() throws {
    let node = Node.started()
    node.starts("kept")
    try node.turn("kept", [.createTimer(fireAt: 9_000)])
    for number in 0..<500 {
      let instance = "i\(number)"
      node.starts(instance)
      try node.turn(instance, [.createTimer(fireAt: Self.year)])
      node.message(instance, 1)
      try node.turn(instance, end: .completed(output: .null))
      #expect(node.dispatcher.timers.count <= 64)
    }
    node.wait(10_000)
    #expect(try node.takeTurn("kept").events.last?.kind == .timerFired(action: 1))
  }

  @Test func ofTimersThatWereCancelled() throws {
    let node = Node.started()
    node.starts("a")
    try node.turn("a", [.createTimer(fireAt: 9_000)])
    for number in 1...500 {
      node.message("a", Int64(number))
      let timer = Int64(number * 2)
      try node.turn("a", [.createTimer(fireAt: Self.year), .cancel(target: timer)])
    }
    #expect(node.dispatcher.timers.count <= 64)
    node.wait(10_000)
    #expect(try node.takeTurn("a").events.last?.kind == .timerFired(action: 1))
  }

  @Test func ofAttemptsThatEnded() throws {
    let node = Node.started()
    for number in 0..<500 {
      let instance = "i\(number)"
      node.starts(instance)
      try node.turn(instance, [.tuned { $0.startToCloseMS = Self.year }])
      node.ends(try #require(node.takeActivities().first))
      try node.turn(instance, end: .completed(output: .null))
      #expect(node.dispatcher.desk.deadlinesKept <= 64)
    }
  }
}
