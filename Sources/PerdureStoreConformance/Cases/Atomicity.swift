import PerdureModel
import PerdureStore

extension StoreConformance {
  /// A turn of "a" that touches everything a turn can touch. `trial` was prepared by `stage`.
  private static func fullTurn(_ trial: Trial, consuming message: MessageSequence) throws -> TurnCommit {
    var commit = try trial.draft("a", events: 2)
    commit.customStatus = .some(Payload("\"x\""))
    commit.consumed = [message]
    commit.cancelled = [1]
    commit.scheduled = [.sample("a", 2, "mail")]
    commit.starts = [.child("a::1", of: "a"), .detached("log")]
    commit.messages = [OutgoingMessage(to: "b", kind: .named("hello"))]
    commit.wakeAt = 9_000
    return commit
  }

  /// "a" with activity 1 and one waiting message, whose sequence is the answer; "b" running.
  private static func stage(_ trial: Trial) throws -> MessageSequence {
    try trial.runWithTask("a")
    try trial.run("b")
    return try trial.post("go", to: "a").message.sequence
  }

  /// Nothing that `fullTurn` would have changed has changed.
  private static func expectUntouched(_ trial: Trial, since before: InstanceSnapshot) throws {
    try expect(try trial.snapshot("a"), before, "the instance")
    try expect(try trial.store.describe("a::1"), nil, "the child")
    try expect(try trial.store.describe("log"), nil, "the detached instance")
    try expect(try trial.inbox("b"), [], "the inbox of the receiver")
    let node = try trial.store.join()
    try expect(try trial.claimTasks(node, ["mail"]), [], "the activity that the turn scheduled")
    try expect(try trial.claimTasks(node).map(\.key.action), [1], "the activity that the turn cancelled")
    try expect(try trial.claim(node), ["a"], "the instances that are due")
  }

  static let atomicity: [ConformanceCase] = [
    ConformanceCase("atomicity: a turn lands whole") { trial in
      let message = try stage(trial)
      let receipt = try trial.land(try fullTurn(trial, consuming: message))
      try expect(receipt.started, ["a::1", "log"], "started")
      try expect(receipt.deliveries.map(\.instance), ["b"], "receivers")
      try expect(receipt.hasWaitingMessages, false, "waiting messages")
      let snapshot = try trial.snapshot("a")
      try expect(snapshot.history.map(\.id), [1, 2, 3], "event ids")
      try expect(snapshot.inbox, [], "inbox")
      try expect(snapshot.description.customStatus, Payload("\"x\""), "custom status")
      try expect(try trial.waiting("b"), ["hello"], "the inbox of the receiver")
      try expect(try trial.row("a::1").orchestration, "ship", "the child")
      try expect(try trial.row("log").orchestration, "audit", "the detached instance")
      let node = try trial.store.join()
      try expect(try trial.claimTasks(node, ["pay", "mail"]).map(\.key.action), [2], "activities")
      try expect(try trial.store.nextDue(after: 3_000), 9_000, "the next wake-up")
    },
    ConformanceCase("atomicity: a turn that conflicts changes nothing") { trial in
      var late = try fullTurn(trial, consuming: try stage(trial))
      late.revision -= 1
      let before = try trial.snapshot("a")
      try trial.refuse(.turn(late), .conflict, "the late turn")
      try expectUntouched(trial, since: before)
    },
    ConformanceCase("atomicity: a turn with a stale activity result changes nothing") { trial in
      var stale = try fullTurn(trial, consuming: try stage(trial))
      stale.cancelled = []
      stale.finished = [FinishedActivity(action: 1, claim: ActivityClaim(node: 1, token: 1))]
      let before = try trial.snapshot("a")
      try trial.refuse(.turn(stale), .conflict, "the turn")
      try expectUntouched(trial, since: before)
    },
    ConformanceCase("atomicity: of several activity results one stale one is enough to refuse the turn") {
      trial in
      let node = try trial.store.join()
      try trial.start("a")
      try trial.turn("a") { $0.scheduled = [.sample("a", 1), .sample("a", 2)] }
      let claims = try trial.claimTasks(node).compactMap(\.claim)
      try expect(claims.count, 2, "claims")
      var commit = try trial.draft("a")
      commit.finished = [
        FinishedActivity(action: 1, claim: ActivityClaim(node: node, token: .sample(1))),
        FinishedActivity(action: 2, claim: ActivityClaim(node: node, token: .sample(2))),
      ]
      try trial.refuse(.turn(commit), .conflict, "the turn")
      commit.finished[1].claim.token = .sample(1)
      try trial.land(commit)
    },
    ConformanceCase("atomicity: a turn whose events leave a gap is refused and changes nothing") { trial in
      var gap = try fullTurn(trial, consuming: try stage(trial))
      gap.events = numbered(2, after: 2)
      let before = try trial.snapshot("a")
      try expectInternal(try trial.outcome(.turn(gap)), "events 3 and 4 after event 1")
      try expectUntouched(trial, since: before)
    },
    ConformanceCase("atomicity: a turn whose events repeat an id is refused and changes nothing") { trial in
      var again = try fullTurn(trial, consuming: try stage(trial))
      again.events = numbered(1, after: 1) + numbered(1, after: 1)
      let before = try trial.snapshot("a")
      try expectInternal(try trial.outcome(.turn(again)), "event 2 twice")
      try expectUntouched(trial, since: before)
    },
    ConformanceCase("atomicity: a turn of another execution is refused and changes nothing") { trial in
      var other = try fullTurn(trial, consuming: try stage(trial))
      other.execution = 2
      let before = try trial.snapshot("a")
      try trial.refuse(.turn(other), "a turn of execution 2 in execution 1")
      try expectUntouched(trial, since: before)
    },
    ConformanceCase("atomicity: a turn without events can land") { trial in
      try trial.run("a")
      try trial.turn("a", events: 0) { $0.wakeAt = 5_000 }
      try expect(try trial.row("a").eventCount, 1, "event count")
      try expect(try trial.row("a").revision, 2, "revision")
      try expect(try trial.store.nextDue(after: 0), 5_000, "the next wake-up")
    },
  ]

