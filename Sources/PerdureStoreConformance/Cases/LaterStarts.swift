import PerdureModel
import PerdureStore

extension StoreConformance {
  /// "a" starts at 50,000.
  private static func startLater(_ trial: Trial, owner: NodeID? = nil) throws {
    try trial.land(trial.starting("a", owner: owner) { $0.startAt = 50_000 })
  }

  static let startOptions: [ConformanceCase] = [
    ConformanceCase("start options: what was asked for is in the row, to the end and beyond") { trial in
      var options = StartOptions()
      options.startAt = 900
      options.priority = -12
      options.attributes = Payload("{\"tenant\": \"é\"}")
      options.memo = Payload("[1.50, null]")
      options.dedupKey = "k'1"
      options.closePolicy = .abandon
      let start = InstanceStart(instance: "a", orchestration: "order", input: .null, options: options)
      try trial.land(.start(start, owner: nil, now: 1_000))
      try expect(try trial.snapshot("a").start, start, "the start")
      try trial.turn("a")
      try trial.turn("a") { $0.nextExecution = numbered(1, after: 0) }
      try trial.end("a")
      let row = try trial.row("a")
      try expect(row.startAt, 900, "startAt")
      try expect(row.priority, -12, "priority")
      try expect(row.attributes, Payload("{\"tenant\": \"é\"}"), "attributes")
      try expect(row.memo, Payload("[1.50, null]"), "memo")
      try expect(row.dedupKey, "k'1", "dedup key")
      try expect(try trial.store.list(ListQuery()).instances, [row], "the row in the list")
    },
    ConformanceCase("start options: those of a child are kept too") { trial in
      try trial.run("p")
      try trial.turn("p") {
        $0.starts = [
          .child("c", of: "p") {
            $0.priority = 4
            $0.closePolicy = .terminate
          }
        ]
      }
      try expect(try trial.row("c").priority, 4, "priority")
      try expect(try trial.snapshot("c").start?.options.closePolicy, .terminate, "close policy")
    },
  ]

  static let laterStarts: [ConformanceCase] = [
    ConformanceCase("later starts: due from their moment on, not before") { trial in
      let node = try trial.store.join()
      try startLater(trial)
      try expect(try trial.store.nextDue(after: 0), 50_000, "the next wake-up")
      try expect(try trial.claim(node, now: 49_999), [], "one millisecond before")
      try expect(try trial.claim(node, now: 50_000), ["a"], "at the moment")
    },
    ConformanceCase("later starts: nobody owns one that starts later") { trial in
      let node = try trial.store.join()
      try startLater(trial, owner: node)
      try expect(try trial.snapshot("a").owner, nil, "owner")
      try expect(try trial.claim(try trial.store.join(), now: 60_000), ["a"], "for another node")
    },
    ConformanceCase("later starts: a moment that has come is a start at once") { trial in
      let node = try trial.store.join()
      for (instance, startAt) in [("past", 500), ("now", 1_000)] as [(String, TimestampMS)] {
        try trial.land(trial.starting(instance, owner: node, now: 1_000) { $0.startAt = startAt })
        try expect(try trial.snapshot(instance).owner, node, "the owner of \(instance)")
      }
      let due = try trial.store.dueInstances(ownedBy: node, now: 0, limit: 9)
      try expect(due, ["past", "now"], "due, whatever the clock says")
    },
    ConformanceCase("later starts: messages wait with it") { trial in
      let node = try trial.store.join()
      try startLater(trial)
      try trial.post("early", to: "a")
      try trial.land(trial.calling("a", "c"))
      try expect(try trial.inbox("a").count, 2, "messages")
      try expect(try trial.claim(node, now: 49_999), [], "due before its moment")
      try expect(try trial.store.nextDue(after: 0), 50_000, "the next wake-up")
      try expect(try trial.claim(node, now: 50_000), ["a"], "due at its moment")
    },
    ConformanceCase("later starts: a cancel wakes it at once") { trial in
      let node = try trial.store.join()
      try startLater(trial)
      try trial.post("early", to: "a")
      try trial.land(.post(OutgoingMessage(to: "a", kind: .cancel(reason: "", graceMS: nil)), now: 2_000))
      try trial.post("after", to: "a")
      try expect(try trial.claim(node, now: 2_000), ["a"], "due")
    },
    ConformanceCase("later starts: a turn can start a child later") { trial in
      let node = try trial.store.join()
      try trial.run("p")
      try trial.turn("p") {
        $0.starts = [.child("c", of: "p", owner: node) { $0.startAt = 50_000 }]
      }
      try expect(try trial.snapshot("c").owner, nil, "owner")
      try expect(try trial.claim(node, ["ship"], now: 49_999), [], "before")
      try expect(try trial.claim(node, ["ship"], now: 50_000), ["c"], "at its moment")
    },
    ConformanceCase("later starts: after the first turn its own wake-ups count, and messages wake it") {
      trial in
      let node = try trial.store.join()
      try startLater(trial)
      try trial.turn("a", now: 50_000) { $0.wakeAt = 90_000 }
      try expect(try trial.store.nextDue(after: 50_000), 90_000, "the next wake-up")
      try trial.post("m", to: "a")
      try expect(try trial.claim(node, now: 50_001), ["a"], "due after a message")
    },
    ConformanceCase("later starts: suspended and resumed before its moment, it starts at its moment") {
      trial in
      let node = try trial.store.join()
      try startLater(trial)
      try trial.control("a", .suspend)
      try expect(try trial.claim(node, now: 60_000), [], "while it is suspended")
      try trial.control("a", .resume, now: 20_000)
      try expect(try trial.claim(node, now: 49_999), [], "before its moment")
      try expect(try trial.claim(node, now: 50_000), ["a"], "at its moment")
    },
    ConformanceCase("later starts: resumed after its moment, or to be cancelled, it is due at once") {
      trial in
      let node = try trial.store.join()
      try startLater(trial)
      try trial.land(trial.starting("b") { $0.startAt = 50_000 })
      for instance in ["a", "b"] { try trial.control(instance, .suspend) }
      try trial.land(.post(OutgoingMessage(to: "b", kind: .cancel(reason: "", graceMS: nil)), now: 2_000))
      try trial.control("a", .resume, now: 50_000)
      try trial.control("b", .resume, now: 20_000)
      try expect(try trial.claim(node, now: 0), ["a", "b"], "due")
    },
  ]

