import PerdureModel
import PerdureStore
import PerdureStoreMemory

/// The store of a world: the real memory store, and what a mutation does to it.
struct SimStore {
  private var state = MemoryState()
  /// Nodes that are gone, until somebody looks.
  private var fallen: [NodeID] = []
  private let mutation: Mutation?

  init(mutation: Mutation?) { self.mutation = mutation }

  mutating func join() -> NodeID { state.join() }
  mutating func leave(_ node: NodeID) { state.leave(node) }

  /// The node can be noticed as gone from now on.
  mutating func fell(_ node: NodeID) { fallen.append(node) }

  /// Forgets the nodes that are gone; their number.
  @discardableResult
  mutating func reap() -> Int {
    guard mutation != .ignoreDeadNodes else { return 0 }
    for node in fallen { state.kill(node) }
    fallen = []
    return state.reap()
  }

  func describe(_ instance: InstanceID) -> InstanceDescription? { state.describe(instance) }
  func history(_ query: HistoryQuery) -> HistoryPage? { state.history(query) }
  func nextDue(after now: TimestampMS) -> TimestampMS? { state.nextDue(after: now) }

  func dueInstances(ownedBy node: NodeID, now: TimestampMS) -> [InstanceID] {
    state.dueInstances(ownedBy: node, now: now, limit: Limits.pageRows)
  }

  /// As it stands, whatever the mutation.
  func holds(_ message: InboxMessage, for instance: InstanceID) -> Bool {
    state.inbox(of: instance, after: message.sequence - 1).first == message
  }

  func inbox(of instance: InstanceID, after: MessageSequence) -> [InboxMessage] {
    let messages = state.inbox(of: instance, after: after)
    return mutation == .reorderTheInbox ? messages.reversed() : messages
  }

  func load(_ instance: InstanceID) -> InstanceSnapshot? {
    var snapshot = state.load(instance)
    if mutation == .reorderTheInbox { snapshot?.inbox.reverse() }
    return snapshot
  }

  /// - claim: of an activity's row, as the watch knows it.
  mutating func apply(_ entry: StoreEntry, claim: (ActivityKey) -> ActivityClaim?) -> StoreOutcome {
    switch (mutation, entry) {
    case (nil, _): return state.apply(entry)
    case (.dropAMessage, .post(let message, _)):
      var elsewhere = state
      return elsewhere.apply(.post(message, now: 0))
    case (.loseTheClaimCheck, .activityEnded(let key, _, let outcome, let now)):
      guard let held = claim(key) else { return state.apply(entry) }
      return state.apply(.activityEnded(key, claim: held, outcome: outcome, now: now))
    case (_, .turn(let commit)): return state.apply(.turn(mutated(commit, claim)))
    default: return state.apply(entry)
    }
  }

  private func mutated(_ commit: TurnCommit, _ claim: (ActivityKey) -> ActivityClaim?) -> TurnCommit {
    var commit = commit
    switch mutation {
    case .skipTheCAS:
      guard let row = state.describe(commit.instance), row.execution == commit.execution,
        row.revision != commit.revision
      else { break }
      commit.revision = row.revision
      let shift = row.eventCount + 1 - (commit.events.first?.id ?? 0)
      for index in commit.events.indices { commit.events[index].id += shift }
    case .deliverTwice: commit.consumed = Array(commit.consumed.dropLast())
    case .forgetTheParent:
      commit.messages.removeAll { if case .subOrchestrationEnded = $0.kind { true } else { false } }
    case .applyHalf: commit.scheduled = Array(commit.scheduled.dropLast())
    case .loseTheClaimCheck:
      commit.finished = commit.finished.map { finished in
        let key = ActivityKey(
          instance: commit.instance, execution: commit.execution, action: finished.action)
        return FinishedActivity(action: finished.action, claim: claim(key) ?? finished.claim)
      }
    case .forgetCarried: commit.nextExecution = commit.nextExecution.map { Array($0.prefix(1)) }
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
