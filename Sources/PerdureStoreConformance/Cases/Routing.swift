import PerdureModel
import PerdureStore

extension StoreConformance {
  /// What a filter takes of work without a tag and with the tags "gpu" and "cpu".
  private static let filters: [(what: String, tags: [String]?, untagged: Bool, takes: [String])] = [
    ("no tags", [], true, ["none"]),
    ("all tags", nil, true, ["none", "gpu", "cpu"]),
    ("one tag", ["gpu"], true, ["none", "gpu"]),
    ("two tags and one that is unknown", ["cpu", "tpu", "gpu"], true, ["none", "gpu", "cpu"]),
    ("nothing", [], false, []),
    ("all tags, but no untagged work", nil, false, ["gpu", "cpu"]),
    ("one tag, but no untagged work", ["cpu"], false, ["cpu"]),
    ("a tag in another spelling", ["GPU", "cpu "], true, ["none"]),
  ]

  static let tags: [ConformanceCase] = filters.map { filter in
    ConformanceCase("tags: a runtime that takes \(filter.what)") { trial in
      try trial.start("a")
      try trial.turn("a") {
        $0.scheduled = [
          .sample("a", 1), .sample("a", 2) { $0.tag = "gpu" }, .sample("a", 3) { $0.tag = "cpu" },
        ]
      }
      let claimed = try trial.claimTasks(try trial.store.join()) {
        $0.tags = filter.tags
        $0.takesUntagged = filter.untagged
      }
      try expect(claimed.map { $0.options.tag ?? "none" }, filter.takes, "the tags of what was claimed")
      let rest = try trial.claimTasks(try trial.store.join()) { $0.tags = nil }
      try expect(claimed.count + rest.count, 3, "tasks that were claimed in the end")
    }
  }

  static let priorities: [ConformanceCase] = [
    ConformanceCase("priorities: the highest activity first, then those that are visible the longest") {
      trial in
      let node = try trial.store.join()
      try trial.start("a")
      try trial.turn("a") {
        $0.scheduled = [
          .sample("a", 1, visibleAt: 2_600), .sample("a", 2) { $0.priority = -5 },
          .sample("a", 3, "mail") { $0.priority = 9 }, .sample("a", 4, visibleAt: 2_500), .sample("a", 5),
          .sample("a", 6) {
            $0.priority = 9
            $0.tag = "gpu"
          }, .sample("a", 7) { $0.priority = 1_000 },
        ]
      }
      let claimed = try trial.claimTasks(node, ["pay", "mail"], limit: 4) { $0.tags = nil }
      try expect(claimed.map(\.key.action), [7, 3, 6, 5], "the first four")
      let rest = try trial.claimTasks(node, ["mail", "pay"]) { $0.tags = nil }
      try expect(rest.map(\.key.action), [4, 1, 2], "the rest")
    },
    ConformanceCase("priorities: what is not visible yet holds up nothing below it") { trial in
      let node = try trial.store.join()
      try trial.start("a")
      try trial.turn("a") {
        $0.scheduled = [.sample("a", 1, visibleAt: 9_000) { $0.priority = 9 }, .sample("a", 2)]
      }
      try expect(try trial.claimTasks(node).map(\.key.action), [2], "now")
      try expect(try trial.claimTasks(node, now: 9_000).map(\.key.action), [1], "later")
    },
    ConformanceCase("priorities: what was retried or given back has the priority it had") { trial in
      let node = try trial.store.join()
      try trial.start("a")
      try trial.turn("a") {
        $0.scheduled = [
          .sample("a", 1), .sample("a", 2) { $0.priority = 1 }, .sample("a", 3) { $0.priority = 2 },
        ]
      }
      for task in try trial.claimTasks(node) {
        guard let claim = task.claim else { continue }
        if task.key.action == 2 {
          try trial.land(.releaseActivities([ClaimedActivity(key: task.key, claim: claim)]))
        } else {
          try trial.land(trial.retrying(task.key, claim, at: 4_000))
        }
      }
      try expect(try trial.claimTasks(node, now: 4_000).map(\.key.action), [3, 2, 1], "claimed")
    },
    ConformanceCase("priorities: the highest instance first, then the earliest") { trial in
      let node = try trial.store.join()
      let table: [(String, String, Int64, TimestampMS)] = [
        ("a", "order", 0, 900), ("b", "ship", 7, 950), ("c", "order", -1, 100), ("d", "order", 7, 940),
        ("e", "ship", 0, 500), ("f", "order", 1_000, 2_000), ("g", "audit", 9, 1),
      ]
      for (instance, orchestration, priority, wakeAt) in table {
        try trial.land(trial.starting(instance, orchestration) { $0.priority = priority })
        try trial.turn(instance) { $0.wakeAt = wakeAt }
      }
      let names: [ServedOrchestration] = ["order", "ship"]
      try expect(try trial.claim(node, names, limit: 3, now: 1_000), ["d", "b", "e"], "the first three")
      try expect(try trial.claim(node, names, now: 1_000), ["a", "c"], "the rest that is due")
      try expect(try trial.claim(node, names, now: 2_000), ["f"], "what is due later")
    },
    ConformanceCase("priorities: a message, a new execution and a resumption leave them alone") { trial in
      let node = try trial.store.join()
      for (instance, priority) in [("a", 0), ("b", 1), ("c", 2), ("d", 3)] as [(String, Int64)] {
        try trial.land(trial.starting(instance) { $0.priority = priority })
        try trial.turn(instance) { if instance == "c" { $0.nextExecution = numbered(1, after: 0) } }
        if instance == "d" { try trial.control(instance, .suspend) }
        try trial.post("m", to: instance)
      }
      try trial.control("d", .resume)
      try expect(try trial.claim(node), ["d", "c", "b", "a"], "claimed")
    },
    ConformanceCase("priorities: also of what a dead node owned and held") { trial in
      let node = try trial.store.join()
      for (instance, priority) in [("a", 0), ("b", 1)] as [(String, Int64)] {
        try trial.land(trial.starting(instance, owner: node) { $0.priority = priority })
        try trial.turn(instance) {
          $0.scheduled = [.sample(instance, 1) { $0.priority = priority }]
          $0.owner = node
          $0.wakeAt = 1
        }
      }
      _ = try trial.claimTasks(node)
      try trial.store.leave(node)
      let other = try trial.store.join()
      try expect(try trial.claim(other), ["b", "a"], "instances")
      try expect(try trial.claimTasks(other).map(\.key.instance), ["b", "a"], "tasks")
    },
  ]
}
