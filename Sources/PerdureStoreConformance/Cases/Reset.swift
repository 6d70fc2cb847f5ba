import PerdureModel
import PerdureStore

extension StoreConformance {
  /// Back to after the first event of the row as it stands.
  private static func draft(
    _ trial: Trial, _ instance: InstanceID, _ change: (inout InstanceReset) -> Void = { _ in }
  ) throws -> InstanceReset {
    let row = try trial.row(instance)
    var reset = InstanceReset(
      instance: instance, revision: row.revision, createdAt: row.createdAt, execution: row.execution,
      now: 9_000, kept: 1)
    change(&reset)
    return reset
  }

  static let resets: [ConformanceCase] = [
    ConformanceCase("reset: whoever has run is running, due to anybody, with a new revision") { trial in
      let node = try trial.store.join()
      for status in Trial.statuses where status != .pending {
        let instance = "was \(status.rawValue)"
        try trial.bring(instance, to: status)
        let before = try trial.row(instance)
        let receipt = try trial.land(.reset([try draft(trial, instance)]))
        try expect(receipt, .reset(deleted: []), "the receipt for \(status)")
        let row = try trial.row(instance)
        try expect(row.status, .running, "the status of what was \(status)")
        try expect(row.revision, before.revision + 1, "the revision of what was \(status)")
        try expect(row.eventCount, 1, "events of what was \(status)")
        try expect(row.output, nil, "output of what was \(status)")
        try expect(row.failure, nil, "failure of what was \(status)")
        try expect(row.endedAt, nil, "the end of what was \(status)")
        try expect(row.suspendReason, nil, "the reason of what was \(status)")
        try expect(try trial.claim(node, now: 9_001), [instance], "due after \(status)")
      }
    },
    ConformanceCase("reset: one that has not run, another revision, another instance of the id") { trial in
      try trial.start("new")
      try trial.refuse(.reset([try draft(trial, "new")]), .conflict, "one that has not run")
      try trial.run("a")
      try trial.refuse(.reset([try draft(trial, "a") { $0.revision -= 1 }]), .conflict, "an older revision")
      try trial.refuse(.reset([try draft(trial, "a") { $0.createdAt += 1 }]), .conflict, "of another one")
      try trial.refuse(.reset([try draft(trial, "a") { $0.execution += 1 }]), .conflict, "another execution")
      let absent = InstanceReset(
        instance: "nobody", revision: 1, createdAt: 1, execution: 1, now: 1, kept: 1)
      try trial.refuse(.reset([absent]), .notFound, "an unknown one")
      try trial.refuse(.reset([try draft(trial, "a") { $0.kept = 9 }]), "events that are not there")
      try trial.refuse(
        .reset([try draft(trial, "a") { $0.appended = numbered(1, after: 5) }]), "a gap in the events")
    },
    ConformanceCase("reset: all or none") { trial in
      try trial.run("a")
      try trial.run("b")
      let before = try trial.snapshot("a")
      let first = try draft(trial, "a")
      let second = try draft(trial, "b") { $0.revision += 1 }
      try trial.refuse(.reset([first, second]), .conflict, "a group with one that does not fit")
      try expect(try trial.snapshot("a"), before, "the one that would have fitted")
    },
    ConformanceCase("reset: history is cut and goes on") { trial in
      try trial.start("a")
      try trial.turn("a", events: 4)
      let kept = try trial.snapshot("a").history.prefix(2)
      let appended = numbered(2, after: 2, at: 2_100)
      try trial.land(
        .reset([
          try draft(trial, "a") {
            $0.kept = 2
            $0.appended = appended
          }
        ]))
      try expect(try trial.snapshot("a").history, kept + appended, "history")
      try expect(try trial.row("a").eventCount, 4, "count")
      try trial.turn("a", events: 1)
      try expect(try trial.snapshot("a").history.map(\.id), [1, 2, 3, 4, 5], "ids after the next turn")
    },
    ConformanceCase("reset: only the current execution is cut") { trial in
      try trial.run("a")
      try trial.turn("a") { $0.nextExecution = numbered(3, after: 0) }
      try trial.land(.reset([try draft(trial, "a")]))
      try expect(try trial.row("a").execution, 2, "execution")
      try expect(try trial.snapshot("a").history.count, 1, "the current one")
      let first = try trial.store.history(HistoryQuery(instance: "a", execution: 1))
      try expect(first?.events.count, 2, "the one before")
    },
    ConformanceCase("reset: what is told again comes before what waits") { trial in
      try trial.run("a")
      try trial.post("three", to: "a")
      try trial.land(
        .reset([try draft(trial, "a") { $0.returned = [.named("one"), .named("two")] }]))
      try expect(try trial.waiting("a"), ["one", "two", "three"], "the inbox")
      try expect(try trial.snapshot("a").inbox.map(\.kind), try trial.kinds("a"), "the snapshot")
      let sequences = try trial.inbox("a").map(\.sequence)
      try trial.turn("a") { $0.consumed = Array(sequences.prefix(2)) }
      try expect(try trial.waiting("a"), ["three"], "what is left")
    },
    ConformanceCase("reset: a call that is told again keeps its answer") { trial in
      try trial.run("a")
      try trial.land(trial.calling("a", "c-1"))
      let sequences = try trial.inbox("a").map(\.sequence)
      try trial.turn("a") {
        $0.consumed = sequences
        $0.callAnswers = [CallAnswer(call: "c-1", outcome: .completed(Payload("9")))]
      }
      let call = MessageKind.call(id: "c-1", name: "total", input: Payload("5"))
      try trial.land(.reset([try draft(trial, "a") { $0.returned = [call] }]))
      try expect(try trial.kinds("a"), [call], "the inbox")
      try expect(
        try trial.store.callState(of: "a", call: "c-1"), .answered(.completed(Payload("9"))), "the answer")
    },
    ConformanceCase("reset: activities that are open stay, missing ones are made, others go") { trial in
      let node = try trial.store.join()
      try trial.start("a")
      try trial.turn("a") { $0.scheduled = [.sample("a", 1), .sample("a", 2)] }
      let held = try trial.claimTasks(node).map {
        ClaimedActivity(key: $0.key, claim: $0.claim ?? .init(node: 0, token: 0))
      }
      try trial.land(
        .reset([try draft(trial, "a") { $0.activities = [.sample("a", 2), .sample("a", 3)] }]))
      try expect(try trial.store.activities(of: "a").map(\.key.action), [2, 3], "the activities")
      try expect(try trial.store.lostClaims(of: held).map(\.key.action), [1], "claims that are void")
      try expect(try trial.claimTasks(node).map(\.key.action), [3], "what can be claimed")
      try trial.land(trial.ended(held[1].key, held[1].claim))
    },
    ConformanceCase("reset: key-value state is made anew upon what the execution began with") { trial in
      try trial.run("a")
      try trial.change("a", [.set(key: "old", value: Payload("1")), .set(key: "gone", value: Payload("1"))])
      try trial.turn("a") { $0.nextExecution = numbered(1, after: 0) }
      try trial.change(
        "a",
        [.set(key: "old", value: Payload("2")), .clear(key: "gone"), .set(key: "new", value: Payload("2"))])
      let again = TimedKVChange(change: .set(key: "new", value: Payload("3")), at: 7)
      try trial.land(.reset([try draft(trial, "a") { $0.kvChanges = [again] }]))
      try expect(try trial.values("a"), ["gone=1", "new=3", "old=1"], "the state")
      try expect(try trial.base("a"), ["gone=1", "old=1"], "what the execution began with")
    },
    ConformanceCase("reset: custom status and its version") { trial in
      try trial.run("a")
      try trial.turn("a") { $0.customStatus = .some(Payload("\"two\"")) }
      try trial.land(.reset([try draft(trial, "a") { $0.customStatus = Payload("\"two\"") }]))
      try expect(try trial.row("a").customStatusVersion, 1, "the version of one that is the same")
      try trial.land(.reset([try draft(trial, "a") { $0.customStatus = Payload("\"one\"") }]))
      try expect(try trial.row("a").customStatus, Payload("\"one\""), "the status")
      try expect(try trial.row("a").customStatusVersion, 2, "its version")
      try trial.land(.reset([try draft(trial, "a")]))
      try expect(try trial.row("a").customStatus, nil, "no status")
      try expect(try trial.row("a").customStatusVersion, 3, "the version of none")
    },
    ConformanceCase("reset: subscriptions are those that it names") { trial in
      try trial.run("a")
      try trial.subscribe("a", to: "late")
      try trial.land(.reset([try draft(trial, "a") { $0.topics = ["early"] }]))
      try expect(try trial.publish("late").count, 0, "to what it left")
      try expect(try trial.publish("early").map(\.instance), ["a"], "to what it has")
      try trial.end("a")
      try expect(try trial.publish("early").count, 0, "after its end")
    },
    ConformanceCase("reset: children go with their descendants, and begin anew") { trial in
      try trial.run("a")
      try trial.turn("a") {
        $0.starts = [.child("late", of: "a", action: 1), .child("again", of: "a", action: 2)]
      }
      try trial.turn("late") { $0.starts = [.child("grandchild", of: "late")] }
      try trial.run("stranger")
      let revision = try trial.row("again").revision
      let receipt = try trial.land(
        .reset([
          try draft(trial, "a") {
            $0.removed = ["late", "again", "stranger", "nobody"]
            $0.starts = [ChildStart.child("again", of: "a", action: 2).start]
          }
        ]))
      try expect(receipt, .reset(deleted: ["late", "grandchild", "again"]), "the receipt")
      try expect(try trial.store.describe("late"), nil, "the later child")
      try expect(try trial.row("again").status, .pending, "the one that begins anew")
      try expect(try trial.row("again").revision, revision + 1, "its revision")
      try expect(try trial.row("stranger").status, .running, "one that is not its child")
    },
    ConformanceCase("reset: a child that cannot begin, as its id is taken, is told to the parent") { trial in
      try trial.run("a")
      try trial.run("stranger")
      let starts = [("stranger", ActionID(1)), ("b", 2), ("b", 3)].map { id, action in
        ChildStart.child(id, of: "a", action: action).start
      }
      try trial.land(
        .reset([
          try draft(trial, "a") {
            $0.starts = starts
            $0.returned = [.named("first")]
          }
        ]))
      let told = [("stranger", ActionID(1), InstanceStatus.running), ("b", 3, .pending)].map {
        id, action, status in
        MessageKind.subOrchestrationEnded(
          execution: 1, action: action, outcome: .failed(.alreadyExists(id, status)))
      }
      try expect(try trial.kinds("a"), [.named("first")] + told, "the inbox")
      try expect(try trial.row("b").parent?.action, 2, "the action of the child that began")
      try expect(try trial.row("stranger").parent, nil, "the parent of the other")
    },
  ]
}
