/// One execution as it was recorded, to be compared with the code of today.
package struct RecordedExecution: Hashable, Sendable {
  package var instance: InstanceID
  package var execution: ExecutionID
  /// What to run; nil: what the history says.
  package var orchestration: String?
  package var version: String?
  /// The whole history of the execution, in order. Empty: no turn has run.
  package var events: [Event]
  /// The key-value state that the execution began with.
  package var kv: [KVEntry]

  package init(
    instance: InstanceID, execution: ExecutionID = 1, orchestration: String? = nil, version: String? = nil,
    events: [Event], kv: [KVEntry] = []
  ) {
    self.instance = instance
    self.execution = execution
    self.orchestration = orchestration
    self.version = version
    self.events = events
    self.kv = kv
  }
}

/// What a replay of one execution came to.
package struct ReplayReport: Hashable, Sendable {
  package enum Verdict: String, Hashable, Sendable, CaseIterable {
    /// The code does what its history says.
    case same
    /// The code takes another way: a runtime would quarantine the instance.
    case differs
    /// The code goes the way of its history and comes to another end.
    case endedDifferently
    /// The history is none that an engine wrote.
    case malformed
    /// No code is registered under this name and version.
    case notRegistered
    /// The host could not run the code.
    case failed
  }

  package var verdict: Verdict
  package var instance: InstanceID
  package var execution: ExecutionID
  package var orchestration: String
  package var version: String
  /// In words: what kind of difference.
  package var rule: String?
  /// The event of history at which code and history part, and its kind.
  package var event: EventID?
  package var eventKind: String?
  package var expected: String?
  package var found: String?
  /// One sentence.
  package var message: String

  package init(_ verdict: Verdict, of recording: RecordedExecution, message: String) {
    self.verdict = verdict
    instance = recording.instance
    execution = recording.execution
    orchestration = recording.orchestration ?? ""
    version = recording.version ?? ""
    self.message = message
  }
}

/// Which open instances to replay.
package struct PreflightRequest: Hashable, Sendable {
  package var orchestration: String?
  /// Open ones only.
  package var statuses: [InstanceStatus]
  /// Instances at most; nil: all.
  package var limit: Int64?
  /// Instances whose name or version is not registered here are no fault.
  package var ignoresNotRegistered: Bool

  package static let defaultStatuses: [InstanceStatus] = [.pending, .running, .suspended]

  package init(
    orchestration: String? = nil, statuses: [InstanceStatus] = Self.defaultStatuses, limit: Int64? = nil,
    ignoresNotRegistered: Bool = false
  ) {
    self.orchestration = orchestration
    self.statuses = statuses
    self.limit = limit
    self.ignoresNotRegistered = ignoresNotRegistered
  }
}

/// What the replay of all open instances of a store came to.
package struct PreflightReport: Hashable, Sendable {
  /// Instances that part from their code in the same way.
  package struct Group: Hashable, Sendable {
    /// Of the first one.
    package var report: ReplayReport
    package var count: Int64
    /// The first ones.
    package var instances: [InstanceID]
  }

  package static let instancesPerGroup = 10
  package static let groupsMax = 1_000

  /// All that were looked at: those that have not begun (`pending`), too.
  package var checked: Int64 = 0
  package var same: Int64 = 0
  package var pending: Int64 = 0
  package var groups: [Group] = []
  package var notRegistered: [Group] = []
  /// Instances of groups beyond `groupsMax`.
  package var ungrouped: Int64 = 0
  package var ignoresNotRegistered = false

  package var isClean: Bool {
    groups.isEmpty && ungrouped == 0 && (ignoresNotRegistered || notRegistered.isEmpty)
  }

  package init() {}

  /// Counts one instance.
  package mutating func add(_ report: ReplayReport) {
    checked &+= 1
    switch report.verdict {
    case .same: same &+= 1
    case .notRegistered: Self.add(report, to: &notRegistered, over: &ungrouped)
    default: Self.add(report, to: &groups, over: &ungrouped)
    }
  }

  private static func add(_ report: ReplayReport, to groups: inout [Group], over: inout Int64) {
    guard let index = groups.firstIndex(where: { $0.report.isLike(report) }) else {
      guard groups.count < groupsMax else { return over &+= 1 }
      groups.append(Group(report: report, count: 1, instances: [report.instance]))
      return
    }
    groups[index].count &+= 1
    if groups[index].instances.count < instancesPerGroup { groups[index].instances.append(report.instance) }
  }
}

extension ReplayReport {
  /// The same difference at the same event of the same code.
  fileprivate func isLike(_ other: ReplayReport) -> Bool {
    verdict == other.verdict && rule == other.rule && event == other.event && eventKind == other.eventKind
      && ExactText(version) == ExactText(other.version)
      && ExactText(orchestration) == ExactText(other.orchestration)
  }
}
