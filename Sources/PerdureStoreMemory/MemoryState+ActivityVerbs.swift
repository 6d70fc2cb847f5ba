import PerdureModel
import PerdureStore

extension MemoryState {
  mutating func actOnActivity(_ key: ActivityKey, _ verb: ActivityVerb, now: TimestampMS) -> StoreOutcome {
    guard locate(key.instance) != nil else { return .failure(.notFound) }
    guard let (order, row) = find(key) else { return .failure(.staleClaim) }
    let lost = row.task.claim
    var changed = row
    switch verb {
    case .retry where lost != nil || row.deferredBeatAt != nil: changed.retry(.givenUp, at: now)
    case .retry: changed.task.visibleAt = min(row.task.visibleAt, now)
    case .complete(let result):
      guard let delivery = end(row, .completed(result), of: order) else { return .failure(.staleClaim) }
      return .success(.activityChanged(lost: lost, delivery: delivery))
    case .fail(let failure):
      guard case .retry(let at) = row.task.verdict(on: failure, now: now) else {
        guard let delivery = end(row, .failed(failure), of: order) else { return .failure(.staleClaim) }
        return .success(.activityChanged(lost: lost, delivery: delivery))
      }
      changed.retry(failure, at: at)
    }
    replace(row, with: changed, of: order)
    return .success(.activityChanged(lost: lost, delivery: nil))
  }
}
