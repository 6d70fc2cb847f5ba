import PerdureModel
import PerdureStore

extension StoreConformance {
  static let rows: [ConformanceCase] = [
    ConformanceCase("rows: a started instance is pending, with everything that was asked for") { trial in
      let start = InstanceStart(
        instance: "a", orchestration: "order", version: "2.1.0", input: Payload("{\"n\":1}"))
      try trial.land(.start(start, owner: nil, now: 1_234))
      let row = InstanceDescription(
        instance: "a", orchestration: "order", version: "2.1.0", status: .pending, execution: 1, revision: 0,
        parent: nil, customStatus: nil, customStatusVersion: 0, output: nil, failure: nil, createdAt: 1_234,
        updatedAt: 1_234, endedAt: nil, eventCount: 0)
      try expect(try trial.row("a"), row, "the row")
      try expect(
        try trial.snapshot("a"),
        InstanceSnapshot(description: row, start: start, owner: nil, history: [], inbox: []), "the snapshot")
    },
    ConformanceCase("rows: an unknown instance is nil") { trial in
      try trial.start("a")
      try expect(try trial.store.describe("b"), nil, "describe")
      try expect(try trial.store.load("b"), nil, "load")
      try expect(try trial.store.history(HistoryQuery(instance: "b")), nil, "history")
      try expect(try trial.inbox("b"), [], "inbox")
    },
    ConformanceCase("rows: starting a taken id answers its status and changes nothing") { trial in
      try trial.start("a", "order", now: 1_000)
      try trial.end("a", .cancelled)
      let before = try trial.snapshot("a")
      let again = InstanceStart(instance: "a", orchestration: "other", input: Payload("9"))
      try trial.refuse(
        .start(again, owner: nil, now: 9_000), .alreadyExists(.cancelled), "the answer to a second start")
      try expect(try trial.snapshot("a"), before, "the instance")
    },
    ConformanceCase("rows: the request for a start is there until the first turn landed") { trial in
      try trial.start("a")
      try expect(try trial.snapshot("a").start?.input, Payload("1"), "the input before")
      try trial.turn("a")
      try expect(try trial.snapshot("a").start, nil, "the start after")
    },
    ConformanceCase("rows: a turn puts status, version, times and event count into the row") { trial in
      try trial.start("a", now: 1_000)
      try trial.turn("a", events: 3, now: 2_500) { $0.orchestrationVersion = "3.0.0-beta.1" }
      let row = try trial.row("a")
      try expect(row.status, .running, "status")
      try expect(row.version, "3.0.0-beta.1", "version")
      try expect([row.createdAt, row.updatedAt], [1_000, 2_500], "created and updated")
      try expect(row.endedAt, nil, "ended")
      try expect(row.eventCount, 3, "event count")
    },
    ConformanceCase("rows: a completed instance has its output and its end") { trial in
      try trial.run("a")
      try trial.turn("a", now: 7_000) {
        $0.status = .completed
        $0.output = Payload("{\"total\": 12.50}")
      }
      let row = try trial.row("a")
      try expect(row.status, .completed, "status")
      try expect(row.output, Payload("{\"total\": 12.50}"), "output")
      try expect(row.endedAt, 7_000, "ended")
      try expect(try trial.snapshot("a").owner, nil, "owner")
    },
    ConformanceCase("rows: a failed instance has its failure, with details and all causes") { trial in
      try trial.run("a")
      try trial.turn("a") {
        $0.status = .failed
        $0.failure = .sample
      }
      try expect(try trial.row("a").failure, .sample, "failure")
    },
    ConformanceCase("rows: each turn that sets the custom status counts its version") { trial in
      try trial.start("a")
      try trial.turn("a") { $0.customStatus = .some(Payload("\"packing\"")) }
      try trial.turn("a")
      try expect(try trial.row("a").customStatus, Payload("\"packing\""), "after a turn that left it alone")
      try expect(try trial.row("a").customStatusVersion, 1, "its version")
      try trial.turn("a") { $0.customStatus = .some(Payload("\"packing\"")) }
      try expect(try trial.row("a").customStatusVersion, 2, "the version after the same value again")
      try trial.turn("a") { $0.customStatus = .some(nil) }
      try expect(try trial.row("a").customStatus, nil, "after clearing")
      try expect(try trial.row("a").customStatusVersion, 3, "the version after clearing")
    },
    ConformanceCase("rows: the custom status can be read after the end") { trial in
      try trial.start("a")
      try trial.turn("a") { $0.customStatus = .some(Payload("5")) }
      try trial.end("a")
      try expect(try trial.row("a").customStatus, Payload("5"), "custom status")
    },
    ConformanceCase("rows: the parent link is kept") { trial in
      try trial.start("a")
      try trial.turn("a") { $0.starts = [.child("a::1", of: "a", action: 4)] }
      let link = ParentLink(instance: "a", execution: 1, action: 4)
      try expect(try trial.row("a::1").parent, link, "parent in the row")
      try expect(try trial.snapshot("a::1").start?.parent, link, "parent in the start")
      try trial.turn("a::1")
      try expect(try trial.row("a::1").parent, link, "parent after the first turn")
    },
  ]

  static let revisions: [ConformanceCase] = [
    ConformanceCase("revisions: each turn that lands adds one") { trial in
      try trial.start("a")
      for revision in 1...5 as ClosedRange<Revision> {
        try trial.turn("a")
        try expect(try trial.row("a").revision, revision, "revision")
      }
    },
    ConformanceCase("revisions: a turn from an older revision conflicts") { trial in
      try trial.start("a")
      let late = try trial.draft("a")
      try trial.turn("a")
      try trial.refuse(.turn(late), .conflict, "the late turn")
    },
    ConformanceCase("revisions: a turn from a revision that is not there yet conflicts") { trial in
      try trial.start("a")
      var early = try trial.draft("a")
      early.revision = 1
      try trial.refuse(.turn(early), .conflict, "the early turn")
    },
    ConformanceCase("revisions: a turn of an unknown instance is not found") { trial in
      try trial.start("a")
      var stray = try trial.draft("a")
      stray.instance = "b"
      try trial.refuse(.turn(stray), .notFound, "the stray turn")
    },
    ConformanceCase("revisions: messages, claims and releases leave the revision alone") { trial in
      try trial.run("a")
      let node = try trial.store.join()
      try trial.post("m", to: "a")
      _ = try trial.claim(node)
      try trial.land(.releaseInstances(node: node, instances: ["a"]))
      try trial.land(.claimInstance(node: node, instance: "a"))
      try expect(try trial.row("a").revision, 1, "revision")
    },
    ConformanceCase("revisions: a finished instance takes no turn") { trial in
      for status in [InstanceStatus.completed, .failed, .cancelled, .terminated] {
        let instance = status.rawValue
        try trial.start(instance)
        try trial.end(instance, status)
        let before = try trial.snapshot(instance)
        try trial.refuse(.turn(try trial.draft(instance)), "a turn after \(status)")
        try expect(try trial.snapshot(instance), before, "the instance after the refused turn")
      }
    },
    ConformanceCase("revisions: only one of two turns from one revision lands, whoever owns the instance") {
      trial in
      let one = try trial.store.join()
      let other = try trial.store.join()
      try trial.run("a", owner: one)
      var first = try trial.draft("a")
      var second = try trial.draft("a", events: 2)
      first.owner = other
      second.owner = one
      try trial.land(first)
      try trial.refuse(.turn(second), .conflict, "the second turn")
      try expect(try trial.snapshot("a").history.count, 2, "events")
      try expect(try trial.snapshot("a").owner, other, "owner")
    },
  ]
}
