package import PerdureModel
import PerdureRuntime
import PerdureStore

extension Client {
  /// The rules, by name.
  package func retention() throws(ClientError) -> [RetentionRule] {
    try read { () throws(StoreError) in try hub.store.retentionRules() }
  }

  /// In place of the one that the orchestration has.
  package func setRetention(_ rule: RetentionRule, by requester: Requester) throws(ClientError) {
    try Check.name(rule.orchestration, "orchestration")
    guard !rule.statuses.isEmpty else {
      throw .invalidArgument("the rule for '\(rule.orchestration)' has no status that an instance ends with")
    }
    let statuses = rule.statuses.map { "\"\($0.rawValue)\"" }.joined(separator: ",")
    let detail = Payload("{\"keepMS\":\(rule.keepMS),\"statuses\":[\(statuses)]}")
    try writeRule(
      .setRetention(rule), "setRetention", rule.orchestration, by: requester, detail: detail)
  }

  package func removeRetention(_ orchestration: String, by requester: Requester) throws(ClientError) {
    try Check.name(orchestration, "orchestration")
    try writeRule(
      .removeRetention(orchestration: orchestration), "removeRetention", orchestration, by: requester)
  }

  private func writeRule(
    _ entry: StoreEntry, _ operation: String, _ name: String, by requester: Requester,
    detail: Payload? = nil
  ) throws(ClientError) {
    let entry = try noted(entry, operation, name, by: requester, detail: detail)
    do throws(ClientError) {
      try write(entry, name, "have a rule")
    } catch {
      guard case .notFound = error else { throw error }
      throw .notFound(name, "there is no retention rule for '\(name)'")
    }
  }

  /// Removes at once what the rules let go, as running runtimes do.
  ///
  /// - limit: of instances without parent, with which their descendants go.
  package func sweep(
    isDryRun: Bool, limit: Int, by requester: Requester
  ) throws(ClientError) -> SweepReport {
    try Check.requester(requester)
    if isDryRun { return try foretellSweep(limit: limit) }
    var report = SweepReport()
    var left = limit
    while left > 0 {
      let began = monotonicNowNS()
      let size = min(left, Limits.managedPerWrite)
      let now = hub.clock.now()
      let sweep = StoreEntry.sweep(limit: size, now: now)
      // One record for all of it.
      let entry =
        left == limit
        ? try noted(sweep, "sweep", RetentionRule.others, by: requester) : sweep
      guard case .swept(let deleted, let next) = try write(entry, "", "be swept") else { break }
      report.deleted += deleted
      report.next = next
      report.hasMore = next.map { $0 <= now } ?? false
      left &-= size
      guard report.hasMore, left > 0 else { break }
      pause(since: began)
    }
    return report
  }

  private func foretellSweep(limit: Int) throws(ClientError) -> SweepReport {
    var report = SweepReport()
    let rules = RetentionRules(try retention())
    guard !rules.rules.isEmpty else { return report }
    let now = hub.clock.now()
    let (found, next) = try find(ListQuery(), limit: limit) { candidate in
      guard candidate.isFinishedRoot, let endedAt = candidate.endedAt,
        let due = rules.due(candidate.orchestration, candidate.status, endedAt: endedAt)
      else { return false }
      if due > now { report.next = soonest(report.next, due) }
      return due <= now
    }
    for root in found { report.deleted += try foretellDeletion(root, force: false).deleted }
    report.hasMore = next != nil
    return report
  }
}
