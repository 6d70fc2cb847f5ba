import PerdureModel
import PerdureStore

extension StoreConformance {
  private static let done = Outcome.completed(Payload("7"))

  static let deferral: [ConformanceCase] = [
    ConformanceCase("deferral: nobody holds a deferred activity, and nobody claims it") { trial in
      let token = try trial.defer1()
      try expect(try trial.store.activities(of: "a").map(\.claim), [nil], "claim")
      try expect(try trial.claimTasks(try trial.store.join(), now: .max), [], "tasks")
      try expect(try trial.store.nextDue(after: 0), nil, "the next wake-up")
      try expect(token, .sample(1), "token")
    },
    ConformanceCase("deferral: its token completes it, once") { trial in
      let token = try trial.defer1()
      let receipt = try trial.land(trial.completing(trial.key("a"), token: token, done))
      let inbox = try trial.inbox("a")
      try expect(
        inbox.map { .posted(Delivery(instance: "a", message: $0, owner: nil)) }, [receipt], "the receipt")
      try expect(try trial.activityEnd("a"), done, "the outcome")
      try expect(try trial.store.activities(of: "a"), [], "activities")
      try trial.refuse(trial.completing(trial.key("a"), token: token, done), .staleClaim, "once more")
      try expect(try trial.claim(try trial.store.join(), now: 0), ["a"], "due")
    },
    ConformanceCase("deferral: it outlives the node that ran it") { trial in
      let node = try trial.store.join()
      try trial.runWithTask("a")
      let claim = try trial.claimTask(node).claim
      try trial.land(.deferActivity(trial.key("a"), claim: claim, heartbeat: nil, now: 4_000))
      try trial.store.leave(node)
      try expect(try trial.claimTasks(try trial.store.join(), now: .max), [], "tasks")
      try trial.land(trial.completing(trial.key("a"), token: claim.token, done))
    },
    ConformanceCase("deferral: the claim under which it ran is over") { trial in
      let node = try trial.store.join()
      try trial.runWithTask("a")
      let claim = try trial.claimTask(node).claim
      try trial.land(.deferActivity(trial.key("a"), claim: claim, heartbeat: nil, now: 4_000))
      try trial.refuse(trial.ended(trial.key("a"), claim), .staleClaim, "a result under the claim")
      let again = StoreEntry.deferActivity(trial.key("a"), claim: claim, heartbeat: nil, now: 5_000)
      try trial.refuse(again, .staleClaim, "the deferral, again")
      try trial.land(.releaseActivities([ClaimedActivity(key: trial.key("a"), claim: claim)]))
      try trial.land(.releaseUnheldActivities(node: node, held: []))
      try expect(try trial.claimTasks(node, now: .max), [], "tasks")
      var commit = try trial.draft("a")
      commit.finished = [FinishedActivity(action: 1, claim: claim)]
      try trial.refuse(.turn(commit), .conflict, "a turn with its result")
    },
    ConformanceCase("deferral: a failure is the result where there is no retry policy") { trial in
      let token = try trial.defer1()
      let receipt = try trial.land(trial.completing(trial.key("a"), token: token, .failed(.sample)))
      guard case .posted = receipt else {
        throw ConformanceFailure("the receipt", expected: "posted", found: "\(receipt)")
      }
      try expect(try trial.activityEnd("a"), .failed(.sample), "the outcome")
    },
    ConformanceCase("deferral: a failure is followed by another attempt where the policy says so") { trial in
      let token = try trial.defer1 { $0.retry = .fixed(2, 500) }
      let fail = trial.completing(trial.key("a"), token: token, .failed(.passing), now: 6_000)
      try expect(try trial.land(fail), .done, "the receipt")
      try trial.refuse(fail, .staleClaim, "the failure, again")
      try expect(try trial.inbox("a"), [], "the inbox")
      let node = try trial.store.join()
      try expect(try trial.claimTasks(node, now: 6_499), [], "one millisecond before")
      let next = try trial.claimTask(node, now: 6_500)
      try expect([next.task.attempt, next.task.failures], [2, 1], "attempt and failures")
      try expect(next.task.lastFailure, .passing, "the last failure")
      try expect(next.claim.token, .sample(2), "token")
      try trial.land(.deferActivity(trial.key("a"), claim: next.claim, heartbeat: nil, now: 7_000))
      try trial.refuse(fail, .staleClaim, "a failure of the first attempt")
      let last = trial.completing(trial.key("a"), token: next.claim.token, .failed(.sample), now: 8_000)
      try trial.land(last)
      try expect(try trial.activityEnd("a"), .failed(.sample), "the failure of the last attempt")
    },
    ConformanceCase("deferral: failures that cannot be retried are the result") { trial in
      var policy = RetryPolicy.fixed(9, 500)
      policy.nonRetryableTypes = ["Timeout"]
      for failure in [.sample, .passing] as [Failure] {
        let node = try trial.store.join()
        try trial.runWithTask(failure.type) { $0.retry = policy }
        let claim = try trial.claimTask(node).claim
        try trial.land(trial.completing(trial.key(failure.type), token: claim.token, .failed(failure)))
        try expect(try trial.activityEnd(failure.type), .failed(failure), "the outcome")
      }
    },
    ConformanceCase("deferral: the result may come before the deferral") { trial in
      let node = try trial.store.join()
      try trial.runWithTask("a")
      let claim = try trial.claimTask(node).claim
      try trial.land(trial.completing(trial.key("a"), token: claim.token, done))
      let late = StoreEntry.deferActivity(trial.key("a"), claim: claim, heartbeat: nil, now: 6_000)
      try trial.refuse(late, .staleClaim, "the deferral")
      try trial.refuse(trial.ended(trial.key("a"), claim), .staleClaim, "a result of the node")
      try expect(try trial.activityEnd("a"), done, "the outcome")
    },
    ConformanceCase("deferral: a failure before the deferral takes the claim with it") { trial in
      let node = try trial.store.join()
      try trial.runWithTask("a") { $0.retry = .fixed(3, 500) }
      let claim = try trial.claimTask(node).claim
      try trial.land(trial.completing(trial.key("a"), token: claim.token, .failed(.passing), now: 6_000))
      let late = StoreEntry.deferActivity(trial.key("a"), claim: claim, heartbeat: nil, now: 6_000)
      try trial.refuse(late, .staleClaim, "the deferral")
      try expect(try trial.claimTask(node, now: 6_500).task.attempt, 2, "the next attempt")
    },
    ConformanceCase("deferral: only the token of the attempt that runs counts") { trial in
      let node = try trial.store.join()
      try trial.runWithTask("a")
      let key = trial.key("a")
      func expectStale(_ token: Int64, _ what: String) throws {
        try trial.refuse(trial.completing(key, token: token, done), .staleClaim, "a result \(what)")
        try trial.refuse(trial.beating(key, token: token), .staleClaim, "a heartbeat \(what)")
      }
      try expectStale(0, "before the first claim")
      try expectStale(.sample(1), "of a claim to come")
      let first = try trial.claimTask(node).claim
      try expectStale(.sample(2), "with another token")
      try trial.land(.releaseActivities([ClaimedActivity(key: key, claim: first)]))
      try expectStale(.sample(1), "after the claim was given back")
      let second = try trial.claimTask(node).claim
      try expectStale(1, "of the claim before")
      try trial.land(trial.retrying(key, second, at: 2_500))
      try expectStale(2, "after the attempt failed")
      try trial.land(.deferActivity(key, claim: try trial.claimTask(node).claim, heartbeat: nil, now: 4_000))
      try expectStale(2, "of the attempt before the deferred one")
      try expect(try trial.inbox("a"), [], "the inbox")
    },
    ConformanceCase("deferral: tokens of other work") { trial in
      let token = try trial.defer1()
      let table: [(ActivityKey, StoreRefusal, String)] = [
        (trial.key("a", 2), .staleClaim, "another action"), (trial.key("nobody"), .notFound, "nobody"),
        (ActivityKey(instance: "a", execution: 2, action: 1), .staleClaim, "another execution"),
      ]
      for (key, refusal, what) in table {
        try trial.refuse(trial.completing(key, token: token, done), refusal, "a result for \(what)")
        try trial.refuse(trial.beating(key, token: token), refusal, "a heartbeat for \(what)")
      }
    },
    ConformanceCase("deferral: heartbeats are kept, those of the deferral and those from elsewhere") {
      trial in
      let node = try trial.store.join()
      try trial.runWithTask("a")
      func heartbeat() throws -> [Payload?] { try trial.store.activities(of: "a").map(\.lastHeartbeat) }
      let claim = try trial.claimTask(node).claim
      try expect(
        try trial.land(trial.beating(trial.key("a"), token: claim.token)), .done, "the receipt while claimed")
      try expect(try heartbeat(), [Payload("\"half\"")], "from elsewhere while claimed")
      try trial.land(.deferActivity(trial.key("a"), claim: claim, heartbeat: Payload("1"), now: 4_000))
      try expect(try heartbeat(), [Payload("1")], "of the deferral")
      try expect(try trial.land(trial.beating(trial.key("a"), token: claim.token)), .done, "the receipt")
      try expect(try heartbeat(), [Payload("\"half\"")], "from elsewhere")
    },
    ConformanceCase("deferral: what ends an instance or its work ends the deferral") { trial in
      let stories: [(String, (InstanceID) throws -> Void)] = [
        ("cancelled", { id in try trial.turn(id) { $0.cancelled = [1] } }),
        ("ended", { id in try trial.end(id) }),
        ("terminated", { id in try trial.control(id, .terminate) }),
        ("as new", { id in try trial.turn(id) { $0.nextExecution = numbered(1, after: 0) } }),
      ]
      let node = try trial.store.join()
      for (instance, end) in stories {
        try trial.runWithTask(instance)
        let claim = try trial.claimTask(node).claim
        try trial.land(.deferActivity(trial.key(instance), claim: claim, heartbeat: nil, now: 4_000))
        try end(instance)
        let late = trial.completing(trial.key(instance), token: claim.token, done)
        try trial.refuse(late, .staleClaim, "the result when it was \(instance)")
        try expect(try trial.inbox(instance), [], "the inbox of \(instance)")
      }
    },
    ConformanceCase("deferral: the result for a suspended instance waits") { trial in
      let token = try trial.defer1()
      try trial.control("a", .suspend)
      try trial.land(trial.completing(trial.key("a"), token: token, done))
      try expect(try trial.activityEnd("a"), done, "the outcome")
      try expect(try trial.claim(try trial.store.join(), now: .max), [], "due")
    },
  ]
}
