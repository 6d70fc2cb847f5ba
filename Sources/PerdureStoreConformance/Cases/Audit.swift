import PerdureModel
import PerdureStore

extension Trial {
  func noted(
    _ entry: StoreEntry, _ operation: String = "touch", _ target: String = "a", actor: String = "ana",
    at: TimestampMS = 7_000, detail: Payload? = nil
  ) -> StoreEntry {
    .noted(
      entry,
      AuditNote(
        actor: actor, operation: operation, target: target, reason: "because", detail: detail, at: at))
  }

  /// The records that a query finds, the newest first.
  func audit(_ change: (inout AuditQuery) -> Void = { _ in }) throws -> [AuditNote] {
    var query = AuditQuery()
    change(&query)
    return try store.audit(query).records.map(\.note)
  }
}

extension StoreConformance {
  /// One record for each.
  private static func note(_ trial: Trial, _ notes: [(operation: String, target: String, actor: String)])
    throws
  {
    for (index, note) in notes.enumerated() {
      let at = TimestampMS(index + 1) * 1_000
      try trial.land(
        trial.noted(.releaseActivities([]), note.operation, note.target, actor: note.actor, at: at))
    }
  }

  static let audit: [ConformanceCase] = [
    ConformanceCase("audit: what lands leaves a record, and answers as it does without one") { trial in
      try trial.run("a")
      let receipt = try trial.land(
        trial.noted(
          .control("a", .suspend, reason: "why", now: 5_000), "suspend", detail: Payload("{\"n\":[1]}")))
      try expect(receipt, .controlled(ControlReceipt(status: .suspended)), "the receipt")
      try expect(try trial.row("a").status, .suspended, "status")
      let note = AuditNote(
        actor: "ana", operation: "suspend", target: "a", reason: "because", detail: Payload("{\"n\":[1]}"),
        at: 7_000)
      try expect(try trial.audit(), [note], "records")
    },
    ConformanceCase("audit: a refused entry is answered as without one, and leaves none") { trial in
      try trial.run("a")
      try trial.refuse(
        trial.noted(.control("a", .resume, reason: "", now: 1)), .wrongStatus(.running), "the resumption")
      try trial.refuse(trial.noted(.delete("nobody", force: true)), .notFound, "the deletion")
      try expect(try trial.audit(), [], "records")
    },
    ConformanceCase("audit: records outlive the instance, and are none of the next one's") { trial in
      try trial.run("a")
      try trial.land(trial.noted(.control("a", .terminate, reason: "", now: 1), "terminate"))
      try trial.land(trial.noted(.delete("a", force: false), "delete"))
      try trial.start("a")
      try expect(try trial.audit { $0.target = "a" }.map(\.operation), ["delete", "terminate"], "records")
    },
    ConformanceCase("audit: filters are joined, texts are told apart by their bytes") { trial in
      try note(
        trial,
        [("cancel", "a", "ana"), ("cancel", "b", "ana"), ("delete", "a", "bo"), ("cancel", "A", "Ana")])
      func targets(_ change: (inout AuditQuery) -> Void) throws -> [String] {
        try trial.audit(change).map { "\($0.operation) \($0.target)" }
      }
      try expect(try targets { $0.target = "a" }, ["delete a", "cancel a"], "by target")
      try expect(try targets { $0.actor = "ana" }, ["cancel b", "cancel a"], "by actor")
      try expect(try targets { $0.operation = "delete" }, ["delete a"], "by operation")
      try expect(try targets { $0.from = 2_000 }, ["cancel A", "delete a", "cancel b"], "from")
      try expect(try targets { $0.to = 2_000 }, ["cancel a"], "to")
      let both = try targets {
        $0.operation = "cancel"
        $0.actor = "ana"
        $0.from = 2_000
        $0.to = 4_000
      }
      try expect(both, ["cancel b"], "all together")
    },
    ConformanceCase("audit: pages hold no more than the limit, the newest first") { trial in
      try note(trial, (1...7).map { ("op\($0)", $0 % 2 == 0 ? "even" : "odd", "") })
      var found: [String] = []
      var query = AuditQuery()
      query.limit = 3
      var pages = 0
      repeat {
        let page = try trial.store.audit(query)
        try expect(page.records.count <= 3, "a page within its limit")
        found += page.records.map(\.note.operation)
        query.cursor = page.next ?? 0
        pages += 1
        // A later record does not move the pages that are left.
        if pages == 1 { try note(trial, [("late", "odd", "")]) }
      } while query.cursor != 0
      try expect(found, (1...7).reversed().map { "op\($0)" }, "all pages")
      try expect(pages, 3, "pages")
      try expect(
        try trial.audit { $0.target = "even" }.map(\.operation), ["op6", "op4", "op2"], "those of one target")
    },
    ConformanceCase("audit: ids grow, neighbours stand alone, an empty actor is one") { trial in
      let entries = [
        trial.noted(.delete("nobody", force: true)), trial.noted(.releaseActivities([]), actor: ""),
        trial.noted(.releaseActivities([])),
      ]
      let outcomes = try trial.store.commit(entries)
      try expect(outcomes.map(\.isSuccess), [false, true, true], "outcomes")
      let records = try trial.store.audit(AuditQuery()).records
      try expect(records.map(\.note.actor), ["ana", ""], "actors")
      try expect((records.first?.id ?? 0) > (records.last?.id ?? 0), "growing ids")
      try expect(try trial.audit { $0.actor = "" }.count, 1, "those without an actor")
    },
    ConformanceCase("reopening: audit records are there after a crash") { trial in
      try note(trial, [("cancel", "a", "ana")])
      guard let again = try trial.fixture.reopen(trial.store) else {
        throw CaseSkipped(reason: "the store does not outlive its process")
      }
      defer { again.close() }
      try expect(try trial.on(again).audit().map(\.operation), ["cancel"], "records")
    },
  ]
}
