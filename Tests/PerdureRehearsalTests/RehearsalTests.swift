import PerdureModel
import Testing

@testable import PerdureRehearsal

@Suite("A rehearsal runs instances in virtual time")
struct RehearsalTests {
  private let three = RehearsalPlan(activities: ["a", "b", "c"])

  private func host() -> ScriptedHost { ScriptedHost(code: ScriptedHost.steps(["a", "b", "c"])) }

  private func status(_ end: RehearsalEnd) -> [InstanceStatus] { end.instances.map(\.description.status) }

  @Test func `Without decisions everything goes well, and at once`() {
    let host = host()
    let end = host.run(three)
    #expect(end.stuck == nil)
    #expect(status(end) == [.completed])
    #expect(end.decisions.isEmpty)
    #expect(host.runs == ["a 1", "b 1", "c 1"])
    #expect((end.commits, end.activityRuns, end.crashes, host.restarts) == (5, 3, 0, 0))
    #expect(end.elapsedMS < 100)
  }

  @Test func `Each point of the quiet run can be tried alone`() {
    let quiet = host().run(three)
    #expect(
      quiet.points.map(\.name) == [
        "commit of start of i-1", "commit of turn 1 of i-1", "a 1 of i-1, attempt 1",
        "commit of turn 2 of i-1", "b 2 of i-1, attempt 1", "commit of turn 3 of i-1",
        "c 3 of i-1, attempt 1", "commit of turn 4 of i-1",
      ])
    for point in quiet.points {
      for choice in point.choices {
        var plan = three
        plan.schedule = [point.name: choice]
        let host = host()
        let end = host.run(plan)
        #expect(status(end) == [.completed], "\(point.name): \(choice)")
        #expect((end.crashes, host.restarts) == (1, 1), "\(point.name): \(choice)")
        #expect(end.decisions.map(\.name) == [point.name])
      }
    }
  }

  @Test func `A crash before a commit loses it, and a crash after it does not`() {
    func runs(_ schedule: [String: RehearsalChoice]) -> [String] {
      var plan = three
      plan.schedule = schedule
      let host = host()
      _ = host.run(plan)
      return host.runs
    }
    // The result of a is in the turn that was lost: a runs again.
    #expect(runs(["commit of turn 2 of i-1": .crashBefore]) == ["a 1", "a 2", "b 1", "c 1"])
    // b was dispatched by the process that died, and had not begun.
    #expect(runs(["commit of turn 2 of i-1": .crashAfter]) == ["a 1", "b 2", "c 1"])
    #expect(runs(["b 2 of i-1, attempt 1": .lost]) == ["a 1", "b 1", "b 2", "c 1"])
  }

  @Test func `An attempt fails without having worked, or after it`() {
    for (choice, expected) in [
      (RehearsalChoice.fails, ["a 1", "c 1"]), (.failsLate, ["a 1", "b 1", "c 1"]),
    ] {
      var plan = three
      plan.failsActivities = true
      plan.schedule = ["b 2 of i-1, attempt 1": choice]
      let host = host()
      let end = host.run(plan)
      #expect(host.runs == expected)
      #expect(end.instances.first?.description.output == Payload("2"))
    }
  }

  @Test(arguments: 1...60) func `The same seed gives the same run, and its schedule gives it again`(seed: Int)
  {
    var plan = RehearsalPlan(
      activities: ["a", "b", "c"],
      script: [
        ScriptLine(afterMS: 15, deed: .send(SendRequest(instance: "i-1", channel: .event, name: "e")))
      ])
    plan.failsActivities = true
    plan.seed = UInt64(seed)
    let one = host().run(plan)
    #expect(one.trace == host().run(plan).trace)
    #expect(status(one) == [.completed])

    plan.seed = nil
    plan.schedule = Dictionary(uniqueKeysWithValues: one.decisions.map { ($0.name, $0.choice) })
    let again = host().run(plan)
    #expect(again.trace == one.trace)
    #expect(again.decisions == one.decisions)
  }

  @Test func `Seeds differ, and all kinds of decisions come up`() {
    var plan = RehearsalPlan(
      activities: ["a", "b", "c"],
      script: [ScriptLine(afterMS: 5, deed: .send(SendRequest(instance: "i-1", channel: .event, name: "e")))])
    plan.failsActivities = true
    var traces: Set<UInt64> = [], kinds: Set<String> = []
    for seed in 0..<200 {
      plan.seed = UInt64(seed)
      let end = host().run(plan)
      traces.insert(end.trace)
      for decision in end.decisions {
        if case .delay = decision.choice { kinds.insert("delay") } else { kinds.insert("\(decision.choice)") }
      }
    }
    #expect(traces.count > 100)
    #expect(kinds == ["delay", "crashBefore", "crashAfter", "lost", "fails", "failsLate", "late"])
  }

  @Test func `Without a cache every turn begins anew and comes to the same`() {
    var plan = three
    plan.isReplaying = true
    #expect(status(host().run(plan)) == [.completed])
  }

  @Test func `Commits are told to those who watch`() {
    var plan = three
    plan.isObserved = true
    let host = host()
    _ = host.run(plan)
    #expect(host.commits == ["commit of start of i-1"] + (1...4).map { "commit of turn \($0) of i-1" })
  }
}

