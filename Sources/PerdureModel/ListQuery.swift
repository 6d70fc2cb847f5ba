/// Which instances to list. Filters are joined by "and"; what is nil or empty does not matter.
package struct ListQuery: Hashable, Sendable {
  package enum Order: String, Hashable, Sendable, CaseIterable {
    /// In the order of creation.
    case oldest
    case newest
  }

  package var orchestration: String?
  /// As the description has it: pinned, or asked for while pending.
  package var version: String?
  /// One of these.
  package var statuses: [InstanceStatus]
  package var created = TimeSpan()
  package var updated = TimeSpan()
  /// Only those that have ended, if it is bounded.
  package var ended = TimeSpan()
  /// All of these.
  package var attributes: [Attribute] = []
  package var instancePrefix: String?
  package var parent: InstanceID?
  /// Only those that nobody called.
  package var rootsOnly = false
  package var order = Order.oldest
  /// For people to look at: it may come from a copy of the store that is behind.
  package var mayLag = false
  /// From `ListPage.next`; 0 for the first page.
  package var cursor: Int64
  /// 1...`Limits.pageRows`.
  package var limit: Int

  package init(
    orchestration: String? = nil, status: InstanceStatus? = nil, instancePrefix: String? = nil,
    parent: InstanceID? = nil, cursor: Int64 = 0, limit: Int = 100
  ) {
    self.orchestration = orchestration
    statuses = status.map { [$0] } ?? []
    self.instancePrefix = instancePrefix
    self.parent = parent
    self.cursor = cursor
    self.limit = limit
  }
}

/// Moments from `from` on and before `to`; nil: not bounded on that side.
package struct TimeSpan: Hashable, Sendable {
  package var from: TimestampMS?
  package var to: TimestampMS?

  package init(from: TimestampMS? = nil, to: TimestampMS? = nil) {
    self.from = from
    self.to = to
  }

  package var isBounded: Bool { from != nil || to != nil }

  package func contains(_ moment: TimestampMS) -> Bool {
    moment >= (from ?? .min) && moment < (to ?? .max)
  }
}

/// A label of an instance (`StartOptions.attributes`).
package struct Attribute: Hashable, Sendable {
  package var key: String
  package var value: String

  package init(key: String, value: String) {
    self.key = key
    self.value = value
  }

  // By bytes, like all keys (see ExactText).
  package static func == (one: Attribute, other: Attribute) -> Bool {
    ExactText(one.key) == ExactText(other.key) && ExactText(one.value) == ExactText(other.value)
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(ExactText(key))
    hasher.combine(ExactText(value))
  }
}

package struct ListPage: Hashable, Sendable {
  package var instances: [InstanceDescription]
  /// Where the next page begins; nil at the end.
  package var next: Int64?

  package init(instances: [InstanceDescription], next: Int64?) {
    self.instances = instances
    self.next = next
  }
}
