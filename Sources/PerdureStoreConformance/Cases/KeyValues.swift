import PerdureModel
import PerdureStore

extension StoreConformance {
  private static func set(_ key: String, _ value: String) -> KVChange {
    .set(key: key, value: Payload(value))
  }

  static let keyValues: [ConformanceCase] = [
    ConformanceCase("key values: what was set is there, with its time, in the order of the keys' bytes") {
      trial in
      try trial.run("a")
      try trial.change("a", [set("é", "1"), set("b", "2"), set("B", "3"), set("a", "4")], at: 1_777)
      try expect(try trial.values("a"), ["B=3", "a=4", "b=2", "é=1"], "the values")
      let entry = KVEntry(key: "b", value: Payload("2"), at: 1_777)
      try expect(try trial.store.keyValues(KVQuery(instance: "a", key: "b")), [entry], "one of them")
    },
    ConformanceCase("key values: a key, an instance or a state that is not there") { trial in
      try trial.run("a")
      try expect(try trial.values("a"), [], "no state")
      try trial.change("a", [set("k", "1")])
      try expect(try trial.values("a", key: "K"), [], "no such key")
      try expect(try trial.values("nobody"), nil, "no such instance")
      try expect(try trial.values("nobody", key: "k"), nil, "a key of no such instance")
    },
    ConformanceCase("key values: changes apply in the order of the turn") { trial in
      try trial.run("a")
      try trial.change(
        "a", [set("x", "1"), .clearAll, set("y", "2"), set("y", "3"), set("z", "4"), .clear(key: "z")])
      try expect(try trial.values("a"), ["y=3"], "the values")
    },
    ConformanceCase("key values: a later turn sets anew, clears one, clears all") { trial in
      try trial.run("a")
      try trial.change("a", [set("x", "1"), set("y", "1"), set("z", "1")])
      try trial.change("a", [set("x", "2"), .clear(key: "y"), .clear(key: "unknown")], at: 3_000)
      try expect(try trial.values("a"), ["x=2", "z=1"], "after one set and one clear")
      let times = try trial.store.keyValues(KVQuery(instance: "a"))?.map(\.at)
      try expect(times, [3_000, 2_000], "times")
      try trial.change("a", [.clearAll])
      try expect(try trial.values("a"), [], "after all were cleared")
      try trial.change("a", [set("y", "9")])
      try expect(try trial.values("a"), ["y=9"], "after one was set again")
    },
    ConformanceCase("key values: each change has its own time") { trial in
      try trial.run("a")
      try trial.turn("a") {
        $0.kvChanges = [
          TimedKVChange(change: set("x", "1"), at: 1_100), TimedKVChange(change: set("y", "1"), at: 1_200),
        ]
      }
      let times = try trial.store.keyValues(KVQuery(instance: "a"))?.map(\.at)
      try expect(times, [1_100, 1_200], "times")
    },
    ConformanceCase("key values: keys are told apart by their bytes, values kept byte for byte") { trial in
      try trial.run("a")
      let big = "\"" + String(repeating: "0123456789abcdé'", count: 16_384) + "\""
      let odd = "a'b\"c\\d\n\u{1}\u{2028}😀"
      try trial.change("a", [set("é", "1.50"), set("e\u{301}", "{ }"), set(odd, big), set("", "null")])
      let entries = try trial.store.keyValues(KVQuery(instance: "a")) ?? []
      let order = ["", odd, "e\u{301}", "é"]
      try expect(entries.map { Array($0.key.utf8) }, order.map { Array($0.utf8) }, "keys")
      try expect(
        entries.map(\.value.text) == ["null", big, "{ }", "1.50"], "the values are as they were set")
    },
    ConformanceCase("key values: each instance has its own") { trial in
      for instance in ["a", "b"] {
        try trial.run(instance)
        try trial.change(instance, [set("k", "\"\(instance)\"")])
      }
      try trial.change("a", [.clearAll])
      try expect(try trial.values("b"), ["k=\"b\""], "those of the other")
    },
    ConformanceCase("key values: an execution is loaded with what it began with") { trial in
      try trial.run("a")
      try trial.change("a", [set("x", "1"), set("y", "1")])
      try expect(try trial.base("a"), [], "what the first began with")
      try trial.change("a", [set("y", "2"), .clear(key: "x"), set("z", "2")], at: 2_500) {
        $0.nextExecution = numbered(1, after: 0)
      }
      try expect(try trial.base("a"), ["y=2", "z=2"], "what the second began with")
      try expect(try trial.snapshot("a").kv.map(\.at), [2_500, 2_500], "times")
      try trial.change("a", [set("y", "3"), .clear(key: "z"), set("w", "3")])
      try expect(try trial.values("a"), ["w=3", "y=3"], "the values now")
      try expect(try trial.base("a"), ["y=2", "z=2"], "what the second began with, after changes")
      try expect(try trial.snapshot("a").kv.map(\.at), [2_500, 2_500], "times after changes")
      try trial.change("a", [.clearAll])
      try expect(try trial.base("a"), ["y=2", "z=2"], "what the second began with, after all were cleared")
      try trial.change("a", [set("y", "4")]) { $0.nextExecution = numbered(1, after: 0) }
      try expect(try trial.base("a"), ["y=4"], "what the third began with")
      try trial.turn("a") { $0.nextExecution = numbered(1, after: 0) }
      try expect(try trial.base("a"), ["y=4"], "what the fourth began with")
      try expect(try trial.values("a"), ["y=4"], "the values in the fourth")
    },
    ConformanceCase("key values: a key cleared and set again in one execution") { trial in
      try trial.run("a")
      try trial.change("a", [set("x", "1"), set("y", "1")]) { $0.nextExecution = numbered(1, after: 0) }
      try trial.change("a", [.clear(key: "x")])
      try trial.change("a", [set("x", "2"), .clearAll, set("x", "3")])
      try expect(try trial.base("a"), ["x=1", "y=1"], "what the execution began with")
      try expect(try trial.values("a"), ["x=3"], "the values")
      try trial.turn("a") { $0.nextExecution = numbered(1, after: 0) }
      try expect(try trial.base("a"), ["x=3"], "what the next began with")
    },
    ConformanceCase("key values: they can be read after the end, whichever way") { trial in
      for instance in ["completed", "terminated"] {
        try trial.run(instance)
        try trial.change(instance, [set("x", "1")]) { $0.nextExecution = numbered(1, after: 0) }
        try trial.change(instance, [set("y", "2")])
      }
      try trial.turn("completed") {
        $0.status = .completed
        $0.kvChanges = [TimedKVChange(change: set("z", "3"), at: 1)]
      }
      try trial.control("terminated", .terminate)
      try expect(try trial.values("completed"), ["x=1", "y=2", "z=3"], "after it completed")
      try expect(try trial.values("terminated"), ["x=1", "y=2"], "after it was terminated")
      try expect(try trial.base("terminated"), ["x=1"], "what its execution began with")
    },
    ConformanceCase("key values: a turn that conflicts changes none") { trial in
      try trial.run("a")
      try trial.change("a", [set("x", "1")])
      var late = try trial.draft("a")
      late.revision = 0
      late.kvChanges = [TimedKVChange(change: .clearAll, at: 1)]
      try trial.refuse(.turn(late), .conflict, "the late turn")
      try expect(try trial.values("a"), ["x=1"], "the values")
    },
    ConformanceCase("key values: they go with their instance") { trial in
      try trial.run("a")
      try trial.change("a", [set("x", "1")]) { $0.nextExecution = numbered(1, after: 0) }
      try trial.land(.delete("a", force: true))
      try expect(try trial.values("a"), nil, "after the deletion")
      try trial.run("a")
      try expect(try trial.values("a"), [], "of the next instance")
      try expect(try trial.base("a"), [], "what the next instance began with")
    },
  ]
}
