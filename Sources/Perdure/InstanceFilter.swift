import PerdureModel

/// Which instances `Client.list` shows: those that match all of it. What is nil or empty does not matter.
public struct InstanceFilter: Hashable, Sendable {
  public enum Order: Hashable, Sendable {
    /// In the order of creation.
    case oldest
    case newest
  }

  public var orchestration: String?
  public var version: String?
  /// One of these.
  public var statuses: [InstanceStatus]
  /// From the first moment on, and before the second.
  public var createdFrom: Timestamp?
  public var createdTo: Timestamp?
  public var updatedFrom: Timestamp?
  public var updatedTo: Timestamp?
  public var endedFrom: Timestamp?
  public var endedTo: Timestamp?
  /// All of these (`StartOptions.attributes`), at most 32.
  public var attributes: [String: String] = [:]
  public var instancePrefix: String?
  /// Only the children of this instance.
  public var parent: String?
  /// Only instances that nobody called.
  public var rootsOnly = false
  public var order = Order.oldest
  /// Rows in a page, 1...1,000.
  public var limit = 100

  /// The one status, if `statuses` has one.
  public var status: InstanceStatus? {
    get { statuses.count == 1 ? statuses.first : nil }
    set { statuses = newValue.map { [$0] } ?? [] }
  }

  public init(
    orchestration: String? = nil, status: InstanceStatus? = nil, instancePrefix: String? = nil,
    parent: String? = nil, attributes: [String: String] = [:]
  ) {
    self.orchestration = orchestration
    statuses = status.map { [$0] } ?? []
    self.instancePrefix = instancePrefix
    self.parent = parent
    self.attributes = attributes
  }

  var query: ListQuery {
    var query = ListQuery(
      orchestration: orchestration, instancePrefix: instancePrefix, parent: parent, limit: limit)
    query.version = version
    query.statuses = statuses.compactMap { PerdureModel.InstanceStatus(rawValue: $0.rawValue) }
    query.created = Self.span(createdFrom, createdTo)
    query.updated = Self.span(updatedFrom, updatedTo)
    query.ended = Self.span(endedFrom, endedTo)
    query.attributes = attributes.sorted { $0.key < $1.key }.map { Attribute(key: $0.key, value: $0.value) }
    query.rootsOnly = rootsOnly
    query.order = order == .oldest ? .oldest : .newest
    return query
  }

  private static func span(_ from: Timestamp?, _ to: Timestamp?) -> TimeSpan {
    TimeSpan(from: from?.millisecondsSince1970, to: to?.millisecondsSince1970)
  }
}

public struct InstancePage: Sendable {
  public let instances: [InstanceDescription]
  let next: Int64?

  /// There are instances after these: give this page to `Client.list`.
  public var hasMore: Bool { next != nil }
}
