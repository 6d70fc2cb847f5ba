import PerdureModel
import PerdureStore

extension StoreConformance {
  /// Short: `order 1.0.0 Running 2`, those of which there are any.
  private static func counted(_ trial: Trial, of name: String? = nil) throws -> [String] {
    try trial.store.statusCounts(of: name).filter { $0.count != 0 }.map {
      "\($0.orchestration) \($0.version ?? "-") \($0.status.rawValue) \($0.count)"
    }
  }

  /// Of activities at 3,000: waiting, running, deferred, in back-off, and since when the first one waits.
  private static func row(_ trial: Trial, _ name: String, _ tag: String? = nil) throws -> [Int64] {
    let rows = try trial.store.workload(now: 3_000).activities
    guard let row = rows.first(where: { $0.name == name && $0.tag == tag }) else { return [] }
    return [row.waiting, row.running, row.deferred, row.backoff, row.waitingSince ?? -1]
  }

  static let counts: [ConformanceCase] = [
    ConformanceCase("counts: every way in which an instance changes its status is counted") { trial in
      try expect(try trial.store.statusCounts(of: nil), [], "of an empty store")
      try trial.start("a")
      try trial.start("b")
      try expect(try counted(trial), ["order - Pending 2"], "pending")
      try trial.turn("a")
      try expect(try counted(trial), ["order - Pending 1", "order 1.0.0 Running 1"], "running")
      try trial.control("a", .suspend)
      try expect(try counted(trial), ["order - Pending 1", "order 1.0.0 Suspended 1"], "suspended")
      try trial.control("a", .resume)
      try trial.land(.quarantine("a", revision: 3, failure: .sample, now: 3_000))
      try expect(try counted(trial), ["order - Pending 1", "order 1.0.0 Quarantined 1"], "quarantined")
      try trial.control("a", .retry)
      try trial.turn("a") { $0.orchestrationVersion = "2.0.0" }
      try expect(try counted(trial), ["order - Pending 1", "order 2.0.0 Running 1"], "another version")
      try trial.end("a")
      try trial.control("b", .terminate)
      try expect(
        try counted(trial), ["order - Terminated 1", "order 1.0.0 Completed 1"], "ended")
      try trial.land(.delete("a", force: false))
      try expect(try counted(trial), ["order - Terminated 1"], "after a deletion")
    },
    ConformanceCase("counts: families come, end and go together") { trial in
      try trial.run("p")
      try trial.turn("p") {
        $0.starts = [.child("c", of: "p") { $0.closePolicy = .terminate }, .detached("d")]
      }
      try expect(
        try counted(trial), ["audit - Pending 1", "order 1.0.0 Running 1", "ship - Pending 1"], "started")
      try expect(try counted(trial, of: "ship"), ["ship - Pending 1"], "of one name")
      try trial.control("p", .terminate)
      try expect(
        try counted(trial), ["audit - Pending 1", "order 1.0.0 Terminated 1", "ship - Terminated 1"], "ended")
      try trial.land(trial.starting("p") { $0.policy = .restartIfFinished })
      try expect(try counted(trial), ["audit - Pending 1", "order - Pending 1"], "restarted")
      try trial.refuse(trial.starting("p"), .alreadyExists(.pending), "a start that is refused")
      try expect(try counted(trial, of: "order"), ["order - Pending 1"], "after a refusal")
    },
    ConformanceCase("counts: how long those lived that ended, deleted ones included") { trial in
      for (instance, end) in [("a", 1_500), ("b", 4_000), ("c", 2_500)] as [(String, Int64)] {
        try trial.start(instance)
        try trial.turn(instance, now: end) { $0.status = .completed }
      }
      try trial.land(.delete("b", force: false))
      let lives = try trial.store.statusCounts(of: nil).first { $0.status == .completed }?.lives
      try expect(
        lives, StatusCount.Lives(count: 3, totalMS: 5_000, leastMS: 500, mostMS: 3_000), "lives")
    },
    ConformanceCase("reopening: counts are there") { trial in
      try trial.run("a")
      guard let again = try trial.fixture.reopen(trial.store) else {
        throw CaseSkipped(reason: "the store cannot be opened anew")
      }
      defer { again.close() }
      try expect(try counted(trial.on(again)), ["order 1.0.0 Running 1"], "after opening")
    },
  ]

  static let workload: [ConformanceCase] = [
    ConformanceCase("workload: instances that are due and that nobody owns") { trial in
      let node = try trial.store.join()
      try trial.start("owned", owner: node)
      try trial.start("free", now: 5_000)
      try trial.start("free-too", now: 6_000)
      try trial.land(trial.starting("later") { $0.startAt = 90_000 })
      try trial.run("parked")
      let found = try trial.store.workload(now: 10_000)
      try expect(found.readyInstances, 2, "ready")
      try expect(found.readySince, 5_000, "since")
      try expect(try trial.store.workload(now: 90_000).readyInstances, 3, "ready later")
      try trial.store.leave(node)
      try expect(try trial.store.workload(now: 10_000).readyInstances, 3, "ready after the owner left")
    },
    ConformanceCase("workload: activities by name, tag and state") { trial in
      try expect(try trial.store.workload(now: 0), Workload(), "of an empty store")
      let node = try trial.store.join()
      try trial.start("a")
      try trial.turn("a") {
        $0.scheduled = [
          .sample("a", 1), .sample("a", 2, visibleAt: 2_500), .sample("a", 3, "mail"),
          .sample("a", 4) { $0.tag = "gpu" }, .sample("a", 5, "mail", visibleAt: 9_000),
        ]
      }
      guard let task = try trial.claimTasks(node, limit: 1).first, let held = task.claim else {
        throw ConformanceFailure("a claim", expected: "a task", found: "none")
      }
      try trial.post("x", to: "a")
      try trial.land(.post(OutgoingMessage(to: "b", kind: .named("y"), isKept: true), now: 1))
      try expect(try row(trial, "pay"), [1, 1, 0, 0, 2_500], "pay")
      try expect(try row(trial, "pay", "gpu"), [1, 0, 0, 0, 2_000], "pay with the tag")
      try expect(try row(trial, "mail"), [1, 0, 0, 1, 2_000], "mail")
      try trial.land(.deferActivity(task.key, claim: held, heartbeat: nil, now: 3_000))
      try expect(try row(trial, "pay"), [1, 0, 1, 0, 2_500], "pay, one deferred")
      let found = try trial.store.workload(now: 3_000)
      try expect([found.inboxMessages, found.keptMessages], [1, 1], "messages")
      try expect(found.activities.map(\.name), ["mail", "pay", "pay"], "the order")
    },
    ConformanceCase("workload: what each living node holds") { trial in
      let (one, two) = (try trial.store.join(), try trial.store.join())
      try trial.run("a", owner: one)
      try trial.run("b", owner: one)
      try trial.runWithTask("c")
      _ = try trial.claimTasks(two)
      try expect(
        try trial.store.holdings(),
        [one: NodeHoldings(instances: 2), two: NodeHoldings(activities: 1)], "holdings")
      try trial.end("a")
      try trial.store.leave(two)
      try expect(try trial.store.holdings(), [one: NodeHoldings(instances: 1)], "holdings later")
    },
    ConformanceCase("workload: nodes have their ids") { trial in
      let one = try trial.store.join(serving: NodeService(activities: ["pay"]))
      let two = try trial.store.join()
      try expect(try trial.store.nodes().map(\.id), [one, two], "ids")
      try expect(try trial.store.nodes().first?.service.activities, ["pay"], "what the first serves")
    },
  ]
}
