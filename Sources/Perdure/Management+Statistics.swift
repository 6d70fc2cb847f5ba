/// How many instances there are, by status.
public struct Counts: Hashable, Sendable, Decodable {
  /// All of them.
  public let total: Int
  /// Have not ended.
  public let open: Int
  /// Those at their end.
  public let ended: Int
  /// How many of each status.
  public let byStatus: [InstanceStatus: Int]
  private let lives: Lives?

  private enum CodingKeys: String, CodingKey {
    case total, open, ended, byStatus
    case lives = "durations"
  }

  private struct Lives: Hashable, Sendable, Decodable {
    let count: Int
    let averageMS: Int64
    let leastMS: Int64
    let mostMS: Int64
  }

  /// How long those lived that have ended, deleted ones included; nil: there were none.
  public var durations: (count: Int, average: Duration, least: Duration, most: Duration)? {
    lives.map { ($0.count, $0.averageMS.milliseconds, $0.leastMS.milliseconds, $0.mostMS.milliseconds) }
  }
}

/// How many instances there are, in all and by name and version.
public struct Statistics: Sendable, Decodable {
  /// The instances of one orchestration.
  public struct Orchestration: Sendable, Decodable {
    /// Of the orchestration.
    public let name: String
    /// nil: not pinned to one yet.
    public let version: String?
    /// How many there are.
    public let counts: Counts

    private enum Key: String, CodingKey { case name, version }

    public init(from decoder: any Decoder) throws {
      let members = try decoder.container(keyedBy: Key.self)
      name = try members.decode(String.self, forKey: .name)
      version = try members.decodeIfPresent(String.self, forKey: .version)
      counts = try Counts(from: decoder)
    }
  }

  /// Of all instances.
  public let counts: Counts
  /// The same by orchestration.
  public let orchestrations: [Orchestration]

  private enum Key: String, CodingKey { case orchestrations }

  public init(from decoder: any Decoder) throws {
    counts = try Counts(from: decoder)
    orchestrations = try decoder.container(keyedBy: Key.self)
      .decode([Orchestration].self, forKey: .orchestrations)
  }
}

/// What one instance has done.
public struct InstanceStatistics: Sendable, Decodable {
  /// Its id.
  public let instance: String
  /// What it is doing, or how it ended.
  public let status: InstanceStatus
  private let ageMS: Int64
  /// How many it has had.
  public let executions: Int
  /// Turns, and changes from outside.
  public let commits: Int
  /// Of the current execution, as the rest but `children`.
  public let events: Int
  /// Calls of activities.
  public let activitiesScheduled: Int
  /// Of these, those with a result.
  public let activitiesCompleted: Int
  /// Of these, those that failed for good.
  public let activitiesFailed: Int
  /// Timers that the code set.
  public let timersCreated: Int
  /// Events, queue messages and calls that came.
  public let messagesReceived: Int
  /// Calls of children.
  public let childrenScheduled: Int
  private let children: Children

  private struct Children: Sendable, Decodable {
    let byStatus: [InstanceStatus: Int]
  }

  /// From its creation to its end, or to now.
  public var age: Duration { ageMS.milliseconds }
  /// All that the store has.
  public var childrenByStatus: [InstanceStatus: Int] { children.byStatus }
}

/// What waits for runtimes.
public struct Queues: Sendable, Decodable {
  /// Instances that are due and that no living runtime has in memory.
  public struct Instances: Hashable, Sendable, Decodable {
    /// With something to do now.
    public let ready: Int
    private let oldestWaitingMS: Int64?

    /// About how long the first of them has waited.
    public var oldestWaiting: Duration? { oldestWaitingMS?.milliseconds }
  }

  /// Of one name and tag.
  public struct Activities: Hashable, Sendable, Decodable {
    /// Of the activity.
    public let name: String
    /// nil: those without.
    public let tag: String?
    /// For a runtime that takes them.
    public let waiting: Int
    /// Attempts that run.
    public let running: Int
    /// To be completed from elsewhere.
    public let deferred: Int
    /// That pause before their next attempt.
    public let backoff: Int
    /// A living runtime takes them.
    public let isClaimable: Bool
    private let oldestWaitingMS: Int64?

    /// How long the first of them has waited; nil: none waits.
    public var oldestWaiting: Duration? { oldestWaitingMS?.milliseconds }

    private enum CodingKeys: String, CodingKey {
      case name, tag, waiting, running, deferred, backoff, oldestWaitingMS
      case isClaimable = "claimable"
    }
  }

  /// Those that are due and that no living runtime has in memory.
  public let instances: Instances
  /// By name and tag.
  public let activities: [Activities]
  /// Waiting in inboxes.
  public let inboxMessages: Int
  /// For ids that nobody has yet.
  public let keptMessages: Int
}

extension Management {
  /// Counts of instances: of the whole store, or of one orchestration. Costs no look at the instances.
  public func statistics(orchestration: String? = nil) async throws -> Statistics {
    struct Members: Encodable { let orchestration: String? }
    return try await ask("statistics", Members(orchestration: orchestration))
  }

  /// What one instance has done so far.
  public func statistics(instance: String) async throws -> InstanceStatistics {
    try await ask("statistics", Of(instance: instance))
  }

  /// What waits for runtimes.
  public func queues() async throws -> Queues { try await ask("queues") }
}
