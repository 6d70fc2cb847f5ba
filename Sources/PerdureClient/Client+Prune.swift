package import PerdureModel
import PerdureRuntime
import PerdureStore

extension Client {
  /// Removes finished instances with their descendants, or the histories of old executions.
  package func prune(_ request: PruneRequest, by requester: Requester) throws(ClientError) -> ChangeReport {
    try Check.requester(requester)
    guard request.endedBefore == nil || request.olderThanMS == nil else {
      throw .invalidArgument("give endedBefore or olderThanMS, not both")
    }
    guard request.executions else { return try pruneInstances(request, by: requester) }
    guard request.endedBefore == nil, request.olderThanMS == nil else {
      throw .invalidArgument("endedBefore and olderThanMS are of instances; with executions, say keepLast")
    }
    return try pruneExecutions(request, by: requester)
  }

  // MARK: Instances

  private func pruneInstances(
    _ request: PruneRequest, by requester: Requester
  ) throws(ClientError) -> ChangeReport {
    let before = request.endedBefore ?? request.olderThanMS.map { hub.clock.now() &- $0 }
    // The newest stay: the room that is left of each name shrinks on the way to them.
    var filter = request.filter
    filter.order = .oldest
    filter.rootsOnly = true
    var removable = try request.keepLast.map { keep throws(ClientError) in
      try finished(filter).mapValues { $0 &- keep }
    }
    let (found, next) = try find(filter, limit: request.limit) { candidate in
      guard candidate.isFinishedRoot else { return false }
      if removable != nil {
        let name = ExactText(candidate.orchestration)
        let left = removable?[name] ?? 0
        removable?[name] = left &- 1
        guard left > 0 else { return false }
      }
      return candidate.endedAt.map { $0 < before ?? .max } ?? false
    }
    var report = ChangeReport()
    report.next = next
    if request.isDryRun {
      for root in found { report.rows.append(try foretellDeletion(root, force: false)) }
      return report
    }
    let results = try writeGently(found) { root throws(ClientError) in
      try noted(.delete(root.instance, force: false), "prune", root.instance, by: requester)
    }
    // Only its descendants can keep it.
    report.rows = zip(found, results).map { root, result in
      row(root.instance, result, "be pruned before all of its descendants have ended")
    }
    return report
  }

  /// How many there are of each name, from the cursor on.
  private func finished(_ filter: ListQuery) throws(ClientError) -> [ExactText: Int64] {
    var counts: [ExactText: Int64] = [:]
    var query = filter
    query.limit = Limits.pageRows
    while true {
      let page = try read { () throws(StoreError) in try hub.store.list(query) }
      for row in page.instances where Candidate(row).isFinishedRoot {
        counts[ExactText(row.orchestration), default: 0] += 1
      }
      guard let next = page.next else { return counts }
      query.cursor = next
    }
  }

  // MARK: Executions

  private func pruneExecutions(
    _ request: PruneRequest, by requester: Requester
  ) throws(ClientError) -> ChangeReport {
    let keep = max(request.keepLast ?? 1, 1)
    let (found, next) = try find(request.filter, limit: request.limit) { $0.execution > keep }
    var report = ChangeReport()
    report.next = next
    for candidate in found {
      let row =
        request.isDryRun
        ? try foretellPruning(candidate, keep: keep)
        : try pruneExecutions(of: candidate, keep: keep, by: requester)
      // Most were pruned before.
      if row.outcome != .done || row.executions > 0 { report.rows.append(row) }
    }
    return report
  }

  private func pruneExecutions(
    of candidate: Candidate, keep: Int64, by requester: Requester
  ) throws(ClientError) -> ChangeReport.Row {
    let instance = candidate.instance
    // The oldest go first, so that the newest of them tells whether any is left.
    guard try hasOldEvents(instance, execution: candidate.execution &- keep, keep: keep) else {
      return ChangeReport.Row(instance, .done)
    }
    var total: Int64 = 0
    while true {
      let began = monotonicNowNS()
      let entry = StoreEntry.pruneExecutions(instance, keep: keep, limit: Limits.prunedExecutionsPerWrite)
      // One record for all that goes of an instance.
      let written =
        total > 0
        ? entry
        : try noted(
          entry, "prune", instance, by: requester,
          detail: Payload("{\"executions\":true,\"keepLast\":\(keep)}"))
      guard let result = hub.write([written]).first else {
        throw .store(StoreError(.closed, "the store is closed"))
      }
      var row = row(instance, result, "be pruned")
      total &+= row.executions
      guard row.outcome == .done, row.executions >= Int64(Limits.prunedExecutionsPerWrite) else {
        row.executions = total
        return row
      }
      pause(since: began)
    }
  }

  private func foretellPruning(_ candidate: Candidate, keep: Int64) throws(ClientError) -> ChangeReport.Row {
    var row = ChangeReport.Row(candidate.instance, .done)
    var execution: ExecutionID = 1
    while execution <= candidate.execution &- keep {
      if try hasOldEvents(candidate.instance, execution: execution, keep: keep) { row.executions &+= 1 }
      execution &+= 1
    }
    return row
  }

  private func hasOldEvents(
    _ instance: InstanceID, execution: ExecutionID, keep: Int64
  ) throws(ClientError) -> Bool {
    let query = HistoryQuery(instance: instance, execution: execution, limit: 1)
    let page = try read { () throws(StoreError) in try hub.store.history(query) }
    return page.map { !$0.events.isEmpty && $0.execution <= $0.currentExecution &- keep } ?? false
  }
}

extension Candidate {
  /// One that can be removed by itself.
  var isFinishedRoot: Bool { parent == nil && status.isTerminal }
}
