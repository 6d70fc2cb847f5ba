package import PerdureModel
import PerdureReplay
import PerdureRuntime
import PerdureStore

/// One instance with all that is open.
extension Client {
  package func inspect(_ instance: InstanceID) throws(ClientError) -> Inspection {
    var details = try details(of: instance)
    let now = hub.clock.now()
    let folded = OpenWorkFold(&details)
    let reason = diagnosis(now).flatMap { $0.pendingReason(details.description, details.activities) }
    return Inspection(
      details: details, pendingReason: reason, work: try withStatuses(folded.work, of: instance),
      historyBytes: folded.historyBytes, now: now)
  }

  func details(of instance: InstanceID) throws(ClientError) -> InstanceDetails {
    try Check.instance(instance)
    guard let details = try read({ () throws(StoreError) in try hub.store.details(of: instance) }) else {
      throw Self.notFound(instance)
    }
    return details
  }

  /// nil: the store does not tell which runtimes are alive.
  func diagnosis(_ now: TimestampMS) -> Diagnosis? {
    guard let nodes = try? hub.store.nodes() else { return nil }
    return Diagnosis(nodes: nodes, now: now)
  }

  /// Children one by one while they are few, else all of the parent in pages.
  func withStatuses(
    _ work: [PendingWork], of parent: InstanceID
  ) throws(ClientError) -> [PendingWork] {
    var children: [ExactText: InstanceStatus] = [:]
    let open = work.compactMap { if case .child(let child, _, _) = $0.kind { child } else { nil } }
    if open.count <= 100 {
      for child in open {
        let row = try read { () throws(StoreError) in try hub.store.describe(child) }
        children[ExactText(child)] = row?.status
      }
    } else {
      var query = ListQuery(parent: parent, limit: Limits.pageRows)
      repeat {
        let page = try list(query)
        for row in page.instances { children[ExactText(row.instance)] = row.status }
        query.cursor = page.next ?? 0
      } while query.cursor != 0
    }
    return work.map { each in
      guard case .child(let child, let orchestration, _) = each.kind else { return each }
      var each = each
      each.kind = .child(child, orchestration: orchestration, status: children[ExactText(child)])
      return each
    }
  }
}

/// The open work of the current execution, but for activities: those have rows.
struct OpenWorkFold {
  private(set) var work: [PendingWork] = []
  private(set) var historyBytes: Int64 = 0
  /// Code has not seen a single event.
  private(set) var isFresh = true

  /// A history that cannot be folded is noted in the details.
  init(_ details: inout InstanceDetails) {
    let row = details.description
    guard !details.history.isEmpty else { return }
    do throws(HistoryFault) {
      let state = try ExecutionState.folding(
        details.history, instance: row.instance, execution: row.execution)
      historyBytes = state.historyBytes
      isFresh = state.isFresh
      if !row.status.isTerminal {
        work = details.history.compactMap { Self.work($0, in: state) }.sorted { $0.action < $1.action }
      }
    } catch {
      details.historyFault = "event \(error.event): \(error.message)"
    }
  }

  /// What the event asked for, if that is still open.
  private static func work(_ event: Event, in state: ExecutionState) -> PendingWork? {
    guard let action = event.kind.origin?.action, state.open[action] != nil else { return nil }
    let kind: PendingWork.Kind
    switch event.kind {
    case .timerCreated(_, let fireAt): kind = .timer(fireAt: fireAt)
    case .subscribed(_, let channel, let name): kind = .wait(channel, name: name)
    case .subOrchestrationScheduled(_, let name, _, let instance, _, _):
      kind = .child(instance, orchestration: name, status: nil)
    case .messageSendRequested(_, let message):
      switch message.content {
      case .raised(let channel, _, _): kind = .request(what: channel.rawValue, instance: message.to)
      case .cancel: kind = .request(what: "cancel", instance: message.to)
      }
    case .kvReadRequested(_, let instance, _): kind = .request(what: "kv", instance: instance)
    default: return nil
    }
    return PendingWork(action: action, kind: kind, since: event.at)
  }
}
