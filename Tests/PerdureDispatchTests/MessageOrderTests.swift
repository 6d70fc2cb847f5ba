import PerdureDispatch
import PerdureModel
import Testing

/// Messages reach code in the order of the store, whatever the order in which a node hears of them.
@Suite struct MessageOrderTests {
  private func message(_ sequence: MessageSequence) -> InboxMessage {
    InboxMessage(
      sequence: sequence, kind: .raised(channel: .event, name: "m\(sequence)", data: .null))
  }

  @Test func anOlderMessageThatIsFoundLaterComesFirst() throws {
    let node = Node.started()
    node.starts("a")
    // We are told of our own process's message at once; another process's older one shows when the inbox is
    // read.
    node.dispatcher.messageStored("a", message(5), now: node.now)
    node.dispatcher.foundMessages("a", [message(3), message(4), message(5)], now: node.now)
    node.dispatcher.messageStored("a", message(6), now: node.now)
    node.gather()
    try node.turn("a", [.waiting])
    let names = try node.takeTurn("a").events.compactMap { event -> String? in
      if case .messageReceived(_, let name, _) = event.kind { name } else { nil }
    }
    #expect(names == ["m3", "m4", "m5", "m6"])
  }
}
