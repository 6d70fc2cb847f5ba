import PerdureModel
import PerdureStore

extension StoreConformance {
  /// What a policy answers when an instance with this status has the id: by status, the rest is `others`.
  private static func answers(
    to policy: StartPolicy, _ answer: @escaping @Sendable (InstanceStatus) -> StoreOutcome
  ) -> @Sendable (Trial) throws -> Void {
    { trial in
      for status in Trial.statuses {
        let instance = "is \(status.rawValue)"
        try trial.bring(instance, to: status)
        let found = try trial.outcome(trial.starting(instance, "other", now: 9_000) { $0.policy = policy })
        try expect(found, answer(status), "the answer when it is \(status.rawValue)")
        var isNew = false
        if case .success(.restarted) = found { isNew = true }
        let row = try trial.row(instance)
        try expect(row.orchestration, isNew ? "other" : "order", "the orchestration of \(instance)")
        try expect(row.status, isNew ? .pending : status, "the status of \(instance)")
      }
    }
  }

  private static func restarted(_ status: InstanceStatus) -> StoreOutcome {
    .success(.restarted(deleted: ["is \(status.rawValue)"], deliveries: []))
  }

  static let startPolicies: [ConformanceCase] = [
    ConformanceCase(
      "start policies: fail refuses whatever has the id",
      answers(to: .fail) { .failure(.alreadyExists($0)) }),
    ConformanceCase(
      "start policies: useExisting takes whatever has the id",
      answers(to: .useExisting) { .success(.existing("is \($0.rawValue)", $0)) }),
    ConformanceCase(
      "start policies: restartIfFinished replaces what has ended and refuses what has not",
      answers(to: .restartIfFinished) { $0.isTerminal ? restarted($0) : .failure(.alreadyExists($0)) }),
    ConformanceCase(
      "start policies: terminateAndRestart replaces whatever has the id",
      answers(to: .terminateAndRestart) { restarted($0) }),
    ConformanceCase("start policies: a free id is a plain start, whatever the policy") { trial in
      for policy in StartPolicy.allCases {
        let entry = trial.starting(policy.rawValue) { $0.policy = policy }
        try expect(try trial.land(entry), .done, "the receipt with \(policy)")
        try expect(try trial.row(policy.rawValue).revision, 0, "revision")
      }
    },
    ConformanceCase("start policies: useExisting changes nothing") { trial in
      try trial.runWithTask("a")
      let before = try trial.snapshot("a")
      try trial.land(
        trial.starting("a", "other", now: 9_000) {
          $0.policy = .useExisting
          $0.priority = 7
          $0.memo = Payload("1")
        })
      try expect(try trial.snapshot("a"), before, "the instance")
    },
  ]

  static let restarts: [ConformanceCase] = [
    ConformanceCase("restarts: the new instance begins with nothing of the old") { trial in
      try trial.subscribed("a", "news")
      try trial.land(trial.calling("a", "c"))
      try trial.turn("a") {
        $0.kvChanges = [TimedKVChange(change: .set(key: "k", value: .null), at: 1)]
        $0.scheduled = [.sample("a", 1)]
        $0.customStatus = .some(Payload("1"))
        $0.nextExecution = numbered(1, after: 0)
      }
      try trial.land(trial.starting("a", "ship", now: 9_000) { $0.policy = .terminateAndRestart })
      let snapshot = try trial.snapshot("a")
      try expect(snapshot.description.execution, 1, "execution")
      try expect(snapshot.description.customStatus, nil, "custom status")
      try expect(snapshot.description.createdAt, 9_000, "created")
      try expect(snapshot.description.eventCount, 0, "event count")
      try expect(snapshot.history, [], "history")
      try expect(snapshot.inbox, [], "inbox")
      try expect(snapshot.kv, [], "the key-value state it begins with")
      try expect(try trial.values("a"), [], "the key-value state")
      try expect(try trial.store.callState(of: "a", call: "c"), .unknown, "the call")
      try expect(try trial.store.activities(of: "a"), [], "activities")
      try expect(try trial.publish("news"), [], "what its old subscription brings")
      try expect(try trial.store.history(HistoryQuery(instance: "a", execution: 2)), nil, "execution 2")
    },
    ConformanceCase("restarts: it is due at once, or belongs to whom the start names") { trial in
      let node = try trial.store.join()
      for instance in ["a", "b"] { try trial.bring(instance, to: .completed) }
      try trial.land(trial.starting("a") { $0.policy = .restartIfFinished })
      try trial.land(trial.starting("b", owner: node) { $0.policy = .restartIfFinished })
      try expect(try trial.snapshot("b").owner, node, "the owner of b")
      try expect(try trial.claim(try trial.store.join()), ["a"], "open to others")
    },
    ConformanceCase("restarts: a turn that was computed for the old instance conflicts") { trial in
      for status in [InstanceStatus.pending, .running] {
        try trial.bring(status.rawValue, to: status)
        var late = try trial.draft(status.rawValue)
        try trial.land(trial.starting(status.rawValue) { $0.policy = .terminateAndRestart })
        try expect(try trial.row(status.rawValue).revision, late.revision + 1, "revision")
        late.events = numbered(1, after: 0)
        try trial.refuse(.turn(late), .conflict, "the late turn of the \(status.rawValue) one")
      }
    },
    ConformanceCase("restarts: a result for the old instance is stale") { trial in
      let node = try trial.store.join()
      try trial.runWithTask("a")
      let (task, claim) = try trial.claimTask(node)
      try trial.land(trial.starting("a") { $0.policy = .terminateAndRestart })
      try trial.refuse(trial.ended(task.key, claim), .staleClaim, "the late result")
      let lost = [ClaimedActivity(key: task.key, claim: claim)]
      try expect(try trial.store.lostClaims(of: lost), lost, "lost claims")
    },
    ConformanceCase("restarts: descendants go with the old instance, also running ones") { trial in
      try trial.run("p")
      try trial.turn("p") {
        $0.starts = [.child("c", of: "p"), .child("d", of: "p", action: 2) { $0.closePolicy = .abandon }]
      }
      try trial.turn("c") { $0.starts = [.child("g", of: "c")] }
      try trial.end("c")
      try trial.end("p")
      let receipt = try trial.land(trial.starting("p", now: 9_000) { $0.policy = .restartIfFinished })
      guard case .restarted(let deleted, let deliveries) = receipt else {
        throw ConformanceFailure("the receipt", expected: "restarted", found: "\(receipt)")
      }
      try expect(deleted.first, "p", "the first of the deleted")
      try expect(deleted.sorted(), ["c", "d", "g", "p"], "the deleted")
      try expect(deliveries, [], "deliveries")
      let left = try trial.store.list(ListQuery()).instances.map(\.instance)
      try expect(left, ["p"], "what is there")
      try expect(try trial.store.list(ListQuery(parent: "p")).instances, [], "children of the new instance")
    },
    ConformanceCase("restarts: a child does not give way") { trial in
      try trial.run("p")
      try trial.turn("p") { $0.starts = [.child("c", of: "p")] }
      let restart = trial.starting("c") { $0.policy = .restartIfFinished }
      let terminate = trial.starting("c") { $0.policy = .terminateAndRestart }
      try trial.refuse(restart, .alreadyExists(.pending), "a restart while it runs")
      try trial.refuse(terminate, .isChild(of: "p"), "a restart by force while it runs")
      try trial.end("c")
      try trial.refuse(restart, .isChild(of: "p"), "a restart when it has ended")
      try trial.refuse(terminate, .isChild(of: "p"), "a restart by force when it has ended")
      try expect(try trial.row("c").status, .completed, "the child")
      let use = trial.starting("c") { $0.policy = .useExisting }
      try expect(try trial.land(use), .existing("c", .completed), "using the child")
    },
    ConformanceCase("restarts: the new instance is the youngest") { trial in
      for instance in ["a", "b"] { try trial.bring(instance, to: .completed) }
      try trial.land(trial.starting("a") { $0.policy = .restartIfFinished })
      try expect(try trial.store.list(ListQuery()).instances.map(\.instance), ["b", "a"], "the order")
    },
  ]

