import PerdureModel
import PerdureStore

extension StoreConformance {
  static let wake: [ConformanceCase] = [
    ConformanceCase("wake: a new instance is due at once") { trial in
      let node = try trial.store.join()
      try trial.start("a", now: 5_000)
      try expect(try trial.claim(node, now: 0), ["a"], "due, whatever the clock says")
    },
    ConformanceCase("wake: an instance is due from its wake-up on, not before") { trial in
      let node = try trial.store.join()
      try trial.start("a")
      try trial.turn("a") { $0.wakeAt = 10_000 }
      try expect(try trial.claim(node, now: 9_999), [], "one millisecond before")
      try expect(try trial.claim(node, now: 10_000), ["a"], "at the moment")
    },
    ConformanceCase("wake: without a wake-up an instance is never due") { trial in
      let node = try trial.store.join()
      try trial.run("a")
      try expect(try trial.claim(node, now: .max), [], "due")
      try expect(try trial.store.nextDue(after: 0), nil, "the next wake-up")
    },
    ConformanceCase("wake: a message makes an instance due at once") { trial in
      let node = try trial.store.join()
      try trial.start("a")
      try trial.turn("a") { $0.wakeAt = 50_000 }
      try trial.post("m", to: "a", now: 9_000)
      try expect(try trial.claim(node, now: 1), ["a"], "due")
    },
    ConformanceCase("wake: messages that a turn did not consume overrule its wake-up") { trial in
      let node = try trial.store.join()
      for (instance, wakeAt) in [("a", 50_000), ("b", nil)] as [(String, TimestampMS?)] {
        try trial.run(instance)
        try trial.post("m", to: instance)
        try trial.turn(instance) { $0.wakeAt = wakeAt }
      }
      try expect(try trial.claim(node, now: 1), ["a", "b"], "due")
    },
    ConformanceCase("wake: a turn that consumed all sets its own wake-up") { trial in
      let node = try trial.store.join()
      try trial.run("a")
      let sequence = try trial.post("m", to: "a").message.sequence
      try trial.turn("a") {
        $0.consumed = [sequence]
        $0.wakeAt = 8_000
      }
      try expect(try trial.claim(node, now: 7_999), [], "before")
      try expect(try trial.store.nextDue(after: 0), 8_000, "the next wake-up")
    },
    ConformanceCase("wake: a finished instance is never due") { trial in
      let node = try trial.store.join()
      try trial.run("a")
      try trial.post("m", to: "a")
      try trial.turn("a") {
        $0.status = .completed
        $0.wakeAt = 1
      }
      try expect(try trial.claim(node, now: .max), [], "due")
      try expect(try trial.store.nextDue(after: 0), nil, "the next wake-up")
    },
    ConformanceCase("wake: the next wake-up is the earliest that has not come") { trial in
      for (instance, wakeAt) in [("a", 9_000), ("b", 4_000), ("c", 6_000)] as [(String, TimestampMS)] {
        try trial.start(instance)
        try trial.turn(instance) { $0.wakeAt = wakeAt }
      }
      try expect(try trial.store.nextDue(after: 0), 4_000, "after 0")
      try expect(try trial.store.nextDue(after: 4_000), 6_000, "after 4,000: later, not the same")
      try expect(try trial.store.nextDue(after: 8_999), 9_000, "after 8,999")
      try expect(try trial.store.nextDue(after: 9_000), nil, "after the last")
    },
    ConformanceCase("wake: the next wake-up leaves out what a live node owns or holds") { trial in
      let node = try trial.store.join()
      try trial.start("a")
      try trial.turn("a") {
        $0.wakeAt = 9_000
        $0.owner = node
        $0.scheduled = [.sample("a", 1, visibleAt: 7_000, claim: ActivityClaim(node: node, token: 1))]
      }
      try expect(try trial.store.nextDue(after: 0), nil, "while the node lives")
      try trial.store.leave(node)
      try expect(try trial.store.nextDue(after: 0), 7_000, "the activity, after the node left")
      try expect(try trial.store.nextDue(after: 7_000), 9_000, "the instance, after the node left")
    },
    ConformanceCase("wake: activities that become visible later count as wake-ups") { trial in
      try trial.start("a")
      try trial.turn("a") { $0.scheduled = [.sample("a", 1, visibleAt: 30_000)] }
      try expect(try trial.store.nextDue(after: 2_000), 30_000, "the next wake-up")
    },
    ConformanceCase("wake: the due instances of a node are its own, earliest first") { trial in
      let node = try trial.store.join()
      let other = try trial.store.join()
      for (instance, wakeAt, owner) in [
        ("late", 6_000, node), ("early", 4_000, node), ("not yet", 8_000, node), ("other", 1_000, other),
        ("never", nil, node),
      ] as [(String, TimestampMS?, NodeID)] {
        try trial.start(instance)
        try trial.turn(instance) {
          $0.wakeAt = wakeAt
          $0.owner = owner
        }
      }
      let due = try trial.store.dueInstances(ownedBy: node, now: 6_000, limit: 10)
      try expect(due, ["early", "late"], "due")
      try expect(try trial.store.dueInstances(ownedBy: node, now: 6_000, limit: 1), ["early"], "one of them")
      try trial.post("m", to: "never")
      let after = try trial.store.dueInstances(ownedBy: node, now: 5_000, limit: 10)
      try expect(after, ["never", "early"], "due after a message")
    },
  ]

