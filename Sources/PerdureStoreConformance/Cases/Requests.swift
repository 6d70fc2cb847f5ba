import PerdureModel
import PerdureStore

extension StoreConformance {
  private static func ended(_ action: ActionID, _ outcome: Outcome) -> MessageKind {
    .requestEnded(execution: 1, action: action, outcome: outcome)
  }

  private static func message(
    _ name: String, to instance: InstanceID, action: ActionID?, isKept: Bool = false
  ) -> OutgoingMessage {
    OutgoingMessage(to: instance, kind: .named(name), isKept: isKept, action: action)
  }

  static let requests: [ConformanceCase] = [
    ConformanceCase("requests: a message that arrived is answered to its sender") { trial in
      let node = try trial.store.join()
      try trial.run("a")
      try trial.run("b")
      let receipt = try trial.turn("a") {
        $0.messages = [message("m", to: "b", action: 4)]
        $0.owner = node
        $0.wakeAt = 90_000
      }
      try expect(try trial.waiting("b"), ["m"], "the inbox of the receiver")
      try expect(try trial.kinds("a"), [ended(4, .completed(.null))], "the inbox of the sender")
      try expect(receipt.hasWaitingMessages, true, "messages wait")
      try expect(receipt.deliveries.map(\.instance).sorted(), ["a", "b"], "receivers")
      let own = receipt.deliveries.filter { $0.instance == "a" }
      let expected = try trial.inbox("a").map { Delivery(instance: "a", message: $0, owner: node) }
      try expect(own, expected, "the answer in the receipt")
      try expect(try trial.store.dueInstances(ownedBy: node, now: 0, limit: 9), ["a"], "due")
    },
    ConformanceCase("requests: what became of messages that did not arrive") { trial in
      try trial.run("a")
      try trial.bring("b", to: .failed)
      try trial.turn("a") {
        $0.messages = [
          message("m", to: "nobody", action: 1), message("m", to: "b", action: 2),
          message("m", to: "b", action: 3, isKept: true),
        ]
      }
      let expected = [
        ended(1, .failed(.unknownReceiver("nobody"))), ended(2, .failed(.finishedReceiver("b", .failed))),
        ended(3, .failed(.finishedReceiver("b", .failed))),
      ]
      try expect(try trial.kinds("a"), expected, "the inbox of the sender")
    },
    ConformanceCase("requests: a message that is kept has arrived") { trial in
      try trial.run("a")
      try trial.turn("a") { $0.messages = [message("m", to: "later", action: 1, isKept: true)] }
      try expect(try trial.kinds("a"), [ended(1, .completed(.null))], "the inbox of the sender")
      try trial.start("later")
      try expect(try trial.waiting("later"), ["m"], "the inbox of the receiver")
    },
    ConformanceCase("requests: a kept message can be for an instance that the same turn starts") { trial in
      try trial.run("a")
      try trial.turn("a") {
        $0.starts = [.detached("d")]
        $0.messages = [message("m", to: "d", action: 2, isKept: true)]
      }
      try expect(try trial.waiting("d"), ["m"], "the inbox of the new instance")
    },
    ConformanceCase("requests: a message without an action is not answered") { trial in
      try trial.run("a")
      try trial.run("b")
      try trial.turn("a") {
        $0.messages = [
          message("m", to: "b", action: nil), message("m", to: "nobody", action: nil),
          message("kept", to: "later", action: nil, isKept: true),
        ]
      }
      try expect(try trial.inbox("a"), [], "the inbox of the sender")
      try trial.start("later")
      try expect(try trial.waiting("later"), ["kept"], "the inbox of the later instance")
    },
    ConformanceCase("requests: an instance can ask itself") { trial in
      try trial.run("a")
      try trial.turn("a") {
        $0.messages = [message("m", to: "a", action: 1)]
        $0.kvChanges = [TimedKVChange(change: .set(key: "k", value: Payload("7")), at: 1)]
        $0.kvReads = [KVReadRequest(action: 2, instance: "a", key: "k")]
      }
      let expected = [
        .named("m"), ended(1, .completed(.null)), ended(2, .completed(Payload("{\"value\":7}"))),
      ]
      try expect(try trial.kinds("a"), expected, "the inbox")
    },
    ConformanceCase("requests: the answer is for the execution that asked") { trial in
      try trial.run("a")
      try trial.turn("a") { $0.nextExecution = numbered(1, after: 0) }
      try trial.turn("a") { $0.messages = [message("m", to: "nobody", action: 1)] }
      let expected = MessageKind.requestEnded(
        execution: 2, action: 1, outcome: .failed(.unknownReceiver("nobody")))
      try expect(try trial.kinds("a"), [expected], "the inbox")
    },
    ConformanceCase("requests: a turn that ends its instance sends, and is told nothing") { trial in
      try trial.run("a")
      try trial.run("b")
      let receipt = try trial.turn("a") {
        $0.status = .completed
        $0.messages = [message("m", to: "b", action: 1), message("m", to: "nobody", action: 2)]
        $0.kvReads = [KVReadRequest(action: 3, instance: "b", key: "k")]
      }
      try expect(receipt.deliveries.map(\.instance), ["b"], "receivers")
      try expect(receipt.hasWaitingMessages, false, "messages wait")
      try expect(try trial.inbox("a"), [], "the inbox")
    },
    ConformanceCase("requests: a turn that goes on as new sends, and is told nothing") { trial in
      try trial.run("a")
      try trial.run("b")
      let receipt = try trial.turn("a") {
        $0.nextExecution = numbered(1, after: 0)
        $0.messages = [message("m", to: "b", action: 1)]
        $0.kvReads = [KVReadRequest(action: 2, instance: "b", key: "k")]
      }
      try expect(receipt.deliveries.map(\.instance), ["b"], "receivers")
      try expect(try trial.inbox("a"), [], "the inbox")
    },
    ConformanceCase("requests: a full inbox is told to the sender") { trial in
      try trial.withFullInboxes { trial, limit in
        try trial.run("a")
        try trial.run("b")
        try trial.fill("b", upTo: limit)
        try trial.turn("a") { $0.messages = [message("m", to: "b", action: 1)] }
        let expected = ended(1, .failed(.fullInbox("b", limit: limit)))
        try expect(try trial.kinds("a"), [expected], "the inbox of the sender")
        try expect(try trial.inbox("b").count, limit, "messages in the full inbox")
      }
    },
    ConformanceCase("requests: a full inbox holds up no message of the engine") { trial in
      try trial.withFullInboxes { trial, limit in
        try trial.run("p")
        try trial.turn("p") { $0.starts = [.child("c", of: "p")] }
        try trial.fill("p", upTo: limit)
        let kind = MessageKind.subOrchestrationEnded(execution: 1, action: 1, outcome: .completed(.null))
        let receipt = try trial.turn("c") {
          $0.status = .completed
          $0.messages = [OutgoingMessage(to: "p", kind: kind)]
        }
        try expect(receipt.deliveries.map(\.instance), ["p"], "receivers")
        try expect(try trial.inbox("p").last?.kind, kind, "the last message of the parent")
      }
    },
  ]

