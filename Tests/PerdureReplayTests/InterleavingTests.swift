import PerdureModel
import PerdureReplay
import Testing

/// The order of events alone decides what code does: however they were batched into turns, and whether a turn
/// was run warm or from the beginning (`Story` checks that for every turn).
@Suite struct InterleavingTests {
  struct Random: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
  }

  /// Made-up code: what it does depends on the seed and on the events it has seen, in their order.
  struct Code {
    var random: Random
    var actionCount: Int64 = 0

    init(_ seed: UInt64) { random = Random(state: seed) }

    mutating func see(_ event: Event) -> [ActionKind] {
      if let data = event.kind.data {
        for byte in data.bytes { random.state ^= UInt64(byte) }
      }
      let count = event.id == 1 ? 3 : Int.random(in: 0...2, using: &random)
      return (0..<count).map { _ in
        actionCount += 1
        switch Int.random(in: 0...13, using: &random) {
        case 0: return .activity("work", String(actionCount))
        case 1: return .createTimer(fireAt: actionCount)
        case 2: return .wait("a")
        case 3: return .dequeue("a")
        case 4: return .child()
        case 5: return .setCustomStatus(nil)
        case 6 where actionCount > 1:
          return .cancel(target: Int64.random(in: 1..<actionCount, using: &random))
        case 7: return .raise("x", to: "other")
        case 8: return .read("k", of: "other")
        case 9: return .waitForTopic("a")
        case 10: return .nextCall("a")
        case 11: return .set("k\(actionCount % 5)")
        case 12: return .clear("k\(actionCount % 3)")
        default: return .wait("b")
        }
      }
    }
  }

  /// What was seen and done, without the ids, which depend on the batches.
  struct Trace: Equatable {
    var lines: [String] = []
    var open: [ActionID] = []
    var untaken: [Payload] = []
    var calls: Set<String> = []
    var keys: [String] = []
  }

  @Test(arguments: UInt64(1)...60)
  func batches(_ seed: UInt64) throws {
    var random = Random(state: seed)
    var one = Story()
    var oneCode = Code(seed)
    var oneTrace = Trace()
    var world: [Incoming] = []
    try run([], &one, &oneCode, &oneTrace)
    for sequence in 1...Int64(40) {
      let incoming = Self.something(sequence, one.state, &random)
      world.append(incoming)
      try run([incoming], &one, &oneCode, &oneTrace)
    }
    finish(one, &oneTrace)

    for _ in 0..<5 {
      var other = Story()
      var code = Code(seed)
      var trace = Trace()
      var rest = world[...]
      // The first turn may see messages too.
      try run(Self.batch(&rest, other.state, &random, isFirst: true), &other, &code, &trace)
      while !rest.isEmpty { try run(Self.batch(&rest, other.state, &random), &other, &code, &trace) }
      finish(other, &trace)
      #expect(trace == oneTrace, "seed \(seed)")
    }
  }

  private func run(_ incoming: [Incoming], _ story: inout Story, _ code: inout Code, _ trace: inout Trace)
    throws
  {
    let events = story.state.prepare(incoming, start: story.start, now: story.now).events
    var actions: [(after: EventID, kind: ActionKind)] = []
    for event in events {
      trace.lines.append("\(event.kind)")
      for kind in code.see(event) {
        trace.lines.append("  \(kind)")
        actions.append((event.id, kind))
      }
    }
    if events.isEmpty { return }
    try story.turn(incoming, actions: actions)
  }

  private func finish(_ story: Story, _ trace: inout Trace) {
    trace.open = story.state.open.keys.sorted()
    trace.untaken = story.state.mailbox.untaken.map { $0.data }
    trace.calls = story.state.openCalls
    trace.keys = story.state.kvKeys.map { $0.text }.sorted()
    #expect(trace.keys == story.kv.map { $0.key }.sorted(), "what the store has")
  }

  /// A message, or an answer to something that is open.
  private static func something(
    _ sequence: Int64, _ state: ExecutionState, _ random: inout Random
  ) -> Incoming {
    if Bool.random(using: &random),
      let (action, work) = state.open.sorted(by: { $0.key < $1.key }).randomElement(using: &random)
    {
      switch work {
      case .activity: return .ran(action)
      case .timer: return .timerDue(action)
      case .subOrchestration: return .child(sequence, action)
      case .request: return .request(sequence, action)
      case .wait: break
      }
    }
    switch Int.random(in: 0...5, using: &random) {
    case 0: return .raised(sequence, "a", String(sequence))
    case 1: return .raised(sequence, "b", String(sequence))
    case 2: return .published(sequence, "a", String(sequence))
    case 3: return .called(sequence, "a", id: "c\(sequence)", String(sequence))
    default: return .queued(sequence, "a", String(sequence))
    }
  }

  /// As many as chance takes, up to an answer to work that is not there yet.
  private static func batch(
    _ rest: inout ArraySlice<Incoming>, _ state: ExecutionState, _ random: inout Random, isFirst: Bool = false
  ) -> [Incoming] {
    var batch: [Incoming] = []
    let size = Int.random(in: isFirst ? 0...4 : 1...6, using: &random)
    while batch.count < size, let next = rest.first {
      if let target = next.target, state.open[target] == nil { break }
      batch.append(next)
      rest.removeFirst()
    }
    return batch
  }
}

extension Incoming {
  fileprivate var target: ActionID? {
    switch self {
    case .timerDue(let action): action
    case .activity(let finished, _, _): finished.action
    case .message(let message):
      switch message.kind {
      case .subOrchestrationEnded(_, let action, _), .requestEnded(_, let action, _): action
      default: nil
      }
    }
  }
}

extension EventKind {
  fileprivate var data: Payload? {
    switch self {
    case .messageReceived(_, _, let data), .callReceived(_, _, let data): data
    default: nil
    }
  }
}
