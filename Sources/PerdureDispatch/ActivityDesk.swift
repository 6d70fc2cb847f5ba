import PerdureModel

/// The activities that this runtime holds. A slot is taken from the moment a task is handed out until its
/// result is on disk, so that a process that dies repeats at most one activity per slot.
///
///     queued   waits for a slot       -> running (next), gone (drop)
///     running  at the host            -> ended (end), gone (end, if nobody waits for it any more)
///     ended    its result is on the way to the store   -> gone (recorded)
struct ActivityDesk {
  private let slots: Int
  private var queue = FIFO<ActivityTask>()
  /// Everything held: the claim tells a task apart from an older one of the same key.
  private var claims: [ActivityKey: Entry] = [:]
  private var slotsTaken = 0
  /// Per instance, so that what became of them is looked at once a turn.
  private var ended: [ExactText: [ActivityKey]] = [:]
  private(set) var runningCount = 0

  private enum Stage {
    case queued, running, ended
  }

  private struct Entry {
    var claim: ActivityClaim
    var stage = Stage.queued
    /// Its row is still there: somebody waits for the result.
    var isWanted = true
  }

  init(slots: Int) { self.slots = max(slots, 0) }

  /// Queued, running and ended.
  var count: Int { claims.count }
  var held: [ActivityKey: ActivityClaim] { claims.mapValues { $0.claim } }
  var isIdle: Bool { runningCount == 0 }
  /// More could be taken from the store.
  var wantsMore: Bool { claims.count < slots * 2 }

  var runningKeys: [ActivityKey] { sorted(claims.filter { $0.value.stage == .running }.map { $0.key }) }

  mutating func enqueue(_ task: ActivityTask) {
    guard let claim = task.claim else { return }
    // Of an instance that was deleted and started anew: the slot is given up with the old one.
    switch claims[task.key]?.stage {
    case .running:
      runningCount -= 1
      slotsTaken -= 1
    case .ended:
      forward(task.key)
      slotsTaken -= 1
    case .queued, nil: break
    }
    claims[task.key] = Entry(claim: claim)
    queue.append(task)
  }

  /// The next task to run, if a slot is free.
  mutating func next() -> ActivityTask? {
    while slotsTaken < slots, let task = queue.popFirst() {
      guard let entry = claims[task.key], entry.claim == task.claim, entry.stage == .queued else { continue }
      claims[task.key]?.stage = .running
      runningCount += 1
      slotsTaken += 1
      return task
    }
    return nil
  }

  /// A host answered. Answers the claim that the result is valid under; nil: it is not wanted any more.
  mutating func end(_ key: ActivityKey, token: Int64) -> ActivityClaim? {
    guard let entry = claims[key], entry.stage == .running, entry.claim.token == token else { return nil }
    runningCount -= 1
    guard entry.isWanted else {
      claims[key] = nil
      slotsTaken -= 1
      return nil
    }
    claims[key]?.stage = .ended
    ended[ExactText(key.instance), default: []].append(key)
    return entry.claim
  }

  /// Results of an instance are on disk, or of no use: all but those that are still on the way.
  mutating func recorded(_ instance: InstanceID, except onTheWay: [ActivityKey] = []) {
    guard let keys = ended[ExactText(instance)] else { return }
    let rest = keys.filter { onTheWay.contains($0) }
    for key in keys where !onTheWay.contains(key) { free(key) }
    ended[ExactText(instance)] = rest.isEmpty ? nil : rest
  }

  /// The result goes to the store by itself; `free` follows when it is there.
  mutating func forward(_ key: ActivityKey) {
    ended[ExactText(key.instance)]?.removeAll { $0 == key }
    if ended[ExactText(key.instance)]?.isEmpty == true { ended[ExactText(key.instance)] = nil }
  }

  mutating func free(_ key: ActivityKey) {
    guard claims[key]?.stage == .ended else { return }
    claims[key] = nil
    slotsTaken -= 1
  }

  /// The rows are gone: queued ones are forgotten, running ones are told. Their slot is free when they
  /// answer.
  mutating func drop(
    _ instance: InstanceID, _ execution: ExecutionID, _ actions: [ActionID], into effects: inout [Effect]
  ) {
    for action in actions {
      drop(ActivityKey(instance: instance, execution: execution, action: action), into: &effects)
    }
  }

  mutating func dropAll(of instance: InstanceID, into effects: inout [Effect]) {
    for key in sorted(claims.keys.filter { ExactText($0.instance) == ExactText(instance) }) {
      drop(key, into: &effects)
    }
  }

  private func sorted(_ keys: [ActivityKey]) -> [ActivityKey] {
    keys.sorted { ($0.instance, $0.execution, $0.action) < ($1.instance, $1.execution, $1.action) }
  }

  private mutating func drop(_ key: ActivityKey, into effects: inout [Effect]) {
    switch claims[key]?.stage {
    case .running:
      claims[key]?.isWanted = false
      effects.append(.cancelActivity(key))
    case .queued: claims[key] = nil
    case .ended, nil: break
    }
  }

  /// Hands over what is queued.
  mutating func takeQueue() -> [ActivityTask] {
    var tasks: [ActivityTask] = []
    while let task = queue.popFirst() {
      guard let entry = claims[task.key], entry.claim == task.claim, entry.stage == .queued else { continue }
      claims[task.key] = nil
      tasks.append(task)
    }
    return tasks
  }

  /// Nobody waits for the running ones any more.
  mutating func abandon() {
    claims = [:]
    ended = [:]
    runningCount = 0
    slotsTaken = 0
  }
}
