import PerdureModel
import PerdureStore

extension StoreConformance {
  /// Ids that a careless store takes for one another, breaks on or runs.
  private static let ids: [InstanceID] = [
    "order", "Order", "ORDER", " order", "order ", "order\t", "order\n", "or der", "ördér", "o\u{308}rdér",
    "注文", "🧾👩‍👩‍👧", "ⅷ", "ß", "ss", "1", "01", "1.0", "1e0", "null", "NULL", "true", "'", "''", "\"", "\\",
    "`", "a'b", "'; DROP TABLE instances; --", "') OR ('1'='1", "%", "_", "?1", ":a", "$1", "{}", "[]", "/",
    "..", "../x", "\u{1}", "\u{7F}", "\u{FEFF}", "\u{10FFFF}", "\u{E000}",
  ]

  /// Another one for each id.
  private static func number(_ instance: InstanceID) -> Payload {
    Payload(bytes: [49] + instance.utf8.map { $0 % 10 + 48 })
  }

  static let text: [ConformanceCase] = [
    ConformanceCase("text: ids are told apart by their bytes") { trial in
      for instance in ids { try trial.start(instance) }
      for instance in ids {
        let row = try trial.row(instance)
        try expect(Array(row.instance.utf8), Array(instance.utf8), "the bytes of the id '\(instance)'")
        try trial.turn(instance) { $0.customStatus = .some(number(instance)) }
      }
      for instance in ids {
        let status = try trial.row(instance).customStatus
        try expect(status, number(instance), "the custom status of '\(instance)'")
      }
      let listed = try trial.store.list(ListQuery(limit: 1_000)).instances.map { Array($0.instance.utf8) }
      try expect(listed, ids.map { Array($0.utf8) }, "the listing")
    },
    ConformanceCase("text: canonically equivalent ids are two instances") { trial in
      try trial.start("caf\u{E9}")
      try trial.start("cafe\u{301}")
      try trial.end("caf\u{E9}")
      try expect(try trial.row("cafe\u{301}").status, .pending, "the other")
      try trial.post("m", to: "cafe\u{301}")
      try trial.land(.delete("caf\u{E9}", force: false))
      try expect(try trial.waiting("cafe\u{301}"), ["m"], "the inbox of the other")
    },
    ConformanceCase("text: names of orchestrations and activities are told apart by their bytes") { trial in
      let node = try trial.store.join()
      try trial.start("a", "caf\u{E9}")
      try expect(try trial.claim(node, ["cafe\u{301}", "CAF\u{C9}"]), [], "instances by another spelling")
      try trial.turn("a") { $0.scheduled = [.sample("a", 1, "caf\u{E9}")] }
      try expect(try trial.claimTasks(node, ["cafe\u{301}"]), [], "activities by another spelling")
      try expect(try trial.claimTasks(node, ["caf\u{E9}"]).count, 1, "activities by the name")
    },
    ConformanceCase("text: an id as long as allowed") { trial in
      let long = String(repeating: "i", count: Limits.instanceIDBytes)
      try trial.run(long)
      try trial.post("m", to: long)
      try expect(try trial.waiting(long), ["m"], "the inbox")
      try trial.refuse(
        .claimInstance(node: 1, instance: String(long.dropLast())), .notFound, "an id one byte shorter")
    },
    ConformanceCase("text: payloads come back byte for byte") { trial in
      let payloads = [
        "0.10", "1E+2", "-0", "12345678901234567890123", "\"\\u0001\"", "\"\\/\\u00e9é\"", "[ 1 , 2 ]",
        "{\"b\":1,\"a\":2,\"b\":3}", "\"'; DROP TABLE history; --\"", "\"\\ud83d\\ude00 😀\"",
        "\"line\\nbreak\"",
      ].map { Payload($0) }
      try trial.run("a")
      for payload in payloads {
        try trial.turn("a") {
          $0.customStatus = .some(payload)
          $0.events[0].kind = .messageReceived(channel: .event, name: "n", data: payload)
        }
        try expect(try trial.row("a").customStatus, payload, "custom status")
        let kind = MessageKind.raised(channel: .queue, name: "n", data: payload)
        try trial.land(.post(OutgoingMessage(to: "a", kind: kind), now: 1))
      }
      let found = try trial.snapshot("a").history.compactMap { event in
        if case .messageReceived(_, _, let data) = event.kind { data } else { nil }
      }
      try expect(found, payloads, "history")
      let waiting = try trial.inbox("a").compactMap { message in
        if case .raised(_, _, let data) = message.kind { data } else { nil }
      }
      try expect(waiting, payloads, "inbox")
    },
    ConformanceCase("text: a payload of a megabyte, everywhere") { trial in
      let big = Payload("\"" + String(repeating: "0123456789abcdé'", count: 65_536) + "\"")
      try trial.land(
        .start(InstanceStart(instance: "a", orchestration: "order", input: big), owner: nil, now: 1))
      try expect(try trial.snapshot("a").start?.input == big, "the input")
      try trial.turn("a") {
        var task = ActivityTask.sample("a", 1)
        task.input = big
        $0.scheduled = [task]
        $0.events[0].kind = .activityCompleted(action: 1, result: big)
      }
      try expect(try trial.claimTask(try trial.store.join()).task.input == big, "the input of the task")
      try trial.land(
        .post(OutgoingMessage(to: "a", kind: .raised(channel: .event, name: "n", data: big)), now: 1))
      try expect(
        try trial.inbox("a").first?.kind == .raised(channel: .event, name: "n", data: big), "the message")
      try expect(
        try trial.snapshot("a").history.first?.kind == .activityCompleted(action: 1, result: big), "the event"
      )
      try trial.turn("a") {
        $0.status = .completed
        $0.output = big
      }
      try expect(try trial.row("a").output == big, "the output")
    },
    ConformanceCase("text: messages, reasons and names keep quotes, breaks and every scalar") { trial in
      let odd = "a'b\"c\\d\n\r\t\u{1}\u{7F}\u{2028}é e\u{301} 😀 \u{FFFF}\u{10FFFF}"
      try trial.run("a")
      let kinds: [MessageKind] = [
        .cancel(reason: odd, graceMS: nil), .raised(channel: .event, name: odd, data: .null),
        .activityEnded(
          execution: 1, action: 1, outcome: .failed(Failure(type: odd, message: odd, stack: odd))),
      ]
      for kind in kinds { try trial.land(.post(OutgoingMessage(to: "a", kind: kind), now: 1)) }
      let found = try trial.inbox("a").map(\.kind)
      try expect(found, kinds, "the messages")
      for case .cancel(let reason, _) in found {
        try expect(Array(reason.utf8), Array(odd.utf8), "the bytes")
      }
    },
    ConformanceCase("text: times and numbers as large as they get") { trial in
      // The largest integer that every JSON reader keeps.
      let end: TimestampMS = 9_007_199_254_740_991
      try trial.start("a", now: end)
      try expect(try trial.row("a").createdAt, end, "created")
      try trial.turn("a", now: end) {
        $0.events[0].at = end
        $0.wakeAt = end
      }
      try expect(try trial.snapshot("a").history.map(\.at), [end], "the time of the event")
      try expect(try trial.store.nextDue(after: 0), end, "the next wake-up")
      try expect(try trial.store.nextDue(after: end), nil, "after the end of time")
      try trial.start("b", now: 0)
      try trial.turn("b") { $0.wakeAt = -5 }
      try expect(try trial.claim(try trial.store.join(), now: 0), ["b"], "due since before the epoch")
    },
  ]
}
