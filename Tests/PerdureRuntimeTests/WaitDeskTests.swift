import PerdureClient
import PerdureModel
@testable import PerdureRuntime
import PerdureStore
import Testing

/// Each wait is answered exactly once.
@Suite struct WaitDeskTests {
  final class Group: Sendable {}

  static func name(_ answer: WaitDesk.Answer) -> String {
    switch answer {
    case .reached(let description):
      "\(description.status.rawValue), status \(description.customStatusVersion)"
    case .answered(.completed(let result)): "answered \(result.text)"
    case .answered(.failed(let failure)): "failed with \(failure.type)"
    case .timedOut: "timed out"
    case .notFound: "not found"
    case .closed: "closed"
    case .failed(let error): "failed \(error.code)"
    case .moved(let now): "moved to \(now)"
    }
  }

  let bed = try! Bed()
  let answers = Collected<String>()
  let group = Group()

  func wait(
    _ instance: InstanceID, _ condition: WaitDesk.Condition = .ended, forMS timeout: Int64? = nil,
    group: Group? = nil
  ) -> Bool {
    let deadline = timeout.map { monotonicNowNS() + $0 * 1_000_000 }
    let answers = answers
    let wait = bed.hub.waits.wait(
      for: instance, condition, untilMonotonicNS: deadline, group: group ?? self.group
    ) { answers.add(Self.name($0)) }
    return wait != nil
  }

  @Test func endedBefore() throws {
    let runtime = try bed.runtime()
    try bed.start("a")
    try bed.complete(runtime)
    #expect(wait("a"))
    #expect(answers.wait(for: 1) == ["Completed, status 0"])
    #expect(wait("a", forMS: 30_000))
    #expect(answers.wait(for: 2) == ["Completed, status 0", "Completed, status 0"])
  }

