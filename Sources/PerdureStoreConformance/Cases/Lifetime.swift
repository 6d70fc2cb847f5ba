import PerdureModel
import PerdureStore
import Synchronization

extension StoreConformance {
  private static func reopened(_ trial: Trial) throws -> Trial {
    guard let store = try trial.fixture.reopen(trial.store) else {
      throw CaseSkipped(reason: "the store does not outlive its process")
    }
    return trial.on(store)
  }

  static let reopening: [ConformanceCase] = [
    ConformanceCase("reopening: all that was acknowledged is there after a crash") { trial in
      try trial.runWithTask("a")
      try trial.post("m", to: "a")
      try trial.turn("a", events: 5) {
        $0.customStatus = .some(Payload("\"s\""))
        $0.starts = [.child("c", of: "a")]
      }
      try trial.start("b")
      try trial.end("b", .failed)
      let before = try ["a", "b", "c"].map { try trial.snapshot($0) }
      let again = try reopened(trial)
      defer { again.store.close() }
      try expect(try ["a", "b", "c"].map { try again.snapshot($0) }, before, "the instances")
      try expect(try again.claimTasks(try again.store.join()).map(\.key.action), [1], "tasks")
    },
    ConformanceCase("reopening: what was refused or removed is not there after a crash") { trial in
      try trial.run("a")
      let late = try trial.draft("a")
      try trial.turn("a")
      try trial.refuse(.turn(late), .conflict, "the late turn")
      try trial.run("b")
      try trial.land(.delete("b", force: true))
      let again = try reopened(trial)
      defer { again.store.close() }
      try expect(try again.snapshot("a").history.count, 2, "events")
      try expect(try again.store.describe("b"), nil, "the deleted instance")
    },
    ConformanceCase("reopening: what the crashed process owned and held is open to the next") { trial in
      let node = try trial.store.join()
      try trial.start("a", owner: node)
      try trial.runWithTask("b")
      _ = try trial.claimTask(node)
      let again = try reopened(trial)
      defer { again.store.close() }
      _ = try again.store.reapNodes()
      let next = try again.store.join()
      try expect(try again.claim(next), ["a"], "claimed")
      try expect(try again.claimTask(next).task.attempt, 2, "the attempt of the task")
    },
    ConformanceCase("reopening: node ids, sequences and the order of creation go on") { trial in
      let node = try trial.store.join()
      try trial.run("a")
      let first = try trial.post("1", to: "a").message.sequence
      try trial.turn("a") { $0.consumed = [first] }
      try trial.land(.delete("a", force: true))
      try trial.run("b")
      let again = try reopened(trial)
      defer { again.store.close() }
      try expect(try again.store.join() != node, "the next node has another id than \(node)")
      let second = try again.post("2", to: "b").message.sequence
      try expect(second > first, "sequence \(second) is above \(first)")
      try again.start("c")
      let listed = try again.store.list(ListQuery()).instances.map(\.instance)
      try expect(listed, ["b", "c"], "the order")
    },
    ConformanceCase("reopening: key values, calls, subscriptions and kept messages are there after a crash") {
      trial in
      try trial.subscribed("a", "news")
      try trial.change("a", [.set(key: "x", value: Payload("1"))]) {
        $0.nextExecution = numbered(1, after: 0)
      }
      try trial.change("a", [.set(key: "x", value: Payload("2"))])
      for call in ["c", "d"] { try trial.land(trial.calling("a", call)) }
      try trial.turn("a") { $0.callAnswers = [CallAnswer(call: "c", outcome: .failed(.sample))] }
      for name in ["1", "2"] { try trial.land(trial.keeping(name, for: "later")) }
      let again = try reopened(trial)
      defer { again.store.close() }
      try expect(try again.values("a"), ["x=2"], "the values")
      try expect(try again.base("a"), ["x=1"], "what the execution began with")
      try expect(
        try again.store.callState(of: "a", call: "c"), .answered(.failed(.sample)), "an answered call")
      try expect(try again.store.callState(of: "a", call: "d"), .waiting, "a waiting call")
      try expect(try again.publish("news").map(\.instance), ["a"], "subscribers")
      try again.start("later")
      try expect(try again.waiting("later"), ["1", "2"], "what was kept")
    },
    ConformanceCase("reopening: start options, suspension and termination are there after a crash") { trial in
      try trial.land(
        trial.starting("a") {
          $0.startAt = 50_000
          $0.priority = 3
          $0.memo = Payload("1")
          $0.dedupKey = "k"
        })
      try trial.run("p")
      try trial.turn("p") { $0.starts = [.child("c", of: "p") { $0.closePolicy = .terminate }] }
      try trial.bring("s", to: .suspended)
      let before = try ["a", "p", "c", "s"].map { try trial.snapshot($0) }
      let again = try reopened(trial)
      defer { again.store.close() }
      try expect(try ["a", "p", "c", "s"].map { try again.snapshot($0) }, before, "the instances")
      let second = again.starting("b") { $0.dedupKey = "k" }
      try expect(try again.land(second), .existing("a", .pending), "a start with the same key")
      try expect(try again.store.nextDue(after: 1_000), 50_000, "the next wake-up")
      try expect(try again.control("p", .terminate).terminated, ["p", "c"], "terminated")
      try expect(try again.control("s", .resume).status, .running, "the status after resume")
    },
    ConformanceCase("reopening: attempts, deferrals and time limits are there after a crash") { trial in
      let node = try trial.store.join()
      try trial.start("a")
      try trial.turn("a") {
        $0.scheduled = [
          .sample("a", 1), .sample("a", 2) { $0.heartbeatMS = 5_000 }, .sample("a", 3) { $0 = .sample },
        ]
      }
      let claims = try trial.claimTasks(node).compactMap(\.claim)
      guard claims.count == 2 else { throw ConformanceFailure("claims", expected: "2", found: "\(claims)") }
      try trial.land(
        .activityRetry(
          trial.key("a"), claim: claims[0], failure: .sample, retryAt: 4_000, heartbeat: Payload("1")))
      try trial.land(.deferActivity(trial.key("a", 2), claim: claims[1], heartbeat: nil, now: 3_000))
      let before = try trial.store.activities(of: "a")
      let again = try reopened(trial)
      defer { again.store.close() }
      try expect(try again.store.activities(of: "a"), before, "activities")
      try expect(try again.store.nextDue(after: 4_000), 8_000, "the next wake-up")
      try expect(try again.claimTasks(try again.store.join(), now: 4_000).map(\.attempt), [2], "attempts")
      try again.land(again.completing(again.key("a", 2), token: claims[1].token, .completed(.null)))
    },
    ConformanceCase("reopening: timers are still set") { trial in
      try trial.start("a")
      try trial.turn("a") { $0.wakeAt = 77_000 }
      let again = try reopened(trial)
      defer { again.store.close() }
      try expect(try again.store.nextDue(after: 0), 77_000, "the next wake-up")
    },
  ]

