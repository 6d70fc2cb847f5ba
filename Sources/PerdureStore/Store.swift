package import PerdureModel

/// Where instances live. `PerdureStoreConformance` is the contract in full: a store is what passes it.
///
/// Writing is one call: `commit` takes everything that is ready and makes it durable together. Reading never
/// blocks writing. All calls may wait for the device; all may come from any thread, several at once.
package protocol Store: AnyObject, Sendable {
  /// Applies the entries in order, in one transaction with one sync, and answers each in its place.
  ///
  /// When the call returns, what landed is durable. When it throws, nothing of it is (a store that cannot
  /// know, because the connection died in the middle, throws a transient error; revisions, claims and ids
  /// then tell the caller that tries again).
  func commit(_ entries: [StoreEntry]) throws(StoreError) -> [StoreOutcome]

  /// Everything needed to go on with an instance, read at one moment; nil if there is none.
  /// Damaged history throws `.corrupt` with a message that names instance, execution and event.
  func load(_ instance: InstanceID) throws(StoreError) -> InstanceSnapshot?

  /// The waiting messages of an instance above `after`, in order.
  func inbox(of instance: InstanceID, after: MessageSequence) throws(StoreError) -> [InboxMessage]

  /// Instances that `node` owns and that are due by their row (`wake_at` is past), earliest first: found
  /// after another process wrote to the store.
  func dueInstances(ownedBy node: NodeID, now: TimestampMS, limit: Int) throws(StoreError) -> [InstanceID]

  /// The next moment after `now` at which an instance that no live node owns becomes due, or an activity that
  /// no live node holds becomes visible or expires; nil for none.
  func nextDue(after now: TimestampMS) throws(StoreError) -> TimestampMS?

  func describe(_ instance: InstanceID) throws(StoreError) -> InstanceDescription?
  func list(_ query: ListQuery) throws(StoreError) -> ListPage
  func history(_ query: HistoryQuery) throws(StoreError) -> HistoryPage?

  /// What is known of an instance and its open work, at one moment; nil if there is none. Damaged history is
  /// told of (`InstanceDetails.historyFault`), not thrown.
  func details(of instance: InstanceID) throws(StoreError) -> InstanceDetails?
  /// The executions of an instance that have events, and the current one, in order; nil: no such instance.
  func executions(_ query: ExecutionsQuery) throws(StoreError) -> [ExecutionSummary]?
  /// How many instances have which status, by name, version and status; of one orchestration only if it is
  /// named. Must not look at every instance.
  func statusCounts(of orchestration: String?) throws(StoreError) -> [StatusCount]
  /// What waits for runtimes. `PendingActivity.state` says which activities wait.
  func workload(now: TimestampMS) throws(StoreError) -> Workload
  /// How much each living runtime holds; none of those that hold nothing.
  func holdings() throws(StoreError) -> [NodeID: NodeHoldings]

  /// The key-value state of an instance, by key; of one key only if the query names it. nil: no such
  /// instance.
  func keyValues(_ query: KVQuery) throws(StoreError) -> [KVEntry]?
  /// How a call to an instance stands. A call that an ended instance left unanswered stays `.waiting`.
  func callState(of instance: InstanceID, call: String) throws(StoreError) -> CallState
  /// The instance with all that belongs to it, read at one moment; with `children` its descendants follow,
  /// each after its parent. Empty: no such instance. An attempt that runs is told as one that was taken.
  func export(_ instance: InstanceID, children: Bool) throws(StoreError) -> [InstanceExport]
  /// The pending activities of an instance, by action; none of one that is not there.
  func activities(of instance: InstanceID) throws(StoreError) -> [ActivityTask]
  /// Those of these claims that are no longer valid: the work was cancelled, ended, deferred or taken by
  /// others.
  func lostClaims(of claims: [ClaimedActivity]) throws(StoreError) -> [ClaimedActivity]

  /// What was written by `StoreEntry.noted`, the newest first. It outlives the instances.
  func audit(_ query: AuditQuery) throws(StoreError) -> AuditPage
  /// The retention rules, by the bytes of their names.
  func retentionRules() throws(StoreError) -> [RetentionRule]

  /// Registers a runtime, with what it serves, and answers its id. It counts as alive until `leave`, or until
  /// its process is gone.
  func join(serving service: NodeService) throws(StoreError) -> NodeID
  /// The living runtimes, in the order in which they joined.
  func nodes() throws(StoreError) -> [RuntimeNode]
  /// Forgets a node at once: what it owned and held is open to others. If that cannot be written, the node
  /// counts as gone from here on, as if its process were, and whoever reaps forgets it.
  func leave(_ node: NodeID) throws(StoreError)
  /// Forgets nodes whose process is gone; the number of those. Called at open and when the outside changed.
  func reapNodes() throws(StoreError) -> Int

  /// Calls `changed` (from a thread of the store, several writes may be told as one) after another process
  /// wrote. nil ends it. A store that only this process can reach never calls.
  func observeForeignWrites(_ changed: (@Sendable () -> Void)?)

  /// How the processes on this store agree on the time; nil: only this process can reach it.
  var sharedTime: (any SharedTime)? { get }

  /// Why every call fails from here on, such as that its file was deleted; nil while the store can be used.
  /// Whoever observes foreign writes is told of it as of one, within some seconds.
  var fault: StoreError? { get }

  /// `close` comes soon: nobody is to wait any longer for what only the user can give. May be called more
  /// than once, from any thread.
  func willClose()

  /// Ends the use of the store. Later calls throw `.closed`.
  func close()
}

extension Store {
  package var fault: StoreError? { nil }

  /// What the living runtimes serve, in the order in which they joined.
  package func services() throws(StoreError) -> [NodeService] { try nodes().map(\.service) }
}

extension Store {
  package var sharedTime: (any SharedTime)? { nil }
  package func willClose() {}
}
