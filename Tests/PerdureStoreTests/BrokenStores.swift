import PerdureModel
import PerdureStore
import PerdureStoreConformance
import PerdureStoreMemory

/// A memory store that breaks one rule, for the suite to find.
final class BrokenStore: Store {
  enum Defect: String, CaseIterable, Sendable {
    case skipsTheRevisionCheck, acceptsStaleClaims, losesTheLastMessage, deliversTwice, reordersTheInbox,
      dropsRefusedNeighbours, answersOutOfPlace, forgetsTimers, claimsWhatOthersOwn, hidesTheLastRow,
      mangledPayloads, foldsCase, forgetsOldExecutions, tearsReads, ignoresClose, reusesNodes, startsTwice,
      ignoresPolicies, ignoresDedupKeys, startsAtOnce, dropsWhatIsKept, repeatsCalls, forgetsAnswers,
      losesPublications, mistakesTheBase, forgetsTimesOfKeys, leavesRequestsUnanswered, losesReasons,
      orphansChildren, sparesChildren, countsReleases, ignoresTags, ignoresPriorities, ignoresSessions,
      neverExpires, retriesAtOnce, losesDeferrals, losesHeartbeats, hidesServices, believesAllClaims,
      ignoresLabels, ignoresTimes, hidesAttempts, countsTheEndedOnly, mistakesTheTime, hidesHoldings,
      forgetsNotes, notesRefusals, sweepsEarly, stopsAtTheFirst, keepsClaims, importsHalf
  }

  private let inner = MemoryStore()
  private let defect: Defect

  init(_ defect: Defect) { self.defect = defect }

  func commit(_ entries: [StoreEntry]) throws(StoreError) -> [StoreOutcome] {
    if defect == .skipsTheRevisionCheck, entries.count > 1 {
      var outcomes: [StoreOutcome] = []
      for entry in entries { outcomes += try commit([entry]) }
      return outcomes
    }
    var changed: [StoreEntry] = []
    for entry in entries { changed.append(try change(entry)) }
    switch defect {
    case .dropsRefusedNeighbours where entries.count > 1:
      let outcomes = try inner.commit([changed[0]])
      guard case .failure = outcomes[0] else {
        return outcomes + (try inner.commit(Array(changed.dropFirst())))
      }
      return entries.map { _ in outcomes[0] }
    case .answersOutOfPlace: return try inner.commit(changed).reversed()
    case .startsTwice:
      return try inner.commit(changed).map {
        if case .failure(.alreadyExists) = $0 { .success(.done) } else { $0 }
      }
    case .dropsWhatIsKept:
      return try inner.commit(changed).map { if $0 == .success(.kept) { .failure(.notFound) } else { $0 } }
    case .deliversTwice:
      let posts = changed.filter { if case .post = $0 { true } else { false } }
      let outcomes = try inner.commit(changed)
      _ = try inner.commit(posts)
      return outcomes
    default: return try inner.commit(changed)
    }
  }

  private func change(_ entry: StoreEntry) throws(StoreError) -> StoreEntry {
    switch entry {
    case .turn(let commit): try change(commit)
    case .start(let start, let owner, let now): .start(change(start), owner: owner, now: now)
    case .claimActivities, .releaseActivities, .activityRetry, .activityHeartbeat, .deferActivity,
      .expireActivities:
      changeActivity(entry)
    default: try changeOther(entry)
    }
  }

  private func change(_ given: InstanceStart) -> InstanceStart {
    var start = given
    switch defect {
    case .mangledPayloads: start.input = Payload(start.input.text.filter { $0 != " " } + " ")
    case .foldsCase: start.instance = start.instance.lowercased()
    case .ignoresPolicies: start.options.policy = .fail
    case .ignoresDedupKeys: start.options.dedupKey = nil
    case .startsAtOnce: start.options.startAt = 0
    case .ignoresPriorities: start.options.priority = 0
    default: break
    }
    return start
  }

