import PerdureModel
import PerdureReplay
import Testing

/// Where the trace goes from a start.
@Suite struct TraceTests {
  static let trace = TraceContext(
    parent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", state: "vendor=1")

  @Test func fromTheStartToActivitiesAndChildren() throws {
    let trace = try #require(Self.trace)
    let own = trace.span(of: "order-7", 1)
    var story = Story(trace: trace)
    let commit = try story.turn(actions: [
      .scheduleActivity(name: "a", input: .null, options: ActivityOptions()),
      .scheduleSubOrchestration(
        name: "kid", version: nil, instance: nil, input: .null, closePolicy: .terminate),
      .startDetached(name: "kid", version: nil, instance: nil, input: .null),
    ]).commit
    #expect(
      commit.events.first?.kind
        == .orchestrationStarted(
          name: "order", version: "1.0.0", input: Payload("1"), parent: nil, trace: trace))
    #expect(commit.scheduled.map { $0.trace } == [own])
    #expect(commit.starts.map { $0.start.options.trace } == [own, own])
    #expect(commit.starts.first?.start.options.closePolicy == .terminate)
    #expect(story.state.trace == own)
  }

  @Test func toTheNextExecution() throws {
    let trace = try #require(Self.trace)
    var story = Story(trace: trace)
    let commit = try story.turn(end: .continuedAsNew(version: nil, input: .null)).commit
    let first = trace.span(of: "order-7", 1)
    guard case .orchestrationStarted(_, _, _, _, let caller)? = commit.nextExecution?.first?.kind else {
      Issue.record("it does not begin")
      return
    }
    #expect(caller == first)
    #expect(story.state.trace == first.span(of: "order-7", 2))
  }

  @Test func withoutOneThereIsNone() throws {
    var story = Story()
    let commit = try story.turn(actions: [
      .scheduleActivity(name: "a", input: .null, options: ActivityOptions())
    ]).commit
    #expect(commit.scheduled.map { $0.trace } == [nil])
    #expect(story.state.trace == nil)
  }
}

/// What a commit says for metrics.
@Suite struct ActivityEndTests {
  @Test func endsOfActivitiesAreNamed() throws {
    var story = try Story([
      .scheduleActivity(name: "a", input: .null, options: ActivityOptions()),
      .scheduleActivity(name: "b", input: .null, options: ActivityOptions()),
      .scheduleActivity(name: "c", input: .null, options: ActivityOptions()),
      .scheduleActivity(name: "d", input: .null, options: ActivityOptions()),
      .createTimer(fireAt: 5_000),
    ])
    let claim = ActivityClaim(node: 1, token: 1)
    func ended(_ action: ActionID, _ outcome: Outcome) -> Incoming {
      .activity(FinishedActivity(action: action, claim: claim), execution: 1, outcome: outcome)
    }
    let first = try story.turn(
      [
        ended(1, .completed(.null)), ended(2, .failed(Failure(type: "E", message: "m"))),
        ended(9, .completed(.null)),
      ],
      actions: [.cancel(target: 3), .cancel(target: 5), .cancel(target: 1)])
    #expect(first.commit.orchestration == "order")
    #expect(
      first.commit.activityEnds == [
        ActivityEnd(name: "a", kind: .completed), ActivityEnd(name: "b", kind: .failed),
        ActivityEnd(name: "c", kind: .cancelled),
      ])
    let last = try story.turn([.raised(1, "go")], end: .completed(output: .null))
    #expect(last.commit.activityEnds == [ActivityEnd(name: "d", kind: .cancelled)])
  }
}
