package import PerdureModel
import PerdureRuntime
import PerdureStore

/// What is asked about many instances.
extension Client {
  /// The living runtimes, in the order in which they began, and how much each holds.
  package func nodes() throws(ClientError) -> [(node: RuntimeNode, holdings: NodeHoldings)] {
    let nodes = try read { () throws(StoreError) in try hub.store.nodes() }
    let holdings = try read { () throws(StoreError) in try hub.store.holdings() }
    return nodes.map { node in
      // What the engine runs for itself is not the user's business.
      var node = node
      node.service.orchestrations.removeAll { Reserved.isReserved($0.name) }
      node.service.activities.removeAll { Reserved.isReserved($0) }
      return (node, holdings[node.id] ?? NodeHoldings())
    }
  }

  /// By name, version and status.
  package func statusCounts(of orchestration: String?) throws(ClientError) -> [StatusCount] {
    try read { () throws(StoreError) in try hub.store.statusCounts(of: orchestration) }
  }

  /// What waits for runtimes, those that are alive, and the moment of both.
  package func workload() throws(ClientError) -> (Workload, nodes: [RuntimeNode], now: TimestampMS) {
    let now = hub.clock.now()
    let nodes = try read { () throws(StoreError) in try hub.store.nodes() }
    let workload = try read { () throws(StoreError) in try hub.store.workload(now: now) }
    return (workload, nodes, now)
  }

  package func statistics(of instance: InstanceID) throws(ClientError) -> InstanceStatistics {
    let details = try details(of: instance)
    let row = details.description
    var statistics = InstanceStatistics(
      instance: row.instance, status: row.status,
      ageMS: max(0, (row.endedAt ?? hub.clock.now()) &- row.createdAt), executions: row.execution,
      revision: row.revision, events: row.eventCount)
    for event in details.history {
      switch event.kind {
      case .activityScheduled: statistics.activitiesScheduled += 1
      case .activityCompleted: statistics.activitiesCompleted += 1
      case .activityFailed: statistics.activitiesFailed += 1
      case .timerCreated: statistics.timersCreated += 1
      case .messageReceived, .callReceived: statistics.messagesReceived += 1
      case .subOrchestrationScheduled: statistics.childrenScheduled += 1
      default: break
      }
    }
    var query = ListQuery(parent: instance, limit: Limits.pageRows)
    while true {
      let page = try list(query)
      for child in page.instances { statistics.childrenByStatus[child.status, default: 0] += 1 }
      guard let next = page.next else { return statistics }
      query.cursor = next
    }
  }
}
