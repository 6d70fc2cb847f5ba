import PerdureModel
import PerdureStore
import PerdureStoreMemory
import PerdureStoreSQL
import Testing

/// Another store against the one in memory, on stories that a seed tells.
struct Agreement {
  /// Opens a fresh store with `limits`.
  let open: () throws -> any Store
  /// Numbers of messages may be left out: only their order counts.
  var hasGaps = false

  static let limits = {
    var limits = LimitSettings()
    limits.inboxMessages = 6
    limits.subOrchestrationDepth = 2
    return limits
  }()

  /// On the answer to every entry, and on all that can be read afterwards.
  func check(seed: UInt64, steps: Int) throws {
    let store = try open()
    defer { store.close() }
    let memory = MemoryStore(limits: Self.limits)
    var story = RandomStory(seed: seed, nodes: [])
    func join() throws {
      let service = NodeService(orchestrations: ["order"], activities: ["pay"], tags: ["gpu"])
      let node = try memory.join(serving: service)
      try #require(try store.join(serving: service) == node)
      story.nodes.append(node)
    }
    try join()
    try join()
    for step in 0..<steps {
      let entries = try story.group(memory)
      let theirs = hasGaps ? try entries.map { try renumbered($0, store, memory) } : entries
      let expected = try memory.commit(entries)
      let found = try store.commit(theirs)
      try #require(
        found.map(comparable) == expected.map(comparable), "seed \(seed), step \(step): \(entries)")
      if step % 40 == 39 {
        let node = story.nodes.removeFirst()
        try memory.leave(node)
        try store.leave(node)
        try join()
      }
      if step % (steps / 20) == 0 {
        try compareReads(store, memory, story, "seed \(seed), step \(step): \(entries)")
      }
    }
    try compareReads(store, memory, story, "seed \(seed), at the end")
    try moveAll(from: memory, "seed \(seed)")
  }

  /// What is imported into an empty store is what was exported.
  private func moveAll(from memory: MemoryStore, _ what: String) throws {
    let stores: [any Store] = [try open(), MemoryStore(limits: Self.limits)]
    defer { for store in stores { store.close() } }
    for id in RandomStory.ids {
      guard let row = try memory.describe(id), row.parent == nil else { continue }
      var exported = try memory.export(id, children: true)
      for store in stores {
        let entry = StoreEntry.importInstances(exported, isSuspended: false, now: 9_999)
        let ids = exported.map(\.description.instance)
        try #require(try store.commit([entry]) == [.success(.instances(ids))], "\(id), \(what)")
      }
      for index in exported.indices { exported[index].description.revision = 9_999 }
      for store in stores {
        let found = try store.export(id, children: true)
        // An instance that holds a dedup key came first.
        for index in exported.indices {
          exported[index].description.dedupKey = found[index].description.dedupKey
        }
        try #require(found == exported, "\(id), \(what)")
      }
    }
    let due = try stores.map { try $0.nextDue(after: 0) }
    try #require(due[0] == due[1], "\(what)")
  }

  /// Sentences may differ, what they are about may not.
  private func comparable(_ outcome: StoreOutcome) -> StoreOutcome {
    if hasGaps, case .success(let receipt) = outcome { return .success(receipt.mapSequences { _ in 0 }) }
    guard case .failure(.failed(let error)) = outcome else { return outcome }
    return .failure(.failed(StoreError(error.code, "")))
  }

  /// Stories are told by the numbers that memory gives.
  private func renumbered(
    _ entry: StoreEntry, _ store: any Store, _ memory: MemoryStore
  ) throws -> StoreEntry {
    switch entry {
    case .noted(let entry, let note): return .noted(try renumbered(entry, store, memory), note)
    case .turn(var commit):
      let numbers = try memory.inbox(of: commit.instance, after: 0).map(\.sequence)
      let theirs = try store.inbox(of: commit.instance, after: 0).map(\.sequence)
      try #require(numbers.count == theirs.count)
      let known = Dictionary(uniqueKeysWithValues: zip(numbers, theirs))
      commit.consumed = try commit.consumed.map { try #require(known[$0]) }
      return .turn(commit)
    default: return entry
    }
  }

  private func comparable(_ snapshot: InstanceSnapshot?) -> InstanceSnapshot? {
    guard hasGaps, var snapshot else { return snapshot }
    for index in snapshot.inbox.indices { snapshot.inbox[index].sequence = 0 }
    return snapshot
  }

  private func compareReads(
    _ store: any Store, _ memory: MemoryStore, _ story: RandomStory, _ what: String
  ) throws {
    func same<T: Equatable>(_ name: String, _ read: (any Store) throws -> T) throws {
      let (found, expected) = (try read(store), try read(memory))
      try #require(found == expected, "\(name), \(what)")
    }
    for id in RandomStory.ids {
      try same("load \(id)") { try comparable($0.load(id)) }
      try same("describe \(id)") { try $0.describe(id) }
      try same("the state of \(id)") { try $0.keyValues(KVQuery(instance: id)) }
      try same("the activities of \(id)") { try $0.activities(of: id) }
      try same("the export of \(id)") { try $0.export(id, children: true) }
      for call in RandomStory.calls {
        try same("call \(call) of \(id)") { try $0.callState(of: id, call: call) }
      }
    }
    try same("the records") { try $0.audit(AuditQuery()).records.map(\.note) }
    try same("the rules") { try $0.retentionRules() }
    try same("the list") { try $0.list(ListQuery()).instances }
    try same("the next moment") { try $0.nextDue(after: 0) }
    try same("the next moment from now") { try $0.nextDue(after: story.now) }
    for node in story.nodes {
      try same("what is due") { try $0.dueInstances(ownedBy: node, now: story.now, limit: 3) }
    }
    try same("lost claims") { try $0.lostClaims(of: story.claims) }
  }
}
