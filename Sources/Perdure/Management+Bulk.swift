import PerdureModel
import PerdureWire

/// Which instances something is done to.
public enum InstanceSelection: Hashable, Sendable, ExpressibleByStringLiteral, ExpressibleByArrayLiteral {
  /// Those with these ids.
  case instances([String])
  /// Those that a filter finds and the verb is for.
  case matching(InstanceFilter)

  public init(stringLiteral instance: String) { self = .instances([instance]) }
  public init(arrayLiteral instances: String...) { self = .instances(instances) }
}

/// What is done to many instances.
public enum BulkVerb: Hashable, Sendable {
  /// - grace: how long the code may clean up; nil: as long as it takes.
  case cancel(grace: Duration? = nil)
  /// Stops their turns.
  case suspend
  /// Lets them go on.
  case resume
  /// Ends them at once, without their code.
  case terminate
  /// Of quarantined ones.
  case retry
  /// Takes them from the runtimes that hold them.
  case requeue
  /// - force: also those that have not ended.
  case delete(force: Bool = false)
}

/// What became of each instance.
public struct ChangeReport: Hashable, Sendable, Decodable {
  /// What became of one of them.
  public enum Outcome: String, Hashable, Sendable, Decodable {
    /// In a dry run: it would be.
    case done
    /// The verb is not for one like this.
    case skipped
    /// It could not be done.
    case refused
  }

  /// One instance.
  public struct Change: Hashable, Sendable, Decodable {
    /// Its id.
    public let instance: String
    /// What became of it.
    public let outcome: Outcome
    /// Why it was skipped or refused.
    public let message: String?
    /// The ids that are gone with it, its own first.
    public let deleted: [String]
    /// Old executions that lost their history.
    public let executions: Int

    private enum Key: String, CodingKey { case instance, outcome, message, deleted, executions }

    public init(from decoder: any Decoder) throws {
      let members = try decoder.container(keyedBy: Key.self)
      instance = try members.decode(String.self, forKey: .instance)
      outcome = try members.decode(Outcome.self, forKey: .outcome)
      message = try members.decodeIfPresent(String.self, forKey: .message)
      deleted = try members.decodeIfPresent([String].self, forKey: .deleted) ?? []
      executions = try members.decodeIfPresent(Int.self, forKey: .executions) ?? 0
    }
  }

  /// One for each instance.
  public let changes: [Change]
  /// To how many it was done.
  public let done: Int
  /// How many it was not for.
  public let skipped: Int
  /// To how many it could not be done.
  public let refused: Int
  fileprivate let next: Int64?

  /// The ids of all that is gone.
  public var deleted: [String] { changes.flatMap(\.deleted) }
  /// The filter finds more: give this report to the same call.
  public var hasMore: Bool { next != nil }

  private enum CodingKeys: String, CodingKey {
    case changes = "instances"
    case done, skipped, refused, next
  }
}

extension Management {
  /// One verb for many instances, in small groups, so that other work goes on meanwhile.
  ///
  /// - Parameters:
  ///   - verb: what is done to each.
  ///   - selection: which ones.
  ///   - dryRun: reports what would be done, and changes nothing.
  ///   - limit: of instances that a filter finds, 1...10,000.
  ///   - report: that of the call before, to go on after it.
  ///   - reason: why, for the record.
  public func bulk(
    _ verb: BulkVerb, _ selection: InstanceSelection, dryRun: Bool = false, limit: Int = 1_000,
    after report: ChangeReport? = nil, reason: String = ""
  ) async throws -> ChangeReport {
    var request = ChangeRequest(isDryRun: dryRun, limit: limit, report)
    request.verb = verb.word
    if case .cancel(let grace) = verb { request.graceMS = grace.map { max(0, $0.millisecondsRoundedUp) } }
    if case .delete(true) = verb { request.force = true }
    try request.select(selection)
    return try await ask("bulk", request, reason: reason)
  }

