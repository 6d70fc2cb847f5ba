import PerdureModel
import PerdureStore

extension StoreConformance {
  private static func expire(_ trial: Trial, _ now: TimestampMS, limit: Int = 100) throws -> [InstanceID] {
    try trial.deliveries(.expireActivities(limit: limit, now: now)).map(\.instance)
  }

  /// Nothing is over until one millisecond before; then the activity of "a" ends with this time limit.
  private static func expectEnd(
    _ trial: Trial, at moment: TimestampMS, _ limit: ActivityTimeout, isServed: Bool = true
  ) throws {
    try expect(try trial.store.nextDue(after: moment - 1), moment, "the next wake-up")
    try expect(try expire(trial, moment - 1), [], "deliveries one millisecond before")
    let tasks = try trial.store.activities(of: "a")
    try expect(tasks.count, 1, "activities one millisecond before")
    try expect(try expire(trial, moment), ["a"], "deliveries")
    let expected = tasks.map { Outcome.failed(.timeout(limit, of: $0, isServed: isServed)) }
    try expect([try trial.activityEnd("a")], expected, "the outcome")
    try expect(try trial.store.activities(of: "a"), [], "activities")
    try expect(try expire(trial, .max), [], "deliveries later")
  }

  private static func serving(_ trial: Trial, tags: [String]? = [], untagged: Bool = true) throws -> NodeID {
    try trial.store.join(serving: NodeService(activities: ["pay"], tags: tags, takesUntagged: untagged))
  }

