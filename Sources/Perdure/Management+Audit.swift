/// A change that somebody made.
public struct AuditRecord: Hashable, Sendable, Decodable {
  /// Grows from record to record.
  public let id: Int64
  public let at: Timestamp
  /// As `Client.management` was told; empty for who did not say, and for the calls of `Client`.
  public let actor: String
  /// Such as `terminate`.
  public let operation: String
  /// The instance, or the name of what was changed.
  public let target: String
  public let reason: String
  /// What else there is to say.
  public let detail: JSONValue?
}

/// Which records: those that match all that is given.
public struct AuditFilter: Hashable, Sendable, Encodable {
  public var target: String?
  public var actor: String?
  public var operation: String?
  /// Not before this moment.
  public var since: Timestamp?
  /// Before this moment.
  public var until: Timestamp?

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
  public let records: [AuditRecord]
  fileprivate let next: Int64?

  /// There are records after these: give this page to `Management.audit`.
  public var hasMore: Bool { next != nil }
}

extension Management {
  /// What was changed by whom, the newest first. Records outlive the instances, by 400 days.
  ///
  /// - Parameters:
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
