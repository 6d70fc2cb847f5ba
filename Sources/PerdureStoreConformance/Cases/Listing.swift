import PerdureModel
import PerdureStore

extension StoreConformance {
  /// All pages of a query, one after the other.
  private static func pages(_ query: ListQuery, _ trial: Trial) throws -> [[InstanceID]] {
    var query = query
    var pages: [[InstanceID]] = []
    while true {
      let page = try trial.store.list(query)
      pages.append(page.instances.map(\.instance))
      guard let next = page.next else { return pages }
      try expect(next > query.cursor, "the cursor moves on from \(query.cursor)")
      query.cursor = next
    }
  }

  private static func ids(_ query: ListQuery, _ trial: Trial) throws -> [InstanceID] {
    try trial.store.list(query).instances.map(\.instance)
  }

  static let listing: [ConformanceCase] = [
    ConformanceCase("listing: an empty store has an empty page and no next") { trial in
      try expect(try trial.store.list(ListQuery()), ListPage(instances: [], next: nil), "the page")
    },
    ConformanceCase("listing: rows come in the order of creation and say what describe says") { trial in
      for instance in ["c", "a", "b"] { try trial.start(instance) }
      try trial.turn("a") { $0.customStatus = .some(Payload("1")) }
      let rows = try trial.store.list(ListQuery()).instances
      try expect(rows, try ["c", "a", "b"].map { try trial.row($0) }, "rows")
    },
    ConformanceCase("listing: pages hold no more than the limit, and all of them everything") { trial in
      for index in 0..<7 { try trial.start("i\(index)") }
      try expect(
        try pages(ListQuery(limit: 3), trial), [["i0", "i1", "i2"], ["i3", "i4", "i5"], ["i6"]], "pages")
      try expect(try pages(ListQuery(limit: 7), trial).flatMap { $0 }.count, 7, "rows in one page")
    },
    ConformanceCase("listing: by orchestration") { trial in
      try trial.start("a", "order")
      try trial.start("b", "ship")
      try trial.start("c", "order")
      try expect(try ids(ListQuery(orchestration: "order"), trial), ["a", "c"], "order")
      try expect(try ids(ListQuery(orchestration: "Order"), trial), [], "another spelling")
    },
    ConformanceCase("listing: by every status") { trial in
      let statuses = InstanceStatus.allCases.filter { $0 != .continuedAsNew && $0 != .pending }
      try trial.start("Pending")
      for status in statuses {
        try trial.start(status.rawValue)
        if status == .quarantined {
          try trial.land(.quarantine(status.rawValue, revision: 0, failure: .sample, now: 2_000))
        } else {
          try trial.turn(status.rawValue) { $0.status = status }
        }
      }
      for status in statuses + [.pending] {
        try expect(try ids(ListQuery(status: status), trial), [status.rawValue], "with status \(status)")
      }
    },
    ConformanceCase("listing: by the beginning of the id") { trial in
      for instance in ["ab", "abc", "abd", "b", "a", "Abc", "ac"] { try trial.start(instance) }
      try expect(try ids(ListQuery(instancePrefix: "ab"), trial), ["ab", "abc", "abd"], "ab")
      try expect(try ids(ListQuery(instancePrefix: ""), trial).count, 7, "the empty beginning")
      try expect(try ids(ListQuery(instancePrefix: "abcd"), trial), [], "longer than any")
    },
    ConformanceCase("listing: a beginning is text, not a pattern") { trial in
      for instance in ["a%b", "a_b", "axb", "a*b", "a?b", "a[x]b", "\u{10FFFF}z"] {
        try trial.start(instance)
      }
      for prefix in ["a%", "a_", "a*", "a?", "a[x]"] {
        try expect(
          try ids(ListQuery(instancePrefix: prefix), trial), [prefix + "b"], "beginning with \(prefix)")
      }
      try expect(try ids(ListQuery(instancePrefix: "\u{10FFFF}"), trial).count, 1, "the last scalar")
    },
    ConformanceCase("listing: by parent, children only") { trial in
      try trial.run("p")
      try trial.turn("p") { $0.starts = [.child("c1", of: "p"), .child("c2", of: "p", action: 2)] }
      try trial.turn("c1") { $0.starts = [.child("g", of: "c1")] }
      try expect(try ids(ListQuery(parent: "p"), trial), ["c1", "c2"], "children of p")
      try expect(try ids(ListQuery(parent: "g"), trial), [], "children of g")
      try expect(try pages(ListQuery(parent: "p", limit: 1), trial).flatMap { $0 }, ["c1", "c2"], "in pages")
    },
    ConformanceCase("listing: filters are joined by and") { trial in
      try trial.run("a1", "order")
      try trial.run("a2", "ship")
      try trial.run("b1", "order")
      try trial.start("a3", "order")
      let query = ListQuery(orchestration: "order", status: .running, instancePrefix: "a")
      try expect(try ids(query, trial), ["a1"], "rows")
    },
    ConformanceCase("listing: filtered pages skip what does not match, not what does") { trial in
      for index in 0..<40 { try trial.start("i\(index)", index % 10 == 0 ? "rare" : "order") }
      let found = try pages(ListQuery(orchestration: "rare", limit: 2), trial)
      try expect(found.flatMap { $0 }, ["i0", "i10", "i20", "i30"], "rows")
      try expect(found.allSatisfy { $0.count <= 2 }, "no page is longer than 2")
    },
    ConformanceCase("listing: writes between pages repeat no row and hide none that was there") { trial in
      for index in 0..<6 { try trial.run("i\(index)") }
      let first = try trial.store.list(ListQuery(limit: 3))
      guard let cursor = first.next else {
        throw ConformanceFailure("the first page", expected: "a next", found: "nil")
      }
      try trial.turn("i1")
      try trial.turn("i4")
      try trial.land(.delete("i2", force: true))
      try trial.land(.delete("i3", force: true))
      try trial.start("new")
      let rest = try ids(ListQuery(cursor: cursor, limit: 10), trial)
      try expect(rest, ["i4", "i5", "new"], "the rest")
    },
    ConformanceCase("listing: an instance created again comes at its new place") { trial in
      for instance in ["a", "b"] { try trial.run(instance) }
      try trial.land(.delete("a", force: true))
      try trial.start("a")
      try expect(try ids(ListQuery(), trial), ["b", "a"], "rows")
    },
  ]
}
