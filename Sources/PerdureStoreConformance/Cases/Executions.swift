import PerdureModel
import PerdureStore

extension StoreConformance {
  static let executions: [ConformanceCase] = [
    ConformanceCase("executions: continue-as-new begins the next execution with its own history") { trial in
      try trial.start("a")
      try trial.turn("a", events: 3)
      try trial.turn("a", events: 2) { $0.nextExecution = numbered(1, after: 0) }
      let snapshot = try trial.snapshot("a")
      try expect(snapshot.description.execution, 2, "execution")
      try expect(snapshot.description.eventCount, 1, "event count")
      try expect(snapshot.history, numbered(1, after: 0), "the current history")
      try expect(snapshot.description.status, .running, "status")
    },
    ConformanceCase("executions: the histories of earlier executions can be read") { trial in
      try trial.start("a")
      for _ in 0..<3 {
        try trial.turn("a", events: 2) { $0.nextExecution = numbered(1, after: 0) }
      }
      let counts = try (1...4).map { execution in
        try trial.store.history(HistoryQuery(instance: "a", execution: execution))?.events.count ?? -1
      }
      try expect(counts, [2, 3, 3, 1], "events of each execution")
      let page = try trial.store.history(HistoryQuery(instance: "a"))
      try expect(page?.execution, 4, "the execution when none is named")
      try expect(page?.currentExecution, 4, "the current execution")
    },
    ConformanceCase("executions: turns go on in the new execution") { trial in
      try trial.run("a")
      try trial.turn("a") { $0.nextExecution = numbered(1, after: 0) }
      try trial.turn("a", events: 2)
      try expect(try trial.snapshot("a").history.map(\.id), [1, 2, 3], "event ids")
      try expect(try trial.row("a").eventCount, 3, "event count")
      try expect(try trial.row("a").revision, 3, "revision")
    },
    ConformanceCase("executions: unconsumed messages stay, in order") { trial in
      try trial.run("a")
      let sequences = try ["1", "2", "3"].map { try trial.post($0, to: "a").message.sequence }
      let receipt = try trial.turn("a") {
        $0.nextExecution = numbered(1, after: 0)
        $0.consumed = [sequences[0]]
      }
      try expect(receipt.hasWaitingMessages, true, "messages wait")
      try expect(try trial.waiting("a"), ["2", "3"], "the inbox")
    },
    ConformanceCase("executions: the tasks of the old execution are gone") { trial in
      let node = try trial.store.join()
      try trial.start("a")
      try trial.turn("a") { $0.scheduled = [.sample("a", 1), .sample("a", 2)] }
      let held = try trial.claimTasks(node, limit: 1)
      try trial.turn("a") { $0.nextExecution = numbered(1, after: 0) }
      try expect(try trial.claimTasks(node), [], "tasks")
      for task in held {
        guard let claim = task.claim else { continue }
        try trial.refuse(trial.ended(task.key, claim), .staleClaim, "the late result")
      }
      try expect(try trial.inbox("a"), [], "the inbox")
    },
    ConformanceCase("executions: the same action number of two executions is two tasks") { trial in
      let node = try trial.store.join()
      try trial.runWithTask("a")
      let old = try trial.claimTask(node)
      try trial.turn("a") { $0.nextExecution = numbered(1, after: 0) }
      try trial.turn("a") { $0.scheduled = [.sample("a", 1, execution: 2)] }
      let new = try trial.claimTask(node)
      try expect(new.task.key.execution, 2, "execution")
      try trial.refuse(trial.ended(old.task.key, old.claim), .staleClaim, "the result of the old one")
      try trial.land(trial.ended(new.task.key, new.claim))
    },
    ConformanceCase("executions: custom status and parent stay, its version goes on") { trial in
      try trial.start("p")
      try trial.turn("p") { $0.starts = [.child("a", of: "p")] }
      try trial.turn("a") { $0.customStatus = .some(Payload("1")) }
      try trial.turn("a") { $0.nextExecution = numbered(1, after: 0) }
      try expect(try trial.row("a").customStatus, Payload("1"), "custom status")
      try expect(try trial.row("a").parent?.instance, "p", "parent")
      try trial.turn("a") { $0.customStatus = .some(Payload("2")) }
      try expect(try trial.row("a").customStatusVersion, 2, "its version")
    },
    ConformanceCase("executions: continue-as-new can be the first turn") { trial in
      try trial.start("a")
      try trial.turn("a", events: 2) { $0.nextExecution = numbered(1, after: 0) }
      let snapshot = try trial.snapshot("a")
      try expect(snapshot.start, nil, "start")
      try expect(snapshot.description.execution, 2, "execution")
    },
    ConformanceCase("executions: a next execution that does not begin with event 1 is refused") { trial in
      try trial.run("a")
      let before = try trial.snapshot("a")
      var commit = try trial.draft("a")
      commit.nextExecution = numbered(1, after: 4)
      try trial.refuse(.turn(commit), "a next execution that begins with event 5")
      try expect(try trial.snapshot("a"), before, "the instance")
    },
  ]
}
