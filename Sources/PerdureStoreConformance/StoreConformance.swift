/// The contract of `Store` in full: one named case for each rule. A store is what passes them all.
package enum StoreConformance {
  /// In the order in which they are best read: the first failure is often the cause of the others.
  package static let cases: [ConformanceCase] =
    rows + revisions + atomicity + groups + inbox + consumption + wake + claims + scheduling + activityClaims
    + activityResults + executions + childStarts + messages + deletion + listing + history + quarantine
    + nodes
    + text + concurrency + reopening + secondHandle + corruption + closing

  /// The case with this name.
  package static func named(_ name: String) -> ConformanceCase? { cases.first { $0.name == name } }
}
