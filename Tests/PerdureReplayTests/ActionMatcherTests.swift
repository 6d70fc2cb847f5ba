import PerdureModel
import PerdureReplay
import Testing

/// Code that changed under a running instance: history was made by `was`, the new code does `does`.
@Suite struct ActionMatcherTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var was: [ActionKind]
    var does: [ActionKind]
    var rule: Nondeterminism.Rule?
    var event: EventID

    init(
      _ name: String, was: [ActionKind], does: [ActionKind], _ rule: Nondeterminism.Rule? = .actionDiffers,
      at event: EventID = 2
    ) {
      testDescription = name
      self.was = was
      self.does = does
      self.rule = rule
      self.event = event
    }
  }

  static func child(
    _ name: String = "part", _ version: String? = nil, as instance: InstanceID? = nil, _ input: String = "1"
  ) -> ActionKind {
    .scheduleSubOrchestration(
      name: name, version: version, instance: instance, input: Payload(input), closePolicy: .cancel)
  }
  static func detached(
    _ name: String = "mail", _ version: String? = nil, as instance: InstanceID? = nil, _ input: String = "1"
  ) -> ActionKind {
    .startDetached(name: name, version: version, instance: instance, input: Payload(input))
  }
  static func tuned(_ tag: String?) -> ActionKind {
    var options = ActivityOptions()
    options.tag = tag
    options.retry = tag.map { _ in RetryPolicy() }
    options.startToCloseMS = tag.map { _ in 5 }
    options.priority = tag == nil ? 0 : 7
    return .scheduleActivity(name: "work", input: Payload("1"), options: options)
  }
  static func failing(_ call: String) -> ActionKind {
    .answerCall(call: call, outcome: .failed(Failure(type: "T", message: "m")))
  }
  static let timer = ActionKind.createTimer(fireAt: 5)
  static let status = ActionKind.setCustomStatus(Payload("1"))

  static let same = [
    Case("everything", was: all, does: all, nil),
    Case("fire times are not compared", was: [timer], does: [.createTimer(fireAt: 99)], nil),
    Case("status texts are not compared", was: [status], does: [.setCustomStatus(nil)], nil),
    Case("a derived id that is now explicit", was: [child()], does: [child(as: "order-7.1.1")], nil),
    Case("how an activity is run is not compared", was: [tuned(nil)], does: [tuned("gpu")], nil),
    Case("nor the other way round", was: [tuned("gpu")], does: [tuned(nil)], nil),
    Case(
      "close policies are not compared", was: [.child(as: "k", .abandon)],
      does: [.child(as: "k", .terminate)], nil),
    Case("answers to calls are not compared", was: [.answer("c", "1")], does: [.answer("c", "2")], nil),
    Case("nor whether they are good", was: [.answer("c", "1")], does: [failing("c")], nil),
  ]

  static let all: [ActionKind] = [
    .activity(), timer, .wait("go"), .dequeue("q"), child(as: "kid"), detached(), status, .cancel(target: 2),
    .cancel(target: 2), .waitForTopic("t"), .nextCall("c"), .set("k"), .clear("k"), .clearAll,
    .read("k", of: "other"), .raise("e", to: "other"), .raise("q", to: "other", "1", .queue, keep: true),
    .cancelInstance("other"), .subscribeTopic("t"), .unsubscribeTopic("t"),
    .publish(topic: "t", data: Payload("1")), .answer("c"), .recordPatch("p"), .cancel(target: 15),
  ]

  static let differing = [
    Case("activity name", was: [.activity("a")], does: [.activity("b")]),
    Case("activity name by bytes", was: [.activity("\u{E9}")], does: [.activity("e\u{301}")]),
    Case("activity input", was: [.activity("a", "1")], does: [.activity("a", "2")]),
    Case("event name", was: [.wait("a")], does: [.wait("b")]),
    Case("queue name", was: [.dequeue("a")], does: [.dequeue("b")]),
    Case("event or queue", was: [.wait("a")], does: [.dequeue("a")]),
    Case("child name", was: [child("a")], does: [child("b")]),
    Case("child version", was: [child("a", "1.0.0")], does: [child("a", "2.0.0")]),
    Case("child version gone", was: [child("a", "1.0.0")], does: [child("a")]),
    Case("child input", was: [child("a", "1")], does: [child("a", "2")]),
    Case("child id", was: [child(as: "x")], does: [child(as: "y")]),
    Case("child id given", was: [child()], does: [child(as: "y")]),
    Case("child id gone", was: [child(as: "x")], does: [child()]),
    Case("detached name", was: [detached("a")], does: [detached("b")]),
    Case("detached version", was: [detached("a", nil)], does: [detached("a", "1.0.0")]),
    Case("detached input", was: [detached("a", nil, as: nil, "1")], does: [detached("a", nil, as: nil, "2")]),
    Case("detached id", was: [detached(as: "x")], does: [detached(as: "y")]),
    Case("detached or child", was: [detached("a")], does: [child("a")]),
    Case(
      "cancel target", was: [timer, timer, .cancel(target: 1)], does: [timer, timer, .cancel(target: 2)],
      at: 4),
    Case("activity to timer", was: [.activity()], does: [timer]),
    Case("timer to status", was: [timer], does: [status]),
    Case("status to wait", was: [status], does: [.wait("a")]),
    Case("wait to cancel", was: [timer, .wait("a")], does: [timer, .cancel(target: 1)], at: 3),
    Case("two in another order", was: [.activity(), timer], does: [timer, .activity()]),
    Case("one is missing", was: [timer, .activity()], does: [timer], .actionMissing, at: 3),
    Case("all are missing", was: [timer], does: [], .actionMissing),
    Case("one is added", was: [timer], does: [timer, .activity()], .actionAdded, at: 1),
  ]

  static let differingInState = [
    Case("topic waited for", was: [.waitForTopic("a")], does: [.waitForTopic("b")]),
    Case("call waited for", was: [.nextCall("a")], does: [.nextCall("b")]),
    Case("topic or call", was: [.waitForTopic("a")], does: [.nextCall("a")]),
    Case("topic or event", was: [.waitForTopic("a")], does: [.wait("a")]),
    Case("key", was: [.set("a", "1")], does: [.set("b", "1")]),
    Case("value of a key", was: [.set("a", "1")], does: [.set("a", "2")]),
    Case("set or clear", was: [.set("a")], does: [.clear("a")]),
    Case("key to clear", was: [.clear("a")], does: [.clear("b")]),
    Case("one or all cleared", was: [.clear("a")], does: [.clearAll]),
    Case("key to read", was: [.read("a", of: "x")], does: [.read("b", of: "x")]),
    Case("whose key to read", was: [.read("a", of: "x")], does: [.read("a", of: "y")]),
    Case("receiver", was: [.raise("e", to: "x")], does: [.raise("e", to: "y")]),
    Case("name of a message", was: [.raise("a", to: "x")], does: [.raise("b", to: "x")]),
    Case("data of a message", was: [.raise("e", to: "x", "1")], does: [.raise("e", to: "x", "2")]),
    Case(
      "event or queue message", was: [.raise("e", to: "x", "1", .event)],
      does: [.raise("e", to: "x", "1", .queue)]),
    Case("kept or not", was: [.raise("e", to: "x")], does: [.raise("e", to: "x", keep: true)]),
    Case("message or cancel", was: [.raise("e", to: "x")], does: [.cancelInstance("x")]),
    Case("who is cancelled", was: [.cancelInstance("x")], does: [.cancelInstance("y")]),
    Case("why", was: [.cancelInstance("x", "a")], does: [.cancelInstance("x", "b")]),
    Case("topic subscribed", was: [.subscribeTopic("a")], does: [.subscribeTopic("b")]),
    Case("subscribed or not", was: [.subscribeTopic("a")], does: [.unsubscribeTopic("a")]),
    Case("topic unsubscribed", was: [.unsubscribeTopic("a")], does: [.unsubscribeTopic("b")]),
    Case(
      "topic published to", was: [.publish(topic: "a", data: .null)],
      does: [.publish(topic: "b", data: .null)]),
    Case(
      "what is published", was: [.publish(topic: "a", data: .null)],
      does: [.publish(topic: "a", data: Payload("1"))]),
    Case("call answered", was: [.answer("a")], does: [.answer("b")]),
    Case("patch", was: [.recordPatch("a")], does: [.recordPatch("b")]),
    Case("patch gone", was: [.recordPatch("a"), timer], does: [timer]),
    Case("patch added", was: [timer], does: [.recordPatch("a"), timer]),
  ]

  /// A turn that brings an event which changes nothing, answered by the new code from the beginning.
  @Test(arguments: same + differing + differingInState)
  func replay(_ given: Case) throws {
    let fault = try Self.fault(
      given.was, given.does.enumerated().map { Action(id: Int64($0.offset) + 1, after: 1, kind: $0.element) })
    guard let rule = given.rule else { return #expect(fault == nil) }
    let report = try #require(fault)
    #expect(report.rule == rule)
    #expect(report.event == given.event)
    #expect(report.instance == "order-7" && report.execution == 1)
    for part in [
      "'order-7'", "execution 1", "event \(given.event)", rule.rawValue, report.expected, report.found,
    ] {
      #expect(report.message.contains(part))
    }
  }

  static func fault(_ was: [ActionKind], _ does: [Action], end: TurnEnd? = nil) throws -> Nondeterminism? {
    let story = try Story(was)
    var state = try ExecutionState.folding(story.history, instance: "order-7", execution: 1)
    let prepared = state.prepare([.raised(1, "nothing")], start: nil, now: 2_000)
    let before = state
    do throws(TurnFault) {
      _ = try state.conclude(
        prepared, result: TurnResult(actions: does, end: end), recorded: story.history, revision: 1,
        latestVersion: "1.0.0", now: 2_000)
      return nil
    } catch {
      #expect(state == before, "nothing is changed")
      guard case .nondeterminism(let report) = error else { throw error }
      return report
    }
  }

  @Test func anotherPlace() throws {
    let story = try Story([.activity(), .activity()])
    let later = Action(id: 2, after: 4, kind: .activity())
    let report = try #require(
      try Self.fault([.activity(), .activity()], [Action(id: 1, after: 1, kind: .activity()), later]))
    #expect(story.history.count == 3)
    #expect(report.rule == .positionDiffers)
    #expect(report.event == 3)
    #expect(report.expected.hasSuffix("after event 1"))
    #expect(report.found.hasSuffix("after event 4"))
  }

  @Test func newActionsMayFollowNewEvents() throws {
    let actions = [Action(id: 1, after: 1, kind: .activity()), Action(id: 2, after: 3, kind: Self.timer)]
    #expect(try Self.fault([.activity()], actions) == nil)
  }

  @Test func endedBeforeItsHistory() throws {
    let action = Action(id: 1, after: 1, kind: .activity())
    let early = try #require(
      try Self.fault([.activity()], [action], end: TurnEnd(after: 1, kind: .completed)))
    #expect(early.rule == .endedEarly)
    #expect(early.event == 1)
    #expect(try Self.fault([.activity()], [action], end: TurnEnd(after: 3, kind: .completed)) == nil)
  }

  @Test func endedInsteadOfActing() throws {
    let report = try #require(try Self.fault([.activity("a")], [], end: TurnEnd(after: 1, kind: .failed)))
    #expect(report.rule == .actionMissing)
    #expect(report.expected.contains("activity 'a'"))
    #expect(report.found.contains("it broke"))
  }

  @Test func longInputsAreCutInReports() throws {
    let input = "\"" + String(repeating: "x", count: 10_000) + "\""
    let report = try #require(
      try Self.fault([.activity("a", input)], [Action(id: 1, after: 1, kind: .activity("a"))]))
    #expect(report.message.utf8.count < 1_000)
  }
}
