import PerdureModel
import PerdureReplay
import Testing

/// What code says to other instances, and what it hears of that.
@Suite struct RequestTests {
  @Test func messagesLeaveWithTheTurnAndWithTheirNumber() throws {
    var story = Story()
    let commit = try story.turn(actions: [
      .raise("go", to: "b", "7"), .raise("q", to: "b", "8", .queue, keep: true),
      .cancelInstance("c", "enough"), .read("k", of: "b"),
    ]).commit
    #expect(
      commit.messages == [
        OutgoingMessage(
          to: "b", kind: .raised(channel: .event, name: "go", data: Payload("7")), action: 1),
        OutgoingMessage(
          to: "b", kind: .raised(channel: .queue, name: "q", data: Payload("8")), isKept: true, action: 2),
        OutgoingMessage(to: "c", kind: .cancel(reason: "enough", graceMS: nil), action: 3),
      ])
    #expect(commit.kvReads == [KVReadRequest(action: 4, instance: "b", key: "k")])
    #expect(
      kinds(commit.events) == [
        "orchestrationStarted", "messageSendRequested", "messageSendRequested", "messageSendRequested",
        "kvReadRequested",
      ])
    #expect(story.state.open.values.allSatisfy { $0 == .request } && story.state.open.count == 4)
  }

  @Test func answersEndThem() throws {
    var story = try Story([.raise("go", to: "b"), .read("k", of: "b")])
    let gone = Failure.unknownReceiver("b")
    let commit = try story.turn([
      .request(1, 1, .failed(gone)), .request(2, 2, .completed(Payload(#"{"value":1}"#))),
    ]).commit
    #expect(
      commit.events.map { $0.kind } == [
        .requestFailed(action: 1, failure: gone),
        .requestCompleted(action: 2, result: Payload(#"{"value":1}"#)),
      ])
    #expect(commit.consumed == [1, 2] && story.state.open.isEmpty)
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var incoming: [Incoming]
    var events: [String]
    var strays: [Int]
  }

  /// 1 a message, 2 an activity.
  static let answers = [
    Case(
      testDescription: "twice", incoming: [.request(1, 1), .request(2, 1)], events: ["requestCompleted"],
      strays: [1]),
    Case(
      testDescription: "of another execution", incoming: [.request(1, 1, execution: 2)], events: [],
      strays: [0]),
    Case(testDescription: "to nothing", incoming: [.request(1, 9)], events: [], strays: [0]),
    Case(testDescription: "to an activity", incoming: [.request(1, 2)], events: [], strays: [0]),
    Case(
      testDescription: "an activity's answer to a request",
      incoming: [.ran(1), .ranElsewhere(1, 1), .child(2, 1)],
      events: [], strays: [0, 1, 2]),
  ]

  @Test(arguments: answers)
  func answer(_ given: Case) throws {
    let story = try Story([.raise("go", to: "b"), .activity()])
    let prepared = story.state.prepare(given.incoming, start: nil, now: story.now)
    #expect(kinds(prepared.events) == given.events)
    #expect(prepared.strays == given.strays.map { given.incoming[$0] })
  }

  @Test func aRequestThatIsGivenUpIsSentAllTheSame() throws {
    var story = Story()
    let commit = try story.turn(actions: [.raise("go", to: "b"), .cancel(target: 1)]).commit
    #expect(commit.messages.map { $0.to } == ["b"])
    #expect(
      commit.events.last?.kind
        == .workCancelled(Origin(action: 2, after: 1), target: 1, work: .request))
    #expect(story.state.prepare([.request(1, 1)], start: nil, now: story.now).events.isEmpty)
  }

  @Test func anEndLeavesRequestsAlone() throws {
    var story = try Story([.raise("go", to: "b")])
    let commit = try story.turn([.raised(1, "x")], actions: [.raise("bye", to: "b")], end: .completed).commit
    #expect(kinds(commit.events) == ["messageReceived", "messageSendRequested", "orchestrationCompleted"])
    #expect(commit.messages.map { $0.action } == [2])
  }

  // MARK: Topics

  @Test func topicsAreJoinedLeftAndPublishedTo() throws {
    var story = Story()
    let commit = try story.turn(actions: [
      .subscribeTopic("news"), .publish(topic: "news", data: Payload("1")), .unsubscribeTopic("news"),
      .subscribeTopic("sport"), .publish(topic: "sport", data: Payload("2")),
    ]).commit
    #expect(
      commit.topicChanges == [
        TopicChange(topic: "news", isSubscribed: true), TopicChange(topic: "news", isSubscribed: false),
        TopicChange(topic: "sport", isSubscribed: true),
      ])
    #expect(
      commit.publications == [
        Publication(topic: "news", data: Payload("1")), Publication(topic: "sport", data: Payload("2")),
      ])
    #expect(story.state.open.isEmpty, "nothing waits for an answer")
  }

  @Test func whatIsPublishedWaitsForItsTaker() throws {
    var story = try Story([.waitForTopic("news"), .wait("news"), .dequeue("news")])
    try story.turn([.published(1, "news", "1"), .published(2, "news", "2")])
    #expect(Set(story.state.open.keys) == [2, 3], "events and queues have names of their own")
    #expect(story.state.mailbox.untaken.map { $0.data } == [Payload("2")])
    try story.turn([.raised(3, "x")], actions: [.waitForTopic("news")])
    #expect(Set(story.state.open.keys) == [2, 3])
  }

  // MARK: Calls

  @Test func aCallIsTakenAndAnsweredOnce() throws {
    var story = try Story([.nextCall("add"), .nextCall("add")])
    let call = try story.turn([.called(1, "add", id: "c-1", "5")], actions: [.answer("c-1", "6")]).commit
    #expect(
      call.events.map { $0.kind } == [
        .callReceived(call: "c-1", name: "add", input: Payload("5")),
        .callAnswered(
          Origin(action: 3, after: 4), call: "c-1", outcome: .completed(Payload("6"))),
      ])
    #expect(call.callAnswers == [CallAnswer(call: "c-1", outcome: .completed(Payload("6")))])
    #expect(call.consumed == [1])
    #expect(story.state.open.count == 1 && story.state.openCalls.isEmpty)
    let refusal = Failure(type: FailureType.callRejected, message: "no")
    let next = try story.turn(
      [.called(2, "add", id: "c-2"), .called(3, "add", id: "c-3")],
      actions: [.answerCall(call: "c-2", outcome: .failed(refusal))]
    ).commit
    #expect(next.callAnswers == [CallAnswer(call: "c-2", outcome: .failed(refusal))])
    #expect(story.state.mailbox.untaken.map { $0.call } == ["c-3"], "it waits for its turn")
  }

  @Test func callsAreServedInTheirOrderByName() throws {
    var story = try Story([.wait("x")])
    try story.turn([.called(1, "a", id: "1"), .called(2, "b", id: "2"), .called(3, "a", id: "3")])
    try story.turn([.raised(4, "x")], actions: [.nextCall("b"), .nextCall("a")])
    #expect(story.state.openCalls == ["1", "2"])
    #expect(story.state.open.isEmpty)
  }

  @Test func aWaitForACallThatIsGivenUpLeavesItToTheNext() throws {
    var story = try Story([.nextCall("a"), .cancel(target: 1)])
    try story.turn([.called(1, "a", id: "c")])
    #expect(story.state.openCalls.isEmpty)
    let commit = try story.turn([.raised(2, "x")], actions: [.nextCall("a")], end: .completed).commit
    #expect(commit.callAnswers.isEmpty, "whoever waits is told of the end")
  }
}