  static let keeping: [ConformanceCase] = [
    ConformanceCase("keeping: a message for an unknown id waits for a start of it") { trial in
      for name in ["1", "2", "3"] {
        try expect(try trial.land(trial.keeping(name, for: "a")), .kept, "the receipt")
      }
      try expect(try trial.store.describe("a"), nil, "the instance before its start")
      try expect(try trial.inbox("a"), [], "its inbox before its start")
      try trial.start("a")
      try expect(try trial.waiting("a"), ["1", "2", "3"], "the inbox, in order")
      try trial.post("4", to: "a")
      try expect(try trial.waiting("a"), ["1", "2", "3", "4"], "the inbox after one more")
    },
    ConformanceCase("keeping: the first turn can consume what was kept") { trial in
      try trial.land(trial.keeping("1", for: "a"))
      try trial.start("a")
      let sequences = try trial.inbox("a").map(\.sequence)
      try expect(try trial.turn("a") { $0.consumed = sequences }.hasWaitingMessages, false, "messages wait")
    },
    ConformanceCase("keeping: every kind of message comes back as it was sent") { trial in
      let kinds: [MessageKind] = [
        .raised(channel: .event, name: "paid", data: Payload("{\"a\": [1, 2]}")),
        .raised(channel: .queue, name: "paid", data: .null), .cancel(reason: "why", graceMS: 700),
        .call(id: "c", name: "total", input: Payload("0.10")),
      ]
      for kind in kinds { try trial.land(.post(OutgoingMessage(to: "a", kind: kind, isKept: true), now: 1)) }
      try trial.start("a")
      try expect(try trial.kinds("a"), kinds, "the inbox")
    },
    ConformanceCase("keeping: a child and a detached instance get what was kept for them") { trial in
      for instance in ["c", "d"] { try trial.land(trial.keeping("early", for: instance)) }
      try trial.run("p")
      try trial.turn("p") {
        $0.starts = [.child("c", of: "p"), .detached("d")]
        $0.messages = [OutgoingMessage(to: "c", kind: .named("late"))]
      }
      try expect(try trial.waiting("c"), ["early", "late"], "the inbox of the child")
      try expect(try trial.waiting("d"), ["early"], "the inbox of the detached one")
    },
    ConformanceCase("keeping: a message for an instance that is there is an ordinary one") { trial in
      try trial.run("a")
      let receipt = try trial.land(trial.keeping("m", for: "a"))
      let delivered = try trial.inbox("a").map { Delivery(instance: "a", message: $0, owner: nil) }
      try expect(delivered.map { .posted($0) }, [receipt], "the receipt")
      try trial.end("a")
      try trial.refuse(trial.keeping("m", for: "a"), .wrongStatus(.completed), "one for a finished instance")
    },
    ConformanceCase("keeping: only what was to be kept is kept, and only for this id") { trial in
      try trial.refuse(
        .post(OutgoingMessage(to: "é", kind: .named("lost")), now: 1), .notFound, "a message to be refused")
      try trial.land(trial.keeping("kept", for: "é"))
      for instance in ["e\u{301}", "É", "é"] { try trial.start(instance) }
      try expect(try trial.waiting("e\u{301}"), [], "the inbox of another spelling")
      try expect(try trial.waiting("É"), [], "the inbox of another case")
      try expect(try trial.waiting("é"), ["kept"], "the inbox")
    },
    ConformanceCase("keeping: what was kept is given once") { trial in
      try trial.land(trial.keeping("m", for: "a"))
      try trial.start("a")
      try trial.land(.delete("a", force: true))
      try trial.start("a")
      try expect(try trial.waiting("a"), [], "the inbox of the second instance")
    },
    ConformanceCase("keeping: no more than an inbox holds, for each id") { trial in
      try trial.withFullInboxes { trial, limit in
        try trial.fill("a", upTo: limit, isKept: true)
        try trial.refuse(trial.keeping("m", for: "a"), .inboxFull(limit: limit), "one more")
        try expect(try trial.land(trial.keeping("m", for: "b")), .kept, "one for another id")
        try trial.start("a")
        try expect(try trial.inbox("a").count, limit, "the inbox")
      }
    },
  ]
}
