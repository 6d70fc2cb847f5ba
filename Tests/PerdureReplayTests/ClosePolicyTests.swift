import PerdureModel
import PerdureReplay
import Testing

/// What becomes of children that are open when their parent ends, however it ends.
@Suite struct ClosePolicyTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var isAsked = false
    /// nil: the engine ends it, because the time to clean up is over.
    var end: TurnEndKind?
  }

  static let ends = [
    Case(testDescription: "completed", end: .completed), Case(testDescription: "failed", end: .failed),
    Case(testDescription: "cancelled", isAsked: true, end: .cancelled),
    Case(testDescription: "continued", end: .again),
    Case(testDescription: "over a limit", end: .completed(output: Payload(LimitTests.large))),
    Case(testDescription: "out of time", isAsked: true, end: nil),
  ]

  static let children: [ActionKind] = [
    .child(as: "c", .cancel), .child(as: "t", .terminate), .child(as: "a", .abandon),
  ]

  static func cancel(_ instance: InstanceID) -> OutgoingMessage {
    OutgoingMessage(to: instance, kind: .cancel(reason: "the parent ended", graceMS: nil))
  }

  @Test(arguments: ends)
  func childrenOfBefore(_ given: Case) throws {
    var story = try Story(Self.children + [.activity()])
    let incoming: [Incoming] = [given.isAsked ? .cancel(1, graceMS: 50) : .raised(1, "x")]
    let commit: TurnCommit
    if let end = given.end {
      commit = try story.turn(incoming, end: end).commit
    } else {
      try story.turn(incoming)
      commit = story.state.conclude(ending: .cancelled, revision: 2, now: 5_000)
    }
    #expect(commit.messages == [Self.cancel("c")])
    #expect(commit.terminations == ["t"])
    #expect(commit.cancelled == [4])
    #expect(Self.givenUp(commit) == [1, 2, 4], "the abandoned one is not given up")
    #expect(commit.events.last?.kind.isTerminal == true)
  }

  @Test(arguments: ends.filter { $0.end != nil })
  func childrenOfTheSameTurn(_ given: Case) throws {
    var story = try Story([.wait("x")])
    let incoming: [Incoming] = [given.isAsked ? .cancel(1) : .raised(1, "x")]
    let commit = try story.turn(incoming, actions: Self.children, end: given.end).commit
    #expect(commit.starts.map { $0.start.instance } == ["a"], "the others never begin")
    #expect(commit.messages.isEmpty && commit.terminations.isEmpty)
    #expect(Self.givenUp(commit) == [2, 3])
  }

  @Test(arguments: ParentClosePolicy.allCases)
  func thePolicyGoesWithTheStart(_ policy: ParentClosePolicy) throws {
    var story = Story()
    let commit = try story.turn(actions: [.child(as: "c", policy)]).commit
    #expect(commit.starts.map { $0.start.options.closePolicy } == [policy])
    #expect(story.state.open[1] == .subOrchestration("c", policy))
  }

  /// A race that the child lost.
  @Test(arguments: ParentClosePolicy.allCases)
  func givingUpAChildCancelsItWhateverThePolicy(_ policy: ParentClosePolicy) throws {
    var story = try Story([.child(as: "c", policy), .activity()])
    let commit = try story.turn([.ran(2)], actions: [.cancel(target: 1)]).commit
    #expect(
      commit.messages == [
        OutgoingMessage(to: "c", kind: .cancel(reason: "the parent gave it up", graceMS: nil))
      ])
    #expect(commit.terminations.isEmpty)
  }

  @Test func aChildThatHasEndedIsLeftAlone() throws {
    var story = try Story([.child(as: "t", .terminate)])
    let commit = try story.turn([.child(1, 1)], end: .completed).commit
    #expect(commit.terminations.isEmpty && commit.messages.isEmpty)
  }

  private static func givenUp(_ commit: TurnCommit) -> [ActionID] {
    commit.events.compactMap { event in
      if case .workCancelled(nil, let target, _) = event.kind { target } else { nil }
    }
  }
}
