import PerdureModel

/// Matches messages of all channels with the waits for them: by name, first come first served, early or late.
struct Mailbox {
  private struct Key: Hashable {
    var channel: Channel
    var name: ExactText
  }

  /// At most one of the two is non-empty.
  private struct Line {
    var waiting = FIFO<ActionID>()
    var kept = FIFO<Received>()
    var isEmpty: Bool { waiting.isEmpty && kept.isEmpty }
  }

  private var lines: [Key: Line] = [:]

  /// A message came in: the wait that takes it, or nil when it is kept for a later one.
  mutating func receive(_ message: Received, on channel: Channel, name: String) -> ActionID? {
    update(channel, name) { line in
      if let action = line.waiting.popFirst() { return action }
      line.kept.append(message)
      return nil
    }
  }

  /// A wait began: the kept message that it takes at once, or nil when it has to wait.
  mutating func wait(_ action: ActionID, on channel: Channel, name: String) -> Received? {
    update(channel, name) { line in
      if let message = line.kept.popFirst() { return message }
      line.waiting.append(action)
      return nil
    }
  }

  /// A wait was given up; it takes nothing any more.
  mutating func forget(_ action: ActionID, on channel: Channel, name: String) {
    update(channel, name) { line in line.waiting.removeAll { $0 == action } }
  }

  private mutating func update<Result>(
    _ channel: Channel, _ name: String, _ change: (inout Line) -> Result
  ) -> Result {
    let key = Key(channel: channel, name: ExactText(name))
    var line = lines.removeValue(forKey: key) ?? Line()
    let result = change(&line)
    if !line.isEmpty { lines[key] = line }
    return result
  }
}
