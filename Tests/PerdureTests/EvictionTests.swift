import PerdureModel
import Synchronization
import Testing

@testable import Perdure

@Suite struct EvictionTests {
  /// Counts how many of it are alive.
  final class Probe: Sendable {
    let alive: AliveCount
    init(_ alive: AliveCount) {
      self.alive = alive
      alive.count.add(1, ordering: .relaxed)
    }
    deinit { alive.count.subtract(1, ordering: .relaxed) }
    func touch() {}
  }

  final class AliveCount: Sendable {
    let count = Atomic<Int>(0)
    var value: Int { count.load(ordering: .relaxed) }
  }

  private func parked(
    _ count: Int, _ driver: TurnDriver, _ alive: AliveCount,
    _ wait: @escaping @Sendable (OrchestrationContext) async throws -> Void
  ) -> [Rig] {
    (0..<count).map { number in
      let rig = Rig(instance: "i-\(number)", driver: driver) { context in
        let probe = Probe(alive)
        async let child: Void = wait(context)
        try await withThrowingTaskGroup(of: Void.self) { group in
          for _ in 0..<3 { group.addTask { try await wait(context) } }
          try await group.waitForAll()
        }
        try await child
        probe.touch()
      }
      rig.start()
      return rig
    }
  }

  /// The engine gave turn 5 up and sent turn 7, which ended first.
  @Test func aCoroutineOfAnEarlierTurnDoesNotTakeThePlaceOfALaterOne() {
    let cache = LiveCache(capacity: 10)
    func coroutine(_ turn: Int64) -> LiveOrchestration {
      let request = TurnRequest(
        turn: turn, instance: "i", execution: 1, orchestration: "o", version: "1.0.0", from: 0, replayed: 0,
        events: [])
      return LiveOrchestration(request, limits: TurnLimits(), body: { _, _ in .null })
    }
    let (earlier, later) = (coroutine(5), coroutine(7))
    #expect(cache.put(later).isEmpty)
    #expect(cache.put(earlier).map(\.turn) == [5])
    #expect(cache.put(coroutine(9)).map(\.turn) == [7])
    #expect(cache.take("i")?.turn == 9)
  }

  @Test func nothingIsLeftOfEvictedCoroutines() {
    let alive = AliveCount()
    let driver = TurnDriver(cachedInstances: 1_000)
    _ = parked(500, driver, alive) { try await $0.activity("a") }
    #expect(alive.value == 500)
    #expect(driver.retained == 500)
    driver.evictAll()
    #expect(alive.value == 0)
    #expect(driver.retained == 0)
  }

  @Test func theCacheKeepsTheMostRecentlyUsed() {
    let alive = AliveCount()
    let driver = TurnDriver(cachedInstances: 10)
    let rigs = parked(30, driver, alive) { try await $0.activity("a") }
    #expect(driver.retained == 10)
    #expect(alive.value == 10)
    // An older one is built anew from its history, and goes on.
    rigs[0].deliver(.activityCompleted(action: 1, result: .null))
    #expect(rigs[0].turns.contains(.miss))
    #expect(rigs[0].open.count == 3)
    #expect(alive.value == 10)
    for action in 2...4 { rigs[0].deliver(.activityCompleted(action: Int64(action), result: .null)) }
    #expect(rigs[0].output == "null")
    #expect(driver.retained == 9)
  }

  @Test func aTurnFromTheBeginningDropsTheOldCoroutine() {
    let alive = AliveCount()
    let driver = TurnDriver(cachedInstances: 10)
    let rig = parked(1, driver, alive) { try await $0.activity("a") }[0]
    let again = driver.run(rig.request(from: 0, replayed: 1), body: rig.body)
    #expect(again != .miss)
    #expect(alive.value == 1)
  }

  @Test func aTurnThatFollowsAnotherEventIsAMiss() {
    let rig = parked(1, TurnDriver(cachedInstances: 10), AliveCount()) { try await $0.activity("a") }[0]
    #expect(rig.driver.run(rig.request(from: 99, replayed: 99), body: rig.body) == .miss)
    #expect(rig.driver.retained == 0)
  }

  @Test func codeThatSwallowsErrorsCannotHoldTheThread() {
    let rig = Rig { context in
      while true { try? await context.sleep(for: .seconds(1)) }
    }
    rig.start()
    rig.driver.evictAll()
    #expect(rig.driver.retained == 0)
  }

  @Test func aCancelledChildThatSwallowsErrorsIsReported() {
    let rig = Rig { context in
      try await context.race(
        { try await context.sleep(for: .seconds(1)) },
        { while true { try? await context.sleep(for: .seconds(2)) } })
    }
    rig.start()
    rig.deliver(.timerFired(action: 1))
    #expect(rig.failure?.type == "perdure.Nondeterminism")
    #expect(
      rig.failure?.message.contains("goes on making durable calls in a task that was cancelled") == true)
  }

  @Test func cleanUpOfEvictedCodeListsNothing() {
    let rig = Rig { context in
      do { try await context.activity("a") } catch { try await context.activity("undo") }
    }
    rig.start()
    rig.driver.evictAll()
    rig.deliver(.activityCompleted(action: 1, result: .null))
    #expect(rig.actions.map(\.short) == ["1@1 a(null)"])
    #expect(rig.output == "null")
  }
}
