internal import PerdureModel
internal import PerdureStore
internal import PerdureWire

/// A pending activity as its row has it.
struct ActivityRow {
  enum Phase: Int64 {
    /// The next claim is for this same attempt: there was none, or the last was given back unrun.
    case unrun = 0
    /// Somebody took the attempt: runs it, lost it, or it failed.
    case run = 1
    /// To be completed from elsewhere, under the token of the last claim.
    case deferred = 2
  }

  let pk: Int64
  /// Its key in the table.
  let instance: Int64
  /// Its `claim` is that of the row: none once its node left or gave it back, or it is deferred.
  var task: ActivityTask
  /// Of the last claim; 0: nobody has claimed it yet.
  let token: Int64
  let phase: Phase
  let claimedAt: TimestampMS
  let beatAt: TimestampMS

  /// What it waits for when nobody holds it.
  var wait: ActivityWait {
    switch phase {
    case .deferred: .deferred(startedAt: claimedAt, beatAt: beatAt)
    case .unrun where task.attempt == 1: .notStarted
    case .unrun, .run: .betweenAttempts
    }
  }

  /// Somebody outside may complete or prolong the attempt.
  func isOpen(to token: CompletionToken) -> Bool {
    self.token == token.token && (phase == .deferred || task.claim != nil)
  }

  /// Of `activities AS a`, for `decode`.
  static let columns = """
    a.pk, a.execution, a.action, a.orchestration, a.name, a.input, a.attempt, a.visible_at, a.scheduled_at, \
    a.failures, a.options, a.last_failure, a.heartbeat, (SELECT id FROM nodes WHERE id = a.node), a.token, \
    a.phase, a.claimed_at, a.beat_at, a.trace, a.instance
    """
  static let columnCount: Int32 = 20

  static func decode(
    _ row: Statement, of instance: InstanceID, path: String
  ) throws(StoreError) -> ActivityRow {
    let key = ActivityKey(instance: instance, execution: row.integer(1), action: row.integer(2))
    let token = row.integer(14)
    var task = ActivityTask(
      key: key, orchestration: row.text(3), name: row.text(4), input: .null, attempt: row.integer(6),
      visibleAt: row.integer(7),
      claim: row.optionalInteger(13).map { ActivityClaim(node: $0, token: token) },
      scheduledAt: row.integer(8))
    task.failures = row.integer(9)
    do {
      try row.checkIntegers([1, 2, 6, 7, 8, 9, 14, 16, 17])
      task.input = try row.payload(5)
      task.lastHeartbeat = try row.optionalPayload(12)
      if !row.isNull(10) {
        task.options = try row.withBytes(10) { bytes throws(WireError) in
          try ActivityOptionsWire.decode(bytes)
        }
      }
      if !row.isNull(11) {
        task.lastFailure = try row.withBytes(11) { bytes throws(WireError) in try FailureWire.decode(bytes) }
      }
    } catch {
      throw StoreError(
        .corrupt,
        "The store \(path) cannot read activity \(key.action) of instance \(instance), execution "
          + "\(key.execution): \(error.message).")
    }
    // Nothing depends on it: one that cannot be read is none.
    if let trace = row.optionalText(18) { task.trace = TraceContext(text: trace) }
    return ActivityRow(
      pk: row.integer(0), instance: row.integer(19), task: task, token: token,
      phase: Phase(rawValue: row.integer(15)) ?? .run,
      claimedAt: row.integer(16), beatAt: row.integer(17))
  }
}
