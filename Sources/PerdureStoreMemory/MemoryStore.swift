package import PerdureModel
package import PerdureStore
import Synchronization

/// A store that lives as long as its process: for tests, for the simulator, and for work that may be lost.
package final class MemoryStore: Store {
  private struct Contents: Sendable {
    var state: MemoryState
    var isClosed = false
  }

  private let contents: Mutex<Contents>

  /// - limits: as `MemoryState` has them.
  package init(limits: LimitSettings = LimitSettings()) {
    contents = Mutex(Contents(state: MemoryState(limits: limits)))
  }

  package func commit(_ entries: [StoreEntry]) throws(StoreError) -> [StoreOutcome] {
    try use { state in entries.map { state.apply($0) } }
  }

  package func load(_ instance: InstanceID) throws(StoreError) -> InstanceSnapshot? {
    try use { $0.load(instance) }
  }

  package func inbox(of instance: InstanceID, after: MessageSequence) throws(StoreError) -> [InboxMessage] {
    try use { $0.inbox(of: instance, after: after) }
  }

  package func dueInstances(
    ownedBy node: NodeID, now: TimestampMS, limit: Int
  ) throws(StoreError) -> [InstanceID] {
    try use { $0.dueInstances(ownedBy: node, now: now, limit: limit) }
  }

  package func nextDue(after now: TimestampMS) throws(StoreError) -> TimestampMS? {
    try use { $0.nextDue(after: now) }
  }

  package func describe(_ instance: InstanceID) throws(StoreError) -> InstanceDescription? {
    try use { $0.describe(instance) }
  }

  package func list(_ query: ListQuery) throws(StoreError) -> ListPage { try use { $0.list(query) } }

  package func history(_ query: HistoryQuery) throws(StoreError) -> HistoryPage? {
    try use { $0.history(query) }
  }

  package func details(of instance: InstanceID) throws(StoreError) -> InstanceDetails? {
    try use { $0.details(of: instance) }
  }

  package func executions(_ query: ExecutionsQuery) throws(StoreError) -> [ExecutionSummary]? {
    try use { $0.executions(query) }
  }

  package func statusCounts(of orchestration: String?) throws(StoreError) -> [StatusCount] {
    try use { $0.tally.rows(of: orchestration) }
  }

  package func workload(now: TimestampMS) throws(StoreError) -> Workload { try use { $0.workload(now: now) } }

  package func holdings() throws(StoreError) -> [NodeID: NodeHoldings] { try use { $0.holdings() } }

  package func keyValues(_ query: KVQuery) throws(StoreError) -> [KVEntry]? {
    try use { $0.keyValues(query) }
  }

  package func callState(of instance: InstanceID, call: String) throws(StoreError) -> CallState {
    try use { $0.callState(of: instance, call: call) }
  }

  package func export(_ instance: InstanceID, children: Bool) throws(StoreError) -> [InstanceExport] {
    try use { $0.export(instance, children: children) }
  }

  package func activities(of instance: InstanceID) throws(StoreError) -> [ActivityTask] {
    try use { $0.activities(of: instance) }
  }

  package func lostClaims(of claims: [ClaimedActivity]) throws(StoreError) -> [ClaimedActivity] {
    try use { $0.lostClaims(of: claims) }
  }

  package func retentionRules() throws(StoreError) -> [RetentionRule] { try use { $0.retentionRules() } }

  package func audit(_ query: AuditQuery) throws(StoreError) -> AuditPage { try use { $0.audit(query) } }

  package func join(serving service: NodeService) throws(StoreError) -> NodeID {
    try use { $0.join(serving: service) }
  }

  package func nodes() throws(StoreError) -> [RuntimeNode] { try use { $0.nodes() } }

  package func leave(_ node: NodeID) throws(StoreError) { try use { $0.leave(node) } }

  /// As if the process of the node died: for tests and the simulator.
  package func kill(_ node: NodeID, now: TimestampMS) throws(StoreError) {
    try use { $0.kill(node, now: now) }
  }

  package func reapNodes() throws(StoreError) -> Int { try use { $0.reap() } }

  /// Never calls: no other process can reach this memory.
  package func observeForeignWrites(_ changed: (@Sendable () -> Void)?) {}

  package func close() {
    contents.withLock { $0 = Contents(state: MemoryState(), isClosed: true) }
  }

  private func use<Answer: Sendable>(
    _ body: (inout MemoryState) -> Answer
  ) throws(StoreError) -> Answer {
    try contents.withLock { contents throws(StoreError) -> Answer in
      if contents.isClosed { throw StoreError(.closed, "The memory store is closed.") }
      return body(&contents.state)
    }
  }
}
