package import PerdureModel
import PerdureStore

extension MemoryState {
  package func load(_ instance: InstanceID) -> InstanceSnapshot? {
    guard let record = record(instance) else { return nil }
    var snapshot = InstanceSnapshot(
      description: record.description, start: record.start, owner: holder(of: record),
      history: record.histories.last ?? [], inbox: record.inbox, kv: record.keyValues.base)
    snapshot.lostTurns = record.lostTurns
    return snapshot
  }

  package func inbox(of instance: InstanceID, after: MessageSequence) -> [InboxMessage] {
    guard let inbox = record(instance)?.inbox else { return [] }
    return Array(inbox.drop { $0.sequence <= after })
  }

  package func dueInstances(ownedBy node: NodeID, now: TimestampMS, limit: Int) -> [InstanceID] {
    var instances: [InstanceID] = []
    owned[node]?.walk { due in
      guard due.at <= now, instances.count < limit else { return false }
      if let record = records[due.order] { instances.append(record.description.instance) }
      return true
    }
    return instances
  }

  package func nextDue(after now: TimestampMS) -> TimestampMS? {
    let instances = open.values.compactMap { $0.first(after: Due(at: now, order: .max))?.at }
    let last = ActivityDue(at: now, sequence: .max, order: 0, action: 0)
    let activities = unheld.values.compactMap { $0.first(after: last)?.at }
    return (instances + activities + [expiring.first(after: last)?.at].compactMap { $0 }).min()
  }

  package func describe(_ instance: InstanceID) -> InstanceDescription? { record(instance)?.description }

  package func history(_ query: HistoryQuery) -> HistoryPage? {
    guard let record = record(query.instance) else { return nil }
    let execution = query.execution ?? record.description.execution
    guard execution >= 1, execution <= Int64(record.histories.count) else { return nil }
    let rest = record.histories[Int(execution) - 1].drop { $0.id <= query.after }
    let events = Array(rest.prefix(min(max(query.limit, 1), Limits.pageRows)))
    return HistoryPage(
      instance: query.instance, execution: execution, currentExecution: record.description.execution,
      events: events, hasMore: events.count < rest.count)
  }

  package func keyValues(_ query: KVQuery) -> [KVEntry]? {
    guard let values = record(query.instance)?.keyValues else { return nil }
    guard let key = query.key else { return values.entries }
    return values[key].map { [$0] } ?? []
  }

  package func callState(of instance: InstanceID, call: String) -> CallState {
    record(instance)?.calls[ExactText(call)] ?? .unknown
  }

  package func activities(of instance: InstanceID) -> [ActivityTask] {
    let rows = record(instance)?.activities ?? [:]
    return rows.values.map(\.task).sorted { $0.key.action < $1.key.action }
  }

  package func lostClaims(of claims: [ClaimedActivity]) -> [ClaimedActivity] {
    claims.filter { find($0.key)?.row.task.claim != $0.claim }
  }

  package func audit(_ query: AuditQuery) -> AuditPage {
    let limit = min(max(query.limit, 1), Limits.pageRows)
    var page = AuditPage()
    for record in audits.reversed() where query.cursor <= 0 || record.id < query.cursor {
      guard query.matches(record.note) else { continue }
      if page.records.count == limit {
        page.next = page.records.last?.id
        break
      }
      page.records.append(record)
    }
    return page
  }

  func record(_ instance: InstanceID) -> InstanceRecord? {
    locate(instance).flatMap { records[$0] }
  }
}
