import PerdureModel
import PerdureReplay
import Testing

/// Key-value state, patches, measurements, and the mark of a long history.
@Suite struct StateTests {
  // MARK: Key-value

  @Test func changesGoInOrderEachWithTheTimeOfItsEvent() throws {
    var story = try Story([.wait("go"), .set("first", "0")])
    story.now = 5_000
    let prepared = story.state.prepare([.raised(1, "a"), .raised(2, "b")], start: nil, now: story.now)
    let commit = try story.turn(
      [.raised(1, "a"), .raised(2, "b")],
      actions: [
        (prepared.events[0].id, .set("k", "1")), (prepared.events[0].id, .clear("first")),
        (prepared.events[1].id, .clearAll), (prepared.events[1].id, .set("k", "2")),
      ]
    ).commit
    #expect(
      commit.kvChanges == [
        TimedKVChange(change: .set(key: "k", value: Payload("1")), at: 5_000),
        TimedKVChange(change: .clear(key: "first"), at: 5_000), TimedKVChange(change: .clearAll, at: 5_000),
        TimedKVChange(change: .set(key: "k", value: Payload("2")), at: 5_000),
      ])
    #expect(kinds(commit.events).suffix(4) == ["kvChanged", "kvChanged", "kvChanged", "kvChanged"])
    #expect(story.state.kvKeys == [ExactText("k")])
    #expect(story.state.open.count == 1, "the wait")
  }

  /// The first events of an execution are older than the turn that brings them to the code.
  @Test func theTimeIsThatOfTheEventNotOfTheTurn() throws {
    var story = Story()
    try story.turn([.raised(1, "kept")], end: .again)
    let begun = story.now - 10
    story.now = 9_000
    let commit = try story.turn(
      [.raised(2, "new")], actions: [(after: 1, kind: .set("a")), (after: 3, kind: .set("b"))], end: nil
    ).commit
    #expect(commit.kvChanges.map { $0.at } == [begun, 9_000])
  }

  @Test func keysAreToldApartByTheirBytes() throws {
    var story = Story()
    try story.turn(actions: [.set("\u{E9}"), .set("e\u{301}"), .clear("\u{E9}")])
    #expect(story.state.kvKeys == [ExactText("e\u{301}")])
  }

  @Test func stateIsCarriedByContinueAsNew() throws {
    var story = Story()
    let conclusion = try story.turn(actions: [.set("a"), .set("b"), .clear("b")], end: .again)
    #expect(conclusion.commit.kvChanges.count == 3)
    #expect(conclusion.next?.kvKeys == [ExactText("a")])
    try story.turn(actions: [.set("c")])
    try story.turn([.raised(1, "x")])
    #expect(story.state.kvKeys == [ExactText("a"), ExactText("c")])
  }

  @Test func changesOfTheLastTurnCount() throws {
    var story = Story()
    let commit = try story.turn(actions: [.set("a")], end: .completed).commit
    #expect(commit.kvChanges.count == 1 && commit.status == .completed)
  }

  @Test func aKeyOverTheLimitLeavesTheOthers() throws {
    var story = Story()
    let commit = try story.turn(actions: [.set("a"), .set(""), .set("b")]).commit
    #expect(commit.status == .failed)
    #expect(commit.kvChanges.map { $0.change } == [.set(key: "a", value: Payload("1"))])
  }

  // MARK: Patches

  @Test func aPatchIsRecordedAndLeavesNothingOpen() throws {
    var story = Story()
    let commit = try story.turn(actions: [.recordPatch("fix-7"), .activity()]).commit
    #expect(
      commit.events[1].kind == .patchRecorded(Origin(action: 1, after: 1), patch: "fix-7"))
    #expect(Set(story.state.open.keys) == [2])
    try story.turn([.ran(2)], end: .completed)
  }

  // MARK: Logs and measurements

  @Test func measurementsArePassedOn() throws {
    let story = Story()
    var state = story.state
    let prepared = state.prepare([], start: story.start, now: 5)
    var result = TurnResult(actions: [Action(id: 1, after: 1, kind: .activity())])
    result.metrics = [MetricLine(name: "orders", kind: .counter, value: Payload("1"))]
    let conclusion = try state.conclude(
      prepared, result: result, recorded: nil, revision: 0, latestVersion: "1.0.0", now: 5)
    #expect(conclusion.metrics == result.metrics)
    #expect(conclusion.commit.events.count == 2, "they are not history")
  }

  // MARK: A history that has grown long

  @Test func eventsPastFourFifthsOfTheLimitAreLate() throws {
    var story = Story()
    story.limits.historyEvents = 10
    try story.turn([.raised(1, "x")], actions: [.wait("a"), .wait("b"), .wait("c")])
    #expect(!story.history.contains { $0.isLate })
    try story.turn([.raised(2, "x"), .raised(3, "x"), .raised(4, "x")])
    #expect(story.history.filter { $0.isLate }.map { $0.id } == [8], "from the eighth of ten on")
    try story.turn([.raised(5, "x")], actions: [.setCustomStatus(nil)])
    #expect(
      story.history.map { $0.isLate }.suffix(3) == [true, true, false], "only what code sees is marked")
  }

  @Test func bytesPastFourFifthsOfTheLimitAreLate() throws {
    var story = Story()
    story.limits.historyBytes = 2_000
    try story.turn(actions: [.wait("go")])
    let large = "\"" + String(repeating: "x", count: 600) + "\""
    for sequence in 1...Int64(2) { try story.turn([.raised(sequence, "x", large)]) }
    #expect(story.history.map { $0.isLate } == [false, false, false, true])
  }

  @Test func theNextExecutionIsNotLate() throws {
    var story = Story()
    story.limits.historyEvents = 5
    try story.turn([.raised(1, "a"), .raised(2, "b"), .raised(3, "c")], end: .again)
    #expect(story.history.count == 4 && !story.history.contains { $0.isLate })
  }
}