  private func change(_ given: TurnCommit) throws(StoreError) -> StoreEntry {
    var commit = given
    switch defect {
    case .skipsTheRevisionCheck:
      commit.revision = try inner.describe(commit.instance)?.revision ?? 0
      let last = try inner.describe(commit.instance)?.eventCount ?? 0
      for index in commit.events.indices { commit.events[index].id = last + EventID(index) + 1 }
    case .losesTheLastMessage: if !commit.messages.isEmpty { commit.messages.removeLast() }
    case .forgetsTimers: commit.wakeAt = nil
    case .forgetsAnswers: commit.callAnswers = []
    case .losesPublications: commit.publications = []
    case .forgetsTimesOfKeys: for index in commit.kvChanges.indices { commit.kvChanges[index].at = 0 }
    case .leavesRequestsUnanswered:
      for index in commit.messages.indices { commit.messages[index].action = nil }
    case .orphansChildren:
      for index in commit.starts.indices { commit.starts[index].start.options.closePolicy = .abandon }
    case .sparesChildren: commit.terminations = []
    case .ignoresPriorities:
      for index in commit.scheduled.indices { commit.scheduled[index].options.priority = 0 }
    case .ignoresSessions:
      for index in commit.scheduled.indices { commit.scheduled[index].options.session = nil }
    default: break
    }
    return .turn(commit)
  }

  private func changeActivity(_ entry: StoreEntry) -> StoreEntry {
    let nothing = StoreEntry.releaseActivities([])
    switch (defect, entry) {
    case (.ignoresTags, .claimActivities(let node, var filter, let limit, let now)):
      filter.tags = nil
      return .claimActivities(node: node, filter: filter, limit: limit, now: now)
    case (.countsReleases, .releaseActivities(let activities)):
      guard let first = activities.first else { return entry }
      let failure = Failure(type: "", message: "")
      return .activityRetry(first.key, claim: first.claim, failure: failure, retryAt: 0, heartbeat: nil)
    case (.retriesAtOnce, .activityRetry(let key, let claim, let failure, _, let heartbeat)):
      return .activityRetry(key, claim: claim, failure: failure, retryAt: 0, heartbeat: heartbeat)
    case (.losesHeartbeats, .activityHeartbeat): return nothing
    case (.losesDeferrals, .deferActivity(let key, let claim, _, _)):
      return .releaseActivities([ClaimedActivity(key: key, claim: claim)])
    case (.neverExpires, .expireActivities(_, let now)): return .expireActivities(limit: 0, now: now)
    default: return entry
    }
  }

  private func changeOther(_ entry: StoreEntry) throws(StoreError) -> StoreEntry {
    switch (defect, entry) {
    case (.importsHalf, .importInstances(var instances, let isSuspended, let now)):
      for index in instances.indices {
        instances[index].inbox = []
        instances[index].activities = []
      }
      return .importInstances(instances, isSuspended: isSuspended, now: now)
    case (.acceptsStaleClaims, .activityEnded(let key, var claim, let outcome, let now)):
      for token in 1...9 as ClosedRange<Int64> {
        claim.token = token
        let outcomes = try inner.commit([.activityEnded(key, claim: claim, outcome: outcome, now: now)])
        if case .success? = outcomes.first { break }
      }
      return .releaseActivities([])
    case (.claimsWhatOthersOwn, .claimInstance(let node, let instance)):
      if let owner = try inner.load(instance)?.owner {
        _ = try inner.commit([.releaseInstances(node: owner, instances: [instance])])
      }
      return .claimInstance(node: node, instance: instance)
    case (.repeatsCalls, .post(let message, let now)):
      guard case .call(_, let name, let input) = message.kind else { return entry }
      let kind = MessageKind.raised(channel: .call, name: name, data: input)
      return .post(OutgoingMessage(to: message.to, kind: kind), now: now)
    case (.sweepsEarly, .sweep(let limit, let now)): return .sweep(limit: limit, now: now + 1)
    case (.stopsAtTheFirst, .sweep(let limit, let now)):
      return .sweep(limit: limit > 1 ? limit : 0, now: now)
    case (.keepsClaims, .actOnActivity(_, .retry, _)): return .releaseActivities([])
    case (.forgetsNotes, .noted(let inner, _)): return inner
    case (.notesRefusals, .noted(_, let note)):
      _ = try inner.commit([.noted(.releaseActivities([]), note)])
      return entry
    case (.losesReasons, .control(let instance, let verb, _, let now)):
      return .control(instance, verb, reason: "", now: now)
    default: return entry
    }
  }

  func load(_ instance: InstanceID) throws(StoreError) -> InstanceSnapshot? {
    var snapshot = try inner.load(instance)
    if defect == .tearsReads, let description = try inner.describe(instance) {
      snapshot?.description = description
      if snapshot?.history.isEmpty == false { snapshot?.history.removeLast() }
    }
    if defect == .mistakesTheBase { snapshot?.kv = try inner.keyValues(KVQuery(instance: instance)) ?? [] }
    return snapshot
  }

