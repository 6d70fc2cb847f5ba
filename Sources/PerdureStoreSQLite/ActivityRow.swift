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
    a.phase, a.claimed_at, a.beat_at, a.trace
    """
  static let columnCount: Int32 = 19

  static func decode(
    _ row: Statement, of instance: InstanceID, path: String
  ) throws(StoreError) -> ActivityRow {
    do {
      return try decode(row, of: instance)
    } catch {
      throw StoreError(
        .corrupt,
        "The store \(path) cannot read activity \(row.integer(2)) of instance \(instance), execution "
          + "\(row.integer(1)): \(error.message).")
    }
  }

  private static func decode(_ row: Statement, of instance: InstanceID) throws(WireError) -> ActivityRow {
    let key = ActivityKey(
      instance: instance, execution: try row.integer(1, in: Statement.ids, "its execution"),
      action: try row.integer(2, in: Statement.ids, "its action"))
    let token = try row.integer(14, in: 0...Int64.max - Statement.counts.upperBound, "its token")
    var task = ActivityTask(
      key: key, orchestration: row.text(3), name: row.text(4), input: try row.payload(5, "its input"),
      attempt: try row.integer(6, in: Statement.ids, "its attempt"),
      visibleAt: try row.integer(7, in: Statement.times, "when it is due"),
      claim: row.optionalInteger(13).map { ActivityClaim(node: $0, token: token) },
      scheduledAt: try row.integer(8, in: Statement.times, "its schedule"))
    task.failures = try row.integer(9, in: Statement.counts, "its count of failures")
    if !row.isNull(10) {
      task.options = try row.withBytes(10) { bytes throws(WireError) in
        try ActivityOptionsWire.decode(bytes)
      }
    }
    if !row.isNull(11) {
      task.lastFailure = try row.withBytes(11) { bytes throws(WireError) in try FailureWire.decode(bytes) }
    }
    task.lastHeartbeat = try row.optionalPayload(12, "its heartbeat")
    // Nothing depends on it: one that cannot be read is none.
    if let trace = row.optionalText(18) { task.trace = TraceContext(text: trace) }
    guard let phase = Phase(rawValue: row.integer(15)) else {
      throw WireError("its phase is \(row.integer(15))")
    }
    return ActivityRow(
      pk: row.integer(0), task: task, token: token, phase: phase,
      claimedAt: try row.integer(16, in: Statement.times, "its claim"),
      beatAt: try row.integer(17, in: Statement.times, "its heartbeat"))
  }
}
