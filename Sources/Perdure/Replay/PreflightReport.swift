/// Which open instances a preflight replays.
public struct PreflightOptions: Hashable, Sendable, Encodable {
  /// Only those of this name.
  public var orchestration: String?
  /// Of `pending`, `running`, `suspended` and `quarantined`; nil: the first three.
  public var statuses: [InstanceStatus]?
  /// At most so many.
  public var limit: Int?
  /// Quarantined ones, too: whether the code that is here would let them go on.
  public var includeQuarantined = false
  /// Instances whose name or version is not registered here are no fault.
  public var ignoreNotRegistered = false

  /// All open instances.
  public init() {}

  private enum Key: String, CodingKey {
    case orchestration, statuses, limit, includeQuarantined, ignoreNotRegistered
  }

  public func encode(to encoder: any Encoder) throws {
    var members = encoder.container(keyedBy: Key.self)
    try members.encodeIfPresent(orchestration, forKey: .orchestration)
    try members.encodeIfPresent(statuses?.map(\.rawValue), forKey: .statuses)
    try members.encodeIfPresent(limit, forKey: .limit)
    try members.encode(includeQuarantined, forKey: .includeQuarantined)
    try members.encode(ignoreNotRegistered, forKey: .ignoreNotRegistered)
  }
}

/// What the replay of all open instances of a store came to.
public struct PreflightReport: Hashable, Sendable, Decodable, CustomStringConvertible {
  /// Instances that part from their code at the same event and in the same way.
  public struct Group: Hashable, Sendable, Decodable {
    /// In which way they differ.
    public let verdict: ReplayReport.Verdict
    /// The name of their orchestration.
    public let orchestration: String
    /// The version they run under.
    public let version: String?
    /// In words: what kind of difference.
    public let rule: String?
    /// The first event that differs, and its kind.
    public let event: Int64?
    /// The kind of that event.
    public let eventKind: String?
    /// Of the first instance.
    public let expected: String?
    /// What the code does there.
    public let found: String?
    /// All of it in one sentence.
    public let message: String
    /// How many instances these are.
    public let count: Int
    /// The first ten.
    public let instances: [String]
  }

  /// Instances that were looked at; `pending` of them have not begun.
  public let checked: Int
  /// Whose code does what their history says.
  public let same: Int
  /// That have not begun.
  public let pending: Int
  /// Those that differ, alike ones together.
  public let groups: [Group]
  /// Those whose name or version is not registered here.
  public let notRegistered: [Group]
  /// Instances of groups beyond the first 1,000.
  public let ungrouped: Int?
  /// This code can take over all that is open.
  public let isClean: Bool

  /// Several lines for people.
  public var description: String {
    var lines = [
      "\(isClean ? "clean" : "NOT CLEAN"): \(checked) open instances, \(same) the same, "
        + "\(pending) not begun, \(groups.reduce(0) { $0 + $1.count }) different, "
        + "\(notRegistered.reduce(0) { $0 + $1.count }) not registered"
    ]
    for group in groups + notRegistered {
      lines.append("")
      lines.append(
        "\(group.count) x \(group.verdict.rawValue): '\(group.orchestration)' \(group.version ?? "")")
      lines += ReplayWords.difference(
        group.rule, group.event, group.eventKind, group.expected, group.found, group.message)
      let more = group.count > group.instances.count ? ", ..." : ""
      lines.append("  instances: \(group.instances.joined(separator: ", "))\(more)")
      if let hint = ReplayWords.hint(group.verdict) { lines.append("  hint: \(hint)") }
    }
    if let ungrouped, ungrouped > 0 { lines.append("and \(ungrouped) instances in further groups") }
    return lines.joined(separator: "\n")
  }
}
