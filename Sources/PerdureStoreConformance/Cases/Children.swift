import PerdureModel
import PerdureStore

extension StoreConformance {
  static let childStarts: [ConformanceCase] = [
    ConformanceCase("child starts: a child is there with its turn, pending and due at once") { trial in
      let node = try trial.store.join()
      try trial.run("p")
      let receipt = try trial.turn("p", now: 6_000) { $0.starts = [.child("c", of: "p", action: 3)] }
      try expect(receipt.started, ["c"], "started")
      try expect(receipt.deliveries, [], "deliveries")
      let row = try trial.row("c")
      try expect(row.status, .pending, "status")
      try expect([row.createdAt, row.updatedAt], [6_000, 6_000], "created and updated")
      try expect(try trial.snapshot("c").start?.input, Payload("2"), "input")
      try expect(try trial.claim(node, ["ship"], now: 0), ["c"], "due")
    },
    ConformanceCase("child starts: a child can have an owner from the start") { trial in
      let node = try trial.store.join()
      try trial.run("p")
      try trial.turn("p") { $0.starts = [.child("c", of: "p", owner: node)] }
      try expect(try trial.snapshot("c").owner, node, "owner")
      try expect(try trial.claim(try trial.store.join(), ["ship"]), [], "for another node")
    },
    ConformanceCase("child starts: a detached instance has no parent") { trial in
      try trial.run("p")
      let receipt = try trial.turn("p") { $0.starts = [.detached("d")] }
      try expect(receipt.started, ["d"], "started")
      try expect(try trial.row("d").parent, nil, "parent")
    },
    ConformanceCase("child starts: a taken id is told to the parent, as the failure of the child") { trial in
      let node = try trial.store.join()
      try trial.run("taken one")
      try trial.run("p", owner: node)
      let before = try trial.snapshot("taken one")
      let receipt = try trial.turn("p") {
        $0.owner = node
        $0.starts = [.child("taken one", of: "p", action: 5)]
      }
      try expect(receipt.started, [], "started")
      try expect(receipt.hasWaitingMessages, true, "messages wait")
      let inbox = try trial.inbox("p")
      try expect(
        receipt.deliveries, inbox.map { Delivery(instance: "p", message: $0, owner: node) }, "deliveries")
      guard case .subOrchestrationEnded(1, 5, .failed(let failure))? = inbox.first?.kind, inbox.count == 1
      else {
        throw ConformanceFailure("the inbox", expected: "the failure of action 5", found: "\(inbox)")
      }
      try expect(failure.type, FailureType.alreadyExists, "failure type")
      try expect(failure.message.contains("taken one"), "the message '\(failure.message)' names the instance")
      try expect(try trial.store.dueInstances(ownedBy: node, now: 1, limit: 9), ["p"], "due")
      try expect(try trial.snapshot("taken one"), before, "the instance that has the id")
    },
    ConformanceCase("child starts: the id of a finished instance is taken too") { trial in
      try trial.run("p")
      try trial.start("c")
      try trial.end("c")
      let receipt = try trial.turn("p") { $0.starts = [.child("c", of: "p")] }
      try expect(receipt.started, [], "started")
      try expect(receipt.deliveries.map(\.instance), ["p"], "receivers")
      try expect(try trial.row("c").status, .completed, "its status")
    },
    ConformanceCase("child starts: a detached start of a taken id is passed over") { trial in
      try trial.run("d")
      try trial.run("p")
      let receipt = try trial.turn("p") { $0.starts = [.detached("d"), .detached("e")] }
      try expect(receipt.started, ["e"], "started")
      try expect(receipt.deliveries, [], "deliveries")
      try expect(try trial.row("d").orchestration, "order", "the instance that has the id")
    },
    ConformanceCase("child starts: one that is a generation too deep is told to the parent") { trial in
      try trial.run("0")
      for depth in 0..<Limits.subOrchestrationDepth {
        try trial.turn("\(depth)") { $0.starts = [.child("\(depth + 1)", of: "\(depth)")] }
      }
      let receipt = try trial.turn("64") {
        $0.starts = [.child("65", of: "64", action: 7), .detached("free")]
      }
      try expect(receipt.started, ["free"], "started")
      try expect(receipt.deliveries.map(\.instance), ["64"], "receivers")
      let failure = Failure.tooDeep("65", limit: 64)
      try expect(
        try trial.kinds("64"),
        [.subOrchestrationEnded(execution: 1, action: 7, outcome: .failed(failure))], "the inbox")
      try expect(try trial.store.describe("65") == nil, "the one that is too deep is not there")
      // What is detached begins a line of its own.
      try trial.turn("free") { $0.starts = [.child("its child", of: "free")] }
      try expect(try trial.row("its child").status, .pending, "the child of the detached one")
    },
    ConformanceCase("child starts: how deep they may be can be chosen") { trial in
      var limits = LimitSettings()
      limits.subOrchestrationDepth = 1
      guard let store = try trial.fixture.makeStore(limits: limits) else { return }
      defer { store.close() }
      let flat = trial.on(store)
      try flat.run("root")
      try expect(try flat.turn("root") { $0.starts = [.child("a", of: "root")] }.started, ["a"], "started")
      try expect(try flat.turn("a") { $0.starts = [.child("b", of: "a")] }.started, [], "started by a child")
      guard case .subOrchestrationEnded(1, 1, .failed(let failure))? = try flat.kinds("a").first else {
        throw ConformanceFailure("the inbox", expected: "the failure", found: "\(try flat.inbox("a"))")
      }
      try expect(failure.type, FailureType.limitExceeded, "the type of the failure")
    },
    ConformanceCase("child starts: the second of two children with one id is told to the parent") { trial in
      try trial.run("p")
      let receipt = try trial.turn("p") {
        $0.starts = [.child("c", of: "p", action: 1), .child("c", of: "p", action: 2)]
      }
      try expect(receipt.started, ["c"], "started")
      try expect(try trial.row("c").parent?.action, 1, "the action of the child")
      guard case .subOrchestrationEnded(1, 2, .failed)? = try trial.inbox("p").first?.kind else {
        throw ConformanceFailure("the inbox", expected: "action 2", found: "\(try trial.inbox("p"))")
      }
    },
    ConformanceCase("child starts: a parent that ends in the same turn is not told") { trial in
      try trial.run("c")
      try trial.run("p")
      let receipt = try trial.turn("p") {
        $0.status = .completed
        $0.starts = [.child("c", of: "p"), .child("c2", of: "p")]
      }
      try expect(receipt.started, ["c2"], "started")
      try expect(receipt.deliveries, [], "deliveries")
      try expect(try trial.inbox("p"), [], "the inbox")
    },
    ConformanceCase("child starts: many children of one turn are all there, in order") { trial in
      try trial.run("p")
      let ids = (1...200).map { "p::\($0)" }
      let receipt = try trial.turn("p") { turn in
        turn.starts = ids.enumerated().map { .child($1, of: "p", action: ActionID($0) + 1) }
      }
      try expect(receipt.started, ids, "started")
      let page = try trial.store.list(ListQuery(parent: "p", limit: 1_000))
      try expect(page.instances.map(\.instance), ids, "children")
    },
  ]

