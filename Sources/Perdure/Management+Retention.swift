import PerdureModel

/// How long finished instances of an orchestration are kept, from their end on.
public struct RetentionRule: Hashable, Sendable, Decodable {
  /// "*": of all orchestrations that have no rule of their own.
  public let orchestration: String
  /// How long they are kept after their end.
  public let keep: Duration
  /// Which ends.
  public let statuses: [InstanceStatus]

  private enum Key: String, CodingKey { case orchestration, keepMS, statuses }

  public init(from decoder: any Decoder) throws {
    let members = try decoder.container(keyedBy: Key.self)
    orchestration = try members.decode(String.self, forKey: .orchestration)
    keep = .milliseconds(try members.decode(Int64.self, forKey: .keepMS))
    let words = try members.decode([String].self, forKey: .statuses)
    statuses = words.compactMap { InstanceStatus(rawValue: $0) }
  }
}

/// What a sweep removed, or would remove.
public struct SweepReport: Hashable, Sendable, Decodable {
  /// Instances that nobody called, and their descendants.
  public let deleted: [String]
  /// There is more to be removed now.
  public let hasMore: Bool
  /// When something is due next; nil: nothing will be.
  public let next: Timestamp?
}

extension Management {
  /// From now on runtimes remove finished instances of the orchestration, with their descendants, that long
  /// after their end. Takes the place of the rule that there is.
  ///
  /// - Parameters:
  ///   - orchestration: "*" for all that have no rule of their own.
  ///   - keep: how long they are kept after their end.
  ///   - statuses: only what ended so; nil: however it ended.
  ///   - reason: why, for the record.
  public func setRetention(
    _ orchestration: String, keep: Duration, statuses: [InstanceStatus]? = nil, reason: String = ""
  ) async throws {
    let rule = NewRule(
      orchestration: orchestration, keepMS: max(0, keep.millisecondsRoundedUp),
      statuses: statuses?.map(\.rawValue))
    _ = try await ask("setRetention", rule, reason: reason, returning: JSONValue.self)
  }

  /// The rules, by name.
  public func retention() async throws -> [RetentionRule] {
    try await ask("retention", returning: Rules.self).rules
  }

  /// What is still there stays.
  ///
  /// - Throws: `DXError`: `notFound` when there is no such rule.
  public func removeRetention(_ orchestration: String, reason: String = "") async throws {
    let name = RuleName(orchestration: orchestration)
    _ = try await ask("removeRetention", name, reason: reason, returning: JSONValue.self)
  }

  /// Removes now what the rules let go, also when no runtime runs.
  ///
  /// - Parameters:
  ///   - dryRun: reports what would be done, and changes nothing.
  ///   - limit: of instances that nobody called, 1...10,000.
  ///   - reason: why, for the record.
  public func sweep(
    dryRun: Bool = false, limit: Int = 10_000, reason: String = ""
  ) async throws -> SweepReport {
    try await ask("sweep", Sweep(dryRun: dryRun, limit: limit), reason: reason)
  }

  private struct NewRule: Encodable {
    let orchestration: String
    let keepMS: Int64
    let statuses: [String]?
  }
  private struct RuleName: Encodable { let orchestration: String }
  private struct Rules: Decodable { let rules: [RetentionRule] }
  private struct Sweep: Encodable {
    let dryRun: Bool
    let limit: Int
  }
}
