/// The contract of `Store` in full: one named case for each rule. A store is what passes them all.
package enum StoreConformance {
  /// In the order in which they are best read: the first failure is often the cause of the others.
  package static let cases: [ConformanceCase] =
    instances + talk + work + surroundings

  private static let instances =
    rows + revisions + atomicity + groups + startOptions + startPolicies + restarts + dedupKeys + laterStarts
    + wake + claims + executions + childStarts + control + termination + closePolicies + quarantine + resets
    + deletion + exports + listing + listFilters + details + history

  private static let talk =
    inbox + consumption + messages + keeping + calls + topics + keyValues + requests + kvReads

  private static let work =
    scheduling + activityClaims + activityResults + attempts + pending + deferral + activityVerbs + expiry
    + tags + priorities
    + sessions

  private static let surroundings =
    audit + retention + nodes + lostTurns + counts + workload + text + concurrency + bystanders + reopening
    + secondHandle
    + corruption
    + closing

  /// The case with this name.
  package static func named(_ name: String) -> ConformanceCase? { cases.first { $0.name == name } }
}
