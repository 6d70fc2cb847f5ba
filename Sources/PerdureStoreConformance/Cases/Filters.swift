import PerdureModel
import PerdureStore

extension StoreConformance {
  private static func ids(_ trial: Trial, _ change: (inout ListQuery) -> Void) throws -> [InstanceID] {
    var query = ListQuery()
    change(&query)
    return try trial.store.list(query).instances.map(\.instance)
  }

  private static func label(_ trial: Trial, _ instance: InstanceID, _ json: String) throws {
    try trial.land(trial.starting(instance) { $0.attributes = Payload(json) })
  }

  static let listFilters: [ConformanceCase] = [
    ConformanceCase("filters: by attributes, all of them, by their bytes") { trial in
      try label(trial, "a", #"{"city":"Bern","n":"1"}"#)
      try label(trial, "b", #"{"n":"2","city":"Bern"}"#)
      try label(trial, "c", #"{"city":"bern"}"#)
      try trial.start("d")
      let bern = Attribute(key: "city", value: "Bern")
      try expect(try ids(trial) { $0.attributes = [bern] }, ["a", "b"], "of Bern")
      try expect(
        try ids(trial) { $0.attributes = [bern, Attribute(key: "n", value: "2")] }, ["b"], "of both")
      try expect(
        try ids(trial) { $0.attributes = [bern, Attribute(key: "n", value: "3")] }, [], "of one only")
      try expect(
        try ids(trial) { $0.attributes = [Attribute(key: "City", value: "Bern")] }, [], "another key")
    },
    ConformanceCase("filters: attributes with escapes are what they stand for") { trial in
      try label(trial, "a", "{\"k\\u0065y\":\"\\u00e9\\n\\\"\"}")
      try expect(
        try ids(trial) { $0.attributes = [Attribute(key: "key", value: "é\n\"")] }, ["a"], "found")
    },
    ConformanceCase("filters: labels go with their instance, and come back with the next one") { trial in
      let query = Attribute(key: "city", value: "Bern")
      try label(trial, "a", #"{"city":"Bern"}"#)
      try trial.land(.delete("a", force: true))
      try trial.start("b")
      try expect(try ids(trial) { $0.attributes = [query] }, [], "after the deletion")
      try label(trial, "a", #"{"city":"Bern"}"#)
      try trial.end("a")
      try trial.land(
        trial.starting("a") {
          $0.policy = .restartIfFinished
          $0.attributes = Payload(#"{"city":"Basel"}"#)
        })
      try expect(try ids(trial) { $0.attributes = [query] }, [], "after the restart")
    },
    ConformanceCase("filters: by version") { trial in
      try trial.start("pending")
      try trial.run("a")
      try trial.turn("a") { $0.orchestrationVersion = "2.0.0" }
      try trial.run("b")
      try expect(try ids(trial) { $0.version = "2.0.0" }, ["a"], "2.0.0")
      try expect(try ids(trial) { $0.version = "1.0.0" }, ["b"], "1.0.0")
    },
    ConformanceCase("filters: by several statuses, in one order") { trial in
      let statuses: [InstanceStatus] = [.running, .completed, .pending, .running, .failed, .completed]
      for (index, status) in statuses.enumerated() {
        try trial.start("i\(index)")
        if status != .pending { try trial.turn("i\(index)") { $0.status = status } }
      }
      let wanted: [InstanceStatus] = [.completed, .running]
      try expect(try ids(trial) { $0.statuses = wanted }, ["i0", "i1", "i3", "i5"], "oldest first")
      try expect(
        try ids(trial) {
          $0.statuses = wanted
          $0.orchestration = "order"
          $0.order = .newest
        }, ["i5", "i3", "i1", "i0"], "newest first")
      var query = ListQuery(limit: 3)
      query.statuses = wanted
      let first = try trial.store.list(query)
      query.cursor = first.next ?? 0
      let pages = (first.instances + (try trial.store.list(query)).instances).map(\.instance)
      try expect(pages, ["i0", "i1", "i3", "i5"], "in two pages")
    },
    ConformanceCase("filters: by times, the first included, the last not") { trial in
      for moment in [1_000, 2_000, 3_000] as [Int64] { try trial.start("i\(moment)", now: moment) }
      try trial.turn("i1000", now: 4_000) { $0.status = .completed }
      try expect(
        try ids(trial) { $0.created = TimeSpan(from: 1_000, to: 3_000) }, ["i1000", "i2000"], "created")
      try expect(try ids(trial) { $0.updated = TimeSpan(from: 3_000) }, ["i1000", "i3000"], "updated")
      try expect(try ids(trial) { $0.ended = TimeSpan(from: 4_000) }, ["i1000"], "ended from then on")
      try expect(try ids(trial) { $0.ended = TimeSpan(to: 4_000) }, [], "ended before")
      try expect(try ids(trial) { $0.ended = TimeSpan(to: 4_001) }, ["i1000"], "ended up to then")
    },
    ConformanceCase("filters: roots only") { trial in
      try trial.run("p")
      try trial.turn("p") { $0.starts = [.child("c", of: "p"), .detached("d")] }
      try expect(try ids(trial) { $0.rootsOnly = true }, ["p", "d"], "roots")
    },
    ConformanceCase("filters: newest first, in pages that writes do not disturb") { trial in
      for index in 0..<6 { try label(trial, "i\(index)", #"{"x":"y"}"#) }
      for attributes in [[], [Attribute(key: "x", value: "y")]] {
        var query = ListQuery(limit: 2)
        query.order = .newest
        query.attributes = attributes
        let first = try trial.store.list(query)
        try expect(first.instances.map(\.instance), ["i5", "i4"], "the first page")
        guard let next = first.next else {
          throw ConformanceFailure("the first page", expected: "a next", found: "nil")
        }
        try label(trial, "new", #"{"x":"y"}"#)
        query.cursor = next
        query.limit = 10
        let rest = try trial.store.list(query)
        try expect(rest.instances.map(\.instance), ["i3", "i2", "i1", "i0"], "the rest")
        try expect(rest.next, nil, "the end")
        try trial.land(.delete("new", force: true))
      }
    },
  ]
}