  private static func expectInternal(_ outcome: StoreOutcome, _ what: String) throws {
    if case .failure(.failed(let error)) = outcome, error.code == .internalError { return }
    throw ConformanceFailure(what, expected: "failed(internalError)", found: "\(outcome)")
  }

  static let groups: [ConformanceCase] = [
    ConformanceCase("groups: a commit of nothing answers nothing") { trial in
      try expect(try trial.store.commit([]).count, 0, "answers")
    },
    ConformanceCase("groups: every entry is answered in its place") { trial in
      try trial.run("a")
      let turn = try trial.draft("a")
      let outcomes = try trial.store.commit([
        .post(OutgoingMessage(to: "nobody", kind: .named("m")), now: 1), .turn(turn),
        .delete("nobody", force: false), .claimInstances(node: 1, orchestrations: [], limit: 1, now: 1),
      ])
      try expect(outcomes.count, 4, "answers")
      try expect(outcomes.first, .failure(.notFound), "the first")
      try expect(outcomes.dropFirst().first, .success(.turned(TurnReceipt())), "the second")
      try expect(outcomes.dropFirst(2).first, .failure(.notFound), "the third")
      try expect(outcomes.last, .success(.instances([])), "the last")
    },
    ConformanceCase("groups: a refused entry between good ones touches none of them") { trial in
      for instance in ["a", "b", "c"] { try trial.run(instance) }
      var bad = try trial.draft("b")
      bad.revision = 7
      bad.starts = [.detached("ghost")]
      bad.messages = [OutgoingMessage(to: "c", kind: .named("ghost"))]
      let outcomes = try trial.store.commit([
        .turn(try trial.draft("a")), .turn(bad), .turn(try trial.draft("c")),
      ])
      try expect(outcomes.map(\.isSuccess), [true, false, true], "what landed")
      let revisions = try ["a", "b", "c"].map { try trial.row($0).revision }
      try expect(revisions, [2, 1, 2], "revisions")
      try expect(try trial.store.describe("ghost"), nil, "the child of the refused turn")
      try expect(try trial.inbox("c"), [], "the message of the refused turn")
    },
    ConformanceCase("groups: a turn that breaks in its middle leaves the entries around it whole") { trial in
      for instance in ["a", "b", "c"] { try trial.run(instance) }
      var bad = try trial.draft("b")
      bad.events = numbered(1, after: 1) + numbered(1, after: 5)
      let outcomes = try trial.store.commit([
        .turn(try trial.draft("a")), .turn(bad), .turn(try trial.draft("c")),
      ])
      try expect(outcomes.map(\.isSuccess), [true, false, true], "what landed")
      let counts = try ["a", "b", "c"].map { try trial.snapshot($0).history.count }
      try expect(counts, [2, 1, 2], "events")
    },
    ConformanceCase("groups: an entry sees what the entries before it did") { trial in
      let start = InstanceStart(instance: "a", orchestration: "order", input: .null)
      var turn = TurnCommit(
        instance: "a", revision: 0, now: 2_000, execution: 1, events: numbered(1, after: 0), status: .running,
        orchestrationVersion: "1.0.0", owner: nil)
      turn.wakeAt = nil
      let outcomes = try trial.store.commit([
        .start(start, owner: nil, now: 1_000), .start(start, owner: nil, now: 1_000), .turn(turn),
        .post(OutgoingMessage(to: "a", kind: .named("m")), now: 3_000),
      ])
      try expect(outcomes.map(\.isSuccess), [true, false, true, true], "what landed")
      try expect(outcomes.dropFirst().first, .failure(.alreadyExists(.pending)), "the second start")
      try expect(try trial.waiting("a"), ["m"], "inbox")
    },
    ConformanceCase("groups: the first of two turns from one revision wins") { trial in
      try trial.run("a")
      let outcomes = try trial.store.commit([
        .turn(try trial.draft("a", events: 1)), .turn(try trial.draft("a", events: 5)),
      ])
      try expect(outcomes.map(\.isSuccess), [true, false], "what landed")
      try expect(outcomes.last, .failure(.conflict), "the second")
      try expect(try trial.row("a").eventCount, 2, "event count")
    },
    ConformanceCase("groups: a group as large as allowed lands") { trial in
      let starts = (0..<Limits.entriesPerCommit).map { index in
        StoreEntry.start(
          InstanceStart(instance: "i\(index)", orchestration: "order", input: .null), owner: nil, now: 1_000)
      }
      try expect(try trial.store.commit(starts).filter(\.isSuccess).count, starts.count, "what landed")
      let node = try trial.store.join()
      let claimed = try trial.claim(node, limit: starts.count + 1)
      try expect(claimed.count, starts.count, "instances that are due")
    },
  ]
}

extension StoreOutcome {
  var isSuccess: Bool {
    if case .success = self { true } else { false }
  }
}
