import PerdureModel
import PerdureStore

extension StoreConformance {
  /// "root" with two children and a grandchild, all running.
  private static func family(_ trial: Trial) throws {
    try trial.run("root")
    try trial.turn("root") { $0.starts = [.child("c1", of: "root"), .child("c2", of: "root", action: 2)] }
    try trial.turn("c1") { $0.starts = [.child("g", of: "c1")] }
    try trial.turn("c2")
    try trial.turn("g")
  }

  static let deletion: [ConformanceCase] = [
    ConformanceCase("deletion: a finished instance is gone with its history") { trial in
      try trial.run("a")
      try trial.end("a")
      try expect(try trial.land(.delete("a", force: false)), .deleted(["a"]), "the receipt")
      try expect(try trial.store.describe("a"), nil, "describe")
      try expect(try trial.store.load("a"), nil, "load")
      try expect(try trial.store.history(HistoryQuery(instance: "a")), nil, "history")
      try expect(try trial.store.list(ListQuery()).instances, [], "list")
    },
    ConformanceCase("deletion: an unfinished instance is refused with its status") { trial in
      try trial.start("p")
      try trial.refuse(.delete("p", force: false), .wrongStatus(.pending), "a pending one")
      try trial.run("a")
      try trial.refuse(.delete("a", force: false), .wrongStatus(.running), "a running one")
      try trial.land(.quarantine("a", revision: 1, failure: .sample, now: 3_000))
      try trial.refuse(.delete("a", force: false), .wrongStatus(.quarantined), "a quarantined one")
      try expect(try trial.snapshot("a").history.count, 1, "events")
    },
    ConformanceCase("deletion: with force an unfinished instance goes with all that waits for it") { trial in
      let node = try trial.store.join()
      try trial.runWithTask("a")
      try trial.post("m", to: "a")
      let (task, claim) = try trial.claimTask(node)
      try expect(try trial.land(.delete("a", force: true)), .deleted(["a"]), "the receipt")
      try expect(try trial.inbox("a"), [], "the inbox")
      try trial.refuse(trial.ended(task.key, claim), .notFound, "the late result")
      try trial.refuse(
        .post(OutgoingMessage(to: "a", kind: .named("m")), now: 1), .notFound, "a message")
      try expect(try trial.claim(node, now: .max), [], "due instances")
      try expect(try trial.store.nextDue(after: 0), nil, "the next wake-up")
    },
    ConformanceCase("deletion: an unknown instance is not found") { trial in
      try trial.refuse(.delete("nobody", force: false), .notFound, "the deletion")
      try trial.refuse(.delete("nobody", force: true), .notFound, "the deletion by force")
    },
    ConformanceCase("deletion: a child is not deleted alone, not even by force") { trial in
      try family(trial)
      try trial.end("g")
      try trial.refuse(.delete("g", force: false), .isChild(of: "c1"), "a finished child")
      try trial.refuse(.delete("c2", force: true), .isChild(of: "root"), "a running one, by force")
      try expect(try trial.row("g").status, .completed, "the child")
    },
    ConformanceCase("deletion: a tree goes whole, the named instance first") { trial in
      try family(trial)
      try trial.run("other")
      for instance in ["g", "c1", "c2", "root"] { try trial.end(instance) }
      let receipt = try trial.land(.delete("root", force: false))
      guard case .deleted(let gone) = receipt else {
        throw ConformanceFailure("the receipt", expected: "deleted", found: "\(receipt)")
      }
      try expect(gone.first, "root", "the first id")
      try expect(gone.sorted(), ["c1", "c2", "g", "root"], "the ids")
      let rest = try trial.store.list(ListQuery()).instances.map(\.instance)
      try expect(rest, ["other"], "what is left")
    },
    ConformanceCase("deletion: a running descendant keeps the tree, unless it is forced") { trial in
      try family(trial)
      for instance in ["c1", "c2", "root"] { try trial.end(instance) }
      try trial.refuse(.delete("root", force: false), .wrongStatus(.running), "the deletion")
      try expect(try trial.store.list(ListQuery()).instances.count, 4, "instances")
      try trial.land(.delete("root", force: true))
      try expect(try trial.store.list(ListQuery()).instances.count, 0, "instances after force")
    },
    ConformanceCase("deletion: a detached instance is nobody's descendant") { trial in
      try trial.run("a")
      try trial.turn("a") { $0.starts = [.detached("d")] }
      try trial.end("a")
      try expect(try trial.land(.delete("a", force: false)), .deleted(["a"]), "the receipt")
      try expect(try trial.row("d").status, .pending, "the detached instance")
    },
    ConformanceCase("deletion: a deleted id can be used again, and begins with nothing") { trial in
      try trial.runWithTask("a")
      try trial.post("m", to: "a")
      try trial.land(.delete("a", force: true))
      try trial.start("a", "ship", now: 8_000)
      let snapshot = try trial.snapshot("a")
      try expect(snapshot.history, [], "history")
      try expect(snapshot.inbox, [], "inbox")
      try expect(snapshot.description.revision, 0, "revision")
      try expect(snapshot.description.orchestration, "ship", "orchestration")
      try expect(try trial.claimTasks(try trial.store.join()), [], "tasks")
    },
    ConformanceCase("deletion: a turn that was computed before is not found after") { trial in
      try trial.run("a")
      let late = try trial.draft("a")
      try trial.land(.delete("a", force: true))
      try trial.refuse(.turn(late), .notFound, "the late turn")
    },
  ]
}
