package import PerdureModel
package import PerdureStore

extension StoreReceipt {
  /// The same, with other sequences of its messages.
  package func mapSequences(_ known: (MessageSequence) -> MessageSequence) -> StoreReceipt {
    func told(_ delivery: Delivery) -> Delivery {
      var delivery = delivery
      delivery.message.sequence = known(delivery.message.sequence)
      return delivery
    }
    switch self {
    case .posted(let delivery): return .posted(told(delivery))
    case .delivered(let deliveries): return .delivered(deliveries.map(told))
    case .restarted(let deleted, let deliveries):
      return .restarted(deleted: deleted, deliveries: deliveries.map(told))
    case .turned(var receipt):
      if receipt.deliveries.isEmpty { return self }
      receipt.deliveries = receipt.deliveries.map(told)
      return .turned(receipt)
    case .controlled(var receipt):
      receipt.deliveries = receipt.deliveries.map(told)
      return .controlled(receipt)
    case .activityChanged(let lost, let delivery):
      return .activityChanged(lost: lost, delivery: delivery.map(told))
    case .done, .existing, .kept, .known, .instances, .activities, .deleted, .pruned, .swept, .reset:
      return self
    }
  }
}
