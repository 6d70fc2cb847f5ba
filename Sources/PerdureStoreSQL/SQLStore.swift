package import PerdureModel
package import PerdureStore

/// A store whose rows a `Reader` and a `Writer` know: what is left to it are its connections and its nodes.
package protocol SQLStore: Store {
  /// Runs `body` under the lock of a reader.
  func read<R: Sendable>(_ body: (Reader) throws(StoreError) -> R) throws(StoreError) -> R
  /// The same for what people look at: from a copy that may be behind, if the store has one.
  func look<R: Sendable>(_ body: (Reader) throws(StoreError) -> R) throws(StoreError) -> R
  /// Runs `body` under the lock of the writer.
  func write<R: Sendable>(_ body: (Writer) throws(StoreError) -> R) throws(StoreError) -> R
}

extension SQLStore {
  package func look<R: Sendable>(_ body: (Reader) throws(StoreError) -> R) throws(StoreError) -> R {
    try read(body)
  }

  package func commit(_ entries: [StoreEntry]) throws(StoreError) -> [StoreOutcome] {
    if entries.isEmpty { return [] }
    return try write { writer throws(StoreError) in try writer.commit(entries) }
  }

  package func load(_ instance: InstanceID) throws(StoreError) -> InstanceSnapshot? {
    try read { reader throws(StoreError) in try reader.load(instance) }
  }

  package func inbox(
    of instance: InstanceID, after: MessageSequence
  ) throws(StoreError) -> [InboxMessage] {
    try read { reader throws(StoreError) in try reader.inbox(of: instance, after: after) }
  }

  package func dueInstances(
    ownedBy node: NodeID, now: TimestampMS, limit: Int
  ) throws(StoreError) -> [InstanceID] {
    try read { reader throws(StoreError) in try reader.dueInstances(ownedBy: node, now: now, limit: limit) }
  }

  package func nextDue(after now: TimestampMS) throws(StoreError) -> TimestampMS? {
    try read { reader throws(StoreError) in try reader.nextDue(after: now) }
  }

  package func describe(_ instance: InstanceID) throws(StoreError) -> InstanceDescription? {
    try read { reader throws(StoreError) in try reader.describe(instance) }
  }

  package func list(_ query: ListQuery) throws(StoreError) -> ListPage {
    if query.mayLag { return try look { reader throws(StoreError) in try reader.list(query) } }
    return try read { reader throws(StoreError) in try reader.list(query) }
  }

  package func history(_ query: HistoryQuery) throws(StoreError) -> HistoryPage? {
    try read { reader throws(StoreError) in try reader.history(query) }
  }

  package func details(of instance: InstanceID) throws(StoreError) -> InstanceDetails? {
    try read { reader throws(StoreError) in try reader.details(of: instance) }
  }

  package func executions(_ query: ExecutionsQuery) throws(StoreError) -> [ExecutionSummary]? {
    try read { reader throws(StoreError) in try reader.executions(query) }
  }

  package func statusCounts(of orchestration: String?) throws(StoreError) -> [StatusCount] {
    try look { reader throws(StoreError) in try reader.statusCounts(of: orchestration) }
  }

  package func workload(now: TimestampMS) throws(StoreError) -> Workload {
    try look { reader throws(StoreError) in try reader.workload(now: now) }
  }

  package func holdings() throws(StoreError) -> [NodeID: NodeHoldings] {
    try read { reader throws(StoreError) in try reader.holdings() }
  }

  package func keyValues(_ query: KVQuery) throws(StoreError) -> [KVEntry]? {
    try read { reader throws(StoreError) in try reader.keyValues(query) }
  }

  package func callState(of instance: InstanceID, call: String) throws(StoreError) -> CallState {
    try read { reader throws(StoreError) in try reader.callState(of: instance, call: call) }
  }

  package func export(_ instance: InstanceID, children: Bool) throws(StoreError) -> [InstanceExport] {
    try read { reader throws(StoreError) in try reader.export(instance, children: children) }
  }

  package func activities(of instance: InstanceID) throws(StoreError) -> [ActivityTask] {
    try read { reader throws(StoreError) in try reader.activities(of: instance) }
  }

  package func lostClaims(of claims: [ClaimedActivity]) throws(StoreError) -> [ClaimedActivity] {
    try read { reader throws(StoreError) in try reader.lostClaims(of: claims) }
  }

  package func retentionRules() throws(StoreError) -> [RetentionRule] {
    try read { reader throws(StoreError) in try reader.retentionRules() }
  }

  package func audit(_ query: AuditQuery) throws(StoreError) -> AuditPage {
    try look { reader throws(StoreError) in try reader.audit(query) }
  }
}
