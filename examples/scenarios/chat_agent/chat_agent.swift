import Perdure

/// An agent in a conversation of many turns: messages come by a queue, answers go out as custom status.
///
/// Each turn thinks, may use a tool and think again, answers, and continues as new with the transcript: its
/// history stays as long as one turn. Messages that are sent while it thinks, or while no worker runs, wait
/// in order. The worker process is killed in the middle of a thought; another one thinks it again, and no
/// turn is lost or answered twice. (The model here is a few lines of rules; a real one is called at the same
/// place.)
enum ChatAgent: Scenario {
  struct Chat: Codable {
    var transcript: [String] = []
    var turn = 1
  }

  /// What the model says: an answer, or the numbers for the tool that it wants to use first.
  enum Thought: Codable {
    case answer(String)
    case add([Int])
  }

  struct Status: Codable {
    var turn: Int
    var thinkingAbout: String?
    var answer: String?
  }

  static let think = ActivityDefinition("think") { (_, transcript: [String]) -> Thought in
    let last = transcript.last ?? ""
    try Journal.note("thinks", last)
    if last.hasPrefix("tool: ") { return .answer("That makes \(last.dropFirst(6)).") }
    if last.contains("+") { return .add(last.split(separator: " ").compactMap { Int($0) }) }
    if last.contains("ponder") { try await Task.sleep(for: .milliseconds(500)) }
    return .answer("You have said \(transcript.count { $0.hasPrefix("user: ") }) things.")
  }

  static let add = ActivityDefinition("add") { (_, numbers: [Int]) in numbers.reduce(0, +) }

  static let chat = OrchestrationDefinition("chat") { (context, begun: Chat) -> [String] in
    var state = begun
    let message = try await context.dequeue("messages", as: String.self)
    state.transcript.append("user: \(message)")
    try context.setCustomStatus(Status(turn: state.turn, thinkingAbout: message))
    if message == "bye" { return state.transcript }
    while true {
      switch try await context.call(think, with: state.transcript) {
      case .add(let numbers):
        state.transcript.append("tool: \(try await context.call(add, with: numbers))")
      case .answer(let answer):
        state.transcript.append("agent: \(answer)")
        try context.setCustomStatus(Status(turn: state.turn, answer: answer))
        state.turn += 1
        try context.continueAsNew(state)
      }
    }
  }

  static let definitions: [any Definition] = [chat, think, add]

  static func story(_ scene: Scene) async throws {
    /// Pushed, not polled: returns as soon as the status shows it.
    func answer(_ turn: Int) async throws -> String {
      let status = try await scene.status(of: "chat", Status.self) { $0.turn == turn && $0.answer != nil }
      return status.answer ?? ""
    }

    let conversation = try await scene.client.start(chat, input: Chat(), instance: "chat")
    try await conversation.enqueue("messages", data: "hello")  // Nobody is there yet.
    let first = try await scene.worker()
    say("user: hello\nagent: \(try await answer(1))")
    try await conversation.enqueue("messages", data: "what is 20 + 22")
    say("user: what is 20 + 22\nagent: \(try await answer(2))")
    try await conversation.enqueue("messages", data: "ponder this")
    try await Journal.wait("thinks", "user:", "ponder")
    try await first.kill()
    say("(worker \(first.pid) is killed in the middle of a thought)")
    try await conversation.enqueue("messages", data: "bye")  // After the answer that is still to come.
    try await scene.worker()
    let transcript = try await conversation.result(timeout: patience)

    try expect(
      transcript,
      is: [
        "user: hello", "agent: You have said 1 things.", "user: what is 20 + 22", "tool: 42",
        "agent: That makes 42.", "user: ponder this", "agent: You have said 3 things.", "user: bye",
      ])
    say(transcript.suffix(3).joined(separator: "\n"))
    try expect(try await conversation.describe().execution, is: 4, "one execution for each turn: the last")
    for turn in 1...4 {
      let size = try await scene.events("chat", execution: Int64(turn)).count
      try expect(size <= 14, "the history grows with the conversation: \(size) events in turn \(turn)")
    }
    // The thought that was cut off began twice, all others once.
    let thoughts = try Journal.notes("thinks").map { $0.dropFirst().joined(separator: " ") }
    try expect(
      thoughts,
      is: [
        "user: hello", "user: what is 20 + 22", "tool: 42", "user: ponder this", "user: ponder this",
      ])
  }
}