  @Test func endedAfter() throws {
    let runtime = try bed.runtime()
    try bed.start("a")
    for _ in 0..<3 { #expect(wait("a", forMS: 30_000)) }
    try bed.complete(runtime)
    #expect(answers.wait(for: 3) == Array(repeating: "Completed, status 0", count: 3))
    bed.hub.waits.abandon(group)
    #expect(answers.all.count == 3)
  }

  @Test func anEventAfterOneThatIsKnown() throws {
    let runtime = try bed.runtime()
    try bed.start("a")
    #expect(wait("a", .history(1, after: 0), forMS: 30_000))
    #expect(wait("a", .history(1, after: 100), forMS: 30_000))
    #expect(wait("a", .history(2, after: 0)))
    #expect(answers.wait(for: 1) == ["Pending, status 0"], "the execution is another one")
    try bed.complete(runtime)
    #expect(answers.wait(for: 3).dropFirst() == ["Completed, status 0", "Completed, status 0"])
    #expect(!bed.hub.waits.isFollowing)
  }

  @Test func turnsAreToldOfAsLongAsSomebodyFollows() throws {
    try bed.start("a")
    #expect(!bed.hub.waits.isFollowing)
    #expect(wait("a", .history(1, after: 0), forMS: 30))
    #expect(wait("a", .history(nil, after: 0)))
    #expect(bed.hub.waits.isFollowing)
    #expect(answers.wait(for: 1) == ["timed out"])
    bed.hub.waits.abandon(group)
    #expect(answers.wait(for: 2) == ["timed out", "closed"])
    #expect(!bed.hub.waits.isFollowing)
  }

  @Test func timedOut() throws {
    try bed.start("a")
    #expect(wait("a", forMS: 30))
    #expect(wait("a", forMS: 0))
    #expect(wait("a", forMS: 60_000))
    #expect(answers.wait(for: 2) == ["timed out", "timed out"])
    bed.hub.waits.abandon(group)
    #expect(answers.wait(for: 3) == ["timed out", "timed out", "closed"])
  }

  @Test func notFound() throws {
    #expect(wait("nobody"))
    #expect(answers.wait(for: 1) == ["not found"])
  }

  @Test func deleted() throws {
    try bed.start("a")
    #expect(wait("a"))
    _ = try bed.client.delete("a", force: true)
    #expect(answers.wait(for: 1) == ["not found"])
  }

  @Test func abandoningEndsOnlyItsGroup() throws {
    let other = Group()
    try bed.start("a")
    #expect(wait("a") && wait("a", group: other))
    bed.hub.waits.abandon(group)
    #expect(answers.wait(for: 1) == ["closed"])
    bed.hub.waits.abandon(other)
    #expect(answers.wait(for: 2) == ["closed", "closed"])
  }

  @Test func closedWithTheHub() throws {
    try bed.start("a")
    #expect(wait("a"))
    bed.hub.close()
    #expect(answers.wait(for: 1) == ["closed"])
    #expect(!wait("a"), "it is not taken, and never answered")
  }

  @Test func finishedJustBeforeTheHubCloses() throws {
    // The desk's thread is kept busy, so that what is finished waits for it.
    let isBusy = Collected<Void>()
    let isFree = Collected<Void>()
    let busy = bed.hub.waits.wait(for: "busy", .told, untilMonotonicNS: nil, group: group) { _ in
      isBusy.add(())
      isFree.wait(for: 1)
    }
    bed.hub.waits.finish("busy", try #require(busy), .timedOut)
    isBusy.wait(for: 1)
    let answers = answers
    let told = bed.hub.waits.wait(for: "a", .told, untilMonotonicNS: nil, group: group) {
      answers.add(Self.name($0))
    }
    bed.hub.waits.finish("a", try #require(told), .answered(.completed(Payload("1"))))
    #expect(wait("b", .told))
    bed.hub.close()
    isFree.add(())
    #expect(answers.wait(for: 2).sorted() == ["answered 1", "closed"])
  }

  @Test func aWaitIsForgottenOrAnswered() throws {
    let answers = answers
    let desk = bed.hub.waits
    let first = try #require(
      desk.wait(for: "a", .told, untilMonotonicNS: nil, group: group) { answers.add(Self.name($0)) })
    #expect(desk.forget("a", first))
    desk.finish("a", first, .timedOut)
    let second = try #require(
      desk.wait(for: "a", .told, untilMonotonicNS: nil, group: group) { answers.add(Self.name($0)) })
    desk.finish("a", second, .notFound)
    #expect(!desk.forget("a", second), "it has its answer")
    #expect(answers.wait(for: 1) == ["not found"])
  }

  @Test func aWaitOfAClosedClientIsAnswered() throws {
    try bed.start("a")
    let client = Client(hub: bed.hub)
    client.close()
    let answers = answers
    #expect(try client.wait(for: "a", timeoutMS: -1) { answers.add(Self.name($0)) })
    #expect(answers.wait(for: 1) == ["closed"])
  }

  @Test func theDeadlinesOfWaitsThatAreOverAreForgotten() throws {
    let runtime = try bed.runtime()
    try bed.start("a")
    try bed.complete(runtime)
    for round in 1...500 {
      #expect(wait("a", forMS: 3_600_000))
      answers.wait(for: round)
    }
    #expect(bed.hub.waits.deadlinesKept <= 64)
  }

  @Test func aStoreThatCannotRead() throws {
    try bed.start("a")
    bed.store.failReads(StoreError(.io, "the disk"))
    #expect(wait("a"))
    #expect(answers.wait(for: 1) == ["failed io"])
  }

  @Test func manyWaitsAreAnsweredOnceEach() throws {
    let runtime = try bed.runtime()
    for number in 0..<20 {
      try bed.start("i\(number)")
      for _ in 0..<10 { #expect(wait("i\(number)", forMS: 60_000)) }
    }
    for _ in 0..<20 { try bed.complete(runtime) }
    answers.wait(for: 200)
    bed.hub.close()
    #expect(answers.all.count == 200 && Set(answers.all) == ["Completed, status 0"])
  }
}
