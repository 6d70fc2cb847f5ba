import Glibc
import PerdureModel
import PerdureRuntime
import PerdureStore
import Synchronization
import Glibc
import Testing

@Suite struct WorkQueueTests {
  @Test func itemsComeInOrderUpToTheLimit() {
    let queue = WorkQueue<Int>()
    #expect(queue.add(contentsOf: [1, 2, 3]))
    #expect(queue.add(4))
    #expect(queue.take(3, untilMonotonicNS: nil) == [1, 2, 3])
    #expect(queue.take(untilMonotonicNS: nil) == [4])
  }

  @Test func takingWaitsUntilTheDeadline() {
    let queue = WorkQueue<Int>()
    let before = monotonicNowNS()
    #expect(queue.take(untilMonotonicNS: before + 5_000_000) == [])
    #expect(monotonicNowNS() >= before + 5_000_000)
    #expect(queue.take(untilMonotonicNS: 0) == [], "a deadline that has passed")
  }

  @Test func closingLetsTakersDrain() {
    let queue = WorkQueue<Int>()
    queue.add(contentsOf: [1, 2])
    queue.close()
    #expect(!queue.add(3))
    #expect(queue.take(1, untilMonotonicNS: nil) == [1])
    #expect(queue.take(1, untilMonotonicNS: nil) == [2])
    #expect(queue.take(1, untilMonotonicNS: nil) == nil)
  }

  @Test func closingMayDiscard() {
    let queue = WorkQueue<Int>()
    queue.add(contentsOf: [1, 2])
    queue.close(discarding: true)
    #expect(queue.take(untilMonotonicNS: nil) == nil)
  }

  @Test func closingWakesAllTakers() {
    let queue = WorkQueue<Int>()
    let ended = Collected<Bool>()
    for _ in 0..<3 { #expect(startThread { ended.add(queue.take(untilMonotonicNS: nil) == nil) }) }
    queue.close()
    #expect(ended.wait(for: 3) == [true, true, true])
  }

  @Test func everyItemIsTakenOnce() {
    let queue = WorkQueue<Int>()
    let taken = Collected<Int>()
    for _ in 0..<4 {
      let isRunning = startThread {
        while let items = queue.take(7, untilMonotonicNS: nil) { for item in items { taken.add(item) } }
      }
      #expect(isRunning)
    }
    for item in 0..<500 { queue.add(item) }
    queue.add(contentsOf: 500..<1_000)
    #expect(taken.wait(for: 1_000).sorted() == Array(0..<1_000))
    queue.close()
  }
}

/// A taker that sleeps, and others who take in its place meanwhile.
@Suite struct SleepingTakerTests {
  @Test func sleepEndsWithAnItemThatStays() {
    let queue = WorkQueue<Int>()
    let ended = Collected<Bool>()
    #expect(startThread { ended.add(queue.sleep(untilMonotonicNS: nil)) })
    queue.add(1)
    #expect(ended.wait(for: 1) == [true])
    #expect(queue.takeNow() == [1])
    #expect(queue.takeNow() == [])
  }

  @Test func sleepEndsAtItsDeadlineOrANudgeOrTheEnd() {
    let queue = WorkQueue<Int>()
    let before = monotonicNowNS()
    #expect(queue.sleep(untilMonotonicNS: before + 5_000_000))
    #expect(monotonicNowNS() >= before + 5_000_000)
    queue.nudge()
    #expect(queue.sleep(untilMonotonicNS: nil), "a nudge from before")
    queue.add(1)
    queue.close()
    #expect(queue.sleep(untilMonotonicNS: nil), "there is still an item")
    #expect(queue.takeNow() == [1])
    #expect(!queue.sleep(untilMonotonicNS: nil))
  }

  @Test func aSleeperIsToBeWokenOnlyForItems() {
    let queue = WorkQueue<Int>()
    let ended = Collected<Bool>()
    #expect(
      startThread {
        while queue.sleep(untilMonotonicNS: nil) { sched_yield() }
        ended.add(true)
      })
    repeat {
      _ = queue.takeNow()
      #expect(!queue.hasSleeper, "nothing waits")
      sched_yield()
      queue.addQuietly(1)
    } while !queue.hasSleeper
    #expect(queue.takeNow() == [1])
    queue.close()
    #expect(ended.wait(for: 1) == [true])
  }

  @Test func whoHoldsALockIsNotWaitedFor() {
    let monitor = Monitor()
    monitor.locked { #expect(!monitor.tryLocked { Issue.record("it is locked") }) }
    var hasRun = false
    #expect(monitor.tryLocked { hasRun = true })
    #expect(hasRun)
  }
}

@Suite struct EngineClockTests {
  @Test func itNeverGoesBack() {
    let clock = EngineClock()
    let last = Collected<TimestampMS>()
    for _ in 0..<2 {
      let isRunning = startThread {
        var before = clock.now()
        var steps: TimestampMS = 0
        for _ in 0..<20_000 {
          let now = clock.now()
          if now < before { steps += 1 }
          before = now
        }
        last.add(steps)
      }
      #expect(isRunning)
    }
    #expect(last.wait(for: 2) == [0, 0])
  }

  /// Threads that pause between their looks at two clocks.
  @Test func itIsNotAheadOfTheSystem() {
    let clock = EngineClock()
    let ended = Collected<Int>()
    for thread in 0..<16 {
      let isRunning = startThread {
        for _ in 0..<20_000 { _ = clock.now() }
        ended.add(thread)
      }
      #expect(isRunning)
    }
    #expect(ended.wait(for: 16).count == 16)
    let now = clock.now()
    var wall = timespec()
    clock_gettime(CLOCK_REALTIME, &wall)
    #expect(now <= TimestampMS(wall.tv_sec) * 1_000 + TimestampMS(wall.tv_nsec) / 1_000_000)
  }

