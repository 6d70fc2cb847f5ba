import PerdureClient
import PerdureModel
import PerdureRuntime
import PerdureStore
import Testing

/// Time that moves when somebody waits, and when nothing is at work.
@Suite struct VirtualClockTests {
  static let start: TimestampMS = 1_000_000
  let bed = try! Bed(clock: .virtual(startMS: start))
  var start: TimestampMS { Self.start }
  var now: TimestampMS { bed.hub.clock.now() }

  func inBackground(_ body: @escaping @Sendable () -> Void) throws {
    guard startThread(body) else { throw Surprise("no threads") }
  }

  @Test func standsStillByItself() throws {
    let runtime = try bed.runtime()
    try bed.start("a")
    try bed.runs(runtime, [.createTimer(fireAt: start + 5)])
    #expect(bed.advance(0) == start)
    #expect(now == start)
    #expect(try bed.client.describe("a").status == .running)
  }

  @Test func aWaitMovesItToTheEndAndNoFurther() throws {
    let host = try Sleepers(try bed.runtime())
    let year: Int64 = 365 * 86_400
    try bed.start("long", naps: 1)
    try bed.start("later", naps: 1, delayMS: year * 1_000)
    #expect(try bed.end(of: "long")?.outcomeText == "\(start + 1_000)")
    #expect(now == start + 1_000, "the other one is not waited for")
    #expect(try bed.end(of: "later")?.outcomeText == "\(start + year * 1_000 + 1_000)")
    #expect(try bed.end(of: "long") != nil, "what is over moves nothing")
    #expect(now == start + year * 1_000 + 1_000)
    withExtendedLifetime(host) {}
  }

  @Test func anAdvanceStopsAtEachMomentOnTheWay() throws {
    let runtime = try bed.runtime()
    try bed.start("a")
    try bed.runs(runtime, [.createTimer(fireAt: start + 10), .createTimer(fireAt: start + 20)])
    let moved = Collected<TimestampMS?>()
    try inBackground { [bed] in moved.add(bed.advance(15)) }
    let first = try bed.turn(runtime)
    #expect(now == start + 10)
    #expect(first.request.events.last?.at == start + 10)
    #expect(moved.all.isEmpty, "a turn is at a host")
    _ = first.answer(.ran(TurnResult(retained: true)))
    #expect(moved.wait(for: 1) == [start + 15])
    #expect(now == start + 15)
    try inBackground { [bed] in moved.add(bed.advance(5)) }
    let second = try bed.turn(runtime)
    #expect(now == start + 20)
    _ = second.answer(.ran(TurnResult(retained: true)))
    #expect(moved.wait(for: 2).last == start + 20)
  }

  @Test func whatAHostHasHoldsTime() throws {
    let runtime = try bed.runtime()
    try bed.start("a")
    try bed.runs(runtime, [.work(), .createTimer(fireAt: start + 10)])
    let work = try bed.activity(runtime)
    #expect(try bed.end(of: "a", timeoutMS: 30) == nil)
    #expect(bed.advance(1, timeoutMS: 30) == nil)
    #expect(now == start)
    _ = work.end(.completed(.null))
    try bed.runs(runtime)
    #expect(bed.advance(1) == start + 1)
    #expect(bed.advance(8) == start + 9, "what timed out moves no more")
  }

  @Test func aWriteUnderWayHoldsTime() throws {
    let host = try Sleepers(try bed.runtime())
    try bed.start("a", naps: 1)
    #expect(bed.advance(0) == start)
    let groups = bed.store.groups.all.count
    bed.store.hold()
    let sent = Collected<Void>()
    try inBackground { [bed] in
      try? bed.start("b", naps: 1)
      sent.add(())
    }
    bed.store.groups.wait(for: groups + 1)
    #expect(try bed.end(of: "a", timeoutMS: 30) == nil)
    #expect(now == start)
    bed.store.letGo()
    #expect(try bed.end(of: "a")?.outcomeText == "\(start + 1_000)")
    #expect(try bed.end(of: "b")?.outcomeText == "\(start + 1_000)")
    sent.wait(for: 1)
    withExtendedLifetime(host) {}
  }

