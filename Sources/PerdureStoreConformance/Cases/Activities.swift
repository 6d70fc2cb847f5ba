import PerdureModel
import PerdureStore

extension StoreConformance {
  static let scheduling: [ConformanceCase] = [
    ConformanceCase("scheduling: a task comes back as it was scheduled") { trial in
      let node = try trial.store.join()
      try trial.start("a")
      var task = ActivityTask(
        key: ActivityKey(instance: "a", execution: 1, action: 17), orchestration: "order", name: "pay",
        input: Payload("{\"amount\": 1.10}"), attempt: 1, visibleAt: 2_500, claim: nil)
      try trial.turn("a") { $0.scheduled = [task] }
      task.claim = ActivityClaim(node: node, token: 1)
      try expect(try trial.claimTasks(node), [task], "the task")
    },
    ConformanceCase("scheduling: a task is visible from its moment on, not before") { trial in
      let node = try trial.store.join()
      try trial.start("a")
      try trial.turn("a") { $0.scheduled = [.sample("a", 1, visibleAt: 8_000)] }
      try expect(try trial.claimTasks(node, now: 7_999), [], "one millisecond before")
      try expect(try trial.claimTasks(node, now: 8_000).count, 1, "at the moment")
    },
    ConformanceCase("scheduling: a task that a turn schedules with a claim belongs to that node") { trial in
      let node = try trial.store.join()
      let other = try trial.store.join()
      let claim = ActivityClaim(node: node, token: 1)
      try trial.runWithTask("a", claim: claim)
      try expect(try trial.claimTasks(other), [], "for another node")
      try expect(try trial.claimTasks(node), [], "for the node itself, once more")
      try trial.turn("a") { $0.finished = [FinishedActivity(action: 1, claim: claim)] }
    },
    ConformanceCase("scheduling: a turn that takes a result removes the task") { trial in
      let node = try trial.store.join()
      try trial.runWithTask("a")
      let claim = try trial.claimTask(node).claim
      try trial.turn("a") { $0.finished = [FinishedActivity(action: 1, claim: claim)] }
      try trial.refuse(
        .turn(try finishing("a", 1, claim, trial)), .conflict, "the same result in a second turn")
      try trial.store.leave(node)
      try expect(try trial.claimTasks(try trial.store.join()), [], "tasks")
    },
    ConformanceCase("scheduling: a cancelled task is gone, whoever holds it") { trial in
      let node = try trial.store.join()
      try trial.start("a")
      try trial.turn("a") { $0.scheduled = [.sample("a", 1), .sample("a", 2)] }
      let held = try trial.claimTasks(node, limit: 1)
      try trial.turn("a") { $0.cancelled = [1, 2] }
      try expect(try trial.claimTasks(node), [], "tasks")
      guard let task = held.first, let claim = task.claim else {
        throw ConformanceFailure("the first task", expected: "a claim", found: "\(held)")
      }
      try trial.refuse(trial.ended(task.key, claim), .staleClaim, "the late result")
      try expect(try trial.inbox("a"), [], "the inbox")
    },
    ConformanceCase("scheduling: cancelling a task that is not there is harmless") { trial in
      try trial.runWithTask("a")
      try trial.turn("a") { $0.cancelled = [5, 6] }
      try expect(try trial.claimTasks(try trial.store.join()).map(\.key.action), [1], "tasks")
    },
    ConformanceCase("scheduling: a turn cancels only tasks of its own instance") { trial in
      try trial.runWithTask("a")
      try trial.runWithTask("b")
      try trial.turn("a") { $0.cancelled = [1] }
      try expect(try trial.claimTasks(try trial.store.join()).map(\.key.instance), ["b"], "tasks")
    },
    ConformanceCase("scheduling: the end of an instance removes its tasks") { trial in
      let node = try trial.store.join()
      try trial.start("a")
      try trial.turn("a") { $0.scheduled = [.sample("a", 1), .sample("a", 2, visibleAt: 90_000)] }
      let (task, claim) = try trial.claimTask(node)
      try trial.end("a")
      try trial.refuse(trial.ended(task.key, claim), .staleClaim, "the late result")
      try expect(try trial.claimTasks(node, now: 100_000), [], "tasks")
      try expect(try trial.store.nextDue(after: 0), nil, "the next wake-up")
    },
  ]

  private static func finishing(
    _ instance: InstanceID, _ action: ActionID, _ claim: ActivityClaim, _ trial: Trial
  ) throws -> TurnCommit {
    var commit = try trial.draft(instance)
    commit.finished = [FinishedActivity(action: action, claim: claim)]
    return commit
  }

