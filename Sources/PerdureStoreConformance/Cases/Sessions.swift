import PerdureModel
import PerdureStore

extension StoreConformance {
  /// "a" with an activity for each session, in order.
  private static func schedule(_ trial: Trial, _ sessions: [String?]) throws {
    try trial.start("a")
    try trial.turn("a") {
      $0.scheduled = sessions.enumerated().map { index, session in
        .sample("a", ActionID(index) + 1) { $0.session = session }
      }
    }
  }

  /// The actions that the node gets; a session is given up after 1,000 ms.
  private static func claim(
    _ trial: Trial, _ node: NodeID, limit: Int = 100, now: TimestampMS = 3_000, sessionsMax: Int = 10
  ) throws -> [ActionID] {
    try trial.claimTasks(node, limit: limit, now: now) {
      $0.sessionIdleMS = 1_000
      $0.sessionsMax = sessionsMax
    }.map(\.key.action)
  }

  private static func claimOf(_ trial: Trial, _ action: ActionID) throws -> ActivityClaim {
    guard let claim = try trial.store.activities(of: "a").first(where: { $0.key.action == action })?.claim
    else { throw ConformanceFailure("activity \(action)", expected: "a claim", found: "none") }
    return claim
  }

  private static func end(_ trial: Trial, _ action: ActionID, now: TimestampMS) throws {
    let claim = try claimOf(trial, action)
    try trial.land(
      .activityEnded(trial.key("a", action), claim: claim, outcome: .completed(.null), now: now))
  }

  static let sessions: [ConformanceCase] = [
    ConformanceCase("sessions: the work of a session goes to the node that has it") { trial in
      let one = try trial.store.join()
      let other = try trial.store.join()
      try schedule(trial, ["s", "s", nil, "S", "s"])
      try expect(try claim(trial, one, limit: 1), [1], "the first")
      try expect(try claim(trial, other), [3, 4], "for another node")
      try expect(try claim(trial, one), [2, 5], "for the node that has it")
    },
    ConformanceCase("sessions: one claim can bring a new session and more of its work") { trial in
      try schedule(trial, ["s", "t", "s", "t"])
      try expect(try claim(trial, try trial.store.join()), [1, 2, 3, 4], "claimed")
    },
    ConformanceCase("sessions: those of a node that left or died are free") { trial in
      let one = try trial.store.join()
      let other = try trial.store.join()
      try schedule(trial, ["s", "s"])
      try expect(try claim(trial, one, limit: 1), [1], "the first")
      try end(trial, 1, now: 3_000)
      try expect(try claim(trial, other), [], "while it lives")
      try trial.store.leave(one)
      try expect(try claim(trial, other), [2], "after it left")
    },
    ConformanceCase("sessions: a node that is not known any more gets none of their work") { trial in
      let one = try trial.store.join()
      try schedule(trial, ["s", nil])
      try trial.store.leave(one)
      try expect(try claim(trial, one), [2], "for one that is gone")
      try expect(try claim(trial, try trial.store.join(), limit: 1), [1], "for one that lives")
    },
    ConformanceCase("sessions: one that was not used for long is free") { trial in
      let one = try trial.store.join()
      let other = try trial.store.join()
      try schedule(trial, ["s", "s", "s"])
      try expect(try claim(trial, one, limit: 1), [1], "the first")
      try end(trial, 1, now: 3_500)
      try expect(try claim(trial, other, now: 4_499), [], "one millisecond before")
      try expect(try claim(trial, other, limit: 1, now: 4_500), [2], "when it was idle for long")
      try expect(try claim(trial, one, now: 4_500), [], "for the node that had it")
    },
    ConformanceCase("sessions: one in which an activity runs is in use, however long that takes") { trial in
      let one = try trial.store.join()
      try schedule(trial, ["s", "s"])
      try expect(try claim(trial, one, limit: 1), [1], "the first")
      try expect(try claim(trial, try trial.store.join(), now: 900_000), [], "for another node")
      try expect(try claim(trial, one, now: 900_000), [2], "for the node that has it")
    },
    ConformanceCase("sessions: a claim and the end of an activity by a turn are uses") { trial in
      let one = try trial.store.join()
      let other = try trial.store.join()
      try schedule(trial, ["s", "s", "s"])
      try expect(try claim(trial, one, limit: 1, now: 3_000), [1], "the first")
      let finished = FinishedActivity(action: 1, claim: try claimOf(trial, 1))
      try trial.turn("a", now: 9_000) { $0.finished = [finished] }
      try expect(try claim(trial, other, now: 9_999), [], "after a turn with its result")
      try expect(try claim(trial, one, limit: 1, now: 9_999), [2], "the second")
      let claim2 = ClaimedActivity(key: trial.key("a", 2), claim: try claimOf(trial, 2))
      try trial.land(.releaseActivities([claim2]))
      try expect(try claim(trial, other, now: 10_998), [], "after a claim that was given back")
      try expect(try claim(trial, other, now: 10_999), [2, 3], "when it was idle for long")
    },
    ConformanceCase("sessions: a deferred activity does not hold its session") { trial in
      let one = try trial.store.join()
      let other = try trial.store.join()
      try schedule(trial, ["s", "s"])
      try expect(try claim(trial, one, limit: 1), [1], "the first")
      try trial.land(
        .deferActivity(trial.key("a"), claim: try claimOf(trial, 1), heartbeat: nil, now: 5_000))
      try expect(try claim(trial, other, now: 5_999), [], "just after the deferral")
      try expect(try claim(trial, other, now: 6_000), [2], "when it was idle for long")
    },
    ConformanceCase("sessions: a node has no more than it may") { trial in
      let one = try trial.store.join()
      let other = try trial.store.join()
      try schedule(trial, ["s", "t", "u", "s", nil, "v"])
      try expect(try claim(trial, one, sessionsMax: 2), [1, 2, 4, 5], "for a node with two")
      try expect(try claim(trial, one, sessionsMax: 2), [], "once more")
      try expect(try claim(trial, other, sessionsMax: 0), [], "for a node with none")
      try expect(try claim(trial, other, sessionsMax: 1), [3], "for a node with one")
      for action in [1, 4] as [ActionID] { try end(trial, action, now: 3_000) }
      try expect(try claim(trial, one, now: 3_999, sessionsMax: 2), [], "before one of them is idle")
      try expect(try claim(trial, one, now: 4_000, sessionsMax: 2), [6], "after one of them is idle")
    },
    ConformanceCase("sessions: a task that a turn schedules with a claim takes its session along") { trial in
      let one = try trial.store.join()
      try trial.start("a")
      try trial.turn("a") {
        $0.scheduled = [
          .sample("a", 1, claim: ActivityClaim(node: one, token: 1)) { $0.session = "s" },
          .sample("a", 2) { $0.session = "s" },
        ]
      }
      try expect(try claim(trial, try trial.store.join()), [], "for another node")
      try expect(try claim(trial, one), [2], "for the node")
    },
    ConformanceCase("sessions: one that others have holds up nothing behind it") { trial in
      let one = try trial.store.join()
      try trial.start("a")
      try trial.turn("a") {
        $0.scheduled =
          (1...50).map { .sample("a", $0) { $0.session = "s" } } + [.sample("a", 51)]
      }
      try expect(try claim(trial, one, limit: 1), [1], "the first")
      try expect(try claim(trial, try trial.store.join(), limit: 1), [51], "for another node")
    },
  ]
}
