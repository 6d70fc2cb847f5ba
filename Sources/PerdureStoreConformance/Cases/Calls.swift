import PerdureModel
import PerdureStore

extension StoreConformance {
  private static func answer(
    _ trial: Trial, _ call: String, _ outcome: Outcome = .completed(Payload("15")),
    _ change: (inout TurnCommit) -> Void = { _ in }
  ) throws {
    try trial.turn("a") {
      $0.callAnswers = [CallAnswer(call: call, outcome: outcome)]
      change(&$0)
    }
  }

  private static func expectState(
    _ trial: Trial, _ call: String, _ state: CallState, _ what: String, of instance: InstanceID = "a"
  ) throws {
    try expect(try trial.store.callState(of: instance, call: call), state, "the call \(what)")
  }

  static let calls: [ConformanceCase] = [
    ConformanceCase("calls: a call waits in the inbox, and is known by its id") { trial in
      let node = try trial.store.join()
      try trial.run("a", owner: node)
      try expectState(trial, "c", .unknown, "before")
      let receipt = try trial.land(trial.calling("a", "c"))
      let inbox = try trial.inbox("a")
      try expect(inbox.map(\.kind), [.call(id: "c", name: "total", input: Payload("5"))], "the inbox")
      try expect(
        inbox.map { .posted(Delivery(instance: "a", message: $0, owner: node)) }, [receipt], "the receipt")
      try expectState(trial, "c", .waiting, "after")
      try expectState(trial, "d", .unknown, "that nobody made")
      try expectState(trial, "c", .unknown, "of an unknown instance", of: "nobody")
    },
    ConformanceCase("calls: one whose id is known is not posted again") { trial in
      try trial.run("a")
      try trial.land(trial.calling("a", "c"))
      try expect(try trial.land(trial.calling("a", "c", input: Payload("6"))), .known, "the receipt")
      let outcomes = try trial.store.commit([trial.calling("a", "d"), trial.calling("a", "d")])
      try expect(outcomes.last, .success(.known), "the second of a group")
      try expect(try trial.inbox("a").count, 2, "messages")
    },
    ConformanceCase("calls: ids are those of one instance, told apart by their bytes") { trial in
      try trial.run("a")
      try trial.run("b")
      for (instance, call) in [("a", "é"), ("a", "e\u{301}"), ("a", "É"), ("b", "é")] {
        guard case .posted = try trial.land(trial.calling(instance, call)) else {
          throw ConformanceFailure(
            "call '\(call)' of \(instance)", expected: "posted", found: "something else")
        }
      }
      try expect([try trial.inbox("a").count, try trial.inbox("b").count], [3, 1], "messages")
    },
    ConformanceCase("calls: a turn answers with a result or a failure") { trial in
      try trial.run("a")
      for call in ["c", "d", "e"] { try trial.land(trial.calling("a", call)) }
      let sequences = try trial.inbox("a").map(\.sequence)
      try answer(trial, "c", .completed(Payload("{\"sum\": 1.50}"))) {
        $0.consumed = sequences
        $0.callAnswers.append(CallAnswer(call: "d", outcome: .failed(.sample)))
      }
      try expectState(trial, "c", .answered(.completed(Payload("{\"sum\": 1.50}"))), "with a result")
      try expectState(trial, "d", .answered(.failed(.sample)), "with a failure")
      try expectState(trial, "e", .waiting, "without an answer")
      try expect(try trial.land(trial.calling("a", "c")), .known, "the answered call, made again")
    },
    ConformanceCase("calls: an answer to a call that nobody made is passed over") { trial in
      try trial.run("a")
      try answer(trial, "c")
      try expectState(trial, "c", .unknown, "after its answer")
      guard case .posted = try trial.land(trial.calling("a", "c")) else {
        throw ConformanceFailure("the call", expected: "posted", found: "something else")
      }
    },
    ConformanceCase("calls: an answer of one instance is none for the call of another") { trial in
      try trial.run("a")
      try trial.run("b")
      try trial.land(trial.calling("b", "c"))
      try answer(trial, "c")
      try expectState(trial, "c", .waiting, "of the other", of: "b")
    },
    ConformanceCase("calls: a turn that conflicts answers nothing") { trial in
      try trial.run("a")
      try trial.land(trial.calling("a", "c"))
      var late = try trial.draft("a")
      late.revision = 0
      late.callAnswers = [CallAnswer(call: "c", outcome: .completed(.null))]
      try trial.refuse(.turn(late), .conflict, "the late turn")
      try expectState(trial, "c", .waiting, "after the late turn")
    },
    ConformanceCase("calls: the turn that ends the instance can answer, and answers outlive it") { trial in
      try trial.run("a")
      try trial.land(trial.calling("a", "c"))
      try answer(trial, "c") { $0.status = .completed }
      try expectState(trial, "c", .answered(.completed(Payload("15"))), "after the end")
      try expect(try trial.land(trial.calling("a", "c")), .known, "the call, made again")
    },
    ConformanceCase("calls: one that was left unanswered stays so, also after the end") { trial in
      for (instance, status) in [("a", InstanceStatus.completed), ("b", .terminated)] {
        try trial.run(instance)
        try trial.land(trial.calling(instance, "c"))
        if status == .terminated {
          try trial.control(instance, .terminate)
        } else {
          try trial.end(instance)
        }
        try expectState(trial, "c", .waiting, "after the end", of: instance)
        try expect(try trial.land(trial.calling(instance, "c")), .known, "the call, made again")
        try trial.refuse(trial.calling(instance, "d"), .wrongStatus(status), "another call")
        try expectState(trial, "d", .unknown, "that was refused", of: instance)
      }
    },
    ConformanceCase("calls: the next execution can answer") { trial in
      try trial.run("a")
      try trial.land(trial.calling("a", "c"))
      try trial.land(trial.calling("a", "d"))
      try answer(trial, "c") { $0.nextExecution = numbered(1, after: 0) }
      try expectState(trial, "d", .waiting, "in the next execution")
      try answer(trial, "d")
      try expectState(trial, "c", .answered(.completed(Payload("15"))), "of the execution before")
      try expectState(trial, "d", .answered(.completed(Payload("15"))), "that it answered")
    },
    ConformanceCase("calls: they go with their instance") { trial in
      try trial.run("a")
      try trial.land(trial.calling("a", "c"))
      try trial.land(.delete("a", force: true))
      try expectState(trial, "c", .unknown, "after the deletion")
      try trial.run("a")
      try expectState(trial, "c", .unknown, "of the next instance")
    },
    ConformanceCase("calls: an unknown instance refuses, and knows nothing of the call later") { trial in
      try trial.refuse(trial.calling("a", "c"), .notFound, "the call")
      try trial.start("a")
      try expectState(trial, "c", .unknown, "that was refused")
      try expect(try trial.inbox("a"), [], "the inbox")
    },
    ConformanceCase("calls: one that was kept for a later start is waiting from then on") { trial in
      try expect(try trial.land(trial.calling("a", "c", isKept: true)), .kept, "the receipt")
      try trial.land(trial.calling("a", "c", isKept: true))
      try trial.start("a")
      try expect(try trial.inbox("a").count, 1, "messages of the call that was kept twice")
      try expectState(trial, "c", .waiting, "after the start")
      try expect(try trial.land(trial.calling("a", "c")), .known, "the call, made again")
      try answer(trial, "c")
      try expectState(trial, "c", .answered(.completed(Payload("15"))), "after its answer")
    },
    ConformanceCase("calls: one that does not fit into the inbox is not known") { trial in
      try trial.withFullInboxes { trial, limit in
        try trial.run("a")
        try trial.fill("a", upTo: limit)
        try trial.refuse(trial.calling("a", "c"), .inboxFull(limit: limit), "the call")
        try expectState(trial, "c", .unknown, "that was refused")
      }
    },
  ]
}
