internal import PerdureModel
internal import PerdureStore
internal import PerdureWire

/// The row of an activity that cannot be read.
struct UnreadableActivity {
  let pk: Int64
  let instance: InstanceID
  let error: StoreError
}

/// What cannot be read must not hold up the others, and must not be forgotten.
extension Writer {
  /// How long it takes until somebody looks at such a row again, in case that it was mended.
  private static let putOffMS: Int64 = 60_000

  /// Quarantines the instances of the activities and moves those out of the way. Answers which it newly
  /// quarantined.
  func putOff(
    _ unreadable: [UnreadableActivity], now: TimestampMS
  ) throws(StoreError) -> [DamagedInstance] {
    if !unreadable.isEmpty { try mustBeAlone() }
    var damaged: [DamagedInstance] = []
    for activity in unreadable {
      try rare.run(
        """
        UPDATE activities SET visible_at = CASE WHEN visible_at > ?2 THEN visible_at ELSE ?2 END,
          expires_at = CASE WHEN expires_at < ?2 THEN ?2 ELSE expires_at END
        WHERE pk = ?1
        """, activity.pk, now &+ Self.putOffMS)
      guard let row = try find(activity.instance), row.isServable else { continue }
      let failure = Failure(type: FailureType.corruptHistory, message: activity.error.message)
      let outcome = try quarantine(activity.instance, revision: row.revision, failure: failure, now: now)
      if case .success = outcome {
        damaged.append(DamagedInstance(activity.instance, activity.error.message))
      }
    }
    return damaged
  }
}