@Suite("A rehearsal knows how it stands with those who do not end")
struct RestTests {
  private func waiting(_ script: [ScriptLine]) -> RehearsalEnd {
    let host = ScriptedHost(code: { _, events in
      var output = ScriptedHost.Output()
      for event in events {
        switch event.kind {
        case .orchestrationStarted:
          output.actions.append((event.id, .subscribe(channel: .event, name: "go")))
        case .messageReceived: output.end = .completed(output: .null)
        case .cancellationRequested: output.end = .cancelled
        default: break
        }
      }
      return output
    })
    return host.run(RehearsalPlan(activities: [], script: script))
  }

  private func send(_ name: String, after: Int64) -> ScriptLine {
    ScriptLine(afterMS: after, deed: .send(SendRequest(instance: "i-1", channel: .event, name: name)))
  }

  @Test func `One that waits for ever is at rest, and says for what`() {
    let end = waiting([])
    #expect(end.stuck == nil)
    #expect(end.instances.map(\.description.status) == [.running])
    #expect(end.instances.map(\.waits) == [["event 'go'"]])
  }

  @Test func `Messages and cancels come when the script says`() {
    let end = waiting([send("go", after: 60_000), send("go", after: 90_000)])
    #expect(end.instances.map(\.description.status) == [.completed])
    #expect(end.elapsedMS >= 90_000)
    #expect(end.refused == [.init(line: 2, why: "the instance is Completed")])
    let cancel = ControlRequest(instance: "i-1", operation: .cancel(graceMS: nil), reason: "no")
    #expect(
      waiting([ScriptLine(afterMS: 5, deed: .control(cancel))]).instances.map(\.description.status)
        == [.cancelled])
  }

  @Test func `What nobody registered is waited for`() {
    var plan = RehearsalPlan(activities: ["a"])
    let host = ScriptedHost(code: ScriptedHost.steps(["a", "unknown"]))
    #expect(host.run(plan).instances.map(\.waits) == [["activity 'unknown'"]])
    plan.orchestrations = []
    #expect(host.run(plan).instances.first?.description.status == .pending)
  }

  @Test func `One that never rests is broken off`() {
    let host = ScriptedHost(code: { _, events in
      var output = ScriptedHost.Output()
      for event in events where event.kind.isDelivered {
        output.actions.append((event.id, .createTimer(fireAt: event.at + 1_000)))
      }
      return output
    })
    var plan = RehearsalPlan(activities: [])
    plan.maxSteps = 200
    #expect(host.run(plan).stuck == "it goes on after 200 steps")
    plan.maxMS = 10_000
    #expect(host.run(plan).stuck == "it goes on after 10.000 s of virtual time")
  }

  @Test func `An activity that was deferred ends with its token`() {
    let host = ScriptedHost(code: ScriptedHost.steps(["later"]), activity: { _ in nil })
    let key = ActivityKey(instance: "i-1", execution: 1, action: 1)
    let plan = RehearsalPlan(activities: ["later"])
    let rehearsal = Rehearsal(plan)
    _ = host
    var end: RehearsalEnd?
    var started: EventID = 0
    while end == nil, let work = rehearsal.next() {
      switch work {
      case .turn(let token, let request):
        if request.from == 0, request.events.count == 1 {
          started = 1
          let action = Action(
            id: 1, after: 1,
            kind: .scheduleActivity(name: "later", input: .null, options: ActivityOptions()))
          #expect(rehearsal.answer(turn: token, .ran(TurnResult(actions: [action]))) == .taken)
        } else {
          let action = Action(
            id: 1, after: 1,
            kind: .scheduleActivity(name: "later", input: .null, options: ActivityOptions()))
          let last = request.events.last?.id ?? 0
          let ending = TurnEnd(after: last, kind: .completed(output: .null))
          #expect(rehearsal.answer(turn: token, .ran(TurnResult(actions: [action], end: ending))) == .taken)
        }
      case .activity(let token, let task, _):
        #expect(rehearsal.answer(activity: token, nil, heartbeat: Payload("1")))
        let completion = CompletionToken(key: key, token: task.claim?.token ?? 0)
        rehearsal.add(ScriptLine(afterMS: 1_000, deed: .complete(completion, .completed(.null))))
      case .restarted, .committed: break
      case .ended(let report): end = report
      }
    }
    #expect(started == 1)
    #expect(end?.instances.map(\.description.status) == [.completed])
  }

  @Test func `A host that does not answer, or answers twice, is told`() throws {
    let rehearsal = Rehearsal(RehearsalPlan(activities: []))
    guard case .turn(let token, _)? = rehearsal.next() else {
      Issue.record("no turn came")
      return
    }
    #expect(rehearsal.next() == nil)
    #expect(rehearsal.answer(turn: token + 1, .miss) == .unknown)
    #expect(!rehearsal.answer(activity: token, nil))
    let wrong = TurnResult(actions: [Action(id: 7, after: 1, kind: .setCustomStatus(nil))])
    guard case .refused = rehearsal.answer(turn: token, .ran(wrong)) else {
      Issue.record("the answer was taken")
      return
    }
    #expect(rehearsal.answer(turn: token, .miss) == .unknown)
    #expect(rehearsal.next() != nil)
  }
}
