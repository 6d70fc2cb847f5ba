package import PerdureModel

/// What operators look at.
extension MemoryState {
  package func details(of instance: InstanceID) -> InstanceDetails? {
    guard let record = record(instance) else { return nil }
    var details = InstanceDetails(record.description)
    details.owner = holder(of: record)
    details.history = record.histories.last ?? []
    details.activities = record.activities.values.sorted { $0.task.key.action < $1.task.key.action }
      .map(pending)
    details.inboxCount = Int64(record.inbox.count)
    details.oldestMessage = record.inbox.first?.kind
    let entries = record.keyValues.entries
    details.kvKeys = Int64(entries.count)
    details.kvBytes = Int64(entries.reduce(0) { $0 + $1.key.utf8.count + $1.value.bytes.count })
    details.topics = record.topics.map(\.text).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    return details
  }

  private func pending(_ row: ActivityRow) -> PendingActivity {
    let session = row.task.options.session.flatMap { sessions[ExactText($0)]?.node }
    return PendingActivity(
      task: row.task, isDeferred: row.deferredBeatAt != nil,
      startedAt: row.isUnrun || row.claimedAt == 0 ? nil : row.claimedAt, beatAt: row.deferredBeatAt,
      sessionNode: session.flatMap { alive[$0] == nil ? nil : $0 })
  }

  package func executions(_ query: ExecutionsQuery) -> [ExecutionSummary]? {
    guard let record = record(query.instance) else { return nil }
    let current = record.description
    var summaries: [ExecutionSummary] = []
    for (index, history) in record.histories.enumerated() {
      let execution = ExecutionID(index) + 1
      let isCurrent = execution == current.execution
      guard execution > query.after, summaries.count < query.limit, isCurrent || !history.isEmpty else {
        continue
      }
      summaries.append(
        ExecutionSummary(
          execution: execution, status: isCurrent ? current.status : .continuedAsNew,
          startedAt: history.first?.at, endedAt: isCurrent ? current.endedAt : history.last?.at,
          eventCount: Int64(history.count)))
    }
    return summaries
  }

  package func workload(now: TimestampMS) -> Workload {
    var workload = Workload()
    for lanes in open.values {
      lanes.walk { due in
        guard due.at <= now else { return false }
        workload.readyInstances += 1
        let since = due.at > 0 ? due.at : records[due.order]?.description.updatedAt ?? now
        workload.readySince = min(workload.readySince ?? since, since)
        return true
      }
    }
    var rows: [ActivityRoute: Workload.Activities] = [:]
    for record in records.values {
      workload.inboxMessages += Int64(record.inbox.count)
      for row in record.activities.values {
        let pending = pending(row)
        let empty = Workload.Activities(name: row.task.name, tag: row.task.options.tag)
        rows[ActivityRoute(row.task), default: empty].add(
          pending.state(at: now), 1, since: max(row.task.visibleAt, row.task.scheduledAt))
      }
    }
    workload.activities = Array(rows.values)
    workload.sort()
    workload.keptMessages = Int64(kept.values.reduce(0) { $0 + $1.count })
    return workload
  }

  package func holdings() -> [NodeID: NodeHoldings] {
    var holdings: [NodeID: NodeHoldings] = [:]
    for record in records.values {
      if !record.description.status.isTerminal, let owner = holder(of: record) {
        holdings[owner, default: NodeHoldings()].instances += 1
      }
      for row in record.activities.values {
        if let node = row.task.claim?.node { holdings[node, default: NodeHoldings()].activities += 1 }
      }
    }
    return holdings
  }
}
