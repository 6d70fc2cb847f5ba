package import PerdureModel
import PerdureReplay
import PerdureRuntime
import PerdureStore

extension Client {
  /// Puts an instance back to an earlier point of its current execution, and children with it.
  ///
  /// - isDryRun: only says what it would do.
  /// - Returns: one report for each instance that is put back, the named one first.
  package func reset(
    _ instance: InstanceID, to point: ResetPoint, isDryRun: Bool, by requester: Requester
  ) throws(ClientError) -> [ResetReport] {
    try Check.instance(instance)
    // Who writes to the instance at the same moment makes the plan void; it is made anew.
    for _ in 0..<Limits.resetTries {
      let (plan, result) = try hub.atOneMoment { now throws(ClientError) in
        try attempt(instance, point, isDryRun, requester, now)
      }
      if isDryRun { return plan.reports }
      guard let result else { break }
      if case .answered(.failure(.conflict)) = result { continue }
      _ = try Self.receipt(result, instance, "be reset").get()
      return plan.reports
    }
    throw .store(
      StoreError(
        .busy, "instance '\(instance)' was changed again and again while it was to be reset; try again"))
  }

  private struct Plan {
    var resets: [InstanceReset] = []
    var reports: [ResetReport] = []

    /// For the record: the point, and who else is put back.
    var detail: Payload {
      let others = reports.dropFirst().map(\.instance).joined(separator: ", ")
      let event = reports.first.map { [("event", String($0.event))] } ?? []
      return .object(event + (others.isEmpty ? [] : [("rewoundToo", others)]))
    }
  }

  private func attempt(
    _ instance: InstanceID, _ point: ResetPoint, _ isDryRun: Bool, _ requester: Requester,
    _ now: TimestampMS
  ) throws(ClientError) -> (Plan, Committer.Result?) {
    let plan = try plan(instance, point, now)
    if isDryRun { return (plan, nil) }
    let entry = try noted(
      .reset(plan.resets), point == .failedStep ? "rewind" : "reset", instance, by: requester,
      detail: plan.detail)
    return (plan, hub.write([entry]).first)
  }

  private func plan(
    _ instance: InstanceID, _ point: ResetPoint, _ now: TimestampMS
  ) throws(ClientError) -> Plan {
    var plan = Plan()
    // A list of its own, not recursion: trees may be deep.
    var next: [(instance: InstanceID, point: ResetPoint)] = [(instance, point)]
    while let (each, point) = next.popLast() {
      guard plan.resets.count < Limits.resetInstances else {
        throw .limitExceeded(
          "more than \(Limits.resetInstances) failed descendants of instance '\(instance)' would be rewound"
        )
      }
      let snapshot = try read { () throws(StoreError) in try hub.store.load(each) }
      guard let snapshot else { throw Self.notFound(each) }
      if plan.resets.isEmpty { try check(snapshot, point) }
      let cut: HistoryCut
      do throws(HistoryCut.Fault) {
        cut = try HistoryCut(snapshot, at: point, now: now)
      } catch {
        throw .wrongStatus(each, snapshot.description.status, error.message)
      }
      var reset = cut.reset
      try carry(cut, from: snapshot.description, into: &reset)
      var report = ResetReport(
        instance: each, event: cut.point, droppedCount: cut.droppedCount, reopened: cut.reopened,
        repeated: cut.repeated, children: cut.reset.removed.map { ResetReport.Child($0, .deleted) })
      for child in cut.openChildren {
        let outcome = try place(child, in: &reset)
        report.children.append(ResetReport.Child(child.instance, outcome))
        if outcome == .rewound { next.append((child.instance, .failedStep)) }
      }
      plan.resets.append(reset)
      plan.reports.append(report)
    }
    return plan
  }

  private func check(_ snapshot: InstanceSnapshot, _ point: ResetPoint) throws(ClientError) {
    let row = snapshot.description
    guard snapshot.start == nil else {
      throw .wrongStatus(
        row.instance, row.status,
        "instance '\(row.instance)' has not run yet, so there is nothing to take back")
    }
    if point == .failedStep, row.status != .failed {
      throw .wrongStatus(
        row.instance, row.status,
        "instance '\(row.instance)' is \(row.status.rawValue), not Failed; reset it to an event instead")
    }
    if let parent = row.parent, row.status.isTerminal {
      throw .wrongStatus(
        row.instance, row.status,
        "the end of instance '\(row.instance)' was reported to its parent '\(parent.instance)'; "
          + "rewind or reset that one, and this one goes with it")
    }
  }

  /// What earlier executions left behind for this one: the custom status and subscriptions.
  private func carry(
    _ cut: HistoryCut, from row: InstanceDescription, into reset: inout InstanceReset
  ) throws(ClientError) {
    var status: Payload?
    var topics: [ExactText: Bool] = [:]
    for execution in 1..<max(row.execution, 1) {
      var query = HistoryQuery(instance: row.instance, execution: execution, limit: Limits.pageRows)
      var hasMore = true
      while hasMore {
        // One that was pruned tells nothing any more.
        let page = try read { [query] () throws(StoreError) in try hub.store.history(query) }
        for event in page?.events ?? [] {
          switch event.kind {
          case .customStatusUpdated(_, let value): status = value
          case .topicSubscribed(_, let topic): topics[ExactText(topic)] = true
          case .topicUnsubscribed(_, let topic): topics[ExactText(topic)] = false
          default: break
          }
        }
        hasMore = page?.hasMore ?? false
        query.after = page?.events.last?.id ?? query.after
      }
    }
    for change in cut.topicChanges { topics[ExactText(change.topic)] = change.isSubscribed }
    reset.topics = topics.filter { $0.value }.map { $0.key.text }.sorted()
    if !cut.knowsCustomStatus { reset.customStatus = status }
  }

  /// What becomes of a child whose end the code has not heard, or is to forget.
  private func place(
    _ child: InstanceStart, in reset: inout InstanceReset
  ) throws(ClientError) -> ResetReport.Child.Fate {
    guard let link = child.parent else { return .goesOn }
    func tell(_ outcome: Outcome) {
      reset.returned.append(
        .subOrchestrationEnded(execution: link.execution, action: link.action, outcome: outcome))
    }
    let row = try read { () throws(StoreError) in try hub.store.describe(child.instance) }
    guard let row else {
      // The store tells of the second of two with one id.
      let isTaken = reset.starts.contains { ExactText($0.instance) == ExactText(child.instance) }
      reset.starts.append(child)
      return isTaken ? .ended : .restarted
    }
    guard row.parent == link else {
      tell(.failed(.alreadyExists(child.instance, row.status)))
      return .ended
    }
    switch row.status {
    case .completed:
      tell(.completed(row.output ?? .null))
      return .ended
    case .failed: return .rewound
    case .cancelled, .terminated:
      reset.removed.append(child.instance)
      reset.starts.append(child)
      return .restarted
    case .pending, .running, .suspended, .quarantined, .continuedAsNew: return .goesOn
    }
  }
}