  /// Removes finished instances that nobody called, and their descendants.
  ///
  /// - Parameters:
  ///   - selection: which ones.
  ///   - force: also those that have not ended.
  ///   - dryRun: reports what would be done, and changes nothing.
  ///   - limit: of instances that a filter finds, 1...10,000.
  ///   - report: that of the call before, to go on after it.
  ///   - reason: why, for the record.
  public func delete(
    _ selection: InstanceSelection, force: Bool = false, dryRun: Bool = false, limit: Int = 1_000,
    after report: ChangeReport? = nil, reason: String = ""
  ) async throws -> ChangeReport {
    try await bulk(
      .delete(force: force), selection, dryRun: dryRun, limit: limit, after: report, reason: reason)
  }

  /// Removes finished instances that a filter finds, with their descendants.
  ///
  /// - Parameters:
  ///   - filter: which ones.
  ///   - endedBefore: only those that ended before this moment.
  ///   - olderThan: only those that ended that long ago.
  ///   - keepLast: of each orchestration so many stay, those that were started last.
  ///   - dryRun: reports what would be done, and changes nothing.
  ///   - limit: of instances that a filter finds, 1...10,000.
  ///   - report: that of the call before, to go on after it.
  ///   - reason: why, for the record.
  public func prune(
    _ filter: InstanceFilter = InstanceFilter(), endedBefore: Timestamp? = nil, olderThan: Duration? = nil,
    keepLast: Int? = nil, dryRun: Bool = false, limit: Int = 1_000, after report: ChangeReport? = nil,
    reason: String = ""
  ) async throws -> ChangeReport {
    var request = ChangeRequest(isDryRun: dryRun, limit: limit, report)
    request.endedBefore = endedBefore
    request.olderThanMS = olderThan.map { max(0, $0.millisecondsRoundedUp) }
    request.keepLast = keepLast
    try request.select(.matching(filter))
    return try await ask("prune", request, reason: reason)
  }

  /// Removes the histories of executions that continued as new; the instances stay.
  ///
  /// - Parameters:
  ///   - filter: which ones.
  ///   - keepLast: so many executions of each instance keep theirs, the current one at least.
  ///   - dryRun: reports what would be done, and changes nothing.
  ///   - limit: of instances that a filter finds, 1...10,000.
  ///   - report: that of the call before, to go on after it.
  ///   - reason: why, for the record.
  public func pruneExecutions(
    _ filter: InstanceFilter = InstanceFilter(), keepLast: Int = 1, dryRun: Bool = false,
    limit: Int = 1_000, after report: ChangeReport? = nil, reason: String = ""
  ) async throws -> ChangeReport {
    var request = ChangeRequest(isDryRun: dryRun, limit: limit, report)
    request.executions = true
    request.keepLast = keepLast
    try request.select(.matching(filter))
    return try await ask("prune", request, reason: reason)
  }
}

extension BulkVerb {
  fileprivate var word: String {
    switch self {
    case .cancel: "cancel"
    case .suspend: "suspend"
    case .resume: "resume"
    case .terminate: "terminate"
    case .retry: "retry"
    case .requeue: "requeue"
    case .delete: "delete"
    }
  }
}

/// What these requests have in common; nil: not said.
private struct ChangeRequest: Encodable {
  var verb: String?
  var instances: [String]?
  var filter: JSONValue?
  var cursor: Int64?
  var limit: Int
  var dryRun: Bool?
  var graceMS: Int64?
  var force: Bool?
  var endedBefore: Timestamp?
  var olderThanMS: Int64?
  var keepLast: Int?
  var executions: Bool?

  init(isDryRun: Bool, limit: Int, _ report: ChangeReport?) {
    dryRun = isDryRun ? true : nil
    self.limit = limit
    cursor = report?.next
  }

  mutating func select(_ selection: InstanceSelection) throws {
    switch selection {
    case .instances(let instances): self.instances = instances
    case .matching(let filter):
      let json = Payload(bytes: ClientWire.encode(filter.query))
      self.filter = try PayloadCoding.decode(JSONValue.self, json, "the filter")
    }
  }
}
