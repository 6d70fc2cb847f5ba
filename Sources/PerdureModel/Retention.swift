/// How long finished instances of an orchestration are kept.
package struct RetentionRule: Hashable, Sendable {
  /// Stands for all orchestrations that have no rule of their own.
  package static let others = "*"
  package static let keepRangeMS: ClosedRange<Int64> = 0...(1 << 40)

  package var orchestration: String
  /// From the end of the instance on.
  package var keepMS: Int64
  /// Which ends; in the order of `InstanceStatus`. All of them, unless the rule names some.
  package var statuses: [InstanceStatus]

  /// All that an instance can end with.
  package static let ends = InstanceStatus.allCases.filter(\.isTerminal)

  package init(orchestration: String, keepMS: Int64, statuses: [InstanceStatus] = RetentionRule.ends) {
    self.orchestration = orchestration
    self.keepMS = keepMS
    self.statuses = Self.ends.filter { statuses.contains($0) }
  }

  /// The last end that is over now.
  package func cutoff(_ now: TimestampMS) -> TimestampMS { now &- keepMS }
}

/// All rules of a store.
package struct RetentionRules: Hashable, Sendable {
  package let rules: [RetentionRule]

  package init(_ rules: [RetentionRule]) { self.rules = rules }

  /// The rule of its own, or the one for all others.
  package func rule(for orchestration: String) -> RetentionRule? {
    let own = rules.first { ExactText($0.orchestration) == ExactText(orchestration) }
    return own ?? rules.first { $0.orchestration == RetentionRule.others }
  }

  /// From when on an instance that ended then need not be kept; nil: for ever.
  package func due(_ orchestration: String, _ status: InstanceStatus, endedAt: TimestampMS) -> TimestampMS? {
    guard let rule = rule(for: orchestration), rule.statuses.contains(status) else { return nil }
    return endedAt &+ rule.keepMS
  }

  /// When to sweep again, after a sweep that left nothing over that could go.
  ///
  /// - Parameters:
  ///   - upcoming: when the first of the instances that have ended is due.
  ///   - isBlocked: some that are due have descendants that have not ended.
  package func next(
    after now: TimestampMS, upcoming: TimestampMS?, isBlocked: Bool, auditDue: TimestampMS?
  ) -> TimestampMS? {
    // What ends from now on is due then at the earliest.
    let shortest = rules.map(\.keepMS).min().map { now &+ $0 }
    var next = soonest(soonest(upcoming, shortest), auditDue)
    if isBlocked { next = soonest(next, now &+ Limits.blockedSweepMS) }
    // Ends that follow each other closely are swept together.
    return next.map { max($0, now &+ Limits.sweepPauseMS) }
  }
}
