import PerdureModel
import PerdureStore

extension StoreConformance {
  private static func details(_ trial: Trial, _ instance: InstanceID) throws -> InstanceDetails {
    guard let details = try trial.store.details(of: instance) else {
      throw ConformanceFailure("details of '\(instance)'", expected: "some", found: "nil")
    }
    return details
  }

  static let details: [ConformanceCase] = [
    ConformanceCase("details: say what describe, load and the inbox say") { trial in
      let node = try trial.store.join()
      try trial.start("a", owner: node)
      try trial.turn("a", events: 2) {
        $0.owner = node
        $0.topicChanges = ["b", "a"].map { TopicChange(topic: $0, isSubscribed: true) }
        $0.kvChanges = [TimedKVChange(change: .set(key: "é", value: Payload("12")), at: 1)]
      }
      try trial.post("first", to: "a")
      try trial.post("second", to: "a")
      let found = try details(trial, "a")
      try expect(found.description, try trial.row("a"), "the description")
      try expect(found.history, try trial.snapshot("a").history, "the history")
      try expect(found.owner, node, "the owner")
      try expect(found.inboxCount, 2, "messages")
      try expect(found.oldestMessage, .named("first"), "the oldest message")
      try expect([found.kvKeys, found.kvBytes], [1, 4], "keys and their bytes")
      try expect(found.topics, ["a", "b"], "topics")
      try trial.store.leave(node)
      try expect(try details(trial, "a").owner, nil, "the owner that left")
      try expect(try trial.store.details(of: "b"), nil, "of an unknown instance")
    },
    ConformanceCase("details: of each pending activity, how its attempts stand") { trial in
      let node = try trial.store.join()
      try trial.start("a")
      try trial.turn("a") { $0.scheduled = (1...4).map { .sample("a", $0) { $0.session = "s" } } }
      func states(_ now: TimestampMS) throws -> [PendingActivity.State] {
        try details(trial, "a").activities.map { $0.state(at: now) }
      }
      try expect(try states(3_000), [.waiting, .waiting, .waiting, .waiting], "at first")
      try expect(try details(trial, "a").activities.map(\.startedAt), [nil, nil, nil, nil], "not begun")
      let tasks = try trial.claimTasks(node, limit: 3, now: 3_000)
      try expect(try states(3_000), [.running, .running, .running, .waiting], "after the claims")
      let claims = tasks.compactMap(\.claim)
      try trial.land(
        .activityRetry(
          tasks[0].key, claim: claims[0], failure: .sample, retryAt: 9_000, heartbeat: Payload("5")))
      try trial.land(.deferActivity(tasks[1].key, claim: claims[1], heartbeat: nil, now: 3_500))
      try expect(try states(8_999), [.backoff, .deferred, .running, .waiting], "later")
      try expect(try states(9_000), [.waiting, .deferred, .running, .waiting], "when the pause is over")
      let found = try details(trial, "a").activities
      try expect(found.map(\.startedAt), [3_000, 3_000, 3_000, nil], "beginnings")
      try expect(found.map(\.beatAt), [nil, 3_500, nil, nil], "signs of life")
      try expect(found.map(\.sessionNode), Array(repeating: node, count: 4), "who has the session")
      try expect(found[0].task.lastFailure, .sample, "the last failure")
      try expect(found[0].task.lastHeartbeat, Payload("5"), "the last heartbeat")
      try trial.land(.releaseActivities([ClaimedActivity(key: tasks[2].key, claim: claims[2])]))
      try expect(try details(trial, "a").activities[2].startedAt, nil, "given back unrun")
      try trial.store.leave(node)
      try expect(try details(trial, "a").activities.map(\.sessionNode), [nil, nil, nil, nil], "nobody")
    },
    ConformanceCase("corruption: details tell of damaged history, and have the rest") { trial in
      try trial.start("a")
      try trial.turn("a", events: 5)
      guard try trial.fixture.corrupt(event: 3, of: "a", in: trial.store) else {
        throw CaseSkipped(reason: "no event can be damaged")
      }
      let found = try details(trial, "a")
      try expect(found.historyFault?.contains("event 3") == true, "the fault names the event")
      try expect(found.history, [], "the history")
      try expect(found.description.eventCount, 5, "events")
    },
    ConformanceCase("executions: each with its times and its number of events") { trial in
      try expect(try trial.store.executions(ExecutionsQuery(instance: "a")), nil, "of an unknown instance")
      try trial.start("a")
      let pending = ExecutionSummary(
        execution: 1, status: .pending, startedAt: nil, endedAt: nil, eventCount: 0)
      try expect(try trial.store.executions(ExecutionsQuery(instance: "a")), [pending], "before a turn")
      for round in 1...3 as ClosedRange<Int64> {
        try trial.turn("a", events: 2, now: round * 10_000) {
          $0.nextExecution = numbered(1, after: 0, at: round * 10_000 + 1)
        }
      }
      try trial.turn("a", now: 50_000) { $0.status = .completed }
      let found = try trial.store.executions(ExecutionsQuery(instance: "a")) ?? []
      try expect(found.map(\.execution), [1, 2, 3, 4], "numbers")
      try expect(
        found.map(\.status), [.continuedAsNew, .continuedAsNew, .continuedAsNew, .completed], "statuses")
      try expect(found.map(\.eventCount), [2, 3, 3, 2], "events")
      try expect(found.map(\.startedAt), [10_000, 10_001, 20_001, 30_001], "beginnings")
      try expect(found.map(\.endedAt), [10_000, 20_000, 30_000, 50_000], "ends")
      let page = ExecutionsQuery(instance: "a", after: 1, limit: 2)
      try expect(try trial.store.executions(page)?.map(\.execution), [2, 3], "a page")
    },
  ]
}
