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
  ]
}
