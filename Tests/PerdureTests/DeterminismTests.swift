import PerdureModel
import Testing

@testable import Perdure

/// Programs made at random: whatever order their work ends in, running them event by event, in batches, and
/// all at once must list the same actions at the same places.
@Suite struct DeterminismTests {
  indirect enum Program: Sendable {
    case activity(Int)
    case sleep(Int)
    case event(Int)
    case status(Int)
    case unique
    case key(Int)
    case topic(Int)
    case send(Int)
    case patch(Int)
    case sequence([Program])
    case group([Program])
    case pair(Program, Program)
    case race([Program])
    case timeout(Program)
    case onActor(Program)
    case caught(Program)

    static func random(depth: Int, _ numbers: inout Seeded) -> Program {
      let pick = Int.random(in: 0..<(depth == 0 ? 9 : 16), using: &numbers)
      func inner() -> Program { random(depth: depth - 1, &numbers) }
      func several() -> [Program] { (0..<Int.random(in: 1...4, using: &numbers)).map { _ in inner() } }
      switch pick {
      case 0: return .activity(Int.random(in: 0..<100, using: &numbers))
      case 1: return .sleep(Int.random(in: 1..<1_000, using: &numbers))
      case 2: return .event(Int.random(in: 0..<3, using: &numbers))
      case 3: return .status(Int.random(in: 0..<100, using: &numbers))
      case 4: return .unique
      case 5: return .key(Int.random(in: 0..<3, using: &numbers))
      case 6: return .topic(Int.random(in: 0..<2, using: &numbers))
      case 7: return .send(Int.random(in: 0..<100, using: &numbers))
      case 8: return .patch(Int.random(in: 0..<5, using: &numbers))
      case 9: return .sequence(several())
      case 10: return .group(several())
      case 11: return .pair(inner(), inner())
      case 12: return .race(several())
      case 13: return .timeout(inner())
      case 14: return .onActor(inner())
      default: return .caught(inner())
      }
    }

    func run(_ context: OrchestrationContext) async throws -> String {
      switch self {
      case .activity(let number):
        return try await context.activity("a", with: number, returning: String.self)
      case .sleep(let milliseconds):
        try await context.sleep(for: .milliseconds(milliseconds))
        return "\(context.now)"
      case .event(let number):
        return try await context.waitForEvent("e\(number)", as: String.self)
      case .status(let number):
        try context.setCustomStatus(number)
        return "s"
      case .unique:
        return "\(context.newGUID())\(context.random())"
      case .key(let number):
        let old = try context.kv.get("k\(number)", default: 0)
        try context.kv.set("k\(number)", old + 1)
        let pruned = number == 0 ? try context.kv.prune(before: context.now) : 0
        return "\(old) \(pruned) \(try context.kv.keys)"
      case .topic(let number):
        try context.subscribe("t\(number)")
        return try await context.waitForTopic("t\(number)", as: String.self)
      case .send(let number):
        try await context.enqueue("q", to: "i\(number)", data: number)
        return "sent"
      case .patch(let number):
        return try context.patched("p\(number)") ? "new" : "old"
      case .sequence(let parts):
        var all = ""
        for part in parts { all += try await part.run(context) + ";" }
        return all
      case .group(let parts):
        return try await withThrowingTaskGroup(of: String.self) { group in
          for part in parts { group.addTask { try await part.run(context) } }
          return try await group.reduce(into: "") { $0 += $1 + "," }
        }
      case .pair(let one, let two):
        async let left = one.run(context)
        async let right = two.run(context)
        return try await left + "|" + right
      case .race(let parts):
        return try await context.race(parts.map { part in { try await part.run(context) } })
      case .timeout(let part):
        return try await context.withTimeout(.milliseconds(50)) { try await part.run(context) }
      case .onActor(let part):
        return try await Stage().run(part, context)
      case .caught(let part):
        do { return try await part.run(context) } catch {
          let undone = try await context.withCancellationShield {
            try await context.activity("undo", returning: String.self)
          }
          return "caught \(undone)"
        }
      }
    }
  }

  private actor Stage {
    var count = 0
    func run(_ program: Program, _ context: OrchestrationContext) async throws -> String {
      count += 1
      let result = try await program.run(context)
      count += 1
      return result + "\(count)"
    }
  }

  @Test(arguments: 0..<300 as Range<UInt64>)
  func anyProgram(seed: UInt64) {
    var numbers = Seeded(seed)
    let program = Program.sequence((0..<3).map { _ in Program.random(depth: 3, &numbers) })
    let handler = Program.random(depth: 1, &numbers)
    let rig = Rig { context in
      try context.onCall("c") { (number: Int) in "\(number) \(try await handler.run(context))" }
      return try await program.run(context)
    }
    rig.start()
    var calls = 0
    var cancelAt = Bool.random(using: &numbers) ? Int.random(in: 0..<20, using: &numbers) : -1
    var steps = 0
    while rig.end == nil, steps < 2_000 {
      steps += 1
      cancelAt -= 1
      if cancelAt == 0 {
        rig.deliver(.cancellationRequested(reason: "test", deadline: nil))
        continue
      }
      if calls < 4, Int.random(in: 0..<10, using: &numbers) == 0 {
        calls += 1
        rig.deliver(.callReceived(call: "c\(calls)", name: "c", input: Payload("\(calls)")))
        continue
      }
      // The handler waits for calls as long as the program runs.
      let open = rig.open.filter { $0.kind != .subscribe(channel: .call, name: "c") }
      guard let action = open.randomElement(using: &numbers) else { break }
      rig.deliver(answer(to: action, &numbers))
    }
    #expect(rig.end != nil, "seed \(seed): the program did not end")
    #expect(rig.failure?.type != "perdure.Nondeterminism", "seed \(seed): \(String(describing: rig.failure))")
    check(rig, seed, &numbers)
  }

  private func check(_ rig: Rig, _ seed: UInt64, _ numbers: inout Seeded) {
    // What the code decided about patches is in the history of those who come later.
    rig.patches = rig.actions.compactMap { action in
      if case .recordPatch(let patch) = action.kind { return patch }
      return nil
    }
    let cold = rig.replay()
    #expect(cold?.actions.map(\.short) == rig.actions.map(\.short), "seed \(seed), cold")
    #expect(cold?.end == rig.end, "seed \(seed), cold")
    let batches = rig.events.map { _ in Int.random(in: 1...5, using: &numbers) }
    let mixed = rig.replay(batches: batches)
    #expect(mixed.actions.map(\.short) == rig.actions.map(\.short), "seed \(seed), batches \(batches)")
    #expect(mixed.end == rig.end, "seed \(seed), batches \(batches)")
  }

  private func answer(to action: Action, _ numbers: inout Seeded) -> EventKind {
    switch action.kind {
    case .createTimer: return .timerFired(action: action.id)
    case .subscribe(let channel, let name):
      return .messageReceived(channel: channel, name: name, data: Payload(#""m\#(action.id)""#))
    case .send:
      return Bool.random(using: &numbers)
        ? .requestCompleted(action: action.id, result: .null)
        : .requestFailed(action: action.id, failure: .unknownReceiver("gone"))
    default:
      if Int.random(in: 0..<10, using: &numbers) == 0 {
        return .activityFailed(action: action.id, failure: PerdureModel.Failure(type: "T", message: "m"))
      }
      return .activityCompleted(action: action.id, result: Payload(#""r\#(action.id)""#))
    }
  }
}