  private static func second(_ trial: Trial) throws -> Trial {
    guard let store = try trial.fixture.openSecond(trial.store) else {
      throw CaseSkipped(reason: "there can be no second handle")
    }
    return trial.on(store)
  }

  static let secondHandle: [ConformanceCase] = [
    ConformanceCase("second handle: sees what the first wrote, and the other way round") { trial in
      let other = try second(trial)
      defer { other.store.close() }
      try trial.run("a")
      try expect(try other.snapshot("a"), try trial.snapshot("a"), "the instance")
      try other.post("m", to: "a")
      try expect(try trial.waiting("a"), ["m"], "the inbox")
    },
    ConformanceCase("second handle: turns compete by revision") { trial in
      let other = try second(trial)
      defer { other.store.close() }
      try trial.run("a")
      let late = try trial.draft("a")
      try other.turn("a")
      try trial.refuse(.turn(late), .conflict, "the late turn")
    },
    ConformanceCase("second handle: its live nodes own and hold") { trial in
      let other = try second(trial)
      defer { other.store.close() }
      let node = try other.store.join()
      try trial.start("a", owner: node)
      let mine = try trial.store.join()
      try expect(mine != node, "the nodes of two handles have different ids")
      try expect(try trial.store.reapNodes(), 0, "the dead")
      try expect(try trial.claim(mine), [], "claimed")
      try trial.refuse(.claimInstance(node: mine, instance: "a"), .owned(node), "the claim by name")
    },
    ConformanceCase("second handle: suspends, terminates and answers what the first runs") { trial in
      let other = try second(trial)
      defer { other.store.close() }
      try trial.run("a")
      let late = try trial.draft("a")
      try other.control("a", .suspend)
      try trial.refuse(.turn(late), .conflict, "the turn that was under way")
      try trial.control("a", .resume)
      try other.land(other.calling("a", "c"))
      try trial.turn("a") { $0.callAnswers = [CallAnswer(call: "c", outcome: .completed(.null))] }
      try expect(try other.store.callState(of: "a", call: "c"), .answered(.completed(.null)), "the call")
      try other.control("a", .terminate)
      try expect(try trial.row("a").status, .terminated, "status")
    },
    ConformanceCase("second handle: serves, holds sessions and completes by token") { trial in
      let other = try second(trial)
      defer { other.store.close() }
      let mine = try trial.store.join()
      let service = NodeService(activities: ["pay"], tags: ["gpu"])
      let theirs = try other.store.join(serving: service)
      try expect(try trial.store.services(), [NodeService(), service], "services")
      try trial.start("a")
      try trial.turn("a") { $0.scheduled = [1, 2].map { .sample("a", $0) { $0.session = "s" } } }
      let first = try other.claimTasks(theirs, limit: 1).compactMap(\.claim)
      try expect(try trial.claimTasks(mine), [], "tasks of the session")
      for claim in first {
        let claimed = ClaimedActivity(key: trial.key("a"), claim: claim)
        try expect(try trial.store.lostClaims(of: [claimed]), [], "lost claims")
        try trial.land(trial.completing(trial.key("a"), token: claim.token, .completed(.null)))
        try expect(try other.store.lostClaims(of: [claimed]), [claimed], "lost claims after the completion")
      }
      try expect(try trial.inbox("a").count, 1, "messages")
    },
    ConformanceCase("second handle: competing turns of both add up") { trial in
      let other = try second(trial)
      defer { other.store.close() }
      try trial.run("a")
      try inParallel(2) { index in
        let side = index == 0 ? trial : other
        var landed = 0
        while landed < 15 {
          if try side.outcome(.turn(try side.draft("a"))).isSuccess { landed += 1 }
        }
      }
      try expect(try trial.row("a").revision, 31, "revision")
      try expect(try other.snapshot("a").history.map(\.id), (1...31).map { $0 }, "event ids")
    },
  ]