  func inbox(of instance: InstanceID, after: MessageSequence) throws(StoreError) -> [InboxMessage] {
    let messages = try inner.inbox(of: instance, after: after)
    return defect == .reordersTheInbox ? messages.reversed() : messages
  }

  func dueInstances(
    ownedBy node: NodeID, now: TimestampMS, limit: Int
  ) throws(StoreError) -> [InstanceID] {
    try inner.dueInstances(ownedBy: node, now: now, limit: limit)
  }

  func nextDue(after now: TimestampMS) throws(StoreError) -> TimestampMS? { try inner.nextDue(after: now) }

  func describe(_ instance: InstanceID) throws(StoreError) -> InstanceDescription? {
    try inner.describe(instance)
  }

  func list(_ query: ListQuery) throws(StoreError) -> ListPage {
    var query = query
    if defect == .ignoresLabels { query.attributes = [] }
    if defect == .ignoresTimes { query.ended = TimeSpan() }
    var page = try inner.list(query)
    if defect == .hidesTheLastRow, page.next != nil { page.instances.removeLast() }
    return page
  }

  func history(_ query: HistoryQuery) throws(StoreError) -> HistoryPage? {
    let page = try inner.history(query)
    if defect == .forgetsOldExecutions, page?.execution != page?.currentExecution { return nil }
    return page
  }

  func keyValues(_ query: KVQuery) throws(StoreError) -> [KVEntry]? { try inner.keyValues(query) }

  func callState(of instance: InstanceID, call: String) throws(StoreError) -> CallState {
    try inner.callState(of: instance, call: call)
  }

  func export(_ instance: InstanceID, children: Bool) throws(StoreError) -> [InstanceExport] {
    try inner.export(instance, children: children)
  }

  func activities(of instance: InstanceID) throws(StoreError) -> [ActivityTask] {
    try inner.activities(of: instance)
  }

  func lostClaims(of claims: [ClaimedActivity]) throws(StoreError) -> [ClaimedActivity] {
    defect == .believesAllClaims ? [] : try inner.lostClaims(of: claims)
  }

  func retentionRules() throws(StoreError) -> [RetentionRule] { try inner.retentionRules() }
  func audit(_ query: AuditQuery) throws(StoreError) -> AuditPage { try inner.audit(query) }

  func nodes() throws(StoreError) -> [RuntimeNode] {
    defect == .hidesServices ? [] : try inner.nodes()
  }

  func details(of instance: InstanceID) throws(StoreError) -> InstanceDetails? {
    var details = try inner.details(of: instance)
    if defect == .hidesAttempts {
      for index in details?.activities.indices ?? 0..<0 { details?.activities[index].startedAt = nil }
    }
    return details
  }

  func executions(_ query: ExecutionsQuery) throws(StoreError) -> [ExecutionSummary]? {
    let summaries = try inner.executions(query)
    return defect == .forgetsOldExecutions ? summaries?.suffix(1) : summaries
  }

  func statusCounts(of orchestration: String?) throws(StoreError) -> [StatusCount] {
    let counts = try inner.statusCounts(of: orchestration)
    return defect == .countsTheEndedOnly ? counts.filter(\.status.isTerminal) : counts
  }

  func workload(now: TimestampMS) throws(StoreError) -> Workload {
    try inner.workload(now: defect == .mistakesTheTime ? now + 1_000_000 : now)
  }

  func holdings() throws(StoreError) -> [NodeID: NodeHoldings] {
    defect == .hidesHoldings ? [:] : try inner.holdings()
  }

  func join(serving service: NodeService) throws(StoreError) -> NodeID {
    let node = try inner.join(serving: service)
    return defect == .reusesNodes ? 1 : node
  }

  func leave(_ node: NodeID) throws(StoreError) { try inner.leave(node) }
  func reapNodes() throws(StoreError) -> Int { try inner.reapNodes() }
  func observeForeignWrites(_ changed: (@Sendable () -> Void)?) {}
  func close() { if defect != .ignoresClose { inner.close() } }
}

struct BrokenFixture: StoreFixture {
  let defect: BrokenStore.Defect

  func makeStore() -> any Store { BrokenStore(defect) }
}
