import PerdureModel
import PerdureStore

extension StoreConformance {
  /// What a verb makes of an instance with each status; of those not named it is refused.
  private static func changes(
    by verb: ControlVerb, _ table: [InstanceStatus: InstanceStatus]
  ) -> @Sendable (Trial) throws -> Void {
    { trial in
      for status in Trial.statuses {
        let instance = "is \(status.rawValue)"
        try trial.bring(instance, to: status)
        let before = try trial.snapshot(instance)
        guard let after = table[status] else {
          try trial.refuse(
            .control(instance, verb, reason: "r", now: 9_000), .wrongStatus(status),
            "\(verb) when it is \(status)")
          try expect(try trial.snapshot(instance), before, "the instance that was \(status)")
          continue
        }
        try expect(try trial.control(instance, verb, now: 9_000).status, after, "the receipt for \(status)")
        let row = try trial.row(instance)
        try expect(row.status, after, "the status of what was \(status)")
        try expect(row.revision, before.description.revision + 1, "the revision of what was \(status)")
        try expect(row.updatedAt, 9_000, "when what was \(status) was changed")
        try expect(try trial.snapshot(instance).owner, nil, "the owner of what was \(status)")
      }
      try trial.refuse(.control("nobody", verb, reason: "", now: 1), .notFound, "\(verb) of an unknown one")
    }
  }

  static let control: [ConformanceCase] = [
    ConformanceCase(
      "control: suspend is for pending and running ones",
      changes(by: .suspend, [.pending: .suspended, .running: .suspended])),
    ConformanceCase(
      "control: resume is for suspended ones", changes(by: .resume, [.suspended: .running])),
    ConformanceCase("control: retry is for quarantined ones", changes(by: .retry, [.quarantined: .running])),
    ConformanceCase(
      "control: requeue is for pending and running ones",
      changes(by: .requeue, [.pending: .pending, .running: .running])),
    ConformanceCase(
      "control: terminate is for all that have not ended",
      changes(
        by: .terminate,
        [
          .pending: .terminated, .running: .terminated, .suspended: .terminated, .quarantined: .terminated,
        ])),
    ConformanceCase("control: a suspended instance says why, is nobody's and not due") { trial in
      let node = try trial.store.join()
      try trial.start("a")
      try trial.turn("a") {
        $0.owner = node
        $0.wakeAt = 9_000
      }
      let receipt = try trial.control("a", .suspend, reason: "a look at the books")
      try expect(receipt, ControlReceipt(status: .suspended), "the receipt")
      let snapshot = try trial.snapshot("a")
      try expect(snapshot.description.suspendReason, "a look at the books", "reason")
      try expect(snapshot.owner, nil, "owner")
      try expect(snapshot.history.count, 1, "events")
      try expect(try trial.store.nextDue(after: 0), nil, "the next wake-up")
      try expect(try trial.claim(node, now: .max), [], "due")
      try expect(try trial.store.dueInstances(ownedBy: node, now: .max, limit: 9), [], "due for its owner")
    },
    ConformanceCase("control: a suspended instance takes no turn, from whatever revision") { trial in
      try trial.run("a")
      let late = try trial.draft("a")
      try trial.control("a", .suspend)
      try trial.refuse(.turn(late), .conflict, "the turn that was under way")
      try trial.refuse(.turn(try trial.draft("a")), .conflict, "a turn from the new revision")
      try expect(try trial.row("a").eventCount, 1, "event count")
    },
    ConformanceCase("control: messages and results of a suspended instance are kept and wake nobody") {
      trial in
      let node = try trial.store.join()
      try trial.runWithTask("a")
      try trial.post("before", to: "a")
      try trial.control("a", .suspend)
      try expect(try trial.post("after", to: "a").owner, nil, "the owner in the receipt")
      let (task, claim) = try trial.claimTask(node)
      try trial.land(trial.ended(task.key, claim))
      try expect(try trial.waiting("a"), ["before", "after"], "messages")
      try expect(try trial.inbox("a").count, 3, "messages with the result")
      try expect(try trial.claim(node, now: .max), [], "due")
    },
    ConformanceCase("control: a resumed instance is due at once, with all that waited") { trial in
      let node = try trial.store.join()
      try trial.run("a")
      try trial.post("1", to: "a")
      try trial.control("a", .suspend)
      try trial.post("2", to: "a")
      try trial.control("a", .resume)
      try expect(try trial.row("a").suspendReason, nil, "reason")
      try expect(try trial.waiting("a"), ["1", "2"], "the inbox")
      try expect(try trial.claim(node, now: 0), ["a"], "due")
      try trial.turn("a")
      try expect(try trial.row("a").status, .running, "status after a turn")
    },
    ConformanceCase("control: what had no turn yet is pending again, with its start") { trial in
      let node = try trial.store.join()
      try trial.start("a")
      try trial.start("b")
      try trial.control("a", .suspend)
      try trial.land(.quarantine("b", revision: 0, failure: .sample, now: 3_000))
      try expect(try trial.control("a", .resume).status, .pending, "the status after resume")
      try expect(try trial.control("b", .retry).status, .pending, "the status after retry")
      for instance in ["a", "b"] {
        try expect(try trial.snapshot(instance).start?.input, Payload("1"), "the input of \(instance)")
      }
      try expect(try trial.claim(node, now: 0), ["a", "b"], "due")
    },
    ConformanceCase("control: a retried instance is due at once, without its failure, with its messages") {
      trial in
      let node = try trial.store.join()
      try trial.bring("a", to: .quarantined)
      try trial.post("m", to: "a")
      let receipt = try trial.control("a", .retry)
      try expect(receipt, ControlReceipt(status: .running), "the receipt")
      try expect(try trial.row("a").failure, nil, "failure")
      try expect(try trial.waiting("a"), ["m"], "the inbox")
      try expect(try trial.claim(node, now: 0), ["a"], "due")
      try trial.turn("a")
    },
    ConformanceCase("control: a requeued instance is anybody's, at once or at its start") { trial in
      let node = try trial.store.join()
      let other = try trial.store.join()
      try trial.run("a", owner: node)
      let late = try trial.draft("a")
      try trial.land(trial.starting("later") { $0.startAt = 20_000 })
      try trial.control("a", .requeue)
      try trial.control("later", .requeue)
      try trial.refuse(.turn(late), .conflict, "the turn that was under way")
      try expect(try trial.claim(other, now: 6_000), ["a"], "due")
      try expect(try trial.claim(other, now: 20_000), ["later"], "due later")
      try expect(try trial.row("a").suspendReason, nil, "reason")
      try expect(try trial.snapshot("a").history.count, 1, "events")
    },
    ConformanceCase("control: each verb counts, also when it comes to the same in the end") { trial in
      try trial.run("a")
      let late = try trial.draft("a")
      try trial.control("a", .suspend)
      try trial.control("a", .resume)
      try trial.refuse(.turn(late), .conflict, "the turn that was under way")
      try expect(try trial.row("a").revision, 3, "revision")
    },
  ]
}
