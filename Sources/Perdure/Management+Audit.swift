/// A change that somebody made.
public struct AuditRecord: Hashable, Sendable, Decodable {
  /// Grows from record to record.
  public let id: Int64
  /// When it was made.
  public let at: Timestamp
  /// As `Client.management` was told; empty for who did not say, and for the calls of `Client`.
  public let actor: String
  /// Such as `terminate`.
  public let operation: String
  /// The instance, or the name of what was changed.
  public let target: String
  /// Why, as it was told; may be empty.
  public let reason: String
  /// What else there is to say.
  public let detail: JSONValue?
}

/// Which records: those that match all that is given.
public struct AuditFilter: Hashable, Sendable, Encodable {
  /// The instance, or the name of what was changed.
  public var target: String?
  /// Who did it.
  public var actor: String?
  /// Such as `terminate`.
  public var operation: String?
  /// Not before this moment.
  public var since: Timestamp?
  /// Before this moment.
  public var until: Timestamp?

  /// The parameters are the properties; without any, all records match.
  public init(
    target: String? = nil, actor: String? = nil, operation: String? = nil, since: Timestamp? = nil,
    until: Timestamp? = nil
  ) {
    self.target = target
    self.actor = actor
    self.operation = operation
    self.since = since
    self.until = until
  }

  private enum CodingKeys: String, CodingKey {
    case target, actor, operation
    case since = "from"
    case until = "to"
  }
}

/// Some records, the newest first.
public struct AuditPage: Sendable, Decodable {
  /// The newest first.
  public let records: [AuditRecord]
  fileprivate let next: Int64?

  /// There are records after these: give this page to `Management.audit`.
  public var hasMore: Bool { next != nil }
}

extension Management {
  /// What was changed by whom, the newest first. Records outlive the instances, by 400 days.
  ///
  /// - Parameters:
  ///   - filter: which records.
  ///   - page: the page to go on after; nil: the newest records.
  ///   - limit: 1...1,000.
  public func audit(
    _ filter: AuditFilter = AuditFilter(), after page: AuditPage? = nil, limit: Int = 100
  ) async throws -> AuditPage {
    if let page, page.next == nil { return AuditPage(records: [], next: nil) }
    return try await ask("audit", AuditRequest(filter: filter, cursor: page?.next, limit: limit))
  }
}

private struct AuditRequest: Encodable {
  let filter: AuditFilter
  let cursor: Int64?
  let limit: Int
}