  static let corruption: [ConformanceCase] = [
    ConformanceCase("corruption: loading damaged history says which event") { trial in
      try trial.start("broken-one")
      try trial.turn("broken-one", events: 9)
      try damage(event: 7, of: "broken-one", trial)
      do {
        _ = try trial.store.load("broken-one")
      } catch let error as StoreError {
        try expect(error.code, .corrupt, "the code")
        for part in ["broken-one", "7"] {
          try expect(error.message.contains(part), "the message '\(error.message)' names \(part)")
        }
        return
      }
      throw ConformanceFailure("loading damaged history", expected: "corrupt", found: "a snapshot")
    },
    ConformanceCase("corruption: other instances are untouched, and the broken one is still listed") {
      trial in
      for instance in ["a", "b"] {
        try trial.start(instance)
        try trial.turn(instance, events: 3)
      }
      try damage(event: 2, of: "a", trial)
      try expect(try trial.snapshot("b").history.count, 3, "events of the other")
      try trial.turn("b")
      try trial.start("c")
      try expect(try trial.row("a").status, .running, "the status of the broken one")
      try expect(try trial.store.list(ListQuery()).instances.count, 3, "rows")
    },
    ConformanceCase("corruption: a broken instance can be terminated") { trial in
      try trial.run("p")
      try trial.turn("p") { $0.starts = [.child("a", of: "p") { $0.closePolicy = .terminate }] }
      try trial.turn("a", events: 3)
      try damage(event: 3, of: "a", trial)
      try expect(try trial.control("p", .terminate).terminated, ["p", "a"], "terminated")
      try expect(try trial.row("a").status, .terminated, "status")
      try expect(try trial.row("a").eventCount, 4, "event count")
    },
    ConformanceCase("corruption: a broken instance can be quarantined and deleted") { trial in
      try trial.start("a")
      try trial.turn("a", events: 3)
      try damage(event: 1, of: "a", trial)
      try trial.land(.quarantine("a", revision: 1, failure: .sample, now: 5_000))
      try expect(try trial.row("a").status, .quarantined, "status")
      try trial.land(.delete("a", force: true))
      try expect(try trial.store.describe("a"), nil, "describe")
    },
  ]

