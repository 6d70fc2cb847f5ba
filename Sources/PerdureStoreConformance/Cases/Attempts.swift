import PerdureModel
import PerdureStore

extension StoreConformance {
  static let attempts: [ConformanceCase] = [
    ConformanceCase("attempts: a task comes back with all its options") { trial in
      let node = try trial.store.join()
      try trial.start("a")
      var task = ActivityTask.sample("a", 1, "pay") { $0 = .sample }
      task.options.session = nil
      try trial.turn("a") { $0.scheduled = [task] }
      try expect(try trial.store.activities(of: "a"), [task], "before the claim")
      task.claim = ActivityClaim(node: node, token: .sample(1))
      try expect(try trial.claimTasks(node) { $0.tags = nil }, [task], "the claim")
      try expect(try trial.store.activities(of: "a"), [task], "after the claim")
    },
    ConformanceCase("attempts: the trace of a task stays with it, whoever runs it") { trial in
      let trace = TraceContext(
        parent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", state: "vendor=1")
      try trial.start("a")
      var tasks = [ActivityTask.sample("a", 1), ActivityTask.sample("a", 2) { $0.priority = -1 }]
      for index in tasks.indices { tasks[index].trace = trace }
      try trial.turn("a") { $0.scheduled = tasks }
      try expect(try trial.store.activities(of: "a").map(\.trace), [trace, trace], "before the claim")
      for attempt in 1...2 as ClosedRange<Int64> {
        let claimed = try trial.claimTasks(try trial.store.join(), now: attempt * 9_000)
        try expect(claimed.map(\.trace), [trace, trace], "at attempt \(attempt)")
        for task in claimed {
          guard let claim = task.claim else { continue }
          try trial.land(trial.retrying(task.key, claim))
        }
      }
    },
    ConformanceCase("attempts: after a retry the next one comes at its moment, not before") { trial in
      let node = try trial.store.join()
      try trial.runWithTask("a")
      let (task, claim) = try trial.claimTask(node)
      try expect(try trial.land(trial.retrying(task.key, claim, at: 5_000)), .done, "the receipt")
      try expect(try trial.store.nextDue(after: 0), 5_000, "the next wake-up")
      try expect(try trial.claimTasks(node, now: 4_999), [], "one millisecond before")
      let next = try trial.claimTask(try trial.store.join(), now: 5_000)
      try expect(next.task.attempt, 2, "attempt")
      try expect(next.claim.token, .sample(2), "token")
      try expect(next.task.failures, 1, "failures")
      try expect(next.task.losses, 0, "losses")
      try expect(next.task.lastFailure, .passing, "the last failure")
      try expect(next.task.visibleAt, 5_000, "visible")
      try expect(try trial.inbox("a"), [], "the inbox")
    },
    ConformanceCase("attempts: the claim of a failed attempt is given up") { trial in
      let node = try trial.store.join()
      try trial.runWithTask("a")
      let (task, claim) = try trial.claimTask(node)
      try trial.land(trial.retrying(task.key, claim))
      try trial.refuse(trial.ended(task.key, claim), .staleClaim, "a result")
      try trial.refuse(trial.retrying(task.key, claim), .staleClaim, "the retry, again")
      var commit = try trial.draft("a")
      commit.finished = [FinishedActivity(action: 1, claim: claim)]
      try trial.refuse(.turn(commit), .conflict, "a turn with its result")
      try expect(try trial.store.activities(of: "a").map(\.failures), [1], "failures")
    },
    ConformanceCase("attempts: each failure counts, and the last one is kept whole") { trial in
      let node = try trial.store.join()
      try trial.runWithTask("a")
      for failed in 1...3 as ClosedRange<Int64> {
        let (task, claim) = try trial.claimTask(node)
        try expect(task.attempt, failed, "attempt")
        try trial.land(
          .activityRetry(task.key, claim: claim, failure: .sample, retryAt: 2_500, heartbeat: nil))
      }
      let last = try trial.claimTask(node).task
      try expect([last.attempt, last.failures, last.losses], [4, 3, 0], "attempt, failures, losses")
      try expect(last.lastFailure, .sample, "the last failure")
    },
    ConformanceCase("attempts: one whose node left or died is lost, and counts as an attempt") { trial in
      try trial.runWithTask("a")
      for lost in 1...2 as ClosedRange<Int64> {
        let node = try trial.store.join()
        let task = try trial.claimTask(node).task
        try expect(
          [task.attempt, task.failures, task.losses], [lost, 0, lost - 1], "attempt, failures, losses")
        try trial.store.leave(node)
      }
      let node = try trial.store.join()
      let (task, claim) = try trial.claimTask(node)
      try trial.land(trial.retrying(task.key, claim, at: 2_500))
      let next = try trial.claimTask(node).task
      try expect([next.attempt, next.failures, next.losses], [4, 1, 2], "attempt, failures, losses")
    },
    ConformanceCase("attempts: one given back unrun is not counted, however often") { trial in
      let node = try trial.store.join()
      try trial.runWithTask("a")
      for token in 1...3 as ClosedRange<Int64> {
        let (task, claim) = try trial.claimTask(node)
        try expect([task.attempt, claim.token], [1, .sample(token)], "attempt and token")
        let activity = ClaimedActivity(key: task.key, claim: claim)
        if token == 2 {
          try trial.land(.releaseUnheldActivities(node: node, held: []))
        } else {
          try trial.land(.releaseActivities([activity]))
        }
      }
      let (task, claim) = try trial.claimTask(node)
      try trial.land(trial.retrying(task.key, claim, at: 2_500))
      let second = try trial.claimTask(node)
      try expect([second.task.attempt, second.task.losses], [2, 0], "attempt and losses after a failure")
      try trial.land(.releaseActivities([ClaimedActivity(key: task.key, claim: second.claim)]))
      let again = try trial.claimTask(node)
      try expect([again.task.attempt, again.task.losses], [2, 0], "attempt and losses after a release")
      try expect(again.claim.token, .sample(6), "token")
    },
    ConformanceCase("attempts: a task scheduled with a claim has its first attempt from then on") { trial in
      let node = try trial.store.join()
      try trial.runWithTask("a", claim: ActivityClaim(node: node, token: 1))
      try trial.store.leave(node)
      let next = try trial.claimTask(try trial.store.join())
      try expect([next.task.attempt, next.claim.token], [2, 2], "attempt and token")
    },
    ConformanceCase("attempts: a heartbeat is there for the next attempt") { trial in
      let node = try trial.store.join()
      try trial.runWithTask("a")
      let (task, claim) = try trial.claimTask(node)
      try expect(task.lastHeartbeat, nil, "at first")
      for details in ["1", "{\"row\": 2.0}"] {
        let entry = StoreEntry.activityHeartbeat(task.key, claim: claim, details: Payload(details))
        try expect(try trial.land(entry), .done, "the receipt")
      }
      try trial.store.leave(node)
      let next = try trial.claimTask(try trial.store.join()).task
      try expect(next.lastHeartbeat, Payload("{\"row\": 2.0}"), "the heartbeat")
    },
    ConformanceCase("attempts: a retry brings its last heartbeat, or leaves the one that is there") { trial in
      let node = try trial.store.join()
      try trial.runWithTask("a")
      for (heartbeat, expected) in [(Payload("1"), "1"), (nil, "1"), (Payload("null"), "null")] {
        let (task, claim) = try trial.claimTask(node)
        try trial.land(
          .activityRetry(task.key, claim: claim, failure: .passing, retryAt: 2_500, heartbeat: heartbeat))
        let found = try trial.store.activities(of: "a").map(\.lastHeartbeat)
        try expect(found, [Payload(expected)], "the heartbeat")
      }
    },
    ConformanceCase("attempts: heartbeats and retries need the claim") { trial in
      let node = try trial.store.join()
      try trial.runWithTask("a")
      let (task, claim) = try trial.claimTask(node)
      let before = try trial.store.activities(of: "a")
      let other = ActivityClaim(node: try trial.store.join(), token: claim.token)
      let table: [(ActivityKey, ActivityClaim, StoreRefusal, String)] = [
        (task.key, other, .staleClaim, "of another node"),
        (task.key, ActivityClaim(node: node, token: claim.token + 1), .staleClaim, "with another token"),
        (trial.key("a", 2), claim, .staleClaim, "of another action"),
        (ActivityKey(instance: "a", execution: 2, action: 1), claim, .staleClaim, "of another execution"),
        (trial.key("nobody"), claim, .notFound, "of an unknown instance"),
      ]
      for (key, claim, refusal, what) in table {
        try trial.refuse(
          .activityHeartbeat(key, claim: claim, details: .null), refusal, "a heartbeat \(what)")
        try trial.refuse(trial.retrying(key, claim), refusal, "a retry \(what)")
        try trial.refuse(
          .deferActivity(key, claim: claim, heartbeat: nil, now: 1), refusal, "a deferral \(what)")
      }
      try expect(try trial.store.activities(of: "a"), before, "the activity")
    },
  ]

  static let pending: [ConformanceCase] = [
    ConformanceCase("pending: the activities of an instance, by action") { trial in
      let node = try trial.store.join()
      try trial.runWithTask("b")
      try trial.start("a")
      let tasks = [5, 2, 9].map { ActivityTask.sample("a", $0, "n\($0)", visibleAt: 9_000) }
      try trial.turn("a") { $0.scheduled = tasks }
      try expect(try trial.store.activities(of: "a"), [tasks[1], tasks[0], tasks[2]], "activities")
      try trial.turn("a") { $0.cancelled = [5] }
      _ = try trial.claimTasks(node, ["n2"], now: 9_000)
      let found = try trial.store.activities(of: "a")
      try expect(found.map(\.key.action), [2, 9], "activities after a cancellation")
      try expect(found.map(\.claim), [ActivityClaim(node: node, token: .sample(1)), nil], "claims")
      try trial.end("a")
      try expect(try trial.store.activities(of: "a"), [], "activities after the end")
      try expect(try trial.store.activities(of: "nobody"), [], "activities of an unknown instance")
    },
    ConformanceCase("pending: a claim is lost when the work ended, went back or went to others") { trial in
      let node = try trial.store.join()
      let actions = Array(1...8) as [ActionID]
      try trial.start("a")
      try trial.turn("a") { $0.scheduled = actions.map { .sample("a", $0) } }
      let claims = try trial.claimTasks(node).compactMap { task in
        task.claim.map { ClaimedActivity(key: task.key, claim: $0) }
      }
      guard claims.count == actions.count else {
        throw ConformanceFailure("claims", expected: "8", found: "\(claims)")
      }
      try expect(try trial.store.lostClaims(of: claims), [], "lost at first")
      try trial.land(trial.ended(claims[0].key, claims[0].claim))
      try trial.land(trial.retrying(claims[1].key, claims[1].claim))
      try trial.land(.releaseActivities([claims[2]]))
      try trial.land(.deferActivity(claims[3].key, claim: claims[3].claim, heartbeat: nil, now: 3_000))
      try trial.turn("a") {
        $0.cancelled = [5]
        $0.finished = [FinishedActivity(action: 6, claim: claims[5].claim)]
      }
      try expect(try trial.store.lostClaims(of: claims), Array(claims.prefix(6)), "lost")
      _ = try trial.claimTasks(node)
      try expect(
        try trial.store.lostClaims(of: [claims[2], claims[6]]), [claims[2]],
        "lost after a claim of the same node")
      try trial.control("a", .terminate)
      try expect(try trial.store.lostClaims(of: claims), claims, "lost after the instance was terminated")
      let unknown = ClaimedActivity(key: trial.key("nobody"), claim: claims[0].claim)
      try expect(try trial.store.lostClaims(of: [unknown]), [unknown], "of an unknown instance")
      try expect(try trial.store.lostClaims(of: []), [], "of none")
    },
  ]
}
