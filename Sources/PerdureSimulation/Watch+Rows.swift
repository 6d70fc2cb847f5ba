import PerdureModel
import PerdureStore

extension Watch {
  /// A pending activity, followed without the engine's own rules.
  struct Row {
    var task: ActivityTask
    var claim: ActivityClaim?
    /// Of the last claim.
    var token: Int64
    var attempt: Int64
    /// The next claim is for the same attempt.
    var isUnrun: Bool
    var failures: Int64 = 0
    /// It must not be claimed before.
    var visibleFrom: TimestampMS = 0
    var claimedAt: TimestampMS
    var deferredBeatAt: TimestampMS?
    var heartbeat: Payload?

    init(_ task: ActivityTask, now: TimestampMS) {
      self.task = task
      claim = task.claim
      token = task.claim?.token ?? 0
      attempt = 1
      isUnrun = task.claim == nil
      claimedAt = now
    }

    func isOpen(to token: Int64) -> Bool { self.token == token && (claim != nil || deferredBeatAt != nil) }
  }

  static func name(_ key: ActivityKey) -> String {
    "Activity \(key.action) of '\(key.instance)' execution \(key.execution)"
  }

  /// The claim is that of its row.
  func holds(_ claimed: ClaimedActivity) -> Bool { rows[claimed.key]?.claim == claimed.claim }

  /// A node that is gone holds nothing, though it claims.
  private func held(_ task: ActivityTask) -> ActivityClaim? {
    task.claim.flatMap { goneNodes.contains($0.node) ? nil : $0 }
  }

  mutating func nodeIsGone(_ node: NodeID) {
    guard goneNodes.insert(node).inserted else { return }
    for (key, row) in rows where row.claim?.node == node { rows[key]?.claim = nil }
  }

  mutating func nodeIsBack(_ node: NodeID) { goneNodes.remove(node) }

  // MARK: What lands

  mutating func landedActivity(
    _ entry: StoreEntry, _ receipt: StoreReceipt, _ clock: TimestampMS, _ store: SimStore
  ) {
    switch (entry, receipt) {
    case (.activityEnded(let key, let claim, let outcome, _), .posted(let delivery)):
      checkTimeout(key, outcome, clock)
      takeRow(key, claim)
      deliver(delivery, in: store)
    case (.claimActivities(let node, _, _, let now), .activities(let tasks, _, _)):
      for task in tasks { claimed(task, node, now) }
    case (.releaseActivities(let released), _): for item in released { release(item.key, item.claim) }
    case (.releaseUnheldActivities(let node, let held), _): released(by: node, except: held)
    case (.activityRetry(let key, let claim, let failure, let at, let heartbeat), _):
      retried(key, claim, failure, at, heartbeat, clock)
    case (.activityHeartbeat(let key, let claim, let details), _):
      checkClaim(key, claim, "A heartbeat")
      rows[key]?.heartbeat = details
    case (.deferActivity(let key, let claim, let heartbeat, let now), _):
      checkClaim(key, claim, "A deferral")
      if let heartbeat { rows[key]?.heartbeat = heartbeat }
      rows[key]?.claim = nil
      rows[key]?.deferredBeatAt = now
    case (.actOnActivity(let key, .retry, let now), .activityChanged(let lost, _)): hurried(key, lost, now)
    case (.actOnActivity(let key, let verb, let now), .activityChanged(let lost, let delivery)):
      ended(key, verb, lost, delivery, now, store)
    case (.completeActivity(let token, let outcome, let now), _):
      completed(token, outcome, receipt, now, store)
    case (.heartbeatByToken(let token, let details, let now), _):
      checkToken(token)
      rows[token.key]?.heartbeat = details
      if rows[token.key]?.deferredBeatAt != nil { rows[token.key]?.deferredBeatAt = now }
    case (.expireActivities(_, let now), .delivered(let deliveries)): expired(deliveries, now, store)
    default: break
    }
  }

  private mutating func released(by node: NodeID, except held: [ClaimedActivity]) {
    let kept = Set(held)
    for (key, row) in rows {
      guard let claim = row.claim, claim.node == node,
        !kept.contains(ClaimedActivity(key: key, claim: claim))
      else { continue }
      release(key, claim)
    }
  }

  private mutating func release(_ key: ActivityKey, _ claim: ActivityClaim) {
    guard rows[key]?.claim == claim else { return }
    rows[key]?.claim = nil
    rows[key]?.isUnrun = true
  }

