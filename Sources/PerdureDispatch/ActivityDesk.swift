import PerdureModel

/// The activities that this runtime holds. A slot is taken from the moment a task is handed out until its
/// result is on disk, so that a process that dies repeats at most one activity per slot.
///
///     queued     waits for a slot      -> running (next), gone (drop, out of time, claimed anew)
///     running    at the host           -> ended (end), lingering (drop, out of time, claimed anew)
///     ended      its result is on the way to the store           -> gone (recorded, claimed anew)
///     lingering  told to end; nobody wants its result any more   -> gone (answered, or its grace is over)
struct ActivityDesk {
  private let slots: Int
  private let graceMS: Int64
  private let limits: [ExactText: ActivityLimits]
  private var queue = ActivityQueue()
  /// What is queued, runs or has ended: of each key the latest attempt.
  private var entries: [ActivityKey: Entry] = [:]
  /// Apart from them, for the next attempt of a key may be here before the host has let go of an older one.
  private var lingering: [ClaimedActivity: Entry] = [:]
  private var deadlines = TimerQueue<ClaimedActivity>()
  private var slotsTaken = 0
  /// Per instance, so that what became of them is looked at once a turn.
  private var ended: [ExactText: [ActivityKey]] = [:]
  private(set) var runningCount = 0

  private enum Stage {
    case queued, running, ended
  }

  private final class Entry {
    let task: ActivityTask
    let claim: ActivityClaim
    var stage = Stage.queued
    var startedAt: TimestampMS = 0
    var beatAt: TimestampMS = 0
    /// While lingering.
    var graceEndsAt: TimestampMS = 0
    var heartbeat: Payload?
    /// Details that came while older ones were on the way to the store.
    var hasUnwrittenHeartbeat = false
    var isWritingHeartbeat = false

    init(task: ActivityTask, claim: ActivityClaim) {
      self.task = task
      self.claim = claim
    }

    var attempt: ClaimedActivity { ClaimedActivity(key: task.key, claim: claim) }
  }

  /// An attempt that is over, with what its end needs.
  struct Ended {
    var task: ActivityTask
    var claim: ActivityClaim
    var heartbeat: Payload?
  }

  init(slots: Int, graceMS: Int64 = 10_000, limits: [ExactText: ActivityLimits] = [:]) {
    self.slots = max(slots, 0)
    self.graceMS = max(graceMS, 0)
    self.limits = limits
  }

  /// Wait for a slot.
  var queuedCount: Int { max(0, count - slotsTaken) }
  /// Queued, running, ended and lingering.
  var count: Int { entries.count + lingering.count }
  /// All but the lingering ones: what is to become of the claims of those is decided.
  var held: [ActivityKey: ActivityClaim] { entries.mapValues { $0.claim } }
  /// Nothing of ours is at hosts, not even what was told to end.
  var isIdle: Bool { runningCount == 0 && lingering.isEmpty }
  /// Slots for which nothing waits.
  var freeSlots: Int { max(0, slots - count + queue.limitedCount) }
  /// More could be taken from the store. Those that a limit holds back leave room for others.
  var wantsMore: Bool { count - queue.limitedCount < slots * 2 }
  /// When `tick` or `next` is wanted.
  var nextDeadline: TimestampMS? {
    soonest(deadlines.earliest, slotsTaken < slots ? queue.nextPermit : nil)
  }

  /// In an order that is always the same.
  var running: [ClaimedActivity] {
    let keys = sorted(entries.filter { $0.value.stage == .running }.map { $0.key })
    return keys.compactMap { entries[$0]?.attempt }
  }

  /// Whether one more of this name is worth holding: of limited ones a few.
  func welcomes(_ name: String) -> Bool {
    guard let limits = limits[ExactText(name)] else { return true }
    let most = [limits.concurrency, limits.rate, slots].compactMap { $0 }.min() ?? slots
    return queue.count(of: name) < most * 2
  }

  // MARK: In and out

  mutating func enqueue(_ task: ActivityTask, _ now: TimestampMS, into effects: inout [Effect]) {
    guard let claim = task.claim else { return }
    let entry = Entry(task: task, claim: claim)
    // The older one is over: for the store, or with its instance, which was deleted and started anew.
    if let older = entries.updateValue(entry, forKey: task.key) { end(older, now, into: &effects) }
    queue.append(task, limits[ExactText(task.name)])
    if let due = soonest(task.attempt == 1 ? task.startBy : nil, task.closeBy) {
      setDeadline(of: entry.attempt, due)
    }
  }