  @Test func retriesAndTimeLimitsFollowIt() throws {
    let runtime = try bed.runtime()
    try bed.start("a")
    try bed.runs(
      runtime,
      [
        .work {
          $0.retry = RetryPolicy(); $0.retry?.initialIntervalMS = 86_400_000
          $0.retry?.maxIntervalMS = 86_400_000; $0.startToCloseMS = 60_000
        }
      ])
    let ended = Collected<InstanceDescription?>()
    try inBackground { [bed] in ended.add(try? bed.end(of: "a")) }
    _ = try bed.activity(runtime).end(.failed(Failure(type: "T", message: "m")))
    let second = try bed.activity(runtime)
    #expect(now == start + 86_400_000)
    #expect(second.task.attempt == 2)
    _ = second.defer()
    let third = try bed.activity(runtime)
    #expect(now >= start + 86_400_000 + 60_000, "nobody ended the one that was deferred")
    _ = third.end(.completed(.null))
    try bed.complete(runtime)
    #expect(ended.wait(for: 1).first??.status == .completed)
  }

  @Test func aStopDoesNotWaitForVirtualTime() throws {
    let runtime = try bed.runtime()
    try bed.start("a")
    try bed.runs(runtime, [.work()])
    let work = try bed.activity(runtime)
    let stopped = Collected<Void>()
    try runtime.stop(graceMS: 20) { stopped.add(()) }
    #expect(stopped.wait(for: 1).count == 1)
    #expect(work.isCancelled)
    #expect(now == start)
    #expect(bed.advance(7) == start + 7, "what is still out is of no use to anybody")
    if case .taken = work.end(.completed(.null)) { Issue.record("nobody took it") }
    #expect(bed.advance(7) == start + 14)
  }

  @Test func withoutAnybodyToWorkTimeGoesByAdvanceOnly() throws {
    try bed.start("a")
    #expect(try bed.end(of: "a", timeoutMS: 20) == nil)
    #expect(now == start)
    #expect(bed.advance(1_000) == start + 1_000)
  }

  @Test func closedWhileTimeIsMoved() throws {
    let runtime = try bed.runtime()
    try bed.start("a")
    let ticket = try bed.turn(runtime)
    let answers = Collected<String>()
    #expect(bed.hub.advance(byMS: 5, untilMonotonicNS: nil) { answers.add(WaitDeskTests.name($0)) })
    bed.hub.close()
    #expect(answers.wait(for: 1) == ["closed"])
    #expect(!bed.hub.advance(byMS: 5, untilMonotonicNS: nil) { _ in })
    _ = ticket.answer(.ran(TurnResult(retained: true)))
  }

  @Test func theClockOfTheSystemIsNotMoved() throws {
    let bed = try Bed()
    #expect(!bed.hub.advance(byMS: 5, untilMonotonicNS: nil) { _ in })
  }

  /// Whatever threads start and wait while time is skipped: nobody wakes up a millisecond late.
  @Test func manyThreadsAndRuntimes() throws {
    let hosts = [
      try Sleepers(try bed.runtime(), threads: 2), try Sleepers(try bed.runtime(), threads: 1),
      try Sleepers(try bed.runtime(), threads: 1),
    ]
    let rounds: Int64 = 250
    let wrong = Collected<String>()
    let done = Collected<Void>()
    for thread in 0..<8 {
      try inBackground { [bed] in
        for round in 0..<rounds {
          let name = "i\(thread)-\(round)"
          let naps = (round + Int64(thread)) % 4
          try? bed.start(name, naps: naps, delayMS: round % 3 == 0 ? 1_500 : nil)
          let row = try? bed.end(of: name)
          let begun = round % 3 == 0 ? row?.startAt : row?.createdAt
          let expected = begun.map { "\($0 + Sleepers.total(naps))" }
          if expected == nil || row?.outcomeText != expected {
            wrong.add("\(name): \(row?.outcomeText ?? "not ended") instead of \(expected ?? "an end")")
          }
        }
        done.add(())
      }
    }
    // Ten times what the machine needs.
    for _ in 0..<10 where done.all.count < 8 { done.wait(for: 8) }
    #expect(done.all.count == 8)
    #expect(wrong.all == [])
    withExtendedLifetime(hosts) {}
  }

  /// A runtime that stops and one that starts, again and again, lose no moment.
  @Test func runtimesComeAndGo() throws {
    var at = start
    for round in 0..<50 {
      let runtime = try bed.runtime()
      let host = try Sleepers(runtime)
      try bed.start("i\(round)", naps: 3)
      #expect(try bed.end(of: "i\(round)")?.outcomeText == "\(at + Sleepers.total(3))")
      at += Sleepers.total(3)
      #expect(now == at)
      let stopped = Collected<Void>()
      try runtime.stop(graceMS: 1_000) { stopped.add(()) }
      stopped.wait(for: 1)
      withExtendedLifetime(host) {}
    }
  }
}

extension InstanceDescription {
  /// The output, or the failure.
  var outcomeText: String {
    output?.text ?? failure.map { "\($0.type): \($0.message)" } ?? status.rawValue
  }
}
