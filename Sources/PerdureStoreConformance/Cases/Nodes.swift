import PerdureModel
import PerdureStore

extension StoreConformance {
  static let nodes: [ConformanceCase] = [
    ConformanceCase("nodes: no id is given twice, not even after it left") { trial in
      var seen: Set<NodeID> = []
      for _ in 0..<10 {
        let node = try trial.store.join()
        try expect(seen.insert(node).inserted, "node \(node) is new")
        try trial.store.leave(node)
      }
    },
    ConformanceCase("nodes: what a node owned is open after it left") { trial in
      let node = try trial.store.join()
      let other = try trial.store.join()
      try trial.start("a", owner: node)
      try trial.start("b", owner: other)
      try trial.store.leave(node)
      try expect(try trial.claim(other), ["a"], "claimed")
    },
    ConformanceCase("nodes: what a node owned is open after its process died") { trial in
      let node = try trial.store.join()
      let other = try trial.store.join()
      try trial.start("a", owner: node)
      try trial.run("b", owner: node)
      try trial.kill(node)
      try expect(try trial.claim(other), ["a"], "claimed")
      try trial.land(.claimInstance(node: other, instance: "b"))
      try expect(try trial.snapshot("b").owner, other, "owner")
    },
    ConformanceCase("nodes: a message wakes what a departed node owned while it slept") { trial in
      let node = try trial.store.join()
      let other = try trial.store.join()
      try trial.run("a", owner: node)
      try trial.store.leave(node)
      let delivery = try trial.post("m", to: "a")
      try expect(delivery.owner, nil, "owner in the receipt")
      try expect(try trial.snapshot("a").owner, nil, "owner")
      try expect(try trial.claim(other), ["a"], "claimed")
    },
    ConformanceCase("nodes: the timer of what a departed node owned is seen") { trial in
      let node = try trial.store.join()
      let other = try trial.store.join()
      try trial.start("a")
      try trial.turn("a") {
        $0.owner = node
        $0.wakeAt = 9_000
      }
      try trial.store.leave(node)
      try expect(try trial.store.nextDue(after: 3_000), 9_000, "the next wake-up")
      try expect(try trial.claim(other, now: 9_000), ["a"], "claimed")
    },
    ConformanceCase("nodes: reaping forgets the dead, not the living") { trial in
      let node = try trial.store.join()
      let other = try trial.store.join()
      try trial.start("a", owner: other)
      try expect(try trial.store.reapNodes(), 0, "the dead among the living")
      guard try trial.fixture.kill(node, in: trial.store) else {
        throw CaseSkipped(reason: "no node can be killed")
      }
      try expect(try trial.store.reapNodes(), 1, "the dead")
      try expect(try trial.store.reapNodes(), 0, "the dead, once more")
      try expect(try trial.claim(try trial.store.join()), [], "what the living owns")
    },
    ConformanceCase("nodes: a node that left twice, or never was, is nothing to worry about") { trial in
      let node = try trial.store.join()
      try trial.store.leave(node)
      try trial.store.leave(node)
      try trial.store.leave(987_654)
      try expect(try trial.store.reapNodes(), 0, "the dead")
    },
    ConformanceCase("nodes: what the living ones serve can be read") { trial in
      let full = NodeService(
        orchestrations: [
          ServedOrchestration(name: "order", versions: ["1.0.0", "2.0.0-beta.1"]),
          ServedOrchestration(name: "é'\"", versions: nil), ServedOrchestration(name: "none", versions: []),
        ], activities: ["pay", "mail"], tags: ["gpu"], takesUntagged: false)
      let all = NodeService(tags: nil)
      try expect(try trial.store.services(), [], "before anybody joined")
      let first = try trial.store.join(serving: full)
      _ = try trial.store.join(serving: all)
      let third = try trial.store.join(serving: NodeService(activities: ["log"]))
      try expect(
        try trial.store.services(), [full, all, NodeService(activities: ["log"])], "the services of three")
      try trial.store.leave(first)
      try trial.kill(third)
      try expect(try trial.store.services(), [all], "the services of the one that is left")
    },
  ]
}
