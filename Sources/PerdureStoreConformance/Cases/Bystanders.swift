import PerdureModel
import PerdureStore
import Synchronization

/// Nobody waits for what is stuck, and who comes at the same moment as others is dealt with as if alone.
extension StoreConformance {
  static let bystanders: [ConformanceCase] = [
    ConformanceCase("bystanders: a message for nobody is refused alone, and holds up no one") { trial in
      let node = try trial.store.join()
      try trial.run("a")
      let stranger = OutgoingMessage(to: "nobody", kind: .named("x"))
      let cancel = OutgoingMessage(to: "nobody", kind: .cancel(reason: "", graceMS: nil))
      let good = OutgoingMessage(to: "a", kind: .named("go"))
      let outcomes = try trial.store.commit([
        .post(stranger, now: 1_500), .post(cancel, now: 1_500), .post(good, now: 1_500),
        .post(stranger, now: 1_500),
      ])
      try expect(outcomes.map { (try? $0.get()) != nil }, [false, false, true, false], "what landed")
      try expect(outcomes[0], .failure(.notFound), "the refusal")
      try expect(try trial.claim(node, limit: 1), ["a"], "the next one to work on")
      try expect(try trial.waiting("a"), ["go"], "its messages")
      try trial.start("nobody")
      try expect(try trial.inbox("nobody"), [], "what a later instance of the id finds")
    },
    ConformanceCase("bystanders: what nobody serves, or must wait, holds up no other") { trial in
      let node = try trial.store.join()
      for index in 0..<300 { try trial.start("unserved-\(index)", "unknown", now: 1_000) }
      for index in 0..<30 {
        try trial.run("sick-\(index)")
        try trial.post("go", to: "sick-\(index)")
        try trial.land(
          .quarantine("sick-\(index)", revision: 1, failure: .sample, now: 1_600))
      }
      try trial.run("asleep")
      try trial.post("go", to: "asleep")
      try trial.control("asleep", .suspend)
      try trial.start("last", now: 2_900)
      try expect(try trial.claim(node, limit: 1), ["last"], "the first that can be worked on")
      try expect(try trial.claim(node, limit: 1), [], "what is left")
    },
    ConformanceCase("bystanders: an activity that nobody runs holds up no other") { trial in
      let node = try trial.store.join()
      try trial.start("many")
      try trial.turn("many") { commit in
        commit.scheduled = (1...200).map { .sample("many", ActionID($0), "unknown") }
        commit.scheduled += (201...300).map { .sample("many", ActionID($0)) { $0.tag = "moon" } }
      }
      try trial.runWithTask("one")
      let tasks = try trial.claimTasks(node, limit: 1)
      try expect(tasks.map(\.key.instance), ["one"], "the first that can be run")
    },
    ConformanceCase("bystanders: of the starts of eight threads each id is given once, and all know it") {
      trial in
      let ids = (0..<20).map { "i\($0)" }
      let won = Mutex<[InstanceID]>([])
      try inParallel(8) { thread in
        for id in thread % 2 == 0 ? ids : ids.reversed() {
          let start = InstanceStart(instance: id, orchestration: "order", input: Payload("\(thread)"))
          switch try trial.outcome(.start(start, owner: nil, now: 1_000)) {
          case .success(.done): won.withLock { $0.append("\(id) \(thread)") }
          case .failure(.alreadyExists(.pending)): break
          case let other:
            throw ConformanceFailure("a start", expected: "done or already exists", found: "\(other)")
          }
        }
      }
      let found = try ids.map { "\($0) \(try trial.snapshot($0).start?.input.text ?? "?")" }
      try expect(won.withLock { $0 }.sorted(), found.sorted(), "who was told to have started it")
      try expect(try trial.store.list(ListQuery()).instances.count, ids.count, "instances")
    },
    ConformanceCase("bystanders: a deletion that meets an end deletes all or nothing") { trial in
      let ids = (0..<25).map { "i\($0)" }
      for id in ids {
        try trial.start(id)
        try trial.turn(id) { commit in
          commit.scheduled = [.sample(id, 1)]
          commit.starts = [.child("\(id)-kid", of: id) { $0.closePolicy = .terminate }]
        }
      }
      let deleted = Mutex<Set<InstanceID>>([])
      try inParallel(3) { thread in
        for id in ids {
          if thread == 0 {
            var commit = try trial.draft(id)
            commit.status = .completed
            commit.cancelled = [1]
            commit.terminations = ["\(id)-kid"]
            _ = try trial.outcome(.turn(commit))
          } else if case .success(.deleted(let gone)) = try trial.outcome(.delete(id, force: false)) {
            try expect(gone, [id, "\(id)-kid"], "what went with it")
            deleted.withLock { _ = $0.insert(id) }
          }
        }
      }
      let gone = deleted.withLock { $0 }
      for id in ids {
        let isGone = gone.contains(id)
        try expect(try trial.store.describe(id) == nil, isGone, "whether \(id) is gone")
        try expect(try trial.store.describe("\(id)-kid") == nil, isGone, "whether its child is gone")
        try expect(try trial.store.history(HistoryQuery(instance: id)) == nil, isGone, "its history")
        try expect(try trial.store.activities(of: id), [], "its activities")
      }
      let left = try trial.store.statusCounts(of: nil).reduce(0) { $0 + $1.count }
      try expect(left, Int64(2 * (ids.count - gone.count)), "instances that are counted")
    },
  ]
}
