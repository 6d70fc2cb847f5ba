import PerdureModel
import Testing

@testable import Perdure

/// Messages to other instances, and topics.
@Suite struct RequestTests {
  @Test func messagesAwaitTheirArrival() {
    let rig = Rig { context in
      try await context.raiseEvent("go", to: "a", data: 1)
      try await context.enqueue("q", to: "b", data: 2, keep: true)
      try await context.cancelInstance("c", reason: "enough")
      return "sent"
    }
    #expect(rig.start()?.actions.map(\.short) == ["1@1 send(a event go 1)"])
    rig.deliver(.requestCompleted(action: 1, result: .null))
    rig.deliver(.requestCompleted(action: 2, result: .null))
    #expect(rig.output == nil)
    rig.deliver(.requestCompleted(action: 3, result: .null))
    #expect(rig.actions.map(\.kind.short).dropFirst() == ["send(b queue q 2 kept)", "send(c cancel enough)"])
    #expect(rig.output == #""sent""#)
    #expect(rig.replay()?.actions == rig.actions)
  }

  static let refusals: [(name: String, code: @Sendable (OrchestrationContext) async throws -> Void)] = [
    ("event", { try await $0.raiseEvent("go", to: "gone") }),
    ("queue", { try await $0.enqueue("q", to: "gone") }),
    ("cancel", { try await $0.cancelInstance("gone") }),
    ("read", { _ = try await $0.readKV("gone", "k", as: Int.self) }),
  ]

  /// Defect 20 of engines of this kind: what is sent to a finished or unknown id vanishes without any
  /// feedback.
  @Test(arguments: refusals.indices)
  func aRefusalIsATypedErrorThatCanBeCaught(index: Int) {
    let code = Self.refusals[index].code
    let rig = Rig { context in
      do { try await code(context) } catch let error as MessageRefused {
        return "\(error.instance) \(error.failure.engineType?.rawValue ?? "")"
      }
      return "sent"
    }
    rig.start()
    rig.deliver(.requestFailed(action: 1, failure: .unknownReceiver("gone")))
    #expect(rig.output == #""gone perdure.NotFound""#, "\(Self.refusals[index].name)")
  }

  @Test func aRefusalThatIsNotCaughtIsTheFailureOfTheOrchestration() {
    let rig = Rig { context in try await context.raiseEvent("go", to: "gone") }
    rig.start()
    rig.deliver(.requestFailed(action: 1, failure: .unknownReceiver("gone")))
    #expect(rig.failure == .unknownReceiver("gone"))
  }

  @Test func aRequestCanBeGivenUp() {
    let rig = Rig { context in
      try await context.withTimeout(.seconds(1)) { try await context.raiseEvent("go", to: "a") }
    }
    rig.start()
    #expect(rig.deliver(.timerFired(action: 2))?.actions.map(\.short) == ["3@3 cancel(1)"])
    #expect(rig.failure?.type == "TimedOut")
  }

  /// A key that holds null is there; one that is not there is nil.
  @Test(arguments: [(#"{"value":5}"#, "[5]"), (#"{}"#, "[]"), (#"{"value":null}"#, "[null]")])
  func aKeyOfAnotherInstance(answer: String, output: String) {
    let rig = Rig { context in
      let value = try await context.readKV("other", "n", as: Int?.self)
      return value.map { [$0] } ?? []
    }
    #expect(rig.start()?.actions.map(\.short) == ["1@1 read(other n)"])
    rig.deliver(.requestCompleted(action: 1, result: Payload(answer)))
    #expect(rig.output == output)
  }

  @Test func topicsAreKeptUntilAwaited() {
    let rig = Rig { context in
      try context.subscribe("news")
      try await context.sleep(for: .seconds(1))
      let one = try await context.waitForTopic("news", as: Int.self)
      let two = try await context.waitForTopic("news", as: Int.self)
      try context.publish("echo", data: [one, two])
      try context.unsubscribe("news")
      return [one, two]
    }
    #expect(rig.start()?.actions.map(\.kind.short).first == "subscribe(news)")
    rig.deliver(.messageReceived(channel: .topic, name: "news", data: Payload("1")))
    rig.deliver(.messageReceived(channel: .event, name: "news", data: Payload("9")))
    rig.deliver(.timerFired(action: 2))
    let last = rig.deliver(.messageReceived(channel: .topic, name: "news", data: Payload("2")))
    #expect(last?.actions.map(\.kind.short) == ["publish(echo [1,2])", "unsubscribe(news)"])
    #expect(rig.output == "[1,2]")
    #expect(rig.replay()?.actions == rig.actions)
  }
}
