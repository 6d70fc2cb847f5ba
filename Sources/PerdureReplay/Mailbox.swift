package import PerdureModel

/// Named messages of one execution: those kept until somebody waits, and those who wait for one.
///
/// Of each name at most one side is non-empty. The oldest waiter takes the oldest message.
package struct Mailbox: Hashable, Sendable {
  private struct Address: Hashable {
    var channel: Channel
    var name: ExactText

    init(channel: Channel, name: String) {
      self.channel = channel
      self.name = ExactText(name)
    }
  }

  package struct Kept: Hashable, Sendable {
    /// The event that brought the message.
    package var event: EventID
    package var channel: Channel
    package var name: String
    package var data: Payload
    /// Of a call.
    package var call: String?

    package init(event: EventID, channel: Channel, name: String, data: Payload, call: String? = nil) {
      self.event = event
      self.channel = channel
      self.name = name
      self.data = data
      self.call = call
    }
  }

  private var kept: [Address: FIFO<Kept>] = [:]
  private var waiting: [Address: FIFO<ActionID>] = [:]

  package init() {}

  /// A message came. Answers the action that takes it; nil: it is kept.
  package mutating func receive(_ message: Kept) -> ActionID? {
    let address = Address(channel: message.channel, name: message.name)
    if let taker = waiting[address]?.popFirst() {
      if waiting[address]?.isEmpty == true { waiting[address] = nil }
      return taker
    }
    kept[address, default: FIFO()].append(message)
    return nil
  }

  /// An action began to wait. Answers the message that it takes at once; nil: it waits.
  package mutating func subscribe(_ action: ActionID, channel: Channel, name: String) -> Kept? {
    let address = Address(channel: channel, name: name)
    if let message = kept[address]?.popFirst() {
      if kept[address]?.isEmpty == true { kept[address] = nil }
      return message
    }
    waiting[address, default: FIFO()].append(action)
    return nil
  }

  /// A wait was given up; what comes later goes to the next one.
  package mutating func cancel(_ action: ActionID, channel: Channel, name: String) {
    let address = Address(channel: channel, name: name)
    waiting[address]?.removeAll { $0 == action }
    if waiting[address]?.isEmpty == true { waiting[address] = nil }
  }

  /// All that nobody took, in the order of arrival.
  package var untaken: [Kept] {
    kept.values.flatMap { Array($0.elements) }.sorted { $0.event < $1.event }
  }
}
