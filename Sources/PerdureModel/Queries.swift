/// Filters are joined by "and". Rows come in the order of creation.
package struct ListQuery: Hashable, Sendable {
  package var orchestration: String?
  package var status: InstanceStatus?
  package var instancePrefix: String?
  package var parent: InstanceID?
  /// From `ListPage.next`.
  package var cursor: Int64
  package var limit: Int

  package init(
    orchestration: String? = nil, status: InstanceStatus? = nil, instancePrefix: String? = nil,
    parent: InstanceID? = nil, cursor: Int64 = 0, limit: Int = 100
  ) {
    self.orchestration = orchestration
    self.status = status
    self.instancePrefix = instancePrefix
    self.parent = parent
    self.cursor = cursor
    self.limit = limit
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

package struct HistoryQuery: Hashable, Sendable {
  package var instance: InstanceID
  /// nil: the current one.
  package var execution: ExecutionID?
  /// Only events with a higher id.
  package var after: EventID
  package var limit: Int

  package init(instance: InstanceID, execution: ExecutionID? = nil, after: EventID = 0, limit: Int = 1_000) {
    self.instance = instance
    self.execution = execution
    self.after = after
    self.limit = limit
  }
}

package struct HistoryPage: Hashable, Sendable {
  package var instance: InstanceID
  package var execution: ExecutionID
  /// The last execution of the instance.
  package var currentExecution: ExecutionID
  package var events: [Event]
  /// There are events after these.
  package var hasMore: Bool

  package init(
    instance: InstanceID, execution: ExecutionID, currentExecution: ExecutionID, events: [Event],
    hasMore: Bool
  ) {
    self.instance = instance
    self.execution = execution
    self.currentExecution = currentExecution
    self.events = events
    self.hasMore = hasMore
  }
}

/// Which instance to remove, with all its descendants.
package struct DeleteQuery: Hashable, Sendable {
  package var instance: InstanceID
  /// Also one that has not ended.
  package var force: Bool

  package init(instance: InstanceID, force: Bool = false) {
    self.instance = instance
    self.force = force
  }
}