  private static func keyed(
    _ trial: Trial, _ instance: InstanceID, _ key: String = "order 7", _ policy: StartPolicy = .fail
  ) -> StoreEntry {
    trial.starting(instance) {
      $0.dedupKey = key
      $0.policy = policy
    }
  }

  static let dedupKeys: [ConformanceCase] = [
    ConformanceCase("dedup keys: a second start comes to the instance of the first") { trial in
      try expect(try trial.land(keyed(trial, "a")), .done, "the first")
      try expect(try trial.row("a").dedupKey, "order 7", "the key in the row")
      try expect(try trial.land(keyed(trial, "b")), .existing("a", .pending), "the second")
      try trial.end("a", .failed)
      try expect(try trial.land(keyed(trial, "c")), .existing("a", .failed), "one after the end")
      try expect(try trial.store.list(ListQuery()).instances.map(\.instance), ["a"], "instances")
    },
    ConformanceCase("dedup keys: the key comes before the id, whatever the policy") { trial in
      try trial.land(keyed(trial, "a"))
      try trial.bring("b", to: .completed)
      for policy in StartPolicy.allCases {
        let found = try trial.land(keyed(trial, "b", "order 7", policy))
        try expect(found, .existing("a", .pending), "the answer with \(policy)")
      }
      try expect(try trial.row("b").status, .completed, "the instance that has the id")
    },
    ConformanceCase("dedup keys: another key, in another spelling, is another start") { trial in
      for (instance, key) in [("a", "é"), ("b", "e\u{301}"), ("c", "É"), ("d", "")] {
        try expect(try trial.land(keyed(trial, instance, key)), .done, "the start with '\(key)'")
      }
      try trial.start("e")
      try trial.start("f")
    },
    ConformanceCase("dedup keys: an unknown key does not make a taken id free") { trial in
      try trial.land(keyed(trial, "a", "one"))
      try trial.refuse(keyed(trial, "a", "two"), .alreadyExists(.pending), "the start")
      try expect(try trial.land(keyed(trial, "b", "two")), .done, "the key of the refused start")
    },
    ConformanceCase("dedup keys: deletion sets the key free, and so does a restart") { trial in
      try trial.land(keyed(trial, "a"))
      try trial.land(.delete("a", force: true))
      try expect(try trial.land(keyed(trial, "b")), .done, "after the deletion")
      try trial.land(trial.starting("b") { $0.policy = .terminateAndRestart })
      try expect(try trial.land(keyed(trial, "c")), .done, "after the restart")
    },
    ConformanceCase("dedup keys: of two starts in one group the first counts") { trial in
      let outcomes = try trial.store.commit([keyed(trial, "a"), keyed(trial, "b")])
      try expect(outcomes, [.success(.done), .success(.existing("a", .pending))], "the answers")
    },
  ]
}

extension Trial {
  /// Running, and subscribed to the topics.
  func subscribed(_ instance: InstanceID, _ topics: String...) throws {
    try run(instance)
    for topic in topics { try subscribe(instance, to: topic) }
  }
}