  private mutating func claimed(_ task: ActivityTask, _ node: NodeID, _ now: TimestampMS) {
    let name = Self.name(task.key)
    guard var row = rows[task.key] else {
      return require(false, "\(name) was claimed, but no turn scheduled it.")
    }
    require(row.claim == nil, "\(name) was claimed while node \(row.claim?.node ?? 0) holds it.")
    require(row.deferredBeatAt == nil, "\(name) was claimed although it is completed from elsewhere.")
    require(
      row.visibleFrom <= now, "\(name) was claimed \(row.visibleFrom - now) ms before its next attempt.")
    require(
      task.failures == row.failures, "\(name) failed \(row.failures) times, not \(task.failures) times.")
    let attempt = row.isUnrun ? row.attempt : row.attempt + 1
    require(task.attempt == attempt, "\(name) was claimed as attempt \(task.attempt), not \(attempt).")
    require(
      task.lastHeartbeat == row.heartbeat,
      "\(name) gives '\(task.lastHeartbeat?.text ?? "")' as its heartbeat '\(row.heartbeat?.text ?? "")'."
    )
    if let session = task.options.session { checkSession(session, node, name) }
    row.claim = held(task)
    row.token = task.claim?.token ?? 0
    row.attempt = attempt
    row.isUnrun = false
    row.claimedAt = now
    rows[task.key] = row
    if let claim = task.claim { committedRuns.insert(Run(key: task.key, claim: claim)) }
  }

  private mutating func checkSession(_ session: String, _ node: NodeID, _ name: String) {
    let other = rows.values.contains { row in
      row.task.options.session == session && row.claim != nil && row.claim?.node != node
    }
    require(!other, "\(name) was given to node \(node) while another one runs session '\(session)'.")
  }

  mutating func addRow(_ task: ActivityTask, _ now: TimestampMS) {
    var row = Row(task, now: now)
    row.claim = held(task)
    rows[task.key] = row
    if let claim = task.claim { committedRuns.insert(Run(key: task.key, claim: claim)) }
  }

  mutating func takeRow(_ key: ActivityKey, _ claim: ActivityClaim) {
    checkClaim(key, claim, "A result")
    rows[key] = nil
  }

  private mutating func checkClaim(_ key: ActivityKey, _ claim: ActivityClaim, _ what: String) {
    require(
      rows[key]?.claim == claim,
      "\(what) of \(Self.name(key)) was taken under a claim that is not the one of its row.")
  }

  private mutating func checkToken(_ token: CompletionToken) {
    require(
      rows[token.key]?.isOpen(to: token.token) == true,
      "\(Self.name(token.key)) was answered under token \(token.token), which is not the one of its attempt.")
  }

  /// An entry was refused, and nothing of it landed.
  mutating func refused(_ entry: StoreEntry, _ refusal: StoreRefusal, in store: SimStore) {
    switch (entry, refusal) {
    case (.noted(let inner, let note), _):
      refused(inner, refusal, in: store)
      require(
        store.newestNote?.id ?? 0 == notes,
        "'\(note.operation)' of '\(note.target)' was refused and left a record.")
    case (.completeActivity(let token, _, _), .staleClaim), (.heartbeatByToken(let token, _, _), .staleClaim),
      (.completeActivity(let token, _, _), .notFound):
      require(
        rows[token.key]?.isOpen(to: token.token) != true,
        "The token of \(Self.name(token.key)) was refused although its attempt is open.")
    case (.post(let message, _), .notFound):
      require(life(message.to) == nil, "A message to '\(message.to)' was refused although it is there.")
    case (.post(let message, _), .wrongStatus):
      require(
        life(message.to)?.status.isTerminal == true,
        "A message to '\(message.to)' was refused before its end.")
    default: break
    }
  }

  // MARK: Attempts

  /// A host begins an activity.
  ///
  /// - node: the number of the simulated node.
  /// - clock: of the node.
  mutating func began(_ task: ActivityTask, node: Int, clock: TimestampMS) {
    let name = Self.name(task.key)
    let run = task.claim.map { Run(key: task.key, claim: $0) }
    // The instance may have given way to another one meanwhile.
    let isOld = run.map { goneRuns.contains($0) } ?? false
    guard let run, committedRuns.contains(run), let life = place(task.key.instance) else {
      return require(isOld, "\(name) ran before its claim was in the store.")
    }
    require(begun[run] == nil || isOld, "\(name) began 2 times under one claim.")
    begun[run] = clock
    let attempt = Try(
      life: life, key: task.key, attempt: task.attempt, resets: lives[life].resets)
    if let place = runPlaces[attempt] {
      runs[place].nodes.append(node)
    } else {
      runPlaces[attempt] = runs.count
      runs.append((attempt, [node]))
    }
  }

  mutating func beat(_ task: ActivityTask, clock: TimestampMS) {
    if let claim = task.claim { beaten[Run(key: task.key, claim: claim)] = clock }
  }

  func hasRun(_ key: ActivityKey, _ life: Int) -> Bool {
    runs.contains { $0.run.key == key && $0.run.life == life }
  }
}
