import Glibc
import PerdureModel
import Synchronization
import Testing

@testable import Perdure

@Suite struct ForeignAwaitTests {
  @MainActor static func onMain() -> Int { 1 }

  typealias Code = @Sendable (OrchestrationContext) async throws -> Void

  static let cases: [(name: String, code: Code)] = [
    ("Task.sleep", { _ in try await Task.sleep(for: .milliseconds(50)) }),
    ("Task.sleep for long", { _ in try await Task.sleep(for: .seconds(3_600)) }),
    // Long: one that has ended before its value is asked for is not waited for.
    ("Task { }", { _ in try await Task { try await Task.sleep(for: .seconds(5)) }.value }),
    ("Task.detached", { _ in try await Task.detached { try await Task.sleep(for: .seconds(5)) }.value }),
    ("the main actor", { _ in _ = await onMain() }),
    ("a continuation", { _ in await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in } }),
    (
      "in a child",
      { context in
        async let one: Void = Task.sleep(for: .seconds(3_600))
        try await one
      }
    ),
    (
      "after work",
      { context in
        try await context.activity("first")
        try await Task.sleep(for: .seconds(3_600))
      }
    ),
  ]

  @Test(arguments: cases.indices)
  func isAFailureAndNotAHang(index: Int) {
    let (name, code) = Self.cases[index]
    let rig = Rig { try await code($0) }
    rig.start()
    if rig.end == nil { rig.deliver(.activityCompleted(action: 1, result: .null)) }
    #expect(rig.failure?.type == "perdure.Nondeterminism", "\(name)")
    #expect(
      rig.failure?.message.contains("Task.sleep") == true, "\(name): \(String(describing: rig.failure))")
    #expect(rig.driver.retained == 0)
  }

  @Test func besideDurableWorkItIsFoundWhenItComesBack() async {
    let (turn, isOver) = AsyncStream.makeStream(of: Void.self)
    let (back, isBack) = AsyncStream.makeStream(of: Void.self)
    let rig = Rig { context in
      async let foreign: Void = Task.detached {
        for await _ in turn {}
        isBack.finish()
      }.value
      try await context.sleep(for: .seconds(1))
      await foreign
    }
    rig.start()
    #expect(rig.end == nil, "the timer is open, so this may be a wait for it")
    isOver.finish()
    for await _ in back {}
    // The detached task has ended or is about to: its return to this instance follows.
    for round in 0..<400 as Range<UInt32> where rig.end == nil {
      usleep(round * 500)
      rig.deliver(.messageReceived(channel: .event, name: "poke", data: .null))
    }
    #expect(rig.failure?.message.contains("Task.detached") == true)
  }

  @Test func useOfTheContextInAnotherTaskIsRefused() async {
    let (done, isDone) = AsyncStream.makeStream(of: String.self)
    let rig = Rig { context in
      Task.detached {
        do { try await context.activity("stray") } catch { isDone.yield("refused") }
        _ = context.newGUID()
        isDone.finish()
      }
      try await context.activity("proper")
    }
    rig.start()
    var answers: [String] = []
    for await answer in done { answers.append(answer) }
    #expect(answers == ["refused"])
    // The other task may have been at it before the turn was over.
    if rig.end == nil { rig.deliver(.activityCompleted(action: 1, result: .null)) }
    #expect(rig.actions.map(\.short) == ["1@1 proper(null)"])
    #expect(rig.failure?.message.contains("activity 'stray'") == true)
  }

  @Test func whatIsStartedAndNotAwaitedDoesNoHarm() {
    let rig = Rig { context in
      Task.detached { await Task.yield() }
      try await context.activity("a")
    }
    rig.start()
    rig.deliver(.activityCompleted(action: 1, result: .null))
    #expect(rig.output == "null")
  }
}