  static let kvReads: [ConformanceCase] = [
    ConformanceCase("reads: the current values of others, byte for byte") { trial in
      try trial.run("a")
      try trial.run("b")
      try trial.change("b", [.set(key: "k", value: Payload("1"))]) {
        $0.nextExecution = numbered(1, after: 0)
      }
      try trial.change("b", [.set(key: "k", value: Payload("[1.50, \"é\"]"))])
      try trial.turn("a") {
        $0.kvReads = [
          KVReadRequest(action: 1, instance: "b", key: "k"),
          KVReadRequest(action: 2, instance: "b", key: "K"),
          KVReadRequest(action: 3, instance: "nobody", key: "k"),
        ]
      }
      let expected = [
        ended(1, .completed(Payload("{\"value\":[1.50, \"é\"]}"))), ended(2, .completed(Payload("{}"))),
        ended(3, .failed(.unknownReceiver("nobody"))),
      ]
      try expect(try trial.kinds("a"), expected, "the inbox")
    },
    ConformanceCase("reads: the state of a finished instance can be read") { trial in
      try trial.run("a")
      try trial.run("b")
      try trial.change("b", [.set(key: "k", value: .null)]) { $0.status = .completed }
      try trial.turn("a") { $0.kvReads = [KVReadRequest(action: 1, instance: "b", key: "k")] }
      try expect(try trial.kinds("a"), [ended(1, .completed(Payload("{\"value\":null}")))], "the inbox")
    },
    ConformanceCase("reads: one that the same turn starts has no state yet") { trial in
      try trial.run("a")
      try trial.turn("a") {
        $0.starts = [.detached("d")]
        $0.kvReads = [KVReadRequest(action: 2, instance: "d", key: "k")]
      }
      try expect(try trial.kinds("a"), [ended(2, .completed(Payload("{}")))], "the inbox")
    },
    ConformanceCase("reads: a turn that conflicts reads nothing") { trial in
      try trial.run("a")
      var late = try trial.draft("a")
      late.revision = 0
      late.kvReads = [KVReadRequest(action: 1, instance: "a", key: "k")]
      late.messages = [message("m", to: "a", action: 2)]
      try trial.refuse(.turn(late), .conflict, "the late turn")
      try expect(try trial.inbox("a"), [], "the inbox")
    },
  ]
}