  static let activityClaims: [ConformanceCase] = [
    ConformanceCase("activity claims: the first claim is attempt 1, and its token says so") { trial in
      let node = try trial.store.join()
      try trial.runWithTask("a")
      let (task, claim) = try trial.claimTask(node)
      try expect(task.attempt, 1, "attempt")
      try expect(claim, ActivityClaim(node: node, token: .sample(1)), "claim")
    },
    ConformanceCase("activity claims: only the named activities, oldest first, within the limit") { trial in
      let node = try trial.store.join()
      try trial.start("a")
      try trial.turn("a") {
        $0.scheduled = [.sample("a", 1), .sample("a", 2, "mail"), .sample("a", 3), .sample("a", 4, "log")]
      }
      try expect(try trial.claimTasks(node, []), [], "none named")
      try expect(try trial.claimTasks(node, ["pay", "mail"], limit: 2).map(\.key.action), [1, 2], "two")
      try expect(try trial.claimTasks(node, ["pay", "mail"], limit: 2).map(\.key.action), [3], "the rest")
      try expect(try trial.claimTasks(node, ["log"]).map(\.key.action), [4], "the other")
    },
    ConformanceCase("activity claims: what a live node holds is not claimed again") { trial in
      let node = try trial.store.join()
      try trial.runWithTask("a")
      _ = try trial.claimTask(node)
      try expect(try trial.claimTasks(try trial.store.join()), [], "for another node")
      try expect(try trial.claimTasks(node), [], "for the same node")
    },
    ConformanceCase("activity claims: a released task is open again, as the same attempt under a new claim") {
      trial in
      let node = try trial.store.join()
      let other = try trial.store.join()
      try trial.runWithTask("a")
      let (task, claim) = try trial.claimTask(node)
      try trial.land(.releaseActivities([ClaimedActivity(key: task.key, claim: claim)]))
      let again = try trial.claimTask(other)
      try expect(again.task.attempt, 1, "attempt")
      try expect(again.claim, ActivityClaim(node: other, token: .sample(2)), "claim")
    },
    ConformanceCase("activity claims: the same node claiming again makes its own older claim stale") {
      trial in
      let node = try trial.store.join()
      try trial.runWithTask("a")
      let (task, claim) = try trial.claimTask(node)
      try trial.land(.releaseActivities([ClaimedActivity(key: task.key, claim: claim)]))
      let again = try trial.claimTask(node)
      try trial.refuse(trial.ended(task.key, claim), .staleClaim, "the result under the older claim")
      try trial.land(trial.ended(task.key, again.claim))
    },
    ConformanceCase("activity claims: releasing under a stale claim changes nothing") { trial in
      let node = try trial.store.join()
      try trial.runWithTask("a")
      let (task, claim) = try trial.claimTask(node)
      var stale = claim
      stale.token += 1
      let unknown = ActivityKey(instance: "nobody", execution: 1, action: 1)
      try trial.land(
        .releaseActivities([
          ClaimedActivity(key: task.key, claim: stale), ClaimedActivity(key: unknown, claim: claim),
        ]))
      try expect(try trial.claimTasks(try trial.store.join()), [], "tasks that are open")
      try trial.land(trial.ended(task.key, claim))
    },
    ConformanceCase("activity claims: a node gives back all but what it names") { trial in
      let node = try trial.store.join()
      let other = try trial.store.join()
      try trial.start("a")
      try trial.turn("a") { $0.scheduled = (1...3).map { .sample("a", $0) } }
      let tasks = try trial.claimTasks(node, limit: 2)
      _ = try trial.claimTasks(other)
      let kept = tasks.prefix(1).compactMap { task in
        task.claim.map { ClaimedActivity(key: task.key, claim: $0) }
      }
      try trial.land(.releaseUnheldActivities(node: node, held: kept))
      let open = try trial.claimTasks(other)
      try expect(open.map(\.key.action), [2], "the tasks that are open")
      try expect(open.map(\.attempt), [1], "attempts")
      try expect(open.map(\.claim?.token), [.sample(2)], "tokens")
    },
    ConformanceCase("activity claims: a node that is not known any more holds nothing") { trial in
      let node = try trial.store.join()
      try trial.start("a")
      try trial.turn("a") { $0.scheduled = [.sample("a", 1)] }
      try trial.store.leave(node)
      let (task, claim) = try trial.claimTask(node)
      try trial.refuse(trial.ended(task.key, claim), .staleClaim, "its end")
      try trial.land(.releaseUnheldActivities(node: node, held: []))
      let open = try trial.claimTasks(try trial.store.join())
      try expect(open.map(\.attempt), [2], "attempts")
    },
    ConformanceCase("activity claims: what a node held is open after it left") { trial in
      let node = try trial.store.join()
      let other = try trial.store.join()
      try trial.runWithTask("a")
      _ = try trial.claimTask(node)
      try trial.store.leave(node)
      let again = try trial.claimTask(other)
      try expect(again.task.attempt, 2, "attempt")
    },
    ConformanceCase("activity claims: what a node held is open after its process died") { trial in
      let node = try trial.store.join()
      let other = try trial.store.join()
      try trial.runWithTask("a")
      let (task, claim) = try trial.claimTask(node)
      try trial.kill(node)
      let again = try trial.claimTask(other)
      try expect(again.claim, ActivityClaim(node: other, token: .sample(2)), "claim")
      try trial.refuse(trial.ended(task.key, claim), .staleClaim, "the result of the dead node")
      var commit = try trial.draft("a")
      commit.finished = [FinishedActivity(action: 1, claim: claim)]
      try trial.refuse(.turn(commit), .conflict, "a turn with the result of the dead node")
    },
    ConformanceCase("activity claims: two nodes never get the same task") { trial in
      let one = try trial.store.join()
      let other = try trial.store.join()
      try trial.start("a")
      try trial.turn("a") { $0.scheduled = (1...20).map { .sample("a", $0) } }
      var actions: [ActionID] = []
      for _ in 0..<4 {
        actions += try trial.claimTasks(one, limit: 3).map(\.key.action)
        actions += try trial.claimTasks(other, limit: 3).map(\.key.action)
      }
      try expect(actions, Array(1...20), "the tasks, in the order of the claims")
    },
  ]

