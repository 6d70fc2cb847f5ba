import PerdureModel
import PerdureStore

extension StoreConformance {
  private static func quarantine(_ instance: InstanceID, _ revision: Revision) -> StoreEntry {
    .quarantine(instance, revision: revision, failure: .sample, now: 6_000)
  }

  static let quarantine: [ConformanceCase] = [
    ConformanceCase("quarantine: the row says so, with the cause") { trial in
      let node = try trial.store.join()
      try trial.run("a", owner: node)
      try expect(try trial.land(quarantine("a", 1)), .done, "the receipt")
      let snapshot = try trial.snapshot("a")
      try expect(snapshot.description.status, .quarantined, "status")
      try expect(snapshot.description.failure, .sample, "failure")
      try expect(snapshot.description.revision, 2, "revision")
      try expect(snapshot.description.updatedAt, 6_000, "updated")
      try expect(snapshot.description.endedAt, nil, "ended")
      try expect(snapshot.owner, nil, "owner")
      try expect(snapshot.history.count, 1, "events")
    },
    ConformanceCase("quarantine: from another revision conflicts and changes nothing") { trial in
      try trial.run("a")
      let before = try trial.snapshot("a")
      try trial.refuse(quarantine("a", 0), .conflict, "from an older revision")
      try trial.refuse(quarantine("a", 2), .conflict, "from a later revision")
      try expect(try trial.snapshot("a"), before, "the instance")
      try trial.refuse(quarantine("b", 0), .notFound, "of an unknown instance")
    },
    ConformanceCase("quarantine: a finished instance is not quarantined") { trial in
      try trial.start("a")
      try trial.end("a")
      try trial.refuse(quarantine("a", 1), "quarantine of a completed instance")
      try expect(try trial.row("a").status, .completed, "status")
    },
    ConformanceCase("quarantine: messages and tasks are kept") { trial in
      try trial.runWithTask("a")
      try trial.post("m", to: "a")
      try trial.land(quarantine("a", 1))
      try expect(try trial.waiting("a"), ["m"], "the inbox")
      try expect(try trial.claimTasks(try trial.store.join()).map(\.key.action), [1], "tasks")
    },
    ConformanceCase("quarantine: later messages are kept and wake nobody") { trial in
      let node = try trial.store.join()
      try trial.start("a")
      try trial.land(quarantine("a", 0))
      try trial.post("m", to: "a")
      try expect(try trial.waiting("a"), ["m"], "the inbox")
      try expect(try trial.claim(node, now: .max), [], "due")
      try expect(try trial.store.nextDue(after: -1), nil, "the next wake-up")
    },
    ConformanceCase("quarantine: the result of a running activity is kept") { trial in
      let node = try trial.store.join()
      try trial.runWithTask("a")
      let (task, claim) = try trial.claimTask(node)
      try trial.land(quarantine("a", 1))
      try trial.land(trial.ended(task.key, claim))
      try expect(try trial.inbox("a").count, 1, "messages")
      try expect(try trial.claim(node, now: .max), [], "due")
    },
    ConformanceCase("quarantine: a turn that was computed before conflicts") { trial in
      try trial.run("a")
      let late = try trial.draft("a")
      try trial.land(quarantine("a", 1))
      try trial.refuse(.turn(late), .conflict, "the late turn")
    },
    ConformanceCase("quarantine: no turn lands any more, from whatever revision") { trial in
      try trial.run("a")
      try trial.land(quarantine("a", 1))
      try trial.refuse(.turn(try trial.draft("a")), .conflict, "a turn from the new revision")
      try expect(try trial.row("a").status, .quarantined, "status")
    },
    ConformanceCase("quarantine: a suspended instance is not quarantined") { trial in
      try trial.bring("a", to: .suspended)
      let row = try trial.row("a")
      try trial.refuse(quarantine("a", row.revision), .conflict, "the quarantine")
      try expect(try trial.row("a"), row, "the row")
    },
    ConformanceCase("quarantine: a retry schedules anew what was given up as poison") { trial in
      let node = try trial.store.join()
      try trial.runWithTask("a")
      let scheduled = EventKind.activityScheduled(
        Origin(action: 1, after: 1), name: "pay", input: Payload("[5]"), options: ActivityOptions())
      try trial.turn("a") { commit in
        if let id = commit.events.first?.id { commit.events = [Event(id: id, at: 2_000, kind: scheduled)] }
      }
      let (task, claim) = try trial.claimTask(node)
      try trial.land(quarantine("a", 2))
      let poison = Failure(type: FailureType.poison, message: "it kills")
      try trial.post("m", to: "a")
      try trial.land(.activityEnded(task.key, claim: claim, outcome: .failed(poison), now: 4_000))
      try expect(try trial.inbox("a").count, 2, "messages")
      try trial.control("a", .retry, now: 5_000)
      try expect(try trial.inbox("a").count, 1, "messages after the retry")
      try expect(try trial.waiting("a"), ["m"], "the other message")
      let (again, _) = try trial.claimTask(node, now: 6_000)
      try expect(again.key, task.key, "the activity")
      try expect(
        [again.attempt, again.losses, again.scheduledAt], [1, 0, 5_000], "attempt, losses, scheduled")
      try expect(again.input, Payload("[5]"), "its input")
      try expect(again.orchestration, "order", "its orchestration")
      try trial.refuse(
        .activityEnded(task.key, claim: claim, outcome: .failed(poison), now: 6_000), .staleClaim,
        "the result of the older attempt")
    },
    ConformanceCase("quarantine: a retry leaves other results in the inbox") { trial in
      let node = try trial.store.join()
      try trial.runWithTask("a")
      let (task, claim) = try trial.claimTask(node)
      try trial.land(quarantine("a", 1))
      let failure = Failure(type: "Declined", message: "the card has expired")
      try trial.land(.activityEnded(task.key, claim: claim, outcome: .failed(failure), now: 4_000))
      try trial.control("a", .retry)
      try expect(try trial.inbox("a").count, 1, "messages")
      try expect(try trial.claimTasks(node), [], "tasks")
    },
  ]
}
