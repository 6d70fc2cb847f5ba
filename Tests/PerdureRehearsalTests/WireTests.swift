import PerdureModel
import PerdureRehearsal
import PerdureWire
import Testing

@Suite("The wire of a simulation")
struct WireTests {
  private func plan() -> RehearsalPlan {
    var plan = RehearsalPlan(
      activities: ["a", "b"],
      script: [
        ScriptLine(afterMS: 5, deed: .send(SendRequest(instance: "i-1", channel: .queue, name: "q"))),
        ScriptLine(
          afterMS: 6,
          deed: .control(
            ControlRequest(instance: "i-1", operation: .cancel(graceMS: 7), reason: "enough"))),
        ScriptLine(
          afterMS: 7,
          deed: .control(ControlRequest(instance: "i-1", operation: .control(.suspend), reason: ""))),
        ScriptLine(afterMS: 8, deed: .publish(Publication(topic: "t", data: Payload("[1]")))),
        ScriptLine(
          afterMS: 9, deed: .call(CallRequest(instance: "i-1", name: "n", input: .null, call: "c"))),
        ScriptLine(
          afterMS: 10,
          deed: .complete(
            CompletionToken(key: ActivityKey(instance: "i.1", execution: 1, action: 2), token: 3),
            .failed(Failure(type: "T", message: "m")))),
      ])
    plan.activities[1].limits = ActivityLimits(concurrency: 2, rate: 3, ratePeriodMS: 4)
    plan.seed = 12
    plan.schedule = ["x \"y\"": .crashBefore, "z": .delay(17)]
    for (word, choice) in RehearsalChoice.words { plan.schedule[word] = choice }
    plan.failsActivities = true
    plan.isReplaying = true
    plan.isObserved = true
    plan.maxSteps = 9
    plan.maxMS = 10
    return plan
  }

  @Test func `A plan comes back as it was`() throws {
    for plan in [plan(), RehearsalPlan()] {
      let json = RehearsalWire.encode(plan)
      #expect(try json.withUnsafeBytes { try RehearsalWire.decodePlan($0) } == plan)
    }
  }

  @Test func `Work comes back as it was`() throws {
    func decoded(_ work: RehearsalWork) throws -> RehearsalWire.Handed {
      try RehearsalWire.encode(work).withUnsafeBytes { try RehearsalWire.decodeWork($0) }
    }
    let request = TurnRequest(
      turn: 1, instance: "i", execution: 1, orchestration: "o", version: "1.0.0", from: 0, replayed: 0,
      events: [])
    #expect(try decoded(.turn(4, request)) == .turn(4, request))
    #expect(try decoded(.restarted) == .restarted)
    let key = ActivityKey(instance: "i", execution: 1, action: 1)
    let task = ActivityTask(
      key: key, orchestration: "o", name: "a", input: .null, attempt: 1, visibleAt: 0,
      claim: ActivityClaim(node: 1, token: 5))
    guard case .activity(6, let attempt) = try decoded(.activity(6, task, deadline: 9)) else {
      Issue.record("it is no activity")
      return
    }
    #expect((attempt.token, attempt.deadline) == ("5.1.1.i", 9))

    var plan = RehearsalPlan(activities: ["a", "b"])
    plan.seed = 5
    plan.isObserved = true
    let end = ScriptedHost(code: ScriptedHost.steps(["a", "b"])).run(plan)
    guard case .ended(var again) = try decoded(.ended(end)) else {
      Issue.record("it is no end")
      return
    }
    // Revisions are not sent.
    for index in again.instances.indices {
      again.instances[index].description.revision = end.instances[index].description.revision
    }
    #expect(again == end)
    guard case .committed("x", let described) = try decoded(.committed("x", end.instances)) else {
      Issue.record("it is no commit")
      return
    }
    #expect(described.map(\.description.instance) == ["i-1"])
  }

  @Test func `Answers carry a heartbeat and lines of the script`() throws {
    let extras = RehearsalWire.Extras(heartbeat: Payload("[7]"), script: plan().script)
    let answers = PollWire.Answers(activities: [.init(token: 3, value: .success(.deferred))])
    let json = RehearsalWire.encode(answers, extras)
    #expect(try json.withUnsafeBytes { try RehearsalWire.decodeExtras($0) } == extras)
    #expect(try json.withUnsafeBytes { try PollWire.decodeAnswers($0) } == answers)
    let none = RehearsalWire.encode(answers, RehearsalWire.Extras())
    #expect(try none.withUnsafeBytes { try RehearsalWire.decodeExtras($0) } == RehearsalWire.Extras())
  }
}
