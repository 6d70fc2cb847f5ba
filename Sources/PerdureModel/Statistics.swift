/// One execution of an instance.
package struct ExecutionSummary: Hashable, Sendable {
  package var execution: ExecutionID
  /// `ContinuedAsNew` for all but the last.
  package var status: InstanceStatus
  /// Of its first and its last event; nil: it has none, or has not ended.
  package var startedAt: TimestampMS?
  package var endedAt: TimestampMS?
  package var eventCount: Int64

  package init(
    execution: ExecutionID, status: InstanceStatus, startedAt: TimestampMS?, endedAt: TimestampMS?,
    eventCount: Int64
  ) {
    self.execution = execution
    self.status = status
    self.startedAt = startedAt
    self.endedAt = endedAt
    self.eventCount = eventCount
  }
}

/// Which executions of an instance to tell of.
package struct ExecutionsQuery: Hashable, Sendable {
  package var instance: InstanceID
  /// Only those with a higher number.
  package var after: ExecutionID
  /// 1...`Limits.pageRows`.
  package var limit: Int

  package init(instance: InstanceID, after: ExecutionID = 0, limit: Int = Limits.pageRows) {
    self.instance = instance
    self.after = after
    self.limit = limit
  }
}

/// How many instances of one name and version have one status.
package struct StatusCount: Hashable, Sendable {
  package var orchestration: String
  package var version: String?
  package var status: InstanceStatus
  package var count: Int64
  /// How long those lived that ended so, deleted ones included. All 0 without any.
  package var lives = Lives()

  package struct Lives: Hashable, Sendable {
    package var count: Int64 = 0
    package var totalMS: Int64 = 0
    package var leastMS: Int64 = 0
    package var mostMS: Int64 = 0

    package init() {}

    package init(count: Int64, totalMS: Int64, leastMS: Int64, mostMS: Int64) {
      self.count = count
      self.totalMS = totalMS
      self.leastMS = leastMS
      self.mostMS = mostMS
    }

    package mutating func add(_ other: Lives) {
      guard other.count > 0 else { return }
      leastMS = count == 0 ? other.leastMS : min(leastMS, other.leastMS)
      mostMS = max(mostMS, other.mostMS)
      count &+= other.count
      totalMS &+= other.totalMS
    }

    package mutating func add(_ lifeMS: Int64) {
      let life = max(lifeMS, 0)
      add(Lives(count: 1, totalMS: life, leastMS: life, mostMS: life))
    }
  }

  package init(orchestration: String, version: String?, status: InstanceStatus, count: Int64) {
    self.orchestration = orchestration
    self.version = version
    self.status = status
    self.count = count
  }

  /// By the bytes of the name, then of the version, then by status.
  package static func isBefore(_ one: StatusCount, _ other: StatusCount) -> Bool {
    for (a, b) in [(one.orchestration, other.orchestration), (one.version ?? "", other.version ?? "")]
    where ExactText(a) != ExactText(b) {
      return a.utf8.lexicographicallyPrecedes(b.utf8)
    }
    return one.status.rawValue < other.status.rawValue
  }
}

/// What one instance has done so far.
package struct InstanceStatistics: Hashable, Sendable {
  package var instance: InstanceID
  package var status: InstanceStatus
  /// From its creation to its end, or to now.
  package var ageMS: Int64
  package var executions: Int64
  /// Commits of the instance: turns, and changes from outside.
  package var revision: Revision
  /// Of the current execution, as is all that follows.
  package var events: Int64
  package var activitiesScheduled: Int64 = 0
  package var activitiesCompleted: Int64 = 0
  package var activitiesFailed: Int64 = 0
  package var timersCreated: Int64 = 0
  package var messagesReceived: Int64 = 0
  package var childrenScheduled: Int64 = 0
  /// Of all children that the store has.
  package var childrenByStatus: [InstanceStatus: Int64] = [:]

  package init(
    instance: InstanceID, status: InstanceStatus, ageMS: Int64, executions: Int64, revision: Revision,
    events: Int64
  ) {
    self.instance = instance
    self.status = status
    self.ageMS = ageMS
    self.executions = executions
    self.revision = revision
    self.events = events
  }
}

/// A runtime that is alive.
package struct RuntimeNode: Hashable, Sendable {
  package var id: NodeID
  package var service: NodeService
  /// Its process, and the name of its machine; nil: the store does not tell.
  package var pid: Int64?
  package var host: String?

  package init(id: NodeID, service: NodeService, pid: Int64? = nil, host: String? = nil) {
    self.id = id
    self.service = service
    self.pid = pid
    self.host = host
  }
}

/// How much a runtime holds.
package struct NodeHoldings: Hashable, Sendable {
  package var instances: Int64
  package var activities: Int64

  package init(instances: Int64 = 0, activities: Int64 = 0) {
    self.instances = instances
    self.activities = activities
  }
}

/// What waits for runtimes.
package struct Workload: Hashable, Sendable {
  /// Activities of one name and tag.
  package struct Activities: Hashable, Sendable {
    package var name: String
    package var tag: String?
    package var waiting: Int64 = 0
    package var running: Int64 = 0
    package var deferred: Int64 = 0
    package var backoff: Int64 = 0
    /// Since when the first of the waiting ones could be run.
    package var waitingSince: TimestampMS?

    package init(name: String, tag: String?) {
      self.name = name
      self.tag = tag
    }

    package mutating func add(_ state: PendingActivity.State, _ count: Int64, since: TimestampMS) {
      switch state {
      case .waiting:
        waiting &+= count
        waitingSince = min(waitingSince ?? since, since)
      case .running: running &+= count
      case .deferred: deferred &+= count
      case .backoff: backoff &+= count
      }
    }
  }

  /// Instances that are due and that no living runtime owns.
  package var readyInstances: Int64 = 0
  /// Since when about the first of them has waited.
  package var readySince: TimestampMS?
  /// By the bytes of the name, then of the tag; without a tag first.
  package var activities: [Activities] = []
  package var inboxMessages: Int64 = 0
  /// For ids that nobody has yet.
  package var keptMessages: Int64 = 0

  package init() {}

  package mutating func sort() {
    activities.sort { one, other in
      if ExactText(one.name) != ExactText(other.name) {
        return one.name.utf8.lexicographicallyPrecedes(other.name.utf8)
      }
      return (one.tag ?? "").utf8.lexicographicallyPrecedes((other.tag ?? "").utf8)
    }
  }
}

/// An instance and its descendants.
package struct InstanceTree: Hashable, Sendable {
  package struct Node: Hashable, Sendable {
    package var description: InstanceDescription
    /// Indexes of its children in `nodes`, in the order of creation.
    package var children: [Int] = []

    package init(_ description: InstanceDescription) { self.description = description }
  }

  /// The first one is the root; each comes after its parent.
  package var nodes: [Node]
  /// There are more descendants than are told of.
  package var isTruncated: Bool

  package init(nodes: [Node], isTruncated: Bool) {
    self.nodes = nodes
    self.isTruncated = isTruncated
  }
}

package struct TreeQuery: Hashable, Sendable {
  package static let depthMax = 100
  package static let limitMax = 10_000

  package var instance: InstanceID
  /// Generations below the root, 0...`depthMax`.
  package var depth: Int
  /// Instances, 1...`limitMax`.
  package var limit: Int

  package init(instance: InstanceID, depth: Int = TreeQuery.depthMax, limit: Int = 1_000) {
    self.instance = instance
    self.depth = depth
    self.limit = limit
  }
}

package enum StatisticsQuery: Hashable, Sendable {
  case system
  case orchestration(String)
  case instance(InstanceID)
}
