import PerdureModel
import PerdureStore

extension Trial {
  /// Started, and ended at that moment.
  func finish(
    _ instance: InstanceID, _ orchestration: String = "order", at: TimestampMS,
    _ status: InstanceStatus = .completed
  ) throws {
    try start(instance, orchestration)
    try turn(instance, now: at) { $0.status = status }
  }

  func keep(_ orchestration: String, _ keepMS: Int64, _ statuses: [InstanceStatus] = RetentionRule.ends)
    throws
  {
    let rule = RetentionRule(orchestration: orchestration, keepMS: keepMS, statuses: statuses)
    try expect(try land(.setRetention(rule)), .done, "the receipt of a rule")
  }

  func sweep(limit: Int = 50, now: TimestampMS) throws -> (deleted: [InstanceID], next: TimestampMS?) {
    let receipt = try land(.sweep(limit: limit, now: now))
    guard case .swept(let deleted, let next) = receipt else {
      throw ConformanceFailure("the receipt of a sweep", expected: "swept", found: "\(receipt)")
    }
    return (deleted, next)
  }
}

extension StoreConformance {
  private static let day: Int64 = 86_400_000

  static let retention: [ConformanceCase] = [
    ConformanceCase("retention: rules are listed by name, one for each") { trial in
      try trial.keep("ship", 5)
      try trial.keep("*", 7)
      try trial.keep("order", 1)
      try trial.keep("order", 2, [.failed, .completed])
      let rules = [
        RetentionRule(orchestration: "*", keepMS: 7),
        RetentionRule(orchestration: "order", keepMS: 2, statuses: [.completed, .failed]),
        RetentionRule(orchestration: "ship", keepMS: 5),
      ]
      try expect(try trial.store.retentionRules(), rules, "rules")
      try trial.land(.removeRetention(orchestration: "ship"))
      try trial.refuse(.removeRetention(orchestration: "ship"), .notFound, "removing it again")
      try expect(try trial.store.retentionRules(), Array(rules.prefix(2)), "rules that are left")
    },
    ConformanceCase("retention: without rules nothing goes, and nothing is awaited") { trial in
      try trial.finish("a", at: 2_000)
      let swept = try trial.sweep(now: .max / 4)
      try expect(swept.deleted, [], "deleted")
      try expect(swept.next, nil, "next")
    },
    ConformanceCase("retention: what ended goes when its time has come, not before") { trial in
      try trial.finish("a", at: 2_000)
      try trial.finish("b", at: 4_000)
      try trial.keep("order", 10_000)
      try expect(try trial.sweep(now: 11_999).deleted, [], "a moment before")
      let swept = try trial.sweep(now: 12_000)
      try expect(swept.deleted, ["a"], "at the moment")
      try expect(swept.next, 14_000, "when the next is due")
      try expect(try trial.store.describe("a"), nil, "the row")
      try expect(try trial.store.history(HistoryQuery(instance: "a")), nil, "the history")
      try expect(try trial.sweep(now: 14_000).deleted, ["b"], "the next")
    },
    ConformanceCase("retention: with rules, what ends from now on is awaited") { trial in
      try trial.keep("order", 90_000)
      try trial.keep("*", 50_000)
      try expect(try trial.sweep(now: 10_000).next, 60_000, "next")
      try trial.finish("a", at: 11_000)
      try expect(try trial.sweep(now: 12_000).next, 62_000, "next, before the first that has ended is due")
      try trial.finish("b", "ship", at: 13_000)
      try expect(try trial.sweep(now: 62_000).next, 63_000, "next, when one is due before")
    },
    ConformanceCase("retention: a rule of its own comes before the one for all others") { trial in
      try trial.finish("a", "order", at: 2_000)
      try trial.finish("b", "ship", at: 2_000)
      try trial.finish("c", "order", at: 2_000, .failed)
      try trial.keep("*", 1_000)
      try trial.keep("order", 100_000, [.completed])
      try expect(try trial.sweep(now: 50_000).deleted, ["b"], "by the rule for others")
      try expect(try trial.sweep(now: 102_000).deleted, ["a"], "by its own; its failures stay")
      try trial.land(.removeRetention(orchestration: "order"))
      try expect(try trial.sweep(now: 102_000).deleted, ["c"], "without one of its own")
    },
    ConformanceCase("retention: every way to end counts") { trial in
      for (index, status) in RetentionRule.ends.enumerated() where status != .terminated {
        try trial.finish(status.rawValue, at: 2_000 + TimestampMS(index), status)
      }
      try trial.start("t")
      try trial.land(.control("t", .terminate, reason: "", now: 2_500))
      try trial.run("runs")
      try trial.bring("suspended", to: .suspended)
      try trial.keep("*", 0)
      try expect(
        try trial.sweep(now: 9_000).deleted, ["Completed", "Failed", "Cancelled", "t"],
        "deleted, those that ended first before the others")
      let rest = try trial.store.list(ListQuery()).instances.map(\.instance)
      try expect(rest, ["runs", "suspended"], "what is left")
    },
    ConformanceCase("retention: a sweep takes no more than its limit, those that are due the longest") {
      trial in
      for number in 1...5 { try trial.finish("a\(number)", at: 9_000 - TimestampMS(number)) }
      try trial.finish("s", "ship", at: 1_500)
      try trial.keep("order", 1_000)
      try trial.keep("ship", 7_000)
      let swept = try trial.sweep(limit: 2, now: 20_000)
      try expect(swept.deleted, ["s", "a5"], "the first ones")
      try expect(swept.next, 20_000, "next, when there is more")
      try expect(try trial.sweep(limit: 2, now: 20_000).deleted, ["a4", "a3"], "the next ones")
      let last = try trial.sweep(limit: 2, now: 20_000)
      try expect(last.deleted, ["a2", "a1"], "the last ones")
      try expect(last.next, 21_000, "next, when there is no more")
    },
    ConformanceCase("retention: descendants go with their root, and not before it") { trial in
      try trial.run("root")
      try trial.turn("root") { $0.starts = [.child("c", of: "root")] }
      try trial.turn("c", now: 2_100) {
        $0.starts = [.child("g", of: "c")]
        $0.status = .completed
      }
      try trial.turn("g", now: 2_200) { $0.status = .completed }
      try trial.keep("*", 1_000)
      try expect(try trial.sweep(now: 50_000).deleted, [], "while the root runs")
      try trial.turn("root", now: 60_000) { $0.status = .completed }
      try expect(try trial.sweep(now: 60_500).deleted, [], "before its time")
      try expect(try trial.sweep(now: 61_000).deleted, ["root", "c", "g"], "the tree")
    },
    ConformanceCase("retention: a root waits for its descendants and holds up no other") { trial in
      try trial.run("root")
      try trial.turn("root") { $0.starts = [.child("c", of: "root")] }
      try trial.turn("c") { $0.starts = [.child("g", of: "c")] }
      for instance in ["c", "root"] { try trial.end(instance) }
      try trial.finish("other", at: 3_000)
      try trial.keep("*", 10 * day)
      let first = try trial.sweep(limit: 1, now: 11 * day)
      try expect(first.deleted, ["other"], "deleted")
      try expect(first.next, 11 * day + 60_000, "next: it is looked at again")
      try trial.turn("g") { $0.status = .completed }
      try expect(try trial.sweep(now: 11 * day).deleted, ["root", "c", "g"], "when all have ended")
    },
    ConformanceCase("retention: a swept id can be used again") { trial in
      try trial.finish("a", at: 2_000)
      try trial.keep("order", 0)
      try expect(try trial.sweep(now: 2_000).deleted, ["a"], "deleted")
      try trial.start("a")
      try expect(try trial.sweep(now: 90_000).deleted, [], "the new one, which runs")
      try trial.turn("a", now: 91_000) { $0.status = .completed }
      try expect(try trial.sweep(now: 91_000).deleted, ["a"], "the new one, ended")
    },
    ConformanceCase("retention: old audit records go, also without rules") { trial in
      for at in [1_000, 2_000, 5_000] as [TimestampMS] {
        try trial.land(trial.noted(.releaseActivities([]), at: at))
      }
      let first = try trial.sweep(now: 2_000 + 400 * day)
      try expect(first.next, 5_000 + 400 * day, "next")
      try expect(try trial.audit().map(\.at), [5_000], "records that are left")
    },
    ConformanceCase("retention: old executions lose their histories, the last ones and the rest stay") {
      trial in
      try trial.run("a")
      for _ in 1...4 {
        try trial.turn("a") {
          $0.status = .running
          $0.nextExecution = numbered(2, after: 0)
        }
      }
      func events() throws -> [Int] {
        try (1...5).map {
          try trial.store.history(HistoryQuery(instance: "a", execution: $0))?.events.count ?? -1
        }
      }
      let before = try trial.snapshot("a")
      try expect(
        try trial.land(.pruneExecutions("a", keep: 2, limit: 2)), .pruned(executions: 2), "the oldest two")
      try expect(try events(), [0, 0, 3, 3, 2], "events of each execution")
      try expect(
        try trial.land(.pruneExecutions("a", keep: 2, limit: 9)), .pruned(executions: 1), "the one left")
      try expect(
        try trial.land(.pruneExecutions("a", keep: 2, limit: 9)), .pruned(executions: 0), "nothing left")
      try trial.land(.pruneExecutions("a", keep: 0, limit: 9))
      try expect(try events(), [0, 0, 0, 0, 2], "the current one stays")
      try expect(try trial.snapshot("a"), before, "the instance")
      try trial.refuse(.pruneExecutions("nobody", keep: 1, limit: 1), .notFound, "of nobody")
      try trial.turn("a")
    },
  ]
}
