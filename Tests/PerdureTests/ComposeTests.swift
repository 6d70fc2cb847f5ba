import PerdureModel
import Testing

@testable import Perdure

/// Work that is done side by side.
@Suite struct ComposeTests {
  private func greetings(_ names: [String]) -> Rig {
    Rig { context in
      try await context.all(names) { try await context.activity($0, returning: Int.self) }
    }
  }

  @Test func allResultsComeInTheOrderOfTheElements() {
    let rig = greetings(["a", "b", "c"])
    #expect(rig.start()?.actions.map(\.short) == ["1@1 a(null)", "2@1 b(null)", "3@1 c(null)"])
    for (action, result) in [(3, "30"), (1, "10"), (2, "20")] as [(ActionID, String)] {
      #expect(rig.output == nil)
      rig.deliver(.activityCompleted(action: action, result: Payload(result)))
    }
    #expect(rig.output == "[10,20,30]")
    #expect(rig.replay()?.end == rig.end)
  }

  @Test func nothingToDoIsDoneAtOnce() {
    let rig = greetings([])
    rig.start()
    #expect(rig.output == "[]")
  }

  @Test func theFirstFailureCancelsTheOthers() {
    let rig = greetings(["a", "b", "c"])
    rig.start()
    rig.deliver(.activityCompleted(action: 1, result: Payload("10")))
    let failure = PerdureModel.Failure(type: "Broken", message: "no tools")
    let turn = rig.deliver(.activityFailed(action: 2, failure: failure))
    #expect(turn?.actions.map(\.kind.short) == ["cancel(3)"])
    #expect(rig.failure?.type == "Broken")
    #expect(rig.replay()?.end == rig.end)
  }

  @Test func aListOfDefinitionsIsRegistered() async throws {
    let double = ActivityDefinition("double") { (_, number: Int) in number * 2 }
    let quadruple = OrchestrationDefinition("quadruple") { (context, number: Int) in
      try await context.call(double, with: try await context.call(double, with: number))
    }
    let definitions: [any Definition] = [double, quadruple]
    let store = try await Store(url: "memory:")
    let runtime = try Runtime(store)
    try runtime.register(definitions)
    #expect(throws: DXError.self) { try runtime.register([double]) }
    try await runtime.start()
    let running = try await Client(store).start(quadruple, input: 3)
    #expect(try await running.result(timeout: .seconds(20)) == 12)
    try await runtime.stop(grace: .zero)
  }
}