  @Test func momentsAreMonotonicTimes() {
    let clock = EngineClock()
    let later = clock.monotonicNS(at: clock.now() + 1_000) - monotonicNowNS()
    #expect((990_000_000...1_010_000_000).contains(later))
  }

  @Test(arguments: [Int64.min, -(1 << 53), -1, 0])
  func longAgo(_ time: TimestampMS) { #expect(EngineClock().monotonicNS(at: time) == 0) }

  @Test(arguments: [Int64.max, 1 << 53, 1 << 44])
  func farAway(_ time: TimestampMS) {
    #expect(EngineClock().monotonicNS(at: time) > monotonicNowNS() + 1_000_000_000_000)
  }
}

/// Other processes, as one number.
private final class Others: SharedTime {
  let highest: Mutex<Int64>

  init(aheadNS: Int64 = 0) { highest = Mutex(EngineClock().now() * 1_000_000 - monotonicNowNS() + aheadNS) }

  func agree(_ offsetNS: Int64) -> Int64 {
    highest.withLock {
      $0 = max($0, offsetNS)
      return $0
    }
  }
}

@Suite struct SharedTimeTests {
  static let hourMS: Int64 = 3_600_000

  @Test func whoBeginsGoesByTheClockThatIsAhead() {
    let clock = EngineClock(shared: Others(aheadNS: Self.hourMS * 1_000_000))
    let ahead = clock.now() - EngineClock().now()
    #expect((Self.hourMS - 1_000...Self.hourMS + 1_000).contains(ahead))
    let later = clock.monotonicNS(at: clock.now() + 1_000) - monotonicNowNS()
    #expect((900_000_000...1_100_000_000).contains(later), "what is due in a second is due in a second")
  }

  @Test func whoIsBehindDoesNotHoldUpOthers() {
    let clock = EngineClock(shared: Others(aheadNS: -Self.hourMS * 1_000_000))
    #expect(abs(clock.now() - EngineClock().now()) < 1_000)
  }

  @Test func aJumpOfAnotherIsHeardOf() {
    let others = Others()
    let clock = EngineClock(shared: others)
    let before = clock.now()
    others.highest.withLock { $0 += Self.hourMS * 1_000_000 }
    let deadline = monotonicNowNS() + 20_000_000_000
    while clock.now() < before + Self.hourMS, monotonicNowNS() < deadline { usleep(1_000) }
    #expect(clock.now() >= before + Self.hourMS)
  }

  @Test func virtualTimeIsNobodyElses() {
    let clock = EngineClock(.virtual(startMS: 5_000), shared: Others())
    #expect(clock.now() == 5_000)
  }
}

@Suite struct CommitterTests {
  static func start(_ instance: InstanceID) -> StoreEntry {
    .start(InstanceStart(instance: instance, orchestration: "o", input: .null), owner: nil, now: 0)
  }

  @Test func whatIsSubmittedDuringACommitGoesTogether() {
    let store = HeldStore()
    store.hold()
    let told = Collected<Int>()
    let done = Collected<Int>()
    let committer = Committer(store: store, committed: { told.add($0.count) }, finished: { _ in })
    #expect(committer.start())
    committer.submit([Committer.Job(Self.start("0")) { _ in done.add(0) }])
    store.groups.wait(for: 1)
    for number in 1...5 {
      // The third is there already: it is refused alone.
      let instance = number == 3 ? "0" : String(number)
      committer.submit([Committer.Job(Self.start(instance)) { _ in done.add(number) }])
    }
    #expect(done.all.isEmpty, "nobody is told before it is durable")
    store.letGo()
    #expect(done.wait(for: 6) == [0, 1, 2, 3, 4, 5])
    #expect(store.groups.all == [1, 5])
    #expect(told.all == [1, 4])
    committer.stop()
  }

  @Test func aStoreThatThrowsFailsItsGroupAndNoOther() {
    let store = HeldStore()
    let results = Collected<String>()
    let told = Collected<Int>()
    let committer = Committer(store: store, committed: { told.add($0.count) }, finished: { _ in })
    #expect(committer.start())
    func submit(_ instances: [InstanceID]) {
      committer.submit(
        instances.map { instance in
          Committer.Job(Self.start(instance)) { result in
            switch result {
            case .failed(let error): results.add("\(instance) \(error.code)")
            case .answered(.success): results.add("\(instance) landed")
            case .answered(.failure(let refusal)): results.add("\(instance) \(refusal)")
            }
          }
        })
    }
    store.fail([StoreError(.full, "no room")])
    submit(["a", "b"])
    results.wait(for: 2)
    submit(["a"])
    #expect(results.wait(for: 3) == ["a full", "b full", "a landed"])
    #expect(told.all == [1])
    committer.stop()
  }

  @Test func stoppingWritesWhatWasSubmitted() {
    let store = HeldStore()
    store.hold()
    let done = Collected<Bool>()
    let committer = Committer(store: store, committed: { _ in }, finished: { _ in })
    #expect(committer.start())
    for number in 0..<3 {
      committer.submit([
        Committer.Job(Self.start(String(number))) { result in
          if case .answered(.success) = result { done.add(true) } else { done.add(false) }
        }
      ])
    }
    committer.stop()
    committer.submit([
      Committer.Job(Self.start("late")) { result in
        if case .failed(let error) = result { done.add(error.code == .closed) }
      }
    ])
    #expect(done.wait(for: 1) == [true], "told at once: it is closed")
    store.letGo()
    #expect(done.wait(for: 4) == [true, true, true, true])
  }
}
