import PerdureModel
import PerdureWire

/// An instance with all that is open.
public struct Inspection: Sendable {
  public let description: InstanceDescription
  /// The number of the runtime (`Node.id`) that keeps it in memory.
  public var owner: Int64? { open.owner }
  /// Why its history cannot be read.
  public var historyFault: String? { open.historyFault }
  public var activities: [Activity] { open.activities }
  public var timers: [Timer] { open.timers }
  public var waits: [Wait] { open.waits }
  /// That have not ended, as far as it knows.
  public var children: [Child] { open.children }
  /// Messages to other instances, and looks at their state, that are not answered.
  public var requests: [Request] { open.requests }
  public var inbox: Inbox { open.inbox }
  public var sizes: Sizes { open.sizes }
  /// Topics that it is subscribed to.
  public var subscriptions: [String] { open.subscriptions }
  private let open: Open

  private struct Open: Sendable, Decodable {
    let owner: Int64?
    let historyFault: String?
    let activities: [Activity]
    let timers: [Timer]
    let waits: [Wait]
    let children: [Child]
    let requests: [Request]
    let inbox: Inbox
    let sizes: Sizes
    let subscriptions: [String]
  }

  init(_ answer: [UInt8]) throws {
    let json = Payload(bytes: answer)
    open = try PayloadCoding.decode(Open.self, json, "the answer to 'inspect'")
    do {
      let part = ManageWire.member("description", of: answer) ?? []
      description = InstanceDescription(try part.withUnsafeBytes { try ClientWire.decodeDescription($0) })
    } catch { throw DXError.unreadable("An answer", error) }
  }
}

extension Inspection {
  /// Without a result yet.
  public struct Activity: Sendable, Decodable {
    public enum State: String, Sendable, Decodable {
      /// For a runtime that takes it.
      case waiting
      case running
      /// To be completed from elsewhere.
      case deferred
      /// The last attempt failed; the time of the next has not come.
      case backoff
    }

    public let action: Int64
    public let name: String
    /// The attempt that runs, or ran last, or is the first.
    public let attempt: Int
    public let failures: Int
    public let state: State
    public let scheduledAt: Timestamp
    /// Of the last attempt.
    public let startedAt: Timestamp?
    public let nextAttemptAt: Timestamp?
    /// Of a deferred one.
    public let heartbeatAt: Timestamp?
    /// The number of the runtime that runs it.
    public let node: Int64?
    public let tag: String?
    public let session: String?
    /// The runtime that has the session.
    public let sessionNode: Int64?
    public let priority: Int?
    /// When the attempt must have ended, the first one must have begun, and all must have ended.
    public let deadline: Timestamp?
    public let startBy: Timestamp?
    public let closeBy: Timestamp?
    private let answeredFailure: AnsweredFailure?
    private let heartbeat: AnsweredJSON?

    /// What the last attempt failed with.
    public var lastFailure: Failure? { answeredFailure?.failure }
    /// JSON text of the details of the last heartbeat.
    public var lastHeartbeatJSON: String? { heartbeat?.text }

    private enum CodingKeys: String, CodingKey {
      case action, name, attempt, failures, state, scheduledAt, startedAt, nextAttemptAt, heartbeatAt, node
      case tag, session, sessionNode, priority, deadline, startBy, closeBy
      case answeredFailure = "lastFailure"
      case heartbeat = "lastHeartbeat"
    }
  }

  public struct Timer: Hashable, Sendable, Decodable {
    public let action: Int64
    public let fireAt: Timestamp
    public let since: Timestamp
  }

  /// For a message of a name.
  public struct Wait: Hashable, Sendable, Decodable {
    public enum Kind: String, Sendable, Decodable { case event, queue, topic, call }

    public let action: Int64
    public let kind: Kind
    public let name: String
    public let since: Timestamp
  }

  public struct Child: Hashable, Sendable, Decodable {
    public let action: Int64
    public let instance: String
    public let orchestration: String
    /// nil: the store does not have it any more.
    public let status: InstanceStatus?
    public let since: Timestamp
  }

  public struct Request: Hashable, Sendable, Decodable {
    /// `event`, `queue`, `cancel` or `kv`.
    public let kind: String
    public let action: Int64
    public let instance: String
    public let since: Timestamp
  }

  public struct Inbox: Hashable, Sendable, Decodable {
    public struct Message: Hashable, Sendable, Decodable {
      /// `event`, `queue`, `topic`, `call`, `cancel`, `activity`, `child` or `request`.
      public let kind: String
      public let name: String?
    }

    public let count: Int
    /// The one that waits the longest.
    public let oldest: Message?
  }

  public struct Sizes: Hashable, Sendable, Decodable {
    /// Of the current execution.
    public let historyEvents: Int
    public let historyBytes: Int
    public let inboxMessages: Int
    public let kvKeys: Int
    public let kvBytes: Int
  }
}

extension Management {
  /// An instance with its pending activities, timers, waits, children, requests and sizes.
  public func inspect(_ instance: String) async throws -> Inspection {
    try Inspection(try await askText("inspect", Of(instance: instance)))
  }
}
