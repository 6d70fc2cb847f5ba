/// Why an instance does not go on.
public struct Why: Sendable, Decodable {
  /// One thing that holds it up.
  public struct Cause: Sendable, Decodable {
    /// What holds it up.
    public enum Kind: String, Sendable, Decodable {
      /// No living runtime serves its name and version.
      case noRuntime
      /// It was started for later.
      case startsLater
      /// It was suspended.
      case suspended
      /// It is quarantined.
      case quarantined
      /// An event has not come.
      case event
      /// A queue is empty.
      case queue
      /// Nothing was published to a topic.
      case topic
      /// Nobody has called.
      case call
      /// A timer has not fired.
      case timer
      /// Another instance has not answered.
      case request
      /// A child has not ended.
      case child
      /// An attempt runs.
      case activityRunning
      /// An attempt failed; the time of the next has not come.
      case activityBackoff
      /// An attempt is to be completed from elsewhere.
      case activityDeferred
      /// No living runtime takes the activity.
      case activityUnserved
      /// Runtimes that take the activity have not begun it.
      case activityWaiting
      /// The runtime that has the session of the activity has not begun it.
      case activitySession
      /// A turn is due or under way.
      case turn
    }

    /// What kind of thing it is.
    public let kind: Kind
    /// Of the event, queue, activity, orchestration...
    public let name: String?
    /// Its number in the execution.
    public let action: Int64?
    /// The child, or the receiver of the request.
    public let instance: String?
    /// When it began to hold it up.
    public let since: Timestamp?
    /// When time alone makes a difference.
    public let until: Timestamp?
    /// A sentence: what makes it go on.
    public let releasedBy: String
    /// Numbers of living runtimes (`Node.id`) that do, or could do, what it waits for.
    public let servedBy: [Int64]
    /// A sentence: what to do.
    public let advice: String
    private let why: Boxed?

    /// Of a child: what that one waits for.
    public var child: Why? { why?.why }
  }

  /// Structures cannot contain themselves.
  private final class Boxed: Sendable, Decodable {
    let why: Why
    init(from decoder: any Decoder) throws { why = try Why(from: decoder) }
  }

  /// One sentence.
  public let summary: String
  /// Empty once it has ended; at most 101.
  public let waitingFor: [Cause]
}

/// One execution of an instance.
public struct ExecutionSummary: Hashable, Sendable, Decodable {
  /// 1, and one more for each time it continued as new.
  public let execution: Int64
  /// That of the instance for the last one, `ContinuedAsNew` for the others.
  public let status: String
  /// nil before its first turn.
  public let startedAt: Timestamp?
  /// nil: it is the current one, and open.
  public let endedAt: Timestamp?
  /// Events in its history.
  public let eventCount: Int64
}

/// An instance among its relatives.
public struct Relative: Hashable, Sendable, Decodable {
  /// Its id.
  public let instance: String
  /// The name of its orchestration.
  public let orchestration: String
  /// The version it runs under.
  public let version: String?
  /// What it is doing, or how it ended.
  public let status: InstanceStatus
  /// When it was started.
  public let createdAt: Timestamp
  /// When it ended.
  public let endedAt: Timestamp?
}

/// An instance and its descendants.
public struct InstanceTree: Sendable, Decodable {
  /// An instance, and those that it called.
  public struct Node: Sendable, Decodable {
    /// The instance.
    public let relative: Relative
    /// In the order of creation.
    public let children: [Node]

    private enum Key: String, CodingKey { case children }

    public init(from decoder: any Decoder) throws {
      relative = try Relative(from: decoder)
      children = try decoder.container(keyedBy: Key.self).decode([Node].self, forKey: .children)
    }

    /// This one and all below, each after its parent.
    public var all: [Relative] { [relative] + children.flatMap(\.all) }
  }

  /// The instance that was asked for.
  public let root: Node
  /// There are more descendants.
  public let isTruncated: Bool

  private enum CodingKeys: String, CodingKey {
    case root = "tree"
    case isTruncated = "truncated"
  }
}

extension Management {
  /// What an instance waits for, since when, what would release it, who could serve it, and what to do.
  ///
  /// - Throws: `DXError`: `notFound` for an unknown instance, as all that ask about one.
  public func why(_ instance: String) async throws -> Why { try await ask("why", Of(instance: instance)) }

  /// The executions of an instance, in order.
  ///
  /// - Parameters:
  ///   - instance: its id.
  ///   - after: only those with a higher number.
  ///   - limit: 1...1,000.
  public func executions(
    _ instance: String, after: Int64 = 0, limit: Int = 1_000
  ) async throws -> [ExecutionSummary] {
    struct Members: Encodable {
      let instance: String
      let after: Int64
      let limit: Int
    }
    struct Answer: Decodable { let executions: [ExecutionSummary] }
    let members = Members(instance: instance, after: after, limit: limit)
    return try await ask("executions", members, returning: Answer.self).executions
  }

  /// An instance and its descendants.
  ///
  /// - Parameters:
  ///   - instance: its id.
  ///   - depth: generations below it, 0...100.
  ///   - limit: instances in all, 1...10,000.
  public func tree(_ instance: String, depth: Int = 100, limit: Int = 1_000) async throws -> InstanceTree {
    struct Members: Encodable {
      let instance: String
      let depth: Int
      let limit: Int
    }
    return try await ask("tree", Members(instance: instance, depth: depth, limit: limit))
  }

  /// From the parent of an instance to the root; empty for one that nobody called.
  public func ancestors(_ instance: String) async throws -> [Relative] {
    struct Answer: Decodable { let ancestors: [Relative] }
    return try await ask("ancestors", Of(instance: instance), returning: Answer.self).ancestors
  }
}

/// What is asked of one instance.
struct Of: Encodable {
  let instance: String
}