  private mutating func setDeadline(of attempt: ClaimedActivity, _ due: TimestampMS) {
    deadlines.insert(attempt, at: due)
    guard deadlines.isCrowded else { return }
    deadlines.keep { [entries, lingering] attempt, _ in
      entries[attempt.key]?.claim == attempt.claim || lingering[attempt] != nil
    }
  }

  /// Of how many attempts it knows a time limit, of some that are over too.
  var deadlinesKept: Int { deadlines.count }

  /// The next task to run, if a slot is free and its limits let it.
  mutating func next(_ now: TimestampMS) -> ActivityTask? {
    guard slotsTaken < slots else { return nil }
    let task = queue.popFirst(now) { task in
      entries[task.key].map { $0.claim == task.claim && $0.stage == .queued } ?? false
    }
    guard let task, let entry = entries[task.key] else { return nil }
    start(entry, now)
    return task
  }

  private mutating func start(_ entry: Entry, _ now: TimestampMS) {
    runningCount += 1
    slotsTaken += 1
    entry.stage = .running
    entry.startedAt = now
    entry.beatAt = now
    if !entry.task.options.isDefault, let due = timeout(entry)?.at {
      setDeadline(of: entry.attempt, due)
    }
  }

  /// A host answered. nil: the result is not wanted any more.
  mutating func end(_ attempt: ClaimedActivity) -> Ended? {
    let key = attempt.key
    guard let entry = entries[key], entry.claim == attempt.claim, entry.stage == .running else {
      if let entry = lingering.removeValue(forKey: attempt) { freeSlot(of: entry) }
      return nil
    }
    runningCount -= 1
    entry.stage = .ended
    ended[ExactText(key.instance), default: []].append(key)
    return Ended(task: entry.task, claim: entry.claim, heartbeat: entry.heartbeat)
  }

  // MARK: Time

  /// Attempts whose time is over: they linger, or leave the queue.
  mutating func tick(_ now: TimestampMS, into effects: inout [Effect]) -> [(Ended, ActivityTimeout)] {
    var over: [(Ended, ActivityTimeout)] = []
    while let due = deadlines.popDue(now) {
      if let entry = lingering[due], entry.graceEndsAt <= now {
        lingering[due] = nil
        freeSlot(of: entry)
      }
      guard let entry = entries[due.key], entry.claim == due.claim, let timeout = timeout(entry) else {
        continue
      }
      guard timeout.at <= now else {
        deadlines.insert(due, at: timeout.at)
        continue
      }
      over.append(
        (Ended(task: entry.task, claim: entry.claim, heartbeat: entry.heartbeat), timeout.limit))
      drop(due.key, now, into: &effects)
    }
    return over
  }

  /// The first of its time limits that ends an attempt.
  private func timeout(_ entry: Entry) -> (at: TimestampMS, limit: ActivityTimeout)? {
    let task = entry.task
    var first: (at: TimestampMS, limit: ActivityTimeout)?
    func consider(_ at: TimestampMS?, _ limit: ActivityTimeout) {
      guard let at, at < first?.at ?? .max else { return }
      first = (at, limit)
    }
    switch entry.stage {
    case .queued:
      if task.attempt == 1 { consider(task.startBy, .scheduleToStart) }
    case .running:
      consider(task.options.startToCloseMS.map { entry.startedAt &+ $0 }, .startToClose)
      consider(task.options.heartbeatMS.map { entry.beatAt &+ $0 }, .heartbeat)
    case .ended: return nil
    }
    consider(task.closeBy, .scheduleToClose)
    return first
  }

  // MARK: Heartbeats

  /// Answers whether the result is still wanted, and whether the details are to be written now: one write of
  /// an attempt is on its way at a time.
  mutating func beat(
    _ attempt: ClaimedActivity, _ details: Payload, _ now: TimestampMS
  ) -> (isWanted: Bool, mustWrite: Bool) {
    guard let entry = entries[attempt.key], entry.stage == .running, entry.claim == attempt.claim else {
      return (false, false)
    }
    entry.beatAt = now
    entry.heartbeat = details
    entry.hasUnwrittenHeartbeat = entry.isWritingHeartbeat
    if entry.isWritingHeartbeat { return (true, false) }
    entry.isWritingHeartbeat = true
    return (true, true)
  }

  /// The details are on disk. Answers newer ones, to be written next.
  mutating func beatWritten(_ key: ActivityKey, _ claim: ActivityClaim) -> Payload? {
    guard let entry = entries[key], entry.claim == claim else { return nil }
    let hasNews = entry.stage == .running && entry.hasUnwrittenHeartbeat
    entry.isWritingHeartbeat = hasNews
    entry.hasUnwrittenHeartbeat = false
    return hasNews ? entry.heartbeat : nil
  }
}

