import PerdureModel
import PerdureStore

extension Trial {
  func exported(_ instance: InstanceID, children: Bool = true) throws -> [InstanceExport] {
    try store.export(instance, children: children)
  }

  /// Exported, deleted, and imported again. Answers what was exported.
  @discardableResult
  fileprivate func move(
    _ instance: InstanceID, isSuspended: Bool = false, now: TimestampMS = 50_000
  ) throws -> [InstanceExport] {
    let instances = try exported(instance)
    try land(.delete(instance, force: true))
    try expect(
      try land(.importInstances(instances, isSuspended: isSuspended, now: now)),
      .instances(instances.map(\.description.instance)), "the receipt")
    return instances
  }

  /// Exported again, it is what was imported, but for the revision.
  fileprivate func expectAgain(_ before: [InstanceExport], now: TimestampMS = 50_000) throws {
    let root = before.first?.description.instance ?? ""
    var wanted = before
    for index in wanted.indices { wanted[index].description.revision = now }
    let found = try exported(root)
    try expect(found.count, wanted.count, "instances")
    for (one, other) in zip(found, wanted) {
      try expect(one.description, other.description, "the description")
      try expect(one, other, "'\(one.description.instance)'")
    }
  }

  /// A running instance that has used everything.
  fileprivate func runWithEverything(_ instance: InstanceID) throws {
    var options = StartOptions()
    options.priority = 4
    options.attributes = Payload(#"{"a":"1"}"#)
    options.memo = Payload("[1]")
    options.dedupKey = "key-\(instance)"
    let start = InstanceStart(
      instance: instance, orchestration: "order", version: "1.0.0", input: Payload("1"), options: options)
    try land(.start(start, owner: nil, now: 1_000))
    try turn(instance) { commit in
      commit.kvChanges = [
        change(.set(key: "kept", value: Payload("1")), 2), change(.set(key: "gone", value: Payload("2")), 3),
      ]
      commit.nextExecution = numbered(2, after: 0)
    }
    try land(
      .post(OutgoingMessage(to: instance, kind: .call(id: "c1", name: "add", input: Payload("1"))), now: 1))
    try land(
      .post(OutgoingMessage(to: instance, kind: .call(id: "c2", name: "add", input: Payload("2"))), now: 1))
    let first = try inbox(instance).first?.sequence ?? 0
    try turn(instance) { commit in
      commit.consumed = [first]
      commit.callAnswers = [CallAnswer(call: "c1", outcome: .failed(.sample))]
      commit.kvChanges = [change(.clear(key: "gone"), 4), change(.set(key: "new", value: Payload("3")), 5)]
      commit.topicChanges = [TopicChange(topic: "news", isSubscribed: true)]
      commit.scheduled = [
        .sample(instance, 1, execution: 2), .sample(instance, 2, execution: 2) { $0 = .sample },
      ]
      commit.starts = [.child("\(instance)-kid", of: instance) { $0.closePolicy = .abandon }]
      commit.customStatus = Payload("\"half\"")
    }
    try post("hello", to: instance)
  }

  private func change(_ change: KVChange, _ at: TimestampMS) -> TimedKVChange {
    TimedKVChange(change: change, at: at)
  }
}

extension StoreConformance {
  static let exports: [ConformanceCase] = [
    ConformanceCase("exports: nothing is lost on the way") { trial in
      try trial.runWithEverything("a")
      let before = try trial.move("a")
      try expect(before.map(\.description.instance), ["a", "a-kid"], "instances")
      try trial.expectAgain(before)
      try expect(try trial.store.keyValues(KVQuery(instance: "a"))?.map(\.key), ["kept", "new"], "keys")
      try expect(try trial.snapshot("a").kv.map(\.key), ["gone", "kept"], "keys at the beginning")
      try expect(
        try trial.store.callState(of: "a", call: "c1"), .answered(.failed(.sample)), "an answered call")
      try expect(try trial.store.callState(of: "a", call: "c2"), .waiting, "an open call")
    },
    ConformanceCase("exports: without children it is the instance alone") { trial in
      try trial.runWithEverything("a")
      try expect(try trial.exported("a", children: false).map(\.description.instance), ["a"], "instances")
      try expect(try trial.exported("no"), [], "of an instance that is not there")
    },
    ConformanceCase("exports: an open instance goes on elsewhere with all that waited for it") { trial in
      try trial.run("a")
      try trial.post("one", to: "a")
      try trial.post("two", to: "a")
      try trial.move("a")
      let node = try trial.store.join()
      try expect(try trial.claim(node), ["a"], "due")
      try expect(try trial.waiting("a"), ["one", "two"], "messages")
      let consumed = try trial.inbox("a").map(\.sequence)
      try trial.turn("a") { $0.consumed = consumed }
      try expect(try trial.row("a").eventCount, 2, "events")
    },
    ConformanceCase("exports: an attempt that ran is lost, a deferred one is still to be completed") {
      trial in
      let node = try trial.store.join()
      try trial.runWithTask("a")
      try trial.runWithTask("b")
      let tasks = try trial.claimTasks(node)
      let running = tasks.first { $0.key.instance == "a" }
      let deferred = tasks.first { $0.key.instance == "b" }
      guard let claim = running?.claim, let other = deferred?.claim, let key = deferred?.key else {
        throw ConformanceFailure("claims", expected: "two", found: "\(tasks)")
      }
      try trial.land(.deferActivity(key, claim: other, heartbeat: nil, now: 4_000))
      try trial.move("a")
      try trial.move("b")
      let lost = ActivityKey(instance: "a", execution: 1, action: 1)
      try trial.refuse(trial.ended(lost, claim), .staleClaim, "the result of the attempt that ran")
      let again = try trial.claimTasks(node, now: 60_000)
      try expect(again.map(\.key), [lost], "what can be claimed")
      try expect(again.map(\.attempt), [2], "the next attempt")
      try expect(again.first?.claim?.token ?? 0 > claim.token, "the next claim has a later token")
      let token = CompletionToken(key: key, token: other.token)
      try trial.land(.completeActivity(token, outcome: .completed(Payload("7")), now: 60_000))
      try expect(try trial.inbox("b").count, 1, "the result of the deferred one")
    },
    ConformanceCase("exports: suspended on request, as if it had been suspended here") { trial in
      try trial.run("a")
      try trial.start("b")
      try trial.move("a", isSuspended: true)
      try trial.move("b", isSuspended: true)
      for id in ["a", "b"] {
        try expect(try trial.row(id).status, .suspended, "status of \(id)")
        try expect(try trial.row(id).suspendReason, importedReason, "reason of \(id)")
      }
      let node = try trial.store.join()
      try expect(try trial.claim(node, now: 90_000), [], "due")
      try trial.land(.control("a", .resume, reason: "", now: 60_000))
      try trial.land(.control("b", .resume, reason: "", now: 60_000))
      try expect(try trial.row("a").status, .running, "status of a")
      try expect(try trial.row("b").status, .pending, "status of b")
      try expect(try trial.claim(node, now: 90_000).sorted(), ["a", "b"], "due")
    },
    ConformanceCase("exports: what has ended is what it was") { trial in
      try trial.run("a")
      try trial.end("a")
      let before = try trial.move("a", isSuspended: true)
      try trial.expectAgain(before)
      try expect(try trial.claim(try trial.store.join(), now: 90_000), [], "due")
    },
    ConformanceCase("exports: a start that is yet to come is still to come") { trial in
      var options = StartOptions()
      options.startAt = 80_000
      let start = InstanceStart(instance: "a", orchestration: "order", input: Payload("1"), options: options)
      try trial.land(.start(start, owner: nil, now: 1_000))
      let before = try trial.move("a")
      try trial.expectAgain(before)
      let node = try trial.store.join()
      try expect(try trial.claim(node, now: 79_999), [], "before it")
      try expect(try trial.claim(node, now: 80_000), ["a"], "at it")
    },
    ConformanceCase("exports: all are imported or none") { trial in
      try trial.run("a")
      try trial.run("b")
      let a = try trial.exported("a")
      let b = try trial.exported("b")
      try trial.land(.delete("a", force: true))
      try trial.refuse(
        .importInstances(a + b, isSuspended: true, now: 50_000), .alreadyExists(.running), "b is there")
      try expect(try trial.store.describe("a") == nil, "a is not there")
    },
    ConformanceCase("exports: a turn that was computed for the old instance conflicts") { trial in
      try trial.run("a")
      let old = try trial.draft("a")
      try trial.move("a")
      try trial.refuse(.turn(old), .conflict, "the old turn")
    },
    ConformanceCase("exports: what was kept for the id comes last") { trial in
      try trial.run("a")
      try trial.post("one", to: "a")
      let instances = try trial.exported("a")
      try trial.land(.delete("a", force: true))
      let message = OutgoingMessage(to: "a", kind: .named("two"), isKept: true)
      try expect(try trial.land(.post(message, now: 40_000)), .kept, "kept")
      try trial.land(.importInstances(instances, isSuspended: true, now: 50_000))
      try expect(try trial.waiting("a"), ["one", "two"], "messages")
    },
    ConformanceCase("exports: subscriptions and dedup keys are as they were, where nobody has the key") {
      trial in
      try trial.runWithEverything("a")
      let moved = try trial.exported("a")
      try trial.land(.delete("a", force: true))
      var options = StartOptions()
      options.dedupKey = "key-a"
      let other = InstanceStart(instance: "z", orchestration: "order", input: .null, options: options)
      try trial.land(.start(other, owner: nil, now: 40_000))
      try trial.land(.importInstances(moved, isSuspended: false, now: 50_000))
      try expect(try trial.row("a").dedupKey, nil, "the key that z has")
      var again = other
      again.instance = "y"
      try expect(
        try trial.land(.start(again, owner: nil, now: 60_000)), .existing("z", .pending), "a second start")
      let news = StoreEntry.publish(Publication(topic: "news", data: .null), now: 60_000)
      guard case .delivered(let deliveries) = try trial.land(news) else {
        throw ConformanceFailure("a publication", expected: "delivered", found: "something else")
      }
      try expect(deliveries.map(\.instance), ["a"], "subscribers")
    },
  ]
}
