import PerdureModel
import PerdureStore
import PerdureStoreMemory

/// The store of a world: the real memory store, and what a mutation does to it.
struct SimStore {
  private var state = MemoryState()
  /// Nodes that are gone, until somebody looks.
  private var fallen: [NodeID] = []
  /// Nodes that were taken for dead and came back.
  private var returned: Set<NodeID> = []
  let mutation: Mutation?

  init(mutation: Mutation?) { self.mutation = mutation }

  mutating func join(serving service: NodeService) -> NodeID { state.join(serving: service) }
  mutating func leave(_ node: NodeID) { state.leave(node) }

  /// The node can be noticed as gone from now on.
  mutating func fell(_ node: NodeID) { fallen.append(node) }

  /// The node shows that it lives. Answers whether it was forgotten; then it is known again.
  mutating func showsSign(_ node: NodeID, serving service: NodeService) -> Bool {
    fallen.removeAll { $0 == node }
    guard !state.nodes().contains(where: { $0.id == node }) else { return false }
    state.comeBack(node, serving: service)
    returned.insert(node)
    return true
  }

  /// Forgets the nodes that are gone, and answers them.
  ///
  /// - clock: what that of a node shows.
  mutating func reap(clock: (NodeID) -> TimestampMS) -> (count: Int, nodes: [NodeID]) {
    guard mutation != .ignoreDeadNodes else { return (0, []) }
    for node in fallen { state.kill(node, now: mutation == .forgetLostTurns ? .min : clock(node)) }
    defer { fallen = [] }
    return (state.reap(), fallen)
  }

  func describe(_ instance: InstanceID) -> InstanceDescription? { state.describe(instance) }
  func history(_ query: HistoryQuery) -> HistoryPage? { state.history(query) }
  func nextDue(after now: TimestampMS) -> TimestampMS? { state.nextDue(after: now) }
  func lostClaims(of claims: [ClaimedActivity]) -> [ClaimedActivity] { state.lostClaims(of: claims) }
  /// What waits and what is held: nothing, when all has ended.
  var leftovers: (activities: Int64, messages: Int64, held: Int64) {
    let work = state.workload(now: .max / 2)
    let held = state.holdings().values.reduce(0) { $0 &+ $1.instances &+ $1.activities }
    let activities = work.activities.reduce(0) { $0 &+ $1.waiting &+ $1.running &+ $1.deferred &+ $1.backoff }
    return (activities, work.inboxMessages &+ work.readyInstances, held)
  }
  var counts: [InstanceStatus: Int64] {
    state.tally.rows(of: nil).reduce(into: [:]) { counts, row in
      if row.count > 0 { counts[row.status, default: 0] &+= row.count }
    }
  }
  var newestNote: AuditRecord? { state.audit(AuditQuery()).records.first }
  func callState(of instance: InstanceID, _ call: String) -> CallState {
    state.callState(of: instance, call: call)
  }
  func keyValues(_ instance: InstanceID) -> [KVEntry] {
    state.keyValues(KVQuery(instance: instance)) ?? []
  }

  func dueInstances(ownedBy node: NodeID, now: TimestampMS) -> [InstanceID] {
    state.dueInstances(ownedBy: node, now: now, limit: Limits.pageRows)
  }

  /// As it stands, whatever the mutation.
  func holds(_ message: InboxMessage, for instance: InstanceID) -> Bool {
    state.inbox(of: instance, after: message.sequence - 1).first == message
  }

  func messages(of instance: InstanceID) -> [InboxMessage] { state.inbox(of: instance, after: 0) }

  func inbox(of instance: InstanceID, after: MessageSequence) -> [InboxMessage] {
    let messages = state.inbox(of: instance, after: after)
    return mutation == .reorderTheInbox ? messages.reversed() : messages
  }

  func load(_ instance: InstanceID) -> InstanceSnapshot? {
    var snapshot = state.load(instance)
    if mutation == .reorderTheInbox { snapshot?.inbox.reverse() }
    if mutation == .wrongBase { snapshot?.kv = keyValues(instance) }
    return snapshot
  }

