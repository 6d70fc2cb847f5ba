internal import PerdureModel
internal import PerdureStore

extension Writer {
  func actOnActivity(
    _ key: ActivityKey, _ verb: ActivityVerb, now: TimestampMS
  ) throws(StoreError) -> StoreOutcome {
    guard let row = try find(key.instance) else { return .failure(.notFound) }
    guard let known = try activity(row.pk, key.execution, key.action),
      let activity = try activityRow(key, known.pk)
    else { return .failure(.staleClaim) }
    let lost = activity.task.claim
    var delivery: Delivery?
    switch verb {
    case .retry where lost != nil || activity.phase == .deferred: try retry(activity, .givenUp, at: now)
    case .retry:
      try rare.run(
        "UPDATE activities SET visible_at = ?2 WHERE pk = ?1 AND visible_at > ?2", activity.pk, now)
    case .complete(let result): delivery = try end(activity.pk, key, .completed(result), of: row)
    case .fail(let failure):
      if case .retry(let at) = activity.task.verdict(on: failure, now: now) {
        try retry(activity, failure, at: at)
      } else {
        delivery = try end(activity.pk, key, .failed(failure), of: row)
      }
    }
    return .success(.activityChanged(lost: lost, delivery: delivery))
  }
}
