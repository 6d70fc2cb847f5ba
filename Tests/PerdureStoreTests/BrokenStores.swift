import PerdureModel
import PerdureStore
import PerdureStoreConformance
import PerdureStoreMemory

/// A memory store that breaks one rule, for the suite to find.
final class BrokenStore: Store {
  enum Defect: String, CaseIterable, Sendable {
    case skipsTheRevisionCheck, acceptsStaleClaims, losesTheLastMessage, deliversTwice, reordersTheInbox,
      dropsRefusedNeighbours, answersOutOfPlace, forgetsTimers, claimsWhatOthersOwn, hidesTheLastRow,
      mangledPayloads, foldsCase, forgetsOldExecutions, tearsReads, ignoresClose, reusesNodes, startsTwice
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
    case .deliversTwice:
      let posts = changed.filter { if case .post = $0 { true } else { false } }
      let outcomes = try inner.commit(changed)
      _ = try inner.commit(posts)
      return outcomes
    default: return try inner.commit(changed)
    }
  }

  private func change(_ entry: StoreEntry) throws(StoreError) -> StoreEntry {
    switch (defect, entry) {
    case (.skipsTheRevisionCheck, .turn(var commit)):
      commit.revision = try inner.describe(commit.instance)?.revision ?? 0
      let last = try inner.describe(commit.instance)?.eventCount ?? 0
      for index in commit.events.indices { commit.events[index].id = last + EventID(index) + 1 }
      return .turn(commit)
    case (.acceptsStaleClaims, .activityEnded(let key, var claim, let outcome, let now)):
      for token in 1...9 as ClosedRange<Int64> {
        claim.token = token
        let outcomes = try inner.commit([.activityEnded(key, claim: claim, outcome: outcome, now: now)])
        if case .success? = outcomes.first { break }
      }
      return .releaseActivities([])
    case (.losesTheLastMessage, .turn(var commit)):
      if !commit.messages.isEmpty { commit.messages.removeLast() }
      return .turn(commit)
    case (.forgetsTimers, .turn(var commit)):
      commit.wakeAt = nil
      return .turn(commit)
    case (.claimsWhatOthersOwn, .claimInstance(let node, let instance)):
      if let owner = try inner.load(instance)?.owner {
        _ = try inner.commit([.releaseInstances(node: owner, instances: [instance])])
      }
      return .claimInstance(node: node, instance: instance)
    case (.mangledPayloads, .start(var start, let owner, let now)):
      start.input = Payload(start.input.text.filter { $0 != " " } + " ")
      return .start(start, owner: owner, now: now)
    case (.foldsCase, .start(var start, let owner, let now)):
      start.instance = start.instance.lowercased()
      return .start(start, owner: owner, now: now)
    default: return entry
    }
  }

  func load(_ instance: InstanceID) throws(StoreError) -> InstanceSnapshot? {
    var snapshot = try inner.load(instance)
    if defect == .tearsReads, let description = try inner.describe(instance) {
      snapshot?.description = description
      if snapshot?.history.isEmpty == false { snapshot?.history.removeLast() }
    }
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
    var page = try inner.list(query)
    if defect == .hidesTheLastRow, page.next != nil { page.instances.removeLast() }
    return page
  }

  func history(_ query: HistoryQuery) throws(StoreError) -> HistoryPage? {
    let page = try inner.history(query)
    if defect == .forgetsOldExecutions, page?.execution != page?.currentExecution { return nil }
    return page
  }

  func join() throws(StoreError) -> NodeID {
    let node = try inner.join()
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