  /// - rows: of activities, as the watch knows them.
  mutating func apply(_ entry: StoreEntry, rows: [ActivityKey: Watch.Row]) -> StoreOutcome {
    guard let mutation else { return state.apply(entry) }
    if case .noted(let inner, let note) = entry {
      let outcome = apply(inner, rows: rows)
      if case .success = outcome, mutation != .forgetTheNote { state.note(note) }
      return outcome
    }
    switch entry {
    case .turn(let commit): return applyTurn(commit, rows, mutation)
    case .start(let start, let owner, let now): return applyStart(start, owner, now, mutation)
    default: break
    }
    switch (mutation, entry) {
    case (.dropAMessage, .post(let message, _)):
      var elsewhere = state
      return elsewhere.apply(.post(message, now: 0))
    case (.dropKept, .post(let message, _)) where message.isKept && state.describe(message.to) == nil:
      return .success(.kept)
    case (.publishTwice, .publish):
      guard case .success(.delivered(let first)) = state.apply(entry),
        case .success(.delivered(let second)) = state.apply(entry)
      else { break }
      return .success(.delivered(first + second))
    case (.sweepEarly, .sweep(let limit, let now)):
      return state.apply(.sweep(limit: limit, now: now + 60_000))
    case (.poisonAtTheHead, .claimInstances) where counts[.quarantined] != nil:
      return .success(.instances([]))
    case (.pruneTooMuch, .pruneExecutions(let instance, let keep, let limit)) where keep > 1:
      return state.apply(.pruneExecutions(instance, keep: keep - 1, limit: limit))
    case (.deleteWithoutChildren, .delete):
      let outcome = state.apply(entry)
      guard case .success(.deleted(let deleted)) = outcome else { return outcome }
      return .success(.deleted(Array(deleted.prefix(1))))
    case (.resetLosesMessages, .reset(let resets)), (.resetForgetsActivities, .reset(let resets)):
      return state.apply(
        .reset(
          resets.map { reset in
            var reset = reset
            if mutation == .resetLosesMessages { reset.returned = [] } else { reset.activities = [] }
            return reset
          }))
    case (.terminateSilently, .control(let instance, .terminate, _, _)):
      let parent = state.describe(instance)?.parent?.instance
      guard case .success(.controlled(var receipt)) = state.apply(entry) else { break }
      receipt.deliveries.removeAll { $0.instance == parent }
      return .success(.controlled(receipt))
    default: return applyToActivity(entry, rows, mutation)
    }
    return state.apply(entry)
  }

  private mutating func applyToActivity(
    _ entry: StoreEntry, _ rows: [ActivityKey: Watch.Row], _ mutation: Mutation
  ) -> StoreOutcome {
    switch (mutation, entry) {
    case (.honourLostClaims, .activityEnded(let key, let claim, let outcome, let now))
    where returned.contains(claim.node):
      guard let held = rows[key]?.claim else { break }
      return state.apply(.activityEnded(key, claim: held, outcome: outcome, now: now))
    case (.loseTheClaimCheck, .activityEnded(let key, _, let outcome, let now)):
      guard let held = rows[key]?.claim else { break }
      return state.apply(.activityEnded(key, claim: held, outcome: outcome, now: now))
    case (.loseTheClaimCheck, .activityRetry(let key, _, let failure, let at, let heartbeat)):
      guard let held = rows[key]?.claim else { break }
      return state.apply(
        .activityRetry(key, claim: held, failure: failure, retryAt: at, heartbeat: heartbeat))
    case (.loseTheClaimCheck, .deferActivity(let key, _, let heartbeat, let now)):
      guard let held = rows[key]?.claim else { break }
      return state.apply(.deferActivity(key, claim: held, heartbeat: heartbeat, now: now))
    case (.retryUncounted, .activityRetry(let key, let claim, _, _, _)):
      return state.apply(.releaseActivities([ClaimedActivity(key: key, claim: claim)]))
    case (.retryEarly, .activityRetry(let key, let claim, let failure, _, let heartbeat)):
      return state.apply(
        .activityRetry(key, claim: claim, failure: failure, retryAt: 0, heartbeat: heartbeat))
    case (.loseHeartbeats, .activityRetry(let key, let claim, let failure, let at, _)):
      return state.apply(.activityRetry(key, claim: claim, failure: failure, retryAt: at, heartbeat: nil))
    case (.loseHeartbeats, .activityHeartbeat(let key, let claim, _)):
      return state.apply(.activityHeartbeat(key, claim: claim, details: .null))
    case (.takeStaleTokens, .completeActivity(let token, let outcome, let now)):
      let current = CompletionToken(key: token.key, token: rows[token.key]?.token ?? token.token)
      return state.apply(.completeActivity(current, outcome: outcome, now: now))
    case (.expireTheClaimed, .expireActivities):
      let claimed = rows.compactMap { key, row in row.claim.map { ClaimedActivity(key: key, claim: $0) } }
      _ = state.apply(.releaseActivities(claimed))
    default: break
    }
    return state.apply(entry)
  }

