import PerdureDispatch
import PerdureModel
import PerdureReplay
import Testing

@Suite struct EvictionTests {
  @Test(arguments: [0, 1, 3])
  func theLongestParkedGoesFirst(_ cached: Int) throws {
    let node = Node.started(cached: cached)
    var released: [InstanceID] = []
    for name in ["a", "b", "c", "d", "e"] {
      node.starts(name)
      try node.runs(name, [.waiting])
      var writes = node.takeWrites()
      while !writes.isEmpty {
        let write = writes.removeFirst()
        if case .releaseInstances(let instances) = write {
          released += instances
          node.wrote(write, .done)
        } else {
          try node.lands(write)
        }
        writes += node.takeWrites()
      }
    }
    #expect(released == Array(["a", "b", "c", "d", "e"].prefix(5 - cached)))
    #expect(node.dispatcher.heldCount == cached)
  }

  @Test func useKeepsAnInstanceInMemory() throws {
    let node = Node.started(cached: 2)
    for name in ["a", "b"] {
      node.starts(name)
      try node.turn(name, [.waiting])
    }
    node.message("a", 1)
    try node.turn("a", [.waiting])
    node.starts("c")
    #expect(node.takeWrites() == [.releaseInstances(["b"])])
  }

  @Test func aMessageBringsAnEvictedInstanceBack() throws {
    let node = Node.started(cached: 0)
    node.starts("a")
    try node.turn("a", [.waiting])
    node.wrote(.releaseInstances(["a"]), .done)
    _ = node.take()
    node.message("a", 1)
    #expect(node.take() == [.write(.claimInstance("a"))])
    node.wrote(.claimInstance("a"), .instances(["a"]))
    try node.loads("a")
    let request = try node.turn("a", [.waiting])
    #expect(request.from == 0 && request.events.map { $0.id } == [1, 3])
  }

  @Test func theTimersOfEvictedInstancesAreClaimedWhenDue() throws {
    let node = Node.started(cached: 0)
    node.starts("a")
    try node.turn("a", [.createTimer(fireAt: 9_000)])
    #expect(node.takeWrites() == [.releaseInstances(["a"])])
    #expect(node.dispatcher.nextDeadline == 9_000)
    node.wait(8_000)
    let claim = try #require(node.takeWrites().first { $0.isInstanceClaim })
    node.wrote(claim, .instances(["a"]))
    try node.loads("a")
    #expect(try node.takeTurn("a").events.last?.kind == .timerFired(action: 1))
  }

  @Test func aLateReleaseDoesNotGiveUpWhatCameBack() throws {
    let node = Node.started(cached: 0)
    for name in ["a", "b"] {
      node.starts(name)
      try node.turn(name, [.waiting])
      node.wrote(try node.takeWrite(), .failed(message: "busy", isTransient: true))
    }
    node.message("a", 1)
    node.wrote(try node.takeWrite(), .instances(["a"]))
    try node.loads("a")
    node.wait(1_000)
    #expect(node.takeWrites() == [.releaseInstances(["b"])])
  }

  @Test func anInstanceThatIsClaimedThoughWeHoldItIsLoaded() throws {
    let node = Node.started()
    node.starts("a")
    try node.turn("a", [.waiting])
    node.dispatcher.storeChanged(now: node.now, byOthers: false)
    let claim = try #require(node.takeWrites().first { $0.isInstanceClaim })
    node.rows["a"]?.inbox = [
      InboxMessage(sequence: 3, kind: .raised(channel: .event, name: "go", data: .null))
    ]
    node.wrote(claim, .instances(["a"]))
    try node.loads("a")
    #expect(try node.takeTurn("a").events.count == 2)
  }

  @Test func claimsGoOnWhileThereIsMore() throws {
    let node = Node()
    node.dispatcher.start(now: 0)
    let claim = try #require(node.takeWrites().first { $0.isInstanceClaim })
    let many = (1...256).map { "i\($0)" }
    for name in many {
      let start = InstanceStart(instance: name, orchestration: "order", input: .null)
      node.rows[name] = InstanceSnapshot(
        description: Node.row(name), start: start, owner: Node.id, history: [], inbox: [])
    }
    node.wrote(claim, .instances(many))
    #expect(node.takeWrites().contains(claim), "a full answer may not be all")
    for name in many { try node.loads(name) }
    #expect(try node.takeTurn("i1").events.count == 1)
  }
}
