import PerdureModel
import PerdureStore

extension MemoryState {
  /// Puts a message into the inbox of an instance that exists and can take one.
  mutating func deliver(_ kind: MessageKind, to order: Int64) -> Delivery? {
    let message = InboxMessage(sequence: nextSequence(), kind: kind)
    update(order) { $0.receive(message) }
    return records[order].map {
      Delivery(instance: $0.description.instance, message: message, owner: holder(of: $0))
    }
  }

  mutating func post(_ message: OutgoingMessage) -> StoreOutcome {
    guard let order = locate(message.to), let status = records[order]?.description.status,
      let waiting = records[order]?.inbox.count
    else { return message.isKept ? keep(message) : .failure(.notFound) }
    if case .call(let id, _, _) = message.kind, records[order]?.calls[ExactText(id)] != nil {
      return .success(.known)
    }
    if status.isTerminal { return .failure(.wrongStatus(status)) }
    if waiting >= inboxLimit { return .failure(.inboxFull(limit: inboxLimit)) }
    guard let delivery = deliver(message.kind, to: order) else { return .failure(.notFound) }
    return .success(.posted(delivery))
  }

  /// For a start of the id, which nobody has.
  mutating func keep(_ message: OutgoingMessage) -> StoreOutcome {
    if let waiting = kept[ExactText(message.to)]?.count, waiting >= inboxLimit {
      return .failure(.inboxFull(limit: inboxLimit))
    }
    kept[ExactText(message.to), default: []].append(message.kind)
    return .success(.kept)
  }

  // MARK: Topics

  /// Who has ended is subscribed to nothing.
  mutating func publish(_ publication: Publication) -> [Delivery] {
    var receivers: [Int64] = []
    subscribers[ExactText(publication.topic)]?.walk {
      receivers.append($0)
      return true
    }
    let kind = MessageKind.raised(channel: .topic, name: publication.topic, data: publication.data)
    return receivers.compactMap { order in
      guard let waiting = records[order]?.inbox.count, waiting < inboxLimit else { return nil }
      return deliver(kind, to: order)
    }
  }

  mutating func change(_ change: TopicChange, of order: Int64) {
    let topic = ExactText(change.topic)
    if change.isSubscribed {
      subscribers[topic, default: SortedSet()].insert(order)
      records[order]?.topics.insert(topic)
    } else {
      unsubscribe(order, from: topic)
      records[order]?.topics.remove(topic)
    }
  }

  mutating func endSubscriptions(of order: Int64) {
    for topic in records[order]?.topics ?? [] { unsubscribe(order, from: topic) }
    records[order]?.topics = []
  }

  private mutating func unsubscribe(_ order: Int64, from topic: ExactText) {
    subscribers[topic]?.remove(order)
    if subscribers[topic]?.isEmpty == true { subscribers.removeValue(forKey: topic) }
  }
}
