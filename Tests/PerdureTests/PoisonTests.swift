import Foundation
import TestSupport
import Testing

@testable import Perdure

/// What goes wrong over and over, and what goes wrong below: the first ends with its cause and stops nobody,
/// the second ends nothing.
@Suite struct PoisonTests {
  @Test(arguments: Site.Place.allCases)
  func anActivityUnderWhichTenProcessesWentAwayIsPoison(_ place: Site.Place) async throws {
    let attempts = Notes<Int>()
    let deadly = ActivityDefinition("deadly") { (context) async throws -> String in
      attempts.add(Int(context.attempt))
      try await Task.sleep(for: .seconds(3_600))
      return "too late"
    }
    let careful = OrchestrationDefinition("careful") { (context) -> String in
      do { return try await context.call(deadly) } catch let failure as ActivityFailure {
        return failure.failure.type
      }
    }
    let register: (Runtime) throws -> Void = { try $0.register([deadly, careful, PromiseTests.waits]) }
    try await Site.with(in: place, register: register) { site in
      try await site.client.start(careful, instance: "bad")
      for life in 1...10 {
        #expect(try await eventually { attempts.all.count == life })
        let good = try await site.client.start(PromiseTests.waits, input: life, instance: "good-\(life)")
        try await good.raiseEvent("go", data: life)
        #expect(try await good.result(timeout: .seconds(20)) == [life, life])
        try await site.restart()
      }
      let result = site.client.instance("bad", returning: String.self)
      #expect(try await result.result(timeout: .seconds(20)) == "perdure.Poison")
      #expect(attempts.all == Array(1...10))
    }
  }

  /// Somebody else holds the store's lock while an activity ends, a timer fires and a message comes.
  @Test func aStoreThatCannotBeWrittenDelaysAndEndsNothing() async throws {
    let (begun, mayEnd) = (Gate(), Gate())
    let work = ActivityDefinition("work") { (_) -> Int in
      begun.open()
      await mayEnd.wait()
      return 7
    }
    let busy = OrchestrationDefinition("busy") { (context) -> [Int] in
      async let result = context.call(work)
      async let slept: Void = context.sleep(for: .milliseconds(50))
      _ = try await slept
      return [try await result, try await context.waitForEvent("go", as: Int.self)]
    }
    let folder = try TemporaryFolder()
    let store = try await Store(url: folder.store, busyTimeout: .milliseconds(20))
    let runtime = try Runtime(store)
    try runtime.register([work, busy, PromiseTests.waits])
    try await runtime.start()
    let client = try Client(store)
    let handle = try await client.start(busy, instance: "i")
    await begun.wait()

    let locker = try Locker(String(folder.store.dropFirst("sqlite:".count)))
    mayEnd.open()
    for _ in 0..<3 {
      let refused = await #expect(throws: DXError.self) {
        try await client.start(PromiseTests.waits, input: 1, instance: "late")
      }
      #expect(refused?.code == .storeBusy)
      #expect(try await client.describe("i").status == .running)
    }
    locker.letGo()

    try await handle.raiseEvent("go", data: 8)
    #expect(try await handle.result(timeout: .seconds(20)) == [7, 8])
    let late = try await client.start(PromiseTests.waits, input: 1, instance: "late")
    try await late.raiseEvent("go", data: 2)
    #expect(try await late.result(timeout: .seconds(20)) == [1, 2])
    #expect(try await client.list().instances.allSatisfy { $0.status == .completed })
    let kinds = try await client.history("i").events.map { try $0.kind }
    #expect(kinds.count { $0 == "ActivityCompleted" } == 1 && kinds.count { $0 == "TimerFired" } == 1)
    try await runtime.stop(grace: .zero)
  }

  /// Another process that is in the middle of a write.
  private struct Locker {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()

    init(_ path: String) throws {
      let code = """
        import sqlite3, sys
        other = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=20)
        other.execute("BEGIN IMMEDIATE")
        print("locked", flush=True)
        sys.stdin.read()
        """
      process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      process.arguments = ["python3", "-c", code, path]
      process.standardInput = input
      process.standardOutput = output
      try process.run()
      #expect(try output.fileHandleForReading.read(upToCount: 6) == Data("locked".utf8))
    }

    func letGo() {
      try? input.fileHandleForWriting.close()
      process.waitUntilExit()
    }
  }
}
