import PerdureModel
import PerdureStore

extension StoreConformance {
  static let inbox: [ConformanceCase] = [
    ConformanceCase("inbox: messages wait in the order in which they came") { trial in
      try trial.run("a")
      try trial.run("b")
      let names = (0..<30).map { "m\($0)" }
      for name in names {
        try trial.post(name, to: "a")
        try trial.post("x", to: "b")
      }
      try expect(try trial.waiting("a"), names, "the inbox")
      try expect(try trial.snapshot("a").inbox, try trial.inbox("a"), "the inbox of the snapshot")
      let sequences = try trial.inbox("a").map(\.sequence)
      try expect(zip(sequences, sequences.dropFirst()).allSatisfy { $0 < $1 }, "sequences grow")
    },
    ConformanceCase("inbox: a sequence is not used again after its message was consumed") { trial in
      try trial.run("a")
      let first = try trial.post("one", to: "a").message.sequence
      try trial.turn("a") { $0.consumed = [first] }
      let second = try trial.post("two", to: "a").message.sequence
      try expect(second > first, "\(second) is above \(first)")
    },
    ConformanceCase("inbox: reading after a sequence gives only what came later") { trial in
      try trial.run("a")
      let sequences = try ["one", "two", "three"].map { try trial.post($0, to: "a").message.sequence }
      let later = try trial.store.inbox(of: "a", after: sequences[0])
      try expect(later.map(\.sequence), Array(sequences.dropFirst()), "after the first")
      try expect(try trial.store.inbox(of: "a", after: sequences[2]), [], "after the last")
    },
    ConformanceCase("inbox: the receipt of a post is the message as it stands in the inbox") { trial in
      let node = try trial.store.join()
      try trial.run("a", owner: node)
      let delivery = try trial.post("m", to: "a")
      try expect(delivery.instance, "a", "instance")
      try expect(delivery.owner, node, "owner")
      try expect([delivery.message], try trial.inbox("a"), "the message")
    },
    ConformanceCase("inbox: a delivery to an instance that nobody owns has no owner") { trial in
      try trial.run("a")
      try expect(try trial.post("m", to: "a").owner, nil, "owner")
    },
    ConformanceCase("inbox: messages before the first turn are kept") { trial in
      try trial.start("a")
      try trial.post("early", to: "a")
      try expect(try trial.waiting("a"), ["early"], "before")
      let receipt = try trial.turn("a")
      try expect(receipt.hasWaitingMessages, true, "messages wait")
      try expect(try trial.waiting("a"), ["early"], "after")
    },
    ConformanceCase("inbox: a message to an unknown instance is not found") { trial in
      try trial.refuse(
        .post(OutgoingMessage(to: "nobody", kind: .named("m")), now: 1), .notFound, "the post")
    },
    ConformanceCase("inbox: a message to a finished instance is refused with its status") { trial in
      for status in [InstanceStatus.completed, .failed, .cancelled, .terminated] {
        try trial.start(status.rawValue)
        try trial.end(status.rawValue, status)
        let message = OutgoingMessage(to: status.rawValue, kind: .named("m"))
        try trial.refuse(.post(message, now: 9_000), .wrongStatus(status), "the post")
        try expect(try trial.inbox(status.rawValue), [], "the inbox")
      }
    },
    ConformanceCase("inbox: every kind of message comes back as it was sent") { trial in
      try trial.run("a")
      let kinds: [MessageKind] = [
        .raised(channel: .event, name: "paid", data: Payload("{\"a\": [1, 2]}")),
        .raised(channel: .queue, name: "paid", data: .null),
        .cancel(reason: "no longer wanted", graceMS: nil),
        .cancel(reason: "", graceMS: 5_000), .raised(channel: .topic, name: "news", data: Payload("[]")),
        .call(id: "c-1", name: "total", input: Payload("{\"x\": 1}")),
        .subOrchestrationEnded(execution: 3, action: 7, outcome: .completed(Payload("\"ok\""))),
        .subOrchestrationEnded(execution: 1, action: 2, outcome: .failed(.sample)),
        .activityEnded(execution: 2, action: 9, outcome: .completed(Payload("0.1"))),
        .activityEnded(execution: 2, action: 10, outcome: .failed(.sample)),
        .requestEnded(execution: 2, action: 11, outcome: .completed(Payload("{\"value\":1.0}"))),
        .requestEnded(execution: 2, action: 12, outcome: .failed(.sample)),
      ]
      for kind in kinds { try trial.land(.post(OutgoingMessage(to: "a", kind: kind), now: 1)) }
      try expect(try trial.inbox("a").map(\.kind), kinds, "the inbox")
    },
    ConformanceCase("inbox: a full inbox refuses, and takes messages again when one was consumed") { trial in
      try trial.withFullInboxes { trial, limit in
        try trial.run("a")
        try trial.fill("a", upTo: limit)
        let message = StoreEntry.post(OutgoingMessage(to: "a", kind: .named("m")), now: 1)
        try trial.refuse(message, .inboxFull(limit: limit), "one more")
        let first = try trial.inbox("a").prefix(1).map(\.sequence)
        try trial.turn("a") { $0.consumed = first }
        try trial.land(message)
        try trial.refuse(message, .inboxFull(limit: limit), "one more again")
      }
    },
  ]

