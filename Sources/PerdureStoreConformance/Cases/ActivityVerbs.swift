import PerdureModel
import PerdureStore

extension Trial {
  /// What somebody does to activity 1 of "a".
  func act(
    _ verb: ActivityVerb, now: TimestampMS = 6_000
  ) throws -> (lost: ActivityClaim?, delivery: Delivery?) {
    let receipt = try land(.actOnActivity(key("a"), verb, now: now))
    guard case .activityChanged(let lost, let delivery) = receipt else {
      throw ConformanceFailure("the receipt", expected: "activityChanged", found: "\(receipt)")
    }
    return (lost, delivery)
  }
}

extension StoreConformance {
  static let activityVerbs: [ConformanceCase] = [
    ConformanceCase("activity verbs: a retry ends the pause before the next attempt") { trial in
      let node = try trial.store.join()
      try trial.runWithTask("a") { $0.retry = .fixed(5, 60_000) }
      let (task, claim) = try trial.claimTask(node)
      try trial.land(trial.retrying(task.key, claim, at: 90_000))
      try expect(try trial.claimTasks(node, now: 6_000), [], "before")
      let receipt = try trial.act(.retry)
      try expect(receipt.lost, nil, "a lost claim")
      try expect(receipt.delivery, nil, "a delivery")
      let again = try trial.claimTask(node, now: 6_000).task
      try expect(again.attempt, 2, "attempt")
      try expect(again.failures, 1, "failures")
    },
    ConformanceCase("activity verbs: a retry takes the attempt from whoever runs it") { trial in
      let node = try trial.store.join()
      try trial.runWithTask("a")
      let (task, claim) = try trial.claimTask(node)
      try expect(try trial.act(.retry).lost, claim, "the lost claim")
      let lost = ClaimedActivity(key: task.key, claim: claim)
      try expect(try trial.store.lostClaims(of: [lost]), [lost], "lost claims")
      try trial.refuse(trial.ended(task.key, claim), .staleClaim, "its late result")
      let again = try trial.claimTask(node, now: 6_000).task
      try expect(again.attempt, 2, "attempt")
      try expect(again.failures, 1, "failures: it is no loss of a process")
      try expect(again.lastFailure, .givenUp, "the failure")
    },
    ConformanceCase("activity verbs: a retry of a deferred attempt makes its token stale") { trial in
      let token = try trial.defer1()
      let node = try trial.store.join()
      try expect(try trial.act(.retry).lost, nil, "a lost claim")
      try trial.refuse(
        trial.completing(trial.key("a"), token: token, .completed(Payload("1"))), .staleClaim, "the token")
      try expect(try trial.claimTask(node, now: 6_000).task.attempt, 2, "attempt")
    },
    ConformanceCase("activity verbs: a retry of what waits for nothing changes nothing") { trial in
      let node = try trial.store.join()
      try trial.runWithTask("a")
      try expect(try trial.act(.retry).lost, nil, "a lost claim")
      let task = try trial.claimTask(node).task
      try expect(task.attempt, 1, "attempt")
      try expect(task.failures, 0, "failures")
    },
    ConformanceCase("activity verbs: completed by hand, it is a message to its instance") { trial in
      let node = try trial.store.join()
      try trial.runWithTask("a")
      let (task, claim) = try trial.claimTask(node)
      let receipt = try trial.act(.complete(Payload("\"by hand\"")))
      try expect(receipt.lost, claim, "the lost claim")
      try expect(receipt.delivery?.message, try trial.inbox("a").first, "the message")
      try expect(try trial.activityEnd("a"), .completed(Payload("\"by hand\"")), "the result")
      try expect(try trial.store.activities(of: "a"), [], "activities")
      try trial.refuse(trial.ended(task.key, claim), .staleClaim, "the late result")
      try trial.refuse(.actOnActivity(trial.key("a"), .retry, now: 7_000), .staleClaim, "another verb")
    },
    ConformanceCase("activity verbs: failed by hand, the policy decides, unless it is not to be retried") {
      trial in
      let node = try trial.store.join()
      try trial.runWithTask("a") { $0.retry = .fixed(3, 1_000) }
      let claim = try trial.claimTask(node).claim
      let first = try trial.act(.fail(.passing))
      try expect(first.lost, claim, "the lost claim")
      try expect(first.delivery, nil, "a delivery")
      try expect(try trial.claimTasks(node, now: 6_999), [], "before the pause is over")
      try expect(try trial.claimTask(node, now: 7_000).task.lastFailure, .passing, "the failure")
      var last = Failure.passing
      last.isNonRetryable = true
      try expect(try trial.act(.fail(last)).delivery != nil, "a message")
      try expect(try trial.activityEnd("a"), .failed(last), "the result")
    },
    ConformanceCase("activity verbs: what is not pending is refused") { trial in
      try trial.refuse(.actOnActivity(trial.key("a"), .retry, now: 1), .notFound, "of nobody")
      try trial.run("a")
      try trial.refuse(.actOnActivity(trial.key("a", 7), .retry, now: 1), .staleClaim, "of no action")
      try trial.runWithTask("b")
      try trial.end("b")
      try trial.refuse(
        .actOnActivity(trial.key("b"), .complete(.null), now: 1), .staleClaim, "of an ended instance")
    },
    ConformanceCase("activity verbs: a suspended instance keeps the result") { trial in
      try trial.runWithTask("a")
      try trial.control("a", .suspend)
      try expect(try trial.act(.complete(Payload("1"))).delivery?.owner, nil, "the owner")
      try expect(try trial.activityEnd("a"), .completed(Payload("1")), "the result")
      try expect(try trial.claim(try trial.store.join(), now: .max), [], "due")
    },
  ]
}
