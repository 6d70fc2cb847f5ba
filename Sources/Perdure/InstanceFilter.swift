import PerdureModel

/// Which instances `Client.list` shows: those that match all of it. What is nil or empty does not matter.
public struct InstanceFilter: Hashable, Sendable {
  /// In which order they come.
  public enum Order: Hashable, Sendable {
    /// In the order of creation.
    case oldest
    /// The other way round.
    case newest
  }

  /// The name of their orchestration.
  public var orchestration: String?
  /// The version that they run under.
  public var version: String?
  /// One of these.
  public var statuses: [InstanceStatus]
  /// From the first moment on, and before the second.
  public var createdFrom: Timestamp?
  /// Started before this moment.
  public var createdTo: Timestamp?
  /// Written to at this moment or later.
  public var updatedFrom: Timestamp?
  /// Written to last before this moment.
  public var updatedTo: Timestamp?
  /// Ended at this moment or later.
  public var endedFrom: Timestamp?
  /// Ended before this moment.
  public var endedTo: Timestamp?
  /// All of these (`StartOptions.attributes`), at most 32.
  public var attributes: [String: String] = [:]
  /// What their ids begin with.
  public var instancePrefix: String?
  /// Only the children of this instance.
  public var parent: String?
  /// Only instances that nobody called.
  public var rootsOnly = false
  /// In which order they come.
  public var order = Order.oldest
  /// Rows in a page, 1...1,000.
  public var limit = 100

  /// The one status, if `statuses` has one.
  public var status: InstanceStatus? {
    get { statuses.count == 1 ? statuses.first : nil }
    set { statuses = newValue.map { [$0] } ?? [] }
  }

  /// The parameters are the properties; without any, all instances match.
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

/// Some of the instances that a filter finds.
public struct InstancePage: Sendable {
  /// In the order that the filter asks for.
  public let instances: [InstanceDescription]
  let next: Int64?

  /// There are instances after these: give this page to `Client.list`.
  public var hasMore: Bool { next != nil }
}
