import PerdureDispatch
import PerdureModel
import Testing

/// When a runtime asks the store to remove what the retention rules let go.
@Suite struct SweepTests {
  private func sweeps(_ dispatcher: inout Dispatcher) -> Int {
    dispatcher.takeEffects().count {
      if case .write(.sweep(limit: Limits.sweptPerWrite)) = $0 { true } else { false }
    }
  }

  private func started(now: TimestampMS) -> Dispatcher {
    var dispatcher = Dispatcher(settings: DispatchSettings(node: 1), registry: Registry())
    dispatcher.start(now: now)
    _ = dispatcher.takeEffects()
    return dispatcher
  }

  @Test func `Nobody asks for it by himself`() {
    var dispatcher = started(now: 1_000)
    dispatcher.tick(now: 1_000_000)
    #expect(sweeps(&dispatcher) == 0)
  }

  @Test func `The store says when the next one is due, one at a time`() {
    var dispatcher = started(now: 1_000)
    dispatcher.sweepWanted(at: 2_000, now: 1_000)
    #expect(dispatcher.nextDeadline == 2_000)
    #expect(sweeps(&dispatcher) == 0)
    dispatcher.tick(now: 2_000)
    #expect(sweeps(&dispatcher) == 1)
    // Asked for again while it is on its way: once more, afterwards.
    dispatcher.sweepWanted(at: 2_100, now: 2_100)
    #expect(sweeps(&dispatcher) == 0)
    dispatcher.wrote(.sweep(limit: Limits.sweptPerWrite), .swept(next: 90_000), now: 2_200)
    #expect(sweeps(&dispatcher) == 1)
    dispatcher.wrote(.sweep(limit: Limits.sweptPerWrite), .swept(next: 90_000), now: 2_300)
    #expect(sweeps(&dispatcher) == 0)
    #expect(dispatcher.nextDeadline == 90_000)
    dispatcher.tick(now: 90_000)
    #expect(sweeps(&dispatcher) == 1)
    dispatcher.wrote(.sweep(limit: Limits.sweptPerWrite), .swept(next: nil), now: 90_010)
    #expect(dispatcher.nextDeadline == nil, "without rules nothing is awaited")
  }

  @Test func `Where there is more, the store has a break in between`() {
    var dispatcher = started(now: 1_000)
    dispatcher.sweepWanted(at: 1_000, now: 1_000)
    #expect(sweeps(&dispatcher) == 1)
    dispatcher.wrote(.sweep(limit: Limits.sweptPerWrite), .swept(next: 1_000), now: 1_010)
    #expect(dispatcher.nextDeadline == 1_010 + Limits.sweepBreakMS)
  }

  @Test func `A sweep that failed is tried again later`() {
    var dispatcher = started(now: 1_000)
    dispatcher.sweepWanted(at: 1_000, now: 1_000)
    _ = dispatcher.takeEffects()
    dispatcher.wrote(
      .sweep(limit: Limits.sweptPerWrite), .failed(message: "full", isTransient: true), now: 1_010)
    #expect(dispatcher.nextDeadline == 1_010 + Limits.failedSweepMS)
  }
}
