import PerdureModel
import Testing

@testable import PerdureRuntime

@Suite struct LeftoversTests {
  private static let few = Leftovers.inputsMin - 1

  @Test("little work leaves nothing over, however long the pause")
  func little() {
    var leftovers = Leftovers()
    leftovers.worked(Self.few, now: 1_000)
    #expect(leftovers.dueAt == nil)
    let isDue = leftovers.areDue(now: 10_000_000)
    #expect(!isDue)
  }

  @Test("much work is followed by it in the first pause, once")
  func much() {
    var leftovers = Leftovers()
    leftovers.worked(Self.few, now: 1_000)
    leftovers.worked(1, now: 2_000)
    #expect(leftovers.dueAt == 2_250)
    leftovers.worked(1, now: 2_249)
    // To have looked is no work.
    leftovers.worked(0, now: 2_400)
    #expect(leftovers.dueAt == 2_499)
    let areDue = [2_498, 2_499, 100_000].map { leftovers.areDue(now: $0) }
    #expect(areDue == [false, true, false])
    #expect(leftovers.dueAt == nil)
  }

  @Test("it is not done for more than a thousandth of the time", arguments: [(1, 12_250), (40, 42_250)])
  func costs(tookMS: Int64, nextAt: TimestampMS) {
    var leftovers = Leftovers()
    leftovers.worked(Leftovers.inputsMin, now: 2_000)
    let isDue = leftovers.areDue(now: 2_250)
    #expect(isDue)
    leftovers.gaveBack(tookMS: tookMS, now: 2_250)
    leftovers.worked(Leftovers.inputsMin, now: 2_300)
    #expect(leftovers.dueAt == nextAt)
  }

  @Test("this system has the call")
  func call() {
    #expect(Leftovers.trim != nil)
    #expect(Leftovers.giveBack() >= 0)
  }

  @Test("two threads never do it at once, and neither waits for the other")
  func once() {
    let calls = Collected<String>()
    // Engines of other tests may be at it.
    while calls.all.isEmpty {
      _ = Leftovers.giveBack { _ in
        let ended = Collected<Int64>()
        _ = startThread {
          ended.add(
            Leftovers.giveBack { _ in
              calls.add("the other")
              return 0
            })
        }
        calls.add("one, beside \(ended.wait(for: 1))")
        return 0
      }
    }
    #expect(calls.all == ["one, beside [0]"])
  }
}