  static let expiry: [ConformanceCase] = [
    ConformanceCase("expiry: what nobody began in time ends, with the cause if nobody serves it") { trial in
      try trial.runWithTask("a") { $0.scheduleToStartMS = 5_000 }
      try expectEnd(trial, at: 7_000, .scheduleToStart, isServed: false)
    },
    ConformanceCase("expiry: what nobody began in time although somebody serves it") { trial in
      _ = try serving(trial)
      try trial.runWithTask("a") { $0.scheduleToStartMS = 5_000 }
      try expectEnd(trial, at: 7_000, .scheduleToStart)
    },
    ConformanceCase("expiry: whether a tag is served is what the living nodes say") { trial in
      _ = try serving(trial, tags: ["cpu"])
      let gone = try serving(trial, tags: nil)
      try trial.store.leave(gone)
      try trial.runWithTask("a") {
        $0.scheduleToStartMS = 5_000
        $0.tag = "gpu"
      }
      try expectEnd(trial, at: 7_000, .scheduleToStart, isServed: false)
    },
    ConformanceCase("expiry: what was given back unrun must still be begun in time") { trial in
      let node = try serving(trial)
      try trial.runWithTask("a") { $0.scheduleToStartMS = 5_000 }
      let (task, claim) = try trial.claimTask(node)
      try trial.land(.releaseActivities([ClaimedActivity(key: task.key, claim: claim)]))
      try expectEnd(trial, at: 7_000, .scheduleToStart)
    },
    ConformanceCase("expiry: what a living node holds is its own business") { trial in
      let node = try trial.store.join()
      try trial.runWithTask("a") {
        $0.scheduleToStartMS = 5_000
        $0.scheduleToCloseMS = 6_000
        $0.startToCloseMS = 1_000
      }
      let (task, claim) = try trial.claimTask(node)
      try expect(try trial.store.nextDue(after: 0), nil, "the next wake-up")
      try expect(try expire(trial, .max), [], "deliveries")
      try trial.land(trial.ended(task.key, claim))
    },
    ConformanceCase("expiry: everything must have ended by scheduleToClose, begun or not") { trial in
      try trial.runWithTask("a") { $0.scheduleToCloseMS = 5_000 }
      try expectEnd(trial, at: 7_000, .scheduleToClose)
    },
    ConformanceCase("expiry: between attempts only scheduleToClose counts") { trial in
      let node = try trial.store.join()
      try trial.runWithTask("a") {
        $0.scheduleToStartMS = 2_000
        $0.scheduleToCloseMS = 5_000
        $0.startToCloseMS = 100
      }
      let (task, claim) = try trial.claimTask(node)
      try trial.land(trial.retrying(task.key, claim, at: 6_500))
      try expectEnd(trial, at: 7_000, .scheduleToClose)
    },
    ConformanceCase("expiry: an attempt that was lost has begun") { trial in
      let node = try trial.store.join()
      try trial.runWithTask("a") {
        $0.scheduleToStartMS = 2_000
        $0.scheduleToCloseMS = 5_000
      }
      _ = try trial.claimTask(node)
      try trial.store.leave(node)
      try expectEnd(trial, at: 7_000, .scheduleToClose)
    },
    ConformanceCase("expiry: a second attempt that was given back unrun need not be begun in time") { trial in
      let node = try trial.store.join()
      try trial.runWithTask("a") {
        $0.scheduleToStartMS = 3_000
        $0.scheduleToCloseMS = 5_000
      }
      let first = try trial.claimTask(node)
      try trial.land(trial.retrying(first.task.key, first.claim, at: 3_000))
      let second = try trial.claimTask(node)
      try trial.land(.releaseActivities([ClaimedActivity(key: first.task.key, claim: second.claim)]))
      try expectEnd(trial, at: 7_000, .scheduleToClose)
    },
    ConformanceCase("expiry: a deferred attempt must end in time, counted from its claim") { trial in
      _ = try trial.defer1(claimedAt: 3_000, now: 4_000) { $0.startToCloseMS = 5_000 }
      try expectEnd(trial, at: 8_000, .startToClose)
    },
    ConformanceCase("expiry: an attempt scheduled with its claim began with its turn") { trial in
      let claim = ActivityClaim(node: try trial.store.join(), token: 1)
      try trial.runWithTask("a", claim: claim) { $0.startToCloseMS = 5_000 }
      try trial.land(.deferActivity(trial.key("a"), claim: claim, heartbeat: nil, now: 4_000))
      try expectEnd(trial, at: 7_000, .startToClose)
    },
    ConformanceCase("expiry: a deferred attempt must be heard of, counted from its deferral") { trial in
      let token = try trial.defer1(claimedAt: 3_000, now: 4_000) { $0.heartbeatMS = 1_000 }
      try expect(try trial.store.nextDue(after: 0), 5_000, "the next wake-up")
      try trial.land(trial.beating(trial.key("a"), token: token, now: 4_900))
      try expectEnd(trial, at: 5_900, .heartbeat)
    },
    ConformanceCase("expiry: a deferred attempt that ran out of time is tried again by the policy") { trial in
      let token = try trial.defer1(claimedAt: 3_000, now: 4_000) {
        $0.startToCloseMS = 2_000
        $0.scheduleToCloseMS = 60_000
        $0.retry = .fixed(2, 500)
      }
      let task = try trial.store.activities(of: "a").first
      try expect(try expire(trial, 5_000), [], "deliveries")
      try expect(try trial.inbox("a"), [], "the inbox")
      let late = trial.completing(trial.key("a"), token: token, .completed(.null))
      try trial.refuse(late, .staleClaim, "the late result")
      let node = try trial.store.join()
      try expect(try trial.claimTasks(node, now: 5_499), [], "one millisecond before the next")
      let next = try trial.claimTask(node, now: 5_500).task
      try expect([next.attempt, next.failures, next.losses], [2, 1, 0], "attempt, failures, losses")
      try expect(next.lastFailure, task.map { .timeout(.startToClose, of: $0) }, "the last failure")
    },
    ConformanceCase("expiry: the longest overdue first, within the limit") { trial in
      for (instance, length) in [("c", 3_000), ("a", 1_000), ("d", 4_000), ("b", 2_000)] as [(String, Int64)]
      {
        try trial.runWithTask(instance) { $0.scheduleToCloseMS = length }
      }
      try expect(try expire(trial, 5_999, limit: 2), ["a", "b"], "the first two")
      try expect(try expire(trial, 5_999, limit: 2), ["c"], "the rest")
      try expect(try expire(trial, 5_999, limit: 2), [], "nothing is left")
      try expect(try trial.store.activities(of: "d").count, 1, "activities that still have time")
    },
    ConformanceCase("expiry: the delivery names the owner, and the instance is due") { trial in
      let node = try trial.store.join()
      try trial.start("a")
      try trial.turn("a") {
        $0.scheduled = [.sample("a", 1) { $0.scheduleToCloseMS = 1_000 }]
        $0.owner = node
      }
      let deliveries = try trial.deliveries(.expireActivities(limit: 9, now: 3_000))
      let expected = try trial.inbox("a").map { Delivery(instance: "a", message: $0, owner: node) }
      try expect(deliveries, expected, "deliveries")
      try expect(try trial.store.dueInstances(ownedBy: node, now: 0, limit: 9), ["a"], "due")
    },
    ConformanceCase("expiry: what was cancelled or has no limit does not run out") { trial in
      try trial.runWithTask("a") { $0.scheduleToStartMS = 1_000 }
      try trial.turn("a") { $0.cancelled = [1] }
      try trial.runWithTask("b") { $0.heartbeatMS = 1 }
      try expect(try trial.store.nextDue(after: 2_000), nil, "the next wake-up")
      try expect(try expire(trial, .max), [], "deliveries")
    },
  ]
}
