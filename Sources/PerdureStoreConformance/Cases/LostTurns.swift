import PerdureModel
import PerdureStore

/// What the store remembers of processes that died under their instances.
extension StoreConformance {
  static let lostTurns: [ConformanceCase] = [
    ConformanceCase(
      "lost turns: what was due when the process died is counted, and a turn that lands forgets"
    ) {
      trial in
      let node = try trial.store.join()
      try trial.start("a", owner: node)
      try trial.kill(node)
      try expect(try trial.snapshot("a").lostTurns, 1, "after the first")
      try trial.lose(["a"])
      try expect(try trial.snapshot("a").lostTurns, 2, "after the second")
      try trial.turn("a")
      try expect(try trial.snapshot("a").lostTurns, 0, "after a turn")
    },
    ConformanceCase("lost turns: neither what slept counts, nor what a runtime left that stopped") { trial in
      let node = try trial.store.join()
      try trial.run("asleep", owner: node)
      try trial.start("later", owner: node)
      try trial.turn("later") {
        $0.owner = node
        $0.wakeAt = Trial.tomorrow
      }
      try trial.kill(node)
      let other = try trial.store.join()
      try trial.start("left", owner: other)
      try trial.store.leave(other)
      for instance in ["asleep", "later", "left"] {
        try expect(try trial.snapshot(instance).lostTurns, 0, instance)
      }
    },
    ConformanceCase("lost turns: from the third on each waits for longer, one after the other") { trial in
      try trial.start("a")
      try trial.start("b")
      for losses in Int64(1)...2 {
        try trial.lose(["a", "b"])
        try expect(try trial.snapshot("b").lostTurns, losses, "losses")
      }
      try trial.lose(["a", "b"])
      let node = try trial.store.join()
      try expect(try trial.claim(node, now: 10_000), [], "at once")
      try expect(try trial.store.nextDue(after: 10_000), 11_000, "the first")
      try expect(try trial.claim(node, now: 11_000), ["a"], "a second later")
      try expect(try trial.claim(node, now: 11_049), [], "before the other's time")
      try expect(try trial.claim(node, now: 11_050), ["b"], "the other")
      try trial.turn("b")
      try trial.kill(node)
      let next = try trial.store.join()
      try expect(try trial.claim(next, now: 20_000), [], "the one that was lost again")
      try expect(try trial.store.nextDue(after: 20_000), 22_000, "twice as long")
    },
    ConformanceCase("lost turns: those that have waited are taken one by one") { trial in
      for instance in ["a", "b", "c"] { try trial.start(instance) }
      for _ in 1...3 { try trial.lose(["a", "b", "c"]) }
      let node = try trial.store.join()
      try expect(try trial.claim(node, now: 10_000), [], "at once")
      try expect(try trial.claim(node, now: 60_000), ["a"], "long after")
      try expect(try trial.claim(node, now: 60_049), [], "right behind it")
      try expect(try trial.claim(node, now: 60_050), ["b"], "a little later")
      try expect(try trial.claim(node, now: 60_100), ["c"], "and later")
    },
    ConformanceCase("lost turns: those that wait take no place in a claim") { trial in
      try trial.start("a")
      for _ in 1...3 { try trial.lose(["a"]) }
      try trial.start("b")
      try expect(try trial.claim(try trial.store.join(), limit: 1), ["b"], "claimed")
    },
    ConformanceCase("lost turns: a message does not wait") { trial in
      try trial.start("a")
      for _ in 1...3 { try trial.lose(["a"]) }
      let node = try trial.store.join()
      try expect(try trial.claim(node), [], "before")
      try trial.post("m", to: "a")
      try expect(try trial.claim(node), ["a"], "after")
    },
    ConformanceCase("lost turns: a runtime that hands an instance back has survived it") { trial in
      try trial.start("a")
      for _ in 1...3 { try trial.lose(["a"]) }
      let node = try trial.store.join()
      try trial.land(.claimInstance(node: node, instance: "a"))
      try trial.land(.releaseInstances(node: node, instances: ["a"]))
      try expect(try trial.snapshot("a").lostTurns, 0, "losses")
      try expect(try trial.claim(node), ["a"], "claimed")
    },
    ConformanceCase("lost turns: who puts an instance back to work forgets them") { trial in
      try trial.start("a")
      for _ in 1...3 { try trial.lose(["a"]) }
      try trial.land(.control("a", .suspend, reason: "", now: 4_000))
      try trial.land(.control("a", .resume, reason: "", now: 4_000))
      try expect(try trial.snapshot("a").lostTurns, 0, "losses")
      try expect(try trial.claim(try trial.store.join()), ["a"], "claimed")
    },
    ConformanceCase("lost turns: an activity that was lost three times waits") {
      trial in
      try trial.runWithTask("a")
      try trial.runWithTask("b")
      for losses in Int64(1)...3 {
        let node = try trial.store.join()
        try expect(try trial.claimTasks(node).map(\.attempt), [losses, losses], "attempts")
        try trial.kill(node)
      }
      let node = try trial.store.join()
      try expect(try trial.claimTasks(node, now: 10_000), [], "at once")
      try expect(try trial.store.nextDue(after: 10_000), 11_500, "the first")
      try expect(
        try trial.claimTasks(node, now: 11_500).map(\.key.instance), ["a"],
        "a second later, and after the turns")
      try expect(try trial.claimTasks(node, now: 11_750).map(\.key.instance), ["b"], "the other")
      try trial.kill(node)
      let next = try trial.store.join()
      try expect(try trial.claimTasks(next, now: 20_000), [], "after the fourth")
      try expect(try trial.store.nextDue(after: 20_000), 22_500, "twice as long")
    },
    ConformanceCase("lost turns: one that failed for the last time is told at once that it is poison") {
      trial in
      try trial.runWithTask("a")
      var now: TimestampMS = 10_000
      for _ in 1...Limits.activityLosses {
        now += 60_000
        let node = try trial.store.join()
        if try trial.claimTasks(node, now: now).isEmpty {
          now += 60_000
          try expect(try trial.claimTasks(node, now: now).count, 1, "after its pause")
        }
        try trial.kill(node)
      }
      let last = try trial.store.join()
      let tasks = try trial.claimTasks(last, now: now)
      try expect(tasks.map(\.losses), [Limits.activityLosses], "losses")
      try expect(try trial.snapshot("a").lostTurns, 0, "so far the activity was to blame")
      try trial.kill(last)
      try expect(try trial.snapshot("a").lostTurns, 1, "the turn that was told so was lost")
    },
  ]
}

extension Trial {
  /// Beyond the system's time for as long as a test takes.
  fileprivate static let tomorrow: TimestampMS = 1 << 52

  /// A process takes these, and dies.
  fileprivate func lose(_ instances: [InstanceID]) throws {
    let node = try store.join()
    for instance in instances { try land(.claimInstance(node: node, instance: instance)) }
    try kill(node)
  }
}