  static let messages: [ConformanceCase] = [
    ConformanceCase("messages: those of a turn arrive in the order of the commit") { trial in
      let node = try trial.store.join()
      try trial.run("a")
      try trial.run("b", owner: node)
      try trial.run("c")
      let receipt = try trial.turn("a") {
        $0.messages = [
          OutgoingMessage(to: "b", kind: .named("1")), OutgoingMessage(to: "c", kind: .named("2")),
          OutgoingMessage(to: "b", kind: .named("3")),
        ]
      }
      try expect(receipt.deliveries.map(\.instance), ["b", "c", "b"], "receivers")
      try expect(receipt.deliveries.map(\.owner), [node, nil, node], "owners")
      try expect(try trial.waiting("b"), ["1", "3"], "the inbox of b")
      let delivered = receipt.deliveries.filter { $0.instance == "b" }.map(\.message)
      try expect(delivered, try trial.inbox("b"), "the messages of the receipt")
      try expect(try trial.claim(try trial.store.join()), ["c"], "due and open")
      try expect(try trial.store.dueInstances(ownedBy: node, now: 1, limit: 9), ["b"], "due and owned")
    },
    ConformanceCase("messages: unknown and finished receivers are passed over, the turn lands") { trial in
      try trial.run("a")
      try trial.start("b")
      try trial.end("b")
      try trial.run("c")
      let receipt = try trial.turn("a") { turn in
        turn.messages = ["nobody", "b", "c"].map { OutgoingMessage(to: $0, kind: .named("m")) }
      }
      try expect(receipt.deliveries.map(\.instance), ["c"], "receivers")
      try expect(try trial.inbox("b"), [], "the inbox of the finished one")
    },
    ConformanceCase("messages: an instance can send itself one") { trial in
      let node = try trial.store.join()
      try trial.run("a")
      let receipt = try trial.turn("a") {
        $0.messages = [OutgoingMessage(to: "a", kind: .named("again"))]
        $0.wakeAt = 50_000
      }
      try expect(receipt.deliveries.map(\.instance), ["a"], "receivers")
      try expect(receipt.hasWaitingMessages, true, "messages wait")
      try expect(try trial.claim(node, now: 1), ["a"], "due")
    },
    ConformanceCase("messages: the end of a child reaches the parent with the turn that ends it") { trial in
      try trial.run("p")
      try trial.turn("p") { $0.starts = [.child("c", of: "p")] }
      let kind = MessageKind.subOrchestrationEnded(execution: 1, action: 1, outcome: .completed(.null))
      try trial.turn("c") {
        $0.status = .completed
        $0.messages = [OutgoingMessage(to: "p", kind: kind)]
      }
      try expect(try trial.inbox("p").map(\.kind), [kind], "the inbox of the parent")
    },
    ConformanceCase("messages: a message to a child that the same turn starts arrives") { trial in
      try trial.run("p")
      try trial.turn("p") {
        $0.starts = [.child("c", of: "p")]
        $0.messages = [OutgoingMessage(to: "c", kind: .cancel(reason: "at once", graceMS: nil))]
      }
      try expect(
        try trial.inbox("c").map(\.kind), [.cancel(reason: "at once", graceMS: nil)], "the inbox of the child"
      )
    },
  ]
}