  private static func damage(event: EventID, of instance: InstanceID, _ trial: Trial) throws {
    guard try trial.fixture.corrupt(event: event, of: instance, in: trial.store) else {
      throw CaseSkipped(reason: "the store has no bytes that could be damaged")
    }
  }

  static let closing: [ConformanceCase] = [
    ConformanceCase("closing: every call after it throws closed") { trial in
      try trial.run("a")
      let node = try trial.store.join()
      let store = trial.store
      store.close()
      let calls: [(String, () throws -> Void)] = [
        ("commit", { _ = try store.commit([.claimInstance(node: node, instance: "a")]) }),
        ("load", { _ = try store.load("a") }), ("inbox", { _ = try store.inbox(of: "a", after: 0) }),
        ("dueInstances", { _ = try store.dueInstances(ownedBy: node, now: 1, limit: 1) }),
        ("nextDue", { _ = try store.nextDue(after: 0) }), ("describe", { _ = try store.describe("a") }),
        ("list", { _ = try store.list(ListQuery()) }),
        ("history", { _ = try store.history(HistoryQuery(instance: "a")) }),
        ("keyValues", { _ = try store.keyValues(KVQuery(instance: "a")) }),
        ("callState", { _ = try store.callState(of: "a", call: "c") }),
        ("activities", { _ = try store.activities(of: "a") }),
        ("details", { _ = try store.details(of: "a") }),
        ("executions", { _ = try store.executions(ExecutionsQuery(instance: "a")) }),
        ("statusCounts", { _ = try store.statusCounts(of: nil) }),
        ("workload", { _ = try store.workload(now: 0) }), ("holdings", { _ = try store.holdings() }),
        ("lostClaims", { _ = try store.lostClaims(of: []) }), ("services", { _ = try store.services() }),
        ("join", { _ = try store.join() }), ("leave", { try store.leave(node) }),
        ("reapNodes", { _ = try store.reapNodes() }),
      ]
      for (name, call) in calls {
        do {
          try call()
        } catch {
          try expect((error as? StoreError)?.code, .closed, "the code of \(name)")
          continue
        }
        throw ConformanceFailure(name, expected: "closed", found: "an answer")
      }
    },
    ConformanceCase("closing: once more is harmless") { trial in
      trial.store.close()
      trial.store.close()
    },
    ConformanceCase("closing: ending the observation of foreign writes is harmless at any time") { trial in
      trial.store.observeForeignWrites(nil)
      trial.store.observeForeignWrites {}
      trial.store.observeForeignWrites(nil)
      try trial.start("a")
      trial.store.close()
      trial.store.observeForeignWrites(nil)
    },
    ConformanceCase("closing: calls of other threads end with an answer or with closed") { trial in
      try trial.run("a")
      let refused = Mutex(0)
      try inParallel(3) { index in
        if index == 0 {
          trial.store.close()
          return
        }
        do {
          while true { try trial.post("m", to: "a") }
        } catch let error as StoreError {
          try expect(error.code, .closed, "the code")
          refused.withLock { $0 += 1 }
        } catch let failure as ConformanceFailure where failure.found.contains("inboxFull") {
          refused.withLock { $0 += 1 }
        }
      }
      try expect(refused.withLock { $0 }, 2, "threads that were told")
    },
  ]
}
