import PerdureModel

/// Named messages of a history, followed without the engine's own mailbox.
enum Messages {
  struct Received: Hashable {
    var channel: Channel
    var name: String
    var data: Payload
  }

  static func received(_ event: Event) -> Received? {
    switch event.kind {
    case .messageReceived(let channel, let name, let data):
      Received(channel: channel, name: name, data: data)
    case .callReceived(_, let name, let input): Received(channel: .call, name: name, data: input)
    default: nil
    }
  }

  /// What nobody took, in order of arrival.
  static func untaken(_ history: [Event]) -> [Received] {
    var kept: [Received] = []
    var waiting: [(action: ActionID, channel: Channel, name: String)] = []
    let made = history.filter { $0.kind.origin != nil }
    for event in history where event.kind.isDelivered {
      if let message = received(event) {
        let taker = waiting.firstIndex { $0.channel == message.channel && $0.name == message.name }
        if let taker { waiting.remove(at: taker) } else { kept.append(message) }
      }
      for action in made where action.kind.origin?.after == event.id {
        switch action.kind {
        case .subscribed(let origin, let channel, let name):
          if let index = kept.firstIndex(where: { $0.channel == channel && $0.name == name }) {
            kept.remove(at: index)
          } else {
            waiting.append((origin.action, channel, name))
          }
        case .workCancelled(_, let target, _): waiting.removeAll { $0.action == target }
        default: break
        }
      }
    }
    return kept
  }
}
