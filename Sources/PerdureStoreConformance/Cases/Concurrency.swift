import PerdureModel
import PerdureStore
import Synchronization

extension StoreConformance {
  private static let threads = 4

  static let concurrency: [ConformanceCase] = [
    ConformanceCase("concurrency: of competing turns exactly one wins each revision, and the sum is right") {
      trial in
      let rounds = 15
      try trial.start("sum")
      try trial.turn("sum") { $0.customStatus = .some(Payload("0")) }
      try inParallel(threads) { _ in
        var landed = 0
        while landed < rounds {
          var commit = try trial.draft("sum")
          let snapshot = try trial.snapshot("sum")
          guard snapshot.description.revision == commit.revision,
            let sum = Int(snapshot.description.customStatus?.text ?? "")
          else { continue }
          commit.customStatus = .some(Payload("\(sum + 1)"))
          switch try trial.outcome(.turn(commit)) {
          case .success: landed += 1
          case .failure(.conflict): continue
          case .failure(let refusal):
            throw ConformanceFailure("a competing turn", expected: "conflict", found: "\(refusal)")
          }
        }
      }
      let snapshot = try trial.snapshot("sum")
      let turns = threads * rounds
      try expect(snapshot.description.customStatus, Payload("\(turns)"), "the sum")
      try expect(snapshot.description.revision, Revision(turns) + 1, "revision")
      try expect(snapshot.history.map(\.id), (1...EventID(turns) + 1).map { $0 }, "event ids")
    },
    ConformanceCase("concurrency: of several starts of an id one wins") { trial in
      let won = Mutex<[InstanceID: Int]>([:])
      try inParallel(threads) { index in
        for id in (0..<15).map({ "i\($0)" }) {
          let start = InstanceStart(instance: id, orchestration: "order", input: Payload("\(index)"))
          switch try trial.outcome(.start(start, owner: nil, now: 1_000)) {
          case .success: won.withLock { $0[id, default: 0] += 1 }
          case .failure(let refusal): try expect(refusal, .alreadyExists(.pending), "the refusal")
          }
        }
      }
      let wins = won.withLock { $0 }
      try expect(wins.count, 15, "ids that were started")
      try expect(wins.values.allSatisfy { $0 == 1 }, "each was started once")
    },
    ConformanceCase("concurrency: claims are disjoint and leave nothing") { trial in
      for index in 0..<60 { try trial.start("i\(index)") }
      let taken = Mutex<[InstanceID]>([])
      try inParallel(threads) { _ in
        let node = try trial.store.join()
        while true {
          let claimed = try trial.claim(node, limit: 4)
          if claimed.isEmpty { return }
          taken.withLock { $0 += claimed }
        }
      }
      let all = taken.withLock { $0 }
      try expect(all.count, 60, "claims")
      try expect(Set(all).count, 60, "different instances")
    },
    ConformanceCase("concurrency: messages of several senders all arrive, each sender's in order") { trial in
      try trial.run("a")
      try inParallel(threads) { sender in
        for number in 100..<120 { try trial.post("\(sender) \(number)", to: "a") }
      }
      let names = try trial.waiting("a")
      try expect(names.count, threads * 20, "messages")
      for sender in 0..<threads {
        let own = names.filter { $0.hasPrefix("\(sender) ") }
        try expect(own, (100..<120).map { "\(sender) \($0)" }, "the messages of sender \(sender)")
      }
    },
    ConformanceCase("concurrency: of several results of one activity one counts") { trial in
      let node = try trial.store.join()
      try trial.start("a")
      try trial.turn("a") { $0.scheduled = (1...15).map { .sample("a", $0) } }
      let tasks = try trial.claimTasks(node)
      let counted = Mutex(0)
      try inParallel(threads) { _ in
        for task in tasks {
          guard let claim = task.claim else { continue }
          if try trial.outcome(trial.ended(task.key, claim)).isSuccess { counted.withLock { $0 += 1 } }
        }
      }
      try expect(counted.withLock { $0 }, 15, "results that counted")
      try expect(try trial.inbox("a").count, 15, "messages")
    },
    ConformanceCase("concurrency: a reader sees turns whole") { trial in
      try trial.start("a")
      try trial.turn("a", events: 3)
      try inParallel(threads) { index in
        for _ in 0..<30 {
          if index == 0 {
            let last = try trial.row("a").eventCount
            try trial.turn("a", events: 3) { $0.customStatus = .some(Payload("\(last + 3)")) }
            continue
          }
          let snapshot = try trial.snapshot("a")
          let count = EventID(snapshot.history.count)
          try expect(snapshot.description.eventCount, count, "the event count beside the history")
          try expect(count, snapshot.description.revision * 3, "the events of all turns up to the revision")
          let status = snapshot.description.customStatus
          try expect(status == nil || status == Payload("\(count)"), "the custom status is of the same turn")
        }
      }
    },
    ConformanceCase("concurrency: a message is consumed once, or waits") { trial in
      try trial.run("a")
      let consumed = Mutex<[MessageSequence]>([])
      try inParallel(threads) { index in
        for number in 0..<15 {
          if index == 0 {
            try trial.post("\(number)", to: "a")
            continue
          }
          var commit = try trial.draft("a")
          commit.consumed = try trial.inbox("a").prefix(3).map(\.sequence)
          guard try trial.outcome(.turn(commit)).isSuccess else { continue }
          let landed = commit.consumed
          consumed.withLock { $0 += landed }
        }
      }
      let gone = consumed.withLock { $0 }
      let waiting = try trial.inbox("a").map(\.sequence)
      try expect(gone.count + waiting.count, 15, "messages, consumed or waiting")
      try expect(Set(gone + waiting).count, 15, "different messages")
    },
  ]
}