  static let claims: [ConformanceCase] = [
    ConformanceCase("claims: earliest wake-up first, then the order of creation") { trial in
      let node = try trial.store.join()
      for (instance, wakeAt) in [("c", 900), ("a", 500), ("z", 700), ("b", 500)] as [(String, TimestampMS)] {
        try trial.start(instance)
        try trial.turn(instance) { $0.wakeAt = wakeAt }
      }
      try expect(try trial.claim(node, now: 1_000), ["a", "b", "z", "c"], "claimed")
    },
    ConformanceCase("claims: no more than the limit") { trial in
      let node = try trial.store.join()
      for instance in ["a", "b", "c"] { try trial.start(instance) }
      try expect(try trial.claim(node, limit: 2), ["a", "b"], "the first two")
      try expect(try trial.claim(node, limit: 2), ["c"], "the rest")
      try expect(try trial.claim(node, limit: 2), [], "nothing is left")
    },
    ConformanceCase("claims: only the named orchestrations") { trial in
      let node = try trial.store.join()
      try trial.start("a", "order")
      try trial.start("b", "ship")
      try trial.start("c", "audit")
      try expect(try trial.claim(node, []), [], "none named")
      try expect(try trial.claim(node, ["ship", "audit", "unknown"]), ["b", "c"], "two named")
      try expect(try trial.claim(node, ["Order"]), [], "another spelling")
      try expect(try trial.claim(node, ["order"]), ["a"], "the third")
    },
    ConformanceCase("claims: only the named versions, and those without one") { trial in
      let node = try trial.store.join()
      for (instance, version) in [("a", "1.0.0"), ("b", "2.0.0"), ("c", nil)] {
        let start = InstanceStart(
          instance: instance, orchestration: "order", version: version, input: .null, parent: nil)
        _ = try trial.land(.start(start, owner: nil, now: 1))
      }
      let second = ServedOrchestration(name: "order", versions: ["2.0.0", "3.0.0"])
      try expect(try trial.claim(node, [second]), ["b", "c"], "the second version")
      try expect(try trial.claim(node, [second]), [], "nothing else is for it")
      let first = ServedOrchestration(name: "order", versions: ["1.0.0"])
      try expect(try trial.claim(node, [second, first]), ["a"], "the first version")
    },
    ConformanceCase("claims: a claimed instance belongs to the node") { trial in
      let node = try trial.store.join()
      let other = try trial.store.join()
      try trial.start("a")
      _ = try trial.claim(node)
      try expect(try trial.snapshot("a").owner, node, "owner")
      try expect(try trial.claim(other), [], "for another node")
      try expect(try trial.store.dueInstances(ownedBy: node, now: 1, limit: 9), ["a"], "due for its owner")
    },
    ConformanceCase("claims: an instance started with an owner is not open to others") { trial in
      let node = try trial.store.join()
      let other = try trial.store.join()
      try trial.start("a", owner: node)
      try expect(try trial.snapshot("a").owner, node, "owner")
      try expect(try trial.claim(other), [], "for another node")
    },
    ConformanceCase("claims: a turn sets the owner, or gives the instance back") { trial in
      let node = try trial.store.join()
      let other = try trial.store.join()
      try trial.start("a")
      try trial.turn("a") {
        $0.owner = node
        $0.wakeAt = 1
      }
      try expect(try trial.snapshot("a").owner, node, "owner")
      try expect(try trial.claim(other), [], "while it is owned")
      try trial.turn("a") { $0.wakeAt = 1 }
      try expect(try trial.snapshot("a").owner, nil, "owner after it was given back")
      try expect(try trial.claim(other), ["a"], "after it was given back")
    },
    ConformanceCase("claims: a released instance is open to others, and still due") { trial in
      let node = try trial.store.join()
      let other = try trial.store.join()
      try trial.start("a")
      try trial.start("b")
      _ = try trial.claim(node)
      try trial.land(.releaseInstances(node: node, instances: ["b", "nobody"]))
      try expect(try trial.snapshot("b").owner, nil, "owner")
      try expect(try trial.claim(other), ["b"], "claimed by another")
    },
    ConformanceCase("claims: a node cannot release what another owns") { trial in
      let node = try trial.store.join()
      let other = try trial.store.join()
      try trial.start("a")
      _ = try trial.claim(node)
      try trial.land(.releaseInstances(node: other, instances: ["a"]))
      try expect(try trial.snapshot("a").owner, node, "owner")
    },
    ConformanceCase("claims: an instance can be taken by name, due or not") { trial in
      let node = try trial.store.join()
      try trial.run("a")
      let receipt = try trial.land(.claimInstance(node: node, instance: "a"))
      try expect(receipt, .instances(["a"]), "the receipt")
      try expect(try trial.snapshot("a").owner, node, "owner")
      try trial.land(.claimInstance(node: node, instance: "a"))
    },
    ConformanceCase("claims: an instance of another live node is not taken by name") { trial in
      let node = try trial.store.join()
      let other = try trial.store.join()
      try trial.run("a", owner: node)
      try trial.refuse(.claimInstance(node: other, instance: "a"), .owned(node), "the claim")
      try trial.refuse(.claimInstance(node: other, instance: "b"), .notFound, "the claim of an unknown one")
      try expect(try trial.snapshot("a").owner, node, "owner")
    },
  ]
}
