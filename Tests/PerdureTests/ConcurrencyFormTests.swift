import PerdureModel
import TestSupport
import Testing

@testable import Perdure

/// The forms of Swift's concurrency in orchestration code: docs/swift.md says which work. Each is run live,
/// event by event, and again from its history, all at once and in pieces.
@Suite struct ConcurrencyFormTests {
  typealias Code = @Sendable (OrchestrationContext) async throws -> String

  @TaskLocal static var label = "none"

  actor Tally {
    private(set) var all: [String] = []
    func add(_ text: String) { all.append(text) }
  }

  @Sendable static func work(_ context: OrchestrationContext, _ number: Int) async throws -> String {
    try await context.activity("work", with: number, returning: String.self)
  }

  static let works: [(name: String, code: Code)] = [
    (
      "async let",
      { context in
        async let one = work(context, 1)
        async let two = work(context, 2)
        return try await "\(one)\(two)"
      }
    ),
    (
      "a throwing task group, in the order of the ends",
      { context in
        try await withThrowingTaskGroup(of: String.self) { group in
          for number in 1...4 { group.addTask { try await work(context, number) } }
          return try await group.reduce("", +)
        }
      }
    ),
    (
      "a discarding task group",
      { context in
        let tally = Tally()
        try await withThrowingDiscardingTaskGroup { group in
          for number in 1...4 { group.addTask { await tally.add(try await work(context, number)) } }
        }
        return await tally.all.joined()
      }
    ),
    (
      "groups in groups, with priorities",
      { context in
        try await withThrowingTaskGroup(of: String.self) { group in
          for number in 1...2 {
            group.addTask(priority: number == 1 ? .low : .high) {
              try await context.all([number, number + 10]) { try await work(context, $0) }.joined()
            }
          }
          return try await group.reduce("") { $0 + $1 + "/" }
        }
      }
    ),
    (
      "cancelAll, and a handler of the cancellation",
      { context in
        let heard = Notes<Int>()
        return try await withThrowingTaskGroup(of: String.self) { group in
          for number in 1...3 {
            group.addTask {
              try await withTaskCancellationHandler {
                try await work(context, number)
              } onCancel: {
                heard.add(number)
              }
            }
          }
          let first = try await group.next() ?? ""
          group.cancelAll()
          while let ended = await group.nextResult() { _ = ended }
          return "\(first) \(heard.all.count)"
        }
      }
    ),
    (
      "a stream between child tasks",
      { context in
        let (stream, continuation) = AsyncStream.makeStream(of: String.self)
        async let read = stream.reduce(into: "") { $0 += $1 }
        for number in 1...3 { continuation.yield(try await work(context, number)) }
        continuation.finish()
        return await read
      }
    ),
    (
      "task locals and Task.yield",
      { context in
        try await $label.withValue("set") {
          async let one = work(context, 1)
          await Task.yield()
          return try await "\(one)\(label)"
        }
      }
    ),
    (
      "an actor of this run",
      { context in
        let tally = Tally()
        try await context.all([1, 2, 3]) { await tally.add(try await work(context, $0)) }
        return await tally.all.joined()
      }
    ),
    (
      "a continuation that another child resumes",
      { context in
        let waiting = Notes<CheckedContinuation<String, Never>>()
        async let value = withCheckedContinuation { _ = waiting.add($0) }
        let result = try await work(context, 1)
        waiting.all.first?.resume(returning: result)
        return await value
      }
    ),
  ]

  @Test(arguments: works.indices) func isRepeatedExactly(index: Int) {
    let (name, code) = Self.works[index]
    let rig = Rig { try await code($0) }
    rig.start()
    // The last one first: the order of the ends is not that of the calls.
    while rig.end == nil, let last = rig.open.last {
      rig.deliver(.activityCompleted(action: last.id, result: Payload(#""r\#(last.id)""#)))
    }
    #expect(rig.output != nil, "\(name): \(String(describing: rig.failure))")
    #expect(rig.replay()?.end == rig.end, "\(name)")
    #expect(rig.replay()?.actions == rig.actions, "\(name)")
    for size in 1...3 {
      let pieces = rig.replay(batches: Array(repeating: size, count: rig.events.count))
      #expect(pieces.end == rig.end && pieces.actions == rig.actions, "\(name), \(size) at a time")
    }
  }

  static let refused: [(name: String, code: Code, word: String)] = [
    (
      "a loop around Task.yield",
      { context in
        while context.execution == 1 { await Task.yield() }
        return ""
      }, "Task.yield"
    ),
    (
      "the same beside durable work",
      { context in
        async let one: Void = context.sleep(for: .seconds(1))
        while context.execution == 1 { await Task.yield() }
        try await one
        return ""
      }, "Task.yield"
    ),
    (
      "a clock",
      { _ in
        try await ContinuousClock().sleep(for: .seconds(3_600))
        return ""
      }, "Task.sleep"
    ),
    (
      "Task.immediate",
      { context in try await Task.immediate { try await work(context, 1) }.value }, "Task { }"
    ),
  ]

  @Test(arguments: refused.indices) func isAClearErrorAndNotAHang(index: Int) {
    let (name, code, word) = Self.refused[index]
    let rig = Rig { try await code($0) }
    rig.start()
    if rig.end == nil, let open = rig.open.first {
      rig.deliver(.activityCompleted(action: open.id, result: Payload(#""r""#)))
    }
    #expect(rig.failure?.type == "perdure.Nondeterminism", "\(name): \(String(describing: rig.end))")
    #expect(rig.failure?.message.contains(word) == true, "\(name): \(String(describing: rig.failure))")
    #expect(rig.driver.retained == 0)
  }
}
