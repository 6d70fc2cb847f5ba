import PerdureModel

struct ActivityRow: Sendable {
  var task: ActivityTask
  /// Its place in the order of scheduling.
  let sequence: Int64
  /// Of the last claim; 0: there was none.
  var token: Int64
  /// The next claim is for this same attempt: there was none, or the last was given back unrun.
  var isUnrun: Bool
  /// Of the last claim.
  var claimedAt: TimestampMS
  /// When somebody outside last gave a sign of life of the attempt; nil: the row is not deferred.
  var deferredBeatAt: TimestampMS?

  /// - revision: of its instance as it was when the task was scheduled.
  init(_ task: ActivityTask, sequence: Int64, revision: Revision, now: TimestampMS) {
    self.task = task
    self.sequence = sequence
    token = task.firstToken(revision: revision)
    isUnrun = task.claim == nil
    claimedAt = task.claim == nil ? 0 : now
  }

  /// What it waits for while nobody holds it.
  var wait: ActivityWait {
    if let deferredBeatAt { return .deferred(startedAt: claimedAt, beatAt: deferredBeatAt) }
    return isUnrun && task.attempt == 1 ? .notStarted : .betweenAttempts
  }

  /// Somebody outside may end or prolong the attempt that ran under this token.
  func isOpen(to token: Int64) -> Bool {
    self.token == token && (deferredBeatAt != nil || task.claim != nil)
  }

  mutating func take(_ node: NodeID, now: TimestampMS) {
    if !isUnrun { task.attempt &+= 1 }
    isUnrun = false
    token &+= 1
    task.claim = ActivityClaim(node: node, token: token)
    claimedAt = now
  }

  mutating func giveBack() {
    task.claim = nil
    isUnrun = true
  }

  /// The attempt failed; another may begin at `moment`.
  mutating func retry(_ failure: Failure, at moment: TimestampMS) {
    task.claim = nil
    isUnrun = false
    task.failures &+= 1
    task.lastFailure = failure
    task.visibleAt = moment
    deferredBeatAt = nil
  }

  func due(of order: Int64) -> ActivityDue {
    ActivityDue(at: task.visibleAt, sequence: sequence, order: order, action: task.key.action)
  }

  /// nil: no limit ends it while nobody holds it.
  func expiry(of order: Int64) -> ActivityDue? {
    task.expiresAt(wait).map {
      ActivityDue(at: $0, sequence: sequence, order: order, action: task.key.action)
    }
  }
}

/// An activity and a moment: earliest first, then in the order of scheduling.
struct ActivityDue: Comparable, Sendable {
  var at: TimestampMS
  var sequence: Int64
  /// Of the instance.
  var order: Int64
  var action: ActionID

  static func == (one: ActivityDue, other: ActivityDue) -> Bool {
    (one.at, one.sequence) == (other.at, other.sequence)
  }

  static func < (one: ActivityDue, other: ActivityDue) -> Bool {
    (one.at, one.sequence) < (other.at, other.sequence)
  }
}

/// Activities that the same runtimes can take.
struct ActivityRoute: Hashable, Sendable {
  var name: ExactText
  var tag: ExactText?

  init(_ task: ActivityTask) {
    name = ExactText(task.name)
    tag = task.options.tag.map { ExactText($0) }
  }
}

/// Who runs the activities of a session, and when that was last seen to be so.
struct Session: Sendable {
  var node: NodeID
  var usedAt: TimestampMS
}
