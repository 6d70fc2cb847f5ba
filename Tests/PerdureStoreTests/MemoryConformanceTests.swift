import PerdureModel
import PerdureStore
import PerdureStoreConformance
import PerdureStoreMemory
import Testing

struct MemoryFixture: StoreFixture {
  func makeStore() -> any Store { MemoryStore() }

  func makeStore(limits: LimitSettings) -> (any Store)? { MemoryStore(limits: limits) }

  func kill(_ node: NodeID, in store: any Store) throws -> Bool {
    guard let memory = store as? MemoryStore else { return false }
    try memory.kill(node, now: 1 << 50)
    return true
  }
}

@Suite("The memory store keeps the contract") struct MemoryConformanceTests {
  @Test(arguments: StoreConformance.cases) func keeps(_ rule: ConformanceCase) throws {
    let verdict = try rule.run(MemoryFixture())
    // Memory has no bytes to damage, no second handle, and is gone with its process: nothing else is skipped.
    let topic = rule.name.prefix { $0 != ":" }
    let isBeyondMemory = ["reopening", "second handle", "corruption"].contains(topic)
    #expect((verdict == .passed) == !isBeyondMemory)
  }
}

@Suite("The state of the memory store") struct MemoryStateTests {
  @Test func sameEntriesGiveTheSameAnswers() {
    func run() -> [StoreOutcome] {
      var state = MemoryState()
      let node = state.join(serving: NodeService())
      var answers: [StoreOutcome] = []
      for index in 0..<200 {
        let start = InstanceStart(instance: "i\(index)", orchestration: "o\(index % 7)", input: .null)
        answers.append(state.apply(.start(start, owner: nil, now: 0)))
      }
      let names = (0..<7).map { "o\($0)" }
      for _ in 0..<40 {
        answers.append(
          state.apply(
            .claimInstances(
              node: node, orchestrations: names.map { ServedOrchestration(name: $0) }, limit: 5, now: 1)))
      }
      return answers
    }
    #expect(run() == run())
  }

  @Test func aCopyIsUntouchedByWhatComesAfter() {
    var state = MemoryState()
    let start = InstanceStart(instance: "a", orchestration: "order", input: .null)
    _ = state.apply(.start(start, owner: nil, now: 0))
    let before = state
    _ = state.apply(.post(OutgoingMessage(to: "a", kind: .cancel(reason: "", graceMS: nil)), now: 1))
    _ = state.apply(.delete("a", force: true))
    #expect(state.load("a") == nil)
    #expect(before.load("a")?.inbox == [])
  }

  /// What it owned then is open to others, and so is what it claimed since; what slept under it is its own.
  @Test func aNodeThatWasTakenForDeadComesBack() {
    var state = MemoryState()
    let node = state.join(serving: NodeService())
    let other = state.join(serving: NodeService())
    for name in ["old", "new", "asleep"] {
      let start = InstanceStart(instance: name, orchestration: name, input: .null)
      _ = state.apply(.start(start, owner: name == "new" ? nil : node, now: 0))
    }
    let turn = TurnCommit(
      instance: "asleep", revision: 0, now: 0, execution: 1, events: [], status: .running,
      orchestrationVersion: "1.0.0", owner: node)
    _ = state.apply(.turn(turn))
    func claim(_ name: String, _ node: NodeID) -> StoreOutcome {
      state.apply(
        .claimInstances(node: node, orchestrations: [ServedOrchestration(name: name)], limit: 9, now: 1))
    }
    state.kill(node, now: 0)
    #expect(state.reap() == 1)
    #expect(claim("new", node) == .success(.instances(["new"])))
    state.comeBack(node, serving: NodeService())
    #expect(state.nodes().map(\.id) == [node, other])
    #expect(claim("new", other) == .success(.instances(["new"])))
    #expect(claim("old", other) == .success(.instances(["old"])))
    let event = MessageKind.raised(channel: .event, name: "e", data: .null)
    _ = state.apply(.post(OutgoingMessage(to: "asleep", kind: event), now: 0))
    #expect(state.dueInstances(ownedBy: node, now: 1, limit: 9) == ["asleep"])
    #expect(state.reap() == 0)
  }

  /// Far more entries than one chunk of an index holds, inserted and claimed in unlike orders.
  @Test func claimsComeInOrderAlsoFromLargeIndexes() throws {
    var state = MemoryState()
    let node = state.join(serving: NodeService())
    let count = 5_000
    for index in 0..<count {
      let start = InstanceStart(instance: "i\(index)", orchestration: "o\(index % 3)", input: .null)
      _ = state.apply(.start(start, owner: nil, now: 0))
      var turn = TurnCommit(
        instance: "i\(index)", revision: 0, now: 1, execution: 1, events: [], status: .running,
        orchestrationVersion: "1.0.0", owner: nil)
      turn.wakeAt = TimestampMS((index * 7_919) % count + 1)
      _ = state.apply(.turn(turn))
    }
    #expect(state.nextDue(after: 2_500) == 2_501)
    var claimed: [InstanceID] = []
    while claimed.count < count {
      let entry = StoreEntry.claimInstances(
        node: node, orchestrations: ["o0", "o1", "o2"], limit: 64, now: 10_000)
      guard case .success(.instances(let some)) = state.apply(entry), !some.isEmpty else { break }
      claimed += some
    }
    let expected = (0..<count).sorted { ($0 * 7_919) % count < ($1 * 7_919) % count }.map { "i\($0)" }
    #expect(claimed == expected)
    #expect(state.dueInstances(ownedBy: node, now: 10_000, limit: count) == expected)
    #expect(state.nextDue(after: 0) == nil)
    state.kill(node, now: 0)
    #expect(state.nextDue(after: 0) == 1)
    #expect(state.reap() == 1)
  }
}
