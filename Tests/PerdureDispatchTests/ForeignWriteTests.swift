import PerdureDispatch
import PerdureModel
import Testing

/// Others write to an instance that we are at: once for all of their writes it is read, and none is missed.
@Suite struct ForeignWriteTests {
  private static let message = InboxMessage(
    sequence: 3, kind: .raised(channel: .event, name: "go", data: .null))

  private static func others(_ node: Node) -> [Effect] {
    for _ in 1...3 { node.dispatcher.foundDue(["a"], now: node.now) }
    node.gather()
    return node.take()
  }

  @Test func whatATurnIsAtIsReadWhenItHasLanded() throws {
    let node = Node.started()
    node.starts("a")
    let turn = node.take()
    #expect(Self.others(node) == [], "the turn is at the host")
    node.effects = turn
    try node.runs("a", [.waiting])
    let commit = try node.takeWrite()
    #expect(Self.others(node) == [], "it is on its way to the disk")
    try node.lands(commit)
    #expect(node.take() == [.loadInbox("a", after: 0)])
    node.dispatcher.foundMessages("a", [Self.message], now: node.now)
    node.gather()
    #expect(try node.takeTurn("a").events.count == 1)
  }

  @Test func aReadThatIsUnderWayIsFollowedByOneMore() throws {
    let node = Node.started()
    node.starts("a")
    try node.turn("a", [.waiting])
    #expect(Self.others(node) == [.loadInbox("a", after: 0)])
    node.dispatcher.foundMessages("a", [], now: node.now)
    node.gather()
    #expect(node.take() == [.loadInbox("a", after: 0)])
    node.dispatcher.foundMessages("a", [Self.message], now: node.now)
    node.gather()
    #expect(try node.takeTurn("a").events.count == 1)
  }

  @Test func aReadThatFailedWhileATurnRanIsMadeAgain() throws {
    let node = Node.started()
    node.starts("a")
    try node.turn("a", [.waiting])
    #expect(Self.others(node) == [.loadInbox("a", after: 0)])
    node.message("a", 5)
    try node.runs("a", [.waiting])
    node.dispatcher.loaded("a", .failed("I/O"), now: node.now)
    try node.lands(try node.takeWrite())
    #expect(node.take() == [.loadInbox("a", after: 0)])
  }
}
