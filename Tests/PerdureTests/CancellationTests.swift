import PerdureModel
import Testing

@testable import Perdure

@Suite struct CancellationTests {
  @Test func codeThatLetsItPassEndsAsCancelled() {
    let rig = Rig { context in try await context.waitForEvent("never") }
    rig.start()
    let last = rig.deliver(.cancellationRequested(reason: "enough", deadline: nil))
    #expect(last?.actions.map(\.short) == ["2@3 cancel(1)"])
    #expect(last?.end == TurnEnd(after: 3, kind: .cancelled))
  }

  @Test func cleanUpMakesDurableCalls() {
    let rig = Rig { context in
      do {
        _ = try await context.activity("step", returning: Int.self)
      } catch is CancellationError {
        #expect(context.isCancellationRequested)
        _ = try await context.activity("undo", returning: Int.self)
        try await context.sleep(for: .seconds(1))
        throw CancellationError()
      }
    }
    rig.start()
    #expect(
      rig.deliver(.cancellationRequested(reason: "", deadline: nil))?.actions.map(\.short)
        == ["2@3 cancel(1)", "3@3 undo(null)"])
    rig.deliver(.activityCompleted(action: 3, result: Payload("1")))
    rig.deliver(.timerFired(action: 4))
    #expect(rig.end?.kind == .cancelled)
    #expect(rig.replay()?.actions == rig.actions)
  }

  @Test func everyAwaitOfTheMomentThrowsOnceInOrder() {
    let rig = Rig { context in
      @Sendable func guarded(_ number: Int) async throws -> String {
        do {
          return try await context.activity("work", with: number, returning: String.self)
        } catch is CancellationError {
          return try await context.activity("undo", with: number, returning: String.self)
        }
      }
      async let one = guarded(1)
      async let two = guarded(2)
      return try await one + two
    }
    rig.start()
    let turn = rig.deliver(.cancellationRequested(reason: "", deadline: nil))
    #expect(turn?.actions.map(\.short) == ["3@3 cancel(1)", "4@3 cancel(2)", "5@3 undo(1)", "6@3 undo(2)"])
    rig.deliver(.cancellationRequested(reason: "again", deadline: nil))
    rig.deliver(.activityCompleted(action: 5, result: Payload(#""a""#)))
    rig.deliver(.activityCompleted(action: 6, result: Payload(#""b""#)))
    #expect(rig.output == #""ab""#)
  }

  @Test func aDroppedAsyncLetGivesItsWorkUp() {
    let rig = Rig { context in
      async let unused = context.activity("unused", returning: Int.self)
      try await context.sleep(for: .seconds(1))
      if context.now.millisecondsSince1970 == 0 { _ = try await unused }
    }
    rig.start()
    let names = Set(rig.actions.map { $0.short.split(separator: " ")[1].prefix(5) })
    #expect(names == ["unuse", "timer"])
    let timer = rig.actions.first { if case .createTimer = $0.kind { true } else { false } }
    let last = rig.deliver(.timerFired(action: timer?.id ?? 0))
    #expect(last?.actions.count == 1)
    #expect(rig.open.isEmpty)
    #expect(rig.output == "null")
  }

  @Test func callsOfACancelledChildThrowAndAShieldLetsThemThrough() {
    let rig = Rig { context in
      try await withThrowingTaskGroup(of: String.self) { group in
        group.addTask {
          do {
            return try await context.waitForEvent("never", as: String.self)
          } catch {
            await #expect(throws: CancellationError.self) {
              try await context.activity("refused", returning: Int.self)
            }
            return try await context.withCancellationShield {
              try await context.activity("undo", returning: String.self)
            }
          }
        }
        try await context.sleep(for: .seconds(1))
        group.cancelAll()
        return try await group.next() ?? ""
      }
    }
    rig.start()
    let timer = rig.actions.first { if case .createTimer = $0.kind { true } else { false } }?.id ?? 0
    let turn = rig.deliver(.timerFired(action: timer))
    #expect(turn?.actions.map(\.short) == ["3@3 cancel(\(3 - timer))", "4@3 undo(null)"])
    rig.deliver(.activityCompleted(action: 4, result: Payload(#""undone""#)))
    #expect(rig.output == #""undone""#)
  }

  @Test func aShieldHoldsTheCancellationOfTheInstanceBack() {
    let rig = Rig { context in
      let kept = try await context.withCancellationShield {
        try await context.activity("shielded", returning: Int.self)
      }
      try context.setCustomStatus(kept)
      try await context.sleep(for: .seconds(1))
    }
    rig.start()
    #expect(rig.deliver(.cancellationRequested(reason: "", deadline: nil))?.actions == [])
    let last = rig.deliver(.activityCompleted(action: 1, result: Payload("5")))
    #expect(last?.actions.map(\.short) == ["2@5 status(5)"])
    #expect(last?.end?.kind == .cancelled)
  }

  @Test func aCancelledWaitLeavesTheEventForTheNext() {
    let rig = Rig { context in
      do { try await context.waitForEvent("go") } catch is CancellationError {}
      return try await context.waitForEvent("go", as: Int.self)
    }
    rig.start()
    rig.deliver(
      .cancellationRequested(reason: "", deadline: nil),
      .messageReceived(channel: .event, name: "go", data: Payload("4")))
    #expect(rig.output == "4")
  }

  @Test func aCancellationErrorThatNobodyAskedForIsAFailure() {
    let rig = Rig { _ -> Int in throw CancellationError() }
    rig.start()
    #expect(rig.failure?.type == "CancellationError")
  }
}