// MARK: - Giving up

extension ActivityDesk {
  /// Results of an instance are on disk, or of no use: all but those that are still on the way.
  mutating func recorded(_ instance: InstanceID, except onTheWay: [ActivityKey] = []) {
    guard let keys = ended[ExactText(instance)] else { return }
    let rest = keys.filter { onTheWay.contains($0) }
    for key in keys where !onTheWay.contains(key) {
      if let entry = entries.removeValue(forKey: key) { freeSlot(of: entry) }
    }
    ended[ExactText(instance)] = rest.isEmpty ? nil : rest
  }

  /// The result goes to the store by itself; `free` follows when it is there.
  mutating func forward(_ key: ActivityKey, _ claim: ActivityClaim) {
    if entries[key]?.claim == claim { unlist(key) }
  }

  mutating func free(_ key: ActivityKey, _ claim: ActivityClaim) {
    guard let entry = entries[key], entry.claim == claim, entry.stage == .ended else { return }
    entries[key] = nil
    unlist(key)
    freeSlot(of: entry)
  }

  private mutating func unlist(_ key: ActivityKey) {
    ended[ExactText(key.instance)]?.removeAll { $0 == key }
    if ended[ExactText(key.instance)]?.isEmpty == true { ended[ExactText(key.instance)] = nil }
  }

  /// The rows are gone: queued ones are forgotten, running ones are told.
  mutating func drop(
    _ instance: InstanceID, _ execution: ExecutionID, _ actions: [ActionID], _ now: TimestampMS,
    into effects: inout [Effect]
  ) {
    for action in actions {
      drop(ActivityKey(instance: instance, execution: execution, action: action), now, into: &effects)
    }
  }

  mutating func dropAll(of instance: InstanceID, _ now: TimestampMS, into effects: inout [Effect]) {
    for key in sorted(entries.keys.filter { ExactText($0.instance) == ExactText(instance) }) {
      drop(key, now, into: &effects)
    }
  }

  /// The claim is no longer valid.
  mutating func lose(
    _ key: ActivityKey, _ claim: ActivityClaim, _ now: TimestampMS, into effects: inout [Effect]
  ) {
    if entries[key]?.claim == claim { drop(key, now, into: &effects) }
  }

  mutating func lose(
    _ claims: [ActivityKey: ActivityClaim], _ now: TimestampMS, into effects: inout [Effect]
  ) {
    for key in sorted(Array(claims.keys)) {
      if let claim = claims[key] { lose(key, claim, now, into: &effects) }
    }
  }

  private func sorted(_ keys: [ActivityKey]) -> [ActivityKey] {
    keys.sorted { ($0.instance, $0.execution, $0.action) < ($1.instance, $1.execution, $1.action) }
  }

  private mutating func drop(_ key: ActivityKey, _ now: TimestampMS, into effects: inout [Effect]) {
    guard let entry = entries[key], entry.stage != .ended else { return }
    entries[key] = nil
    end(entry, now, into: &effects)
  }

  /// Nobody waits for it: it is out of `entries`. What is at the host has its slot until it answers.
  private mutating func end(_ entry: Entry, _ now: TimestampMS, into effects: inout [Effect]) {
    let attempt = entry.attempt
    switch entry.stage {
    case .queued: queue.forget(entry.task.name)
    case .running:
      runningCount -= 1
      entry.graceEndsAt = now &+ graceMS
      // An id that is deleted and started within a millisecond gives a claim twice.
      if let older = lingering.updateValue(entry, forKey: attempt) { freeSlot(of: older) }
      setDeadline(of: attempt, entry.graceEndsAt)
      effects.append(.cancelActivity(attempt))
    case .ended:
      unlist(attempt.key)
      freeSlot(of: entry)
    }
  }

  /// Also its place under the limits of its name.
  private mutating func freeSlot(of entry: Entry) {
    slotsTaken -= 1
    queue.finished(entry.task.name)
  }

  /// Hands over what is queued.
  mutating func takeQueue() -> [ActivityTask] {
    var tasks: [ActivityTask] = []
    for task in queue.takeAll() {
      guard let entry = entries[task.key], entry.claim == task.claim, entry.stage == .queued else { continue }
      entries[task.key] = nil
      tasks.append(task)
    }
    return tasks
  }

  /// Nobody waits for the running ones any more.
  mutating func abandon() {
    entries = [:]
    lingering = [:]
    ended = [:]
    deadlines = TimerQueue()
    runningCount = 0
    slotsTaken = 0
  }
}
