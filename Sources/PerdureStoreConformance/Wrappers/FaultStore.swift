package import PerdureModel
package import PerdureStore
import Glibc
import Synchronization

/// What a call of a store meets on its way.
package enum StoreFault: Hashable, Sendable {
  /// Nothing of it happens, and it fails.
  case failsBefore
  /// It happens, and fails all the same: the connection died before the answer came. A read has nothing to
  /// leave behind and is as good as not made.
  case failsAfter
  /// It happens, so much later.
  case isSlow(milliseconds: Int)
}

/// A call of a store, as `FaultStore` sees it come.
package struct StoreCall: Hashable, Sendable {
  package enum Kind: Hashable, Sendable, CaseIterable {
    /// `commit`, `join`, `leave`, `reapNodes`.
    case write
    /// All others.
    case read
  }

  package var kind: Kind
  /// Of those of its kind, from 1 on.
  package var number: Int
  /// Of the function.
  package var name: String
}

/// A store around a store, whose calls meet what is decided for each of them: the n-th write fails, an answer
/// is lost, the device is slow.
///
/// What fails fails with `.io`, so is transient: whoever uses the store has to try again.
package final class FaultStore: Store {
  package let inner: any Store
  private let tries: Int
  private let decide: @Sendable (StoreCall) -> StoreFault?
  private let counts = Mutex<[StoreCall.Kind: Int]>([:])

  /// - tries: how often a call is made before the caller hears of its failing; each counts as a call. A call
  ///   that failed after it happened is never made again in here.
  /// - decide: called once for each call, in the order of their numbers, from any thread.
  package init(
    _ inner: any Store, tries: Int = 1, decide: @escaping @Sendable (StoreCall) -> StoreFault?
  ) {
    self.inner = inner
    self.tries = tries
    self.decide = decide
  }

  /// How many calls of this kind came.
  package func count(_ kind: StoreCall.Kind) -> Int { counts.withLock { $0[kind] ?? 0 } }

  private func pass<Value>(
    _ kind: StoreCall.Kind, _ name: String = #function, _ body: () throws(StoreError) -> Value
  ) throws(StoreError) -> Value {
    var left = tries
    while true {
      left -= 1
      let (call, fault) = counts.withLock { counts in
        counts[kind, default: 0] += 1
        let call = StoreCall(kind: kind, number: counts[kind] ?? 0, name: name)
        return (call, decide(call))
      }
      switch fault {
      case nil: return try body()
      case .isSlow(let milliseconds):
        usleep(UInt32(clamping: max(0, milliseconds) &* 1_000))
        return try body()
      case .failsBefore: if left > 0 { continue }
      case .failsAfter: if kind == .write { _ = try body() }
      }
      throw StoreError(.io, "\(name) failed on purpose: \(call.kind) \(call.number)")
    }
  }

  // MARK: Writes

  package func commit(_ entries: [StoreEntry]) throws(StoreError) -> [StoreOutcome] {
    try pass(.write) { () throws(StoreError) in try inner.commit(entries) }
  }

  package func join(serving service: NodeService) throws(StoreError) -> NodeID {
    try pass(.write) { () throws(StoreError) in try inner.join(serving: service) }
  }

  package func leave(_ node: NodeID) throws(StoreError) {
    try pass(.write) { () throws(StoreError) in try inner.leave(node) }
  }

  package func reapNodes() throws(StoreError) -> Int {
    try pass(.write) { () throws(StoreError) in try inner.reapNodes() }
  }

  // MARK: Neither

  package func observeForeignWrites(_ changed: (@Sendable () -> Void)?) {
    inner.observeForeignWrites(changed)
  }
  package func close() { inner.close() }
}

// MARK: - Reads

extension FaultStore {
  package func load(_ instance: InstanceID) throws(StoreError) -> InstanceSnapshot? {
    try pass(.read) { () throws(StoreError) in try inner.load(instance) }
  }

  package func inbox(
    of instance: InstanceID, after: MessageSequence
  ) throws(StoreError) -> [InboxMessage] {
    try pass(.read) { () throws(StoreError) in try inner.inbox(of: instance, after: after) }
  }

  package func dueInstances(
    ownedBy node: NodeID, now: TimestampMS, limit: Int
  ) throws(StoreError) -> [InstanceID] {
    try pass(.read) { () throws(StoreError) in
      try inner.dueInstances(ownedBy: node, now: now, limit: limit)
    }
  }

  package func nextDue(after now: TimestampMS) throws(StoreError) -> TimestampMS? {
    try pass(.read) { () throws(StoreError) in try inner.nextDue(after: now) }
  }

  package func describe(_ instance: InstanceID) throws(StoreError) -> InstanceDescription? {
    try pass(.read) { () throws(StoreError) in try inner.describe(instance) }
  }

  package func list(_ query: ListQuery) throws(StoreError) -> ListPage {
    try pass(.read) { () throws(StoreError) in try inner.list(query) }
  }

  package func history(_ query: HistoryQuery) throws(StoreError) -> HistoryPage? {
    try pass(.read) { () throws(StoreError) in try inner.history(query) }
  }

  package func details(of instance: InstanceID) throws(StoreError) -> InstanceDetails? {
    try pass(.read) { () throws(StoreError) in try inner.details(of: instance) }
  }

  package func executions(_ query: ExecutionsQuery) throws(StoreError) -> [ExecutionSummary]? {
    try pass(.read) { () throws(StoreError) in try inner.executions(query) }
  }

  package func statusCounts(of orchestration: String?) throws(StoreError) -> [StatusCount] {
    try pass(.read) { () throws(StoreError) in try inner.statusCounts(of: orchestration) }
  }

  package func workload(now: TimestampMS) throws(StoreError) -> Workload {
    try pass(.read) { () throws(StoreError) in try inner.workload(now: now) }
  }

  package func holdings() throws(StoreError) -> [NodeID: NodeHoldings] {
    try pass(.read) { () throws(StoreError) in try inner.holdings() }
  }

  package func keyValues(_ query: KVQuery) throws(StoreError) -> [KVEntry]? {
    try pass(.read) { () throws(StoreError) in try inner.keyValues(query) }
  }

  package func callState(of instance: InstanceID, call: String) throws(StoreError) -> CallState {
    try pass(.read) { () throws(StoreError) in try inner.callState(of: instance, call: call) }
  }

  package func export(_ instance: InstanceID, children: Bool) throws(StoreError) -> [InstanceExport] {
    try pass(.read) { () throws(StoreError) in try inner.export(instance, children: children) }
  }

  package func activities(of instance: InstanceID) throws(StoreError) -> [ActivityTask] {
    try pass(.read) { () throws(StoreError) in try inner.activities(of: instance) }
  }

  package func lostClaims(of claims: [ClaimedActivity]) throws(StoreError) -> [ClaimedActivity] {
    try pass(.read) { () throws(StoreError) in try inner.lostClaims(of: claims) }
  }

  package func audit(_ query: AuditQuery) throws(StoreError) -> AuditPage {
    try pass(.read) { () throws(StoreError) in try inner.audit(query) }
  }

  package func retentionRules() throws(StoreError) -> [RetentionRule] {
    try pass(.read) { () throws(StoreError) in try inner.retentionRules() }
  }

  package func nodes() throws(StoreError) -> [RuntimeNode] {
    try pass(.read) { () throws(StoreError) in try inner.nodes() }
  }
}