  static let consumption: [ConformanceCase] = [
    ConformanceCase("consumption: a consumed message is gone, the others stay in order") { trial in
      try trial.run("a")
      let sequences = try ["1", "2", "3", "4"].map { try trial.post($0, to: "a").message.sequence }
      let receipt = try trial.turn("a") { $0.consumed = [sequences[1], sequences[0]] }
      try expect(receipt.hasWaitingMessages, true, "messages wait")
      try expect(try trial.waiting("a"), ["3", "4"], "the inbox")
    },
    ConformanceCase("consumption: no message before an older one") { trial in
      try trial.run("a")
      let sequences = try ["1", "2", "3"].map { try trial.post($0, to: "a").message.sequence }
      for consumed in [[sequences[1]], [sequences[0], sequences[2]]] {
        var turn = try trial.draft("a")
        turn.consumed = consumed
        try trial.refuse(.turn(turn), .conflict, "the turn that passes one over")
      }
      try expect(try trial.waiting("a"), ["1", "2", "3"], "the inbox")
      try trial.turn("a") { $0.consumed = sequences }
      try expect(try trial.waiting("a"), [], "the inbox after all three")
    },
    ConformanceCase("consumption: the receipt says when nothing waits any more") { trial in
      try trial.run("a")
      let sequence = try trial.post("1", to: "a").message.sequence
      try expect(try trial.turn("a") { $0.consumed = [sequence] }.hasWaitingMessages, false, "messages wait")
    },
    ConformanceCase("consumption: of two turns that consume a message one lands") { trial in
      try trial.run("a")
      let sequence = try trial.post("1", to: "a").message.sequence
      var one = try trial.draft("a")
      one.consumed = [sequence]
      let outcomes = try trial.store.commit([.turn(one), .turn(one)])
      try expect(outcomes.map(\.isSuccess), [true, false], "what landed")
      try expect(try trial.row("a").eventCount, 2, "event count")
    },
    ConformanceCase("consumption: a turn that conflicts consumes nothing") { trial in
      try trial.run("a")
      var late = try trial.draft("a")
      late.consumed = [try trial.post("1", to: "a").message.sequence]
      late.revision = 0
      try trial.refuse(.turn(late), .conflict, "the late turn")
      try expect(try trial.waiting("a"), ["1"], "the inbox")
    },
    ConformanceCase("consumption: a message that came after the turn read the inbox is not lost") { trial in
      try trial.run("a")
      let first = try trial.post("1", to: "a").message.sequence
      var turn = try trial.draft("a")
      turn.consumed = [first]
      try trial.post("2", to: "a")
      try expect(try trial.land(turn).hasWaitingMessages, true, "messages wait")
      try expect(try trial.waiting("a"), ["2"], "the inbox")
    },
    ConformanceCase("consumption: sequences that are not there are passed over") { trial in
      try trial.run("a")
      try trial.post("1", to: "a")
      try trial.turn("a") { $0.consumed = [-1, 0] }
      try expect(try trial.waiting("a"), ["1"], "the inbox")
    },
    ConformanceCase("consumption: a turn consumes no message of another instance") { trial in
      try trial.run("a")
      try trial.run("b")
      let foreign = try trial.post("1", to: "b").message.sequence
      try trial.turn("a") { $0.consumed = [foreign] }
      try expect(try trial.waiting("b"), ["1"], "the inbox of the other")
    },
    ConformanceCase("consumption: the end of an instance empties its inbox") { trial in
      try trial.run("a")
      try trial.post("1", to: "a")
      let receipt = try trial.turn("a") { $0.status = .terminated }
      try expect(receipt.hasWaitingMessages, false, "messages wait")
      try expect(try trial.inbox("a"), [], "the inbox")
    },
  ]
}
