import PerdureModel

/// The activities that this runtime holds: queued until a slot is free, then running until the host answers.
struct ActivityDesk {
  private let slots: Int
  private var queue = FIFO<ActivityTask>()
  /// Everything held: the claim tells a task apart from an older one of the same key.
  private var claims: [ActivityKey: Entry] = [:]
  private(set) var runningCount = 0

  private struct Entry {
    var claim: ActivityClaim
    var isRunning = false
    /// Its row is still there: somebody waits for the result.
    var isWanted = true
  }

  init(slots: Int) { self.slots = max(slots, 0) }

  /// Running and queued.
  var count: Int { claims.count }
  var isIdle: Bool { runningCount == 0 }
  /// More could be taken from the store.
  var wantsMore: Bool { claims.count < slots * 2 }

  var runningKeys: [ActivityKey] { sorted(claims.filter { $0.value.isRunning }.map { $0.key }) }

  mutating func enqueue(_ task: ActivityTask) {
    guard let claim = task.claim else { return }
    // Of an instance that was deleted and started anew: the slot is given up with the old one.
    if claims[task.key]?.isRunning == true { runningCount -= 1 }
    claims[task.key] = Entry(claim: claim)
    queue.append(task)
  }

  /// The next task to run, if a slot is free.
  mutating func next() -> ActivityTask? {
    while runningCount < slots, let task = queue.popFirst() {
      guard let entry = claims[task.key], entry.claim == task.claim, !entry.isRunning else { continue }
      claims[task.key]?.isRunning = true
      runningCount += 1
      return task
    }
    return nil
  }

  /// A host answered. Answers the claim that the result is valid under; nil: it is not wanted any more.
  mutating func end(_ key: ActivityKey, token: Int64) -> ActivityClaim? {
    guard let entry = claims[key], entry.isRunning, entry.claim.token == token else { return nil }
    claims[key] = nil
    runningCount -= 1
    return entry.isWanted ? entry.claim : nil
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
    guard let entry = claims[key] else { return }
    if entry.isRunning {
      claims[key]?.isWanted = false
      effects.append(.cancelActivity(key))
    } else {
      claims[key] = nil
    }
  }

  /// Hands over what is queued.
  mutating func takeQueue() -> [ActivityTask] {
    var tasks: [ActivityTask] = []
    while let task = queue.popFirst() {
      guard let entry = claims[task.key], entry.claim == task.claim, !entry.isRunning else { continue }
      claims[task.key] = nil
      tasks.append(task)
    }
    return tasks
  }

  /// Nobody waits for the running ones any more.
  mutating func abandon() {
    claims = [:]
    runningCount = 0
  }
}