  static let activityResults: [ConformanceCase] = [
    ConformanceCase("activity results: a result becomes a message, and the instance is due") { trial in
      let node = try trial.store.join()
      let owner = try trial.store.join()
      try trial.start("a")
      try trial.turn("a") {
        $0.scheduled = [.sample("a", 1)]
        $0.owner = owner
      }
      let (task, claim) = try trial.claimTask(node)
      let receipt = try trial.land(
        .activityEnded(task.key, claim: claim, outcome: .failed(.sample), now: 4_000))
      let inbox = try trial.inbox("a")
      let kind = MessageKind.activityEnded(execution: 1, action: 1, outcome: .failed(.sample))
      try expect(inbox.map(\.kind), [kind], "the inbox")
      guard let message = inbox.first else { return }
      try expect(receipt, .posted(Delivery(instance: "a", message: message, owner: owner)), "the receipt")
      try expect(try trial.store.dueInstances(ownedBy: owner, now: 1, limit: 9), ["a"], "due")
    },
    ConformanceCase("activity results: only the first of two results counts") { trial in
      let node = try trial.store.join()
      try trial.runWithTask("a")
      let (task, claim) = try trial.claimTask(node)
      try trial.land(trial.ended(task.key, claim))
      try trial.refuse(trial.ended(task.key, claim), .staleClaim, "the second")
      try expect(try trial.inbox("a").count, 1, "messages")
    },
    ConformanceCase("activity results: a result under another token is stale") { trial in
      let node = try trial.store.join()
      try trial.runWithTask("a")
      var (task, claim) = try trial.claimTask(node)
      claim.token += 1
      task.attempt += 1
      try trial.refuse(trial.ended(task.key, claim), .staleClaim, "a token that is not there yet")
      claim.token -= 2
      try trial.refuse(trial.ended(task.key, claim), .staleClaim, "a token before the first")
      try expect(try trial.inbox("a"), [], "the inbox")
    },
    ConformanceCase("activity results: a result of another node is stale") { trial in
      let node = try trial.store.join()
      try trial.runWithTask("a")
      var (task, claim) = try trial.claimTask(node)
      claim.node = try trial.store.join()
      try trial.refuse(trial.ended(task.key, claim), .staleClaim, "the result")
      claim.node = node
      task.key.action = 2
      try trial.refuse(trial.ended(task.key, claim), .staleClaim, "the result of another action")
      task.key.action = 1
      task.key.execution = 2
      try trial.refuse(trial.ended(task.key, claim), .staleClaim, "the result of another execution")
    },
    ConformanceCase("activity results: a task that nobody claimed has no result") { trial in
      try trial.runWithTask("a")
      let key = ActivityKey(instance: "a", execution: 1, action: 1)
      let claim = ActivityClaim(node: try trial.store.join(), token: 1)
      try trial.refuse(trial.ended(key, claim), .staleClaim, "the result")
      try expect(try trial.inbox("a"), [], "the inbox")
    },
    ConformanceCase("activity results: a result for an unknown instance is refused") { trial in
      let key = ActivityKey(instance: "nobody", execution: 1, action: 1)
      try trial.refuse(trial.ended(key, ActivityClaim(node: 1, token: 1)), .notFound, "the result")
    },
  ]
}
