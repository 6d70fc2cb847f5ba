import PerdureModel
import PerdureReplay
import Testing

@Suite struct MailboxTests {
  enum Step: Sendable {
    case message(Int64, String, Channel = .event)
    case wait(Int64, String, Channel = .event)
    case cancel(Int64, String, Channel = .event)
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var steps: [Step]
    /// What each step answered: the taker of a message (0: kept), 1 for a wait that was served at once.
    var answers: [Int64]
    var untaken: [EventID]

    init(_ name: String, _ steps: [Step], _ answers: [Int64], untaken: [EventID] = []) {
      testDescription = name
      self.steps = steps
      self.answers = answers
      self.untaken = untaken
    }
  }

  static let cases = [
    Case("a message waits for its taker", [.message(2, "a"), .wait(1, "a")], [0, 1]),
    Case("a taker waits for its message", [.wait(1, "a"), .message(2, "a")], [0, 1]),
    Case(
      "the oldest taker gets the oldest message",
      [.wait(1, "a"), .wait(2, "a"), .message(5, "a"), .message(6, "a"), .message(7, "a")], [0, 0, 1, 2, 0],
      untaken: [7]),
    Case(
      "messages are taken in their order",
      [.message(2, "a"), .message(3, "a"), .wait(1, "a"), .message(4, "a"), .wait(2, "a")], [0, 0, 1, 0, 1],
      untaken: [4]),
    Case(
      "a cancelled wait leaves the message to the next",
      [.wait(1, "a"), .wait(2, "a"), .cancel(1, "a"), .message(5, "a")], [0, 0, 2]),
    Case(
      "a cancelled wait takes nothing", [.wait(1, "a"), .cancel(1, "a"), .message(5, "a")], [0, 0],
      untaken: [5]),
    Case("names are apart", [.wait(1, "a"), .message(5, "b")], [0, 0], untaken: [5]),
    Case(
      "names are told apart by their bytes", [.wait(1, "\u{E9}"), .message(5, "e\u{301}")], [0, 0],
      untaken: [5]),
    Case("channels are apart", [.wait(1, "a", .event), .message(5, "a", .queue)], [0, 0], untaken: [5]),
    Case(
      "topics and calls are apart from both",
      [
        .wait(1, "a", .event), .wait(2, "a", .queue), .message(5, "a", .topic), .message(6, "a", .call),
        .wait(3, "a", .call),
      ], [0, 0, 0, 0, 1], untaken: [5]),
    Case(
      "what is left comes in the order of arrival, whatever its name",
      [.message(2, "b"), .message(3, "a", .queue), .message(4, "b"), .message(5, "a")], [0, 0, 0, 0],
      untaken: [2, 3, 4, 5]),
  ]

  @Test(arguments: cases)
  func steps(_ given: Case) {
    var mailbox = Mailbox()
    var answers: [Int64] = []
    for step in given.steps {
      switch step {
      case .message(let event, let name, let channel):
        let kept = Mailbox.Kept(event: event, channel: channel, name: name, data: .null)
        answers.append(mailbox.receive(kept) ?? 0)
      case .wait(let action, let name, let channel):
        answers.append(mailbox.subscribe(action, channel: channel, name: name) == nil ? 0 : 1)
      case .cancel(let action, let name, let channel):
        mailbox.cancel(action, channel: channel, name: name)
      }
    }
    #expect(answers == given.answers)
    #expect(mailbox.untaken.map { $0.event } == given.untaken)
  }

  @Test func longQueuesKeepTheirOrder() {
    var mailbox = Mailbox()
    for event in 1...Int64(500) {
      _ = mailbox.receive(Mailbox.Kept(event: event, channel: .queue, name: "q", data: .null))
    }
    for action in 1...Int64(400) {
      let taken = mailbox.subscribe(action, channel: .queue, name: "q")
      #expect(taken?.event == action)
    }
    #expect(mailbox.untaken.map { $0.event } == Array(401...500))
  }
}
