import Dispatch
import Synchronization
import TestSupport
import Testing

@testable import Perdure
import PerdureABI

/// A task that is cancelled does not wait for the store, and no call holds up the threads of tasks.
@Suite(.serialized) struct ClientCancellationTests {
  static let waits = OrchestrationDefinition("waits") { (context) in try await context.waitForEvent("go") }

  /// A call that blocks until it is let go.
  final class Blocked: Sendable {
    private let door = DispatchSemaphore(value: 0)
    private let began = Notes<Int>()

    var count: Int { began.all.count }

    func call() {
      began.add(1)
      door.wait()
    }

    func release(_ calls: Int) { for _ in 0..<calls { door.signal() } }
  }

  @Test func aCallThatIsUnderWayIsLeftToItself() async throws {
    let blocked = Blocked()
    let task = Task.detached { try await CallLanes.perform { blocked.call() } }
    #expect(try await eventually { blocked.count == 1 })
    task.cancel()
    // It returns while its call still blocks.
    await #expect(throws: CancellationError.self) { try await task.value }
    blocked.release(1)
  }

  /// Far more calls that block than there are threads for tasks, and tasks go on.
  @Test func noCallHoldsUpTheThreadsOfTasks() async throws {
    let blocked = Blocked()
    let tasks = (0..<64).map { _ in Task.detached { try await CallLanes.perform { blocked.call() } } }
    #expect(try await eventually { blocked.count == 8 }, "one on each lane")
    let sum = await withTaskGroup(of: Int.self) { group in
      for number in 1...100 {
        group.addTask {
          await Task.yield()
          return number
        }
      }
      return await group.reduce(0, +)
    }
    #expect(sum == 5_050)
    for task in tasks { task.cancel() }
    for task in tasks { await #expect(throws: CancellationError.self) { try await task.value } }
    // What was not begun is not made.
    blocked.release(64)
    try await CallLanes.perform {}
    #expect(blocked.count <= 16)
  }

  @Test(arguments: ["memory", "sqlite"]) func aCancelledTaskStartsNothing(_ kind: String) async throws {
    let folder = try TemporaryFolder()
    let client = try Client(try await Store(url: kind == "memory" ? "memory:" : folder.store))
    let task = Task.detached {
      while !Task.isCancelled { await Task.yield() }
      _ = try await client.start(Self.waits, instance: "w-1")
    }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    let missing = await #expect(throws: DXError.self) { try await client.describe("w-1") }
    #expect(missing?.code == .notFound)
  }

  @Test func everyKindOfWaitEndsWithItsTask() async throws {
    let store = try await Store(url: "memory:")
    let client = try Client(store)
    try await withRuntime(on: store, serving: [Self.waits]) { _ in
      let handle = try await client.start(Self.waits, instance: "w-1")
      let waits: [@Sendable () async throws -> Void] = [
        { _ = try await handle.result() }, { _ = try await handle.wait() },
        { _ = try await handle.waitForStatus() }, { _ = try await handle.call("never", input: 1) },
        { for try await _ in handle.followHistory() {} },
      ]
      for (index, wait) in waits.enumerated() {
        let began = Notes<Int>()
        let task = Task.detached {
          began.add(1)
          try await wait()
        }
        #expect(try await eventually { began.all.count == 1 })
        task.cancel()
        await #expect(throws: CancellationError.self, "wait \(index)") { try await task.value }
      }
      try await handle.raiseEvent("go")
      #expect(try await handle.wait(timeout: .seconds(20)).status == .completed)
    }
  }

  /// An attempt hears of its cancellation as any task does.
  @Test func anActivityIsCancelledAsATask() async throws {
    let notes = Notes<String>()
    let handled = ActivityDefinition("handled") { (_) in
      try await withTaskCancellationHandler {
        notes.add("began")
        try await Task.sleep(for: .seconds(600))
      } onCancel: {
        notes.add("handler")
      }
    }
    let polled = ActivityDefinition("polled") { (context) in
      notes.add("began")
      while !Task.isCancelled { try? await Task.sleep(for: .milliseconds(1)) }
      #expect(context.isCancelled)
      notes.add("polled")
    }
    let both = OrchestrationDefinition("both") { (context) in
      async let one: Void = { _ = try await context.call(handled) }()
      async let two: Void = { _ = try await context.call(polled) }()
      _ = try await (one, two)
    }
    let store = try await Store(url: "memory:")
    try await withRuntime(on: store, serving: [both, handled, polled], grace: .zero) { _ in
      let handle = try await Client(store).start(both)
      #expect(try await eventually { notes.all.count { $0 == "began" } == 2 })
      try await handle.cancel()
      #expect(try await handle.wait(timeout: .seconds(20)).status == .cancelled)
      #expect(try await eventually { Set(notes.all) == ["began", "handler", "polled"] })
    }
  }
}