  private mutating func applyStart(
    _ start: InstanceStart, _ owner: NodeID?, _ now: TimestampMS, _ mutation: Mutation
  ) -> StoreOutcome {
    var start = start
    if mutation == .startEarly { start.options.startAt = 0 }
    if mutation == .ignoreDedupKeys { start.options.dedupKey = nil }
    let old = state.inbox(of: start.instance, after: 0)
    let outcome = state.apply(.start(start, owner: owner, now: now))
    if mutation == .restartWithOldMessages, case .success(.restarted) = outcome {
      for message in old {
        _ = state.apply(.post(OutgoingMessage(to: start.instance, kind: message.kind), now: now))
      }
    }
    return outcome
  }

  private mutating func applyTurn(
    _ commit: TurnCommit, _ rows: [ActivityKey: Watch.Row], _ mutation: Mutation
  ) -> StoreOutcome {
    let outcome = state.apply(.turn(mutated(commit, rows, mutation)))
    guard mutation == .publishTwice, case .success(.turned(var receipt)) = outcome else { return outcome }
    for publication in commit.publications {
      guard case .success(.delivered(let again)) = state.apply(.publish(publication, now: 0)) else {
        continue
      }
      receipt.deliveries += again
    }
    return .success(.turned(receipt))
  }

  private mutating func mutated(
    _ commit: TurnCommit, _ rows: [ActivityKey: Watch.Row], _ mutation: Mutation
  ) -> TurnCommit {
    var commit = commit
    switch mutation {
    case .skipTheCAS:
      guard let row = state.describe(commit.instance), row.execution == commit.execution,
        row.revision != commit.revision
      else { break }
      commit.revision = row.revision
      let shift = row.eventCount + 1 - (commit.events.first?.id ?? 0)
      for index in commit.events.indices { commit.events[index].id += shift }
    case .loseTheSuspension:
      guard let row = state.describe(commit.instance), row.status == .suspended,
        row.revision == commit.revision + 1
      else { break }
      _ = state.apply(.control(commit.instance, .resume, reason: "", now: commit.now))
      commit.revision += 2
    case .deliverTwice: commit.consumed = Array(commit.consumed.dropLast())
    case .forgetTheParent:
      commit.messages.removeAll { if case .subOrchestrationEnded = $0.kind { true } else { false } }
    case .forgetTheSender:
      for index in commit.messages.indices { commit.messages[index].action = nil }
    case .applyHalf: commit.scheduled = Array(commit.scheduled.dropLast())
    case .loseTheClaimCheck:
      commit.finished = commit.finished.map { finished in
        let key = ActivityKey(
          instance: commit.instance, execution: commit.execution, action: finished.action)
        return FinishedActivity(action: finished.action, claim: rows[key]?.claim ?? finished.claim)
      }
    case .honourLostClaims:
      commit.finished = commit.finished.map { finished in
        let key = ActivityKey(
          instance: commit.instance, execution: commit.execution, action: finished.action)
        guard returned.contains(finished.claim.node), let held = rows[key]?.claim else { return finished }
        return FinishedActivity(action: finished.action, claim: held)
      }
    case .forgetCarried: commit.nextExecution = commit.nextExecution.map { Array($0.prefix(1)) }
    case .forgetValues:
      if commit.nextExecution != nil {
        commit.kvChanges.append(TimedKVChange(change: .clearAll, at: commit.now))
      }
    case .answerTwice: commit.callAnswers.reverse()
    case .ignoreClosePolicies:
      commit.terminations = []
      if commit.status.isTerminal || commit.nextExecution != nil {
        commit.messages.removeAll { if case .cancel = $0.kind { true } else { false } }
      }
    case .goOnAfterTheEnd:
      if commit.status.isTerminal {
        commit.status = .running
        commit.wakeAt = 0
      }
    default: break
    }
    return commit
  }
}
