import PerdureModel
import PerdureWire

/// An instance with all that is open.
public struct Inspection: Sendable {
  public let description: InstanceDescription
  /// The number of the runtime (`Node.id`) that keeps it in memory.
  public var owner: Int64? { open.owner }
  /// Why its history cannot be read.
  public var historyFault: String? { open.historyFault }
  /// Without a result yet.
  public var activities: [Activity] { open.activities }
  /// That have not fired.
  public var timers: [Timer] { open.timers }
  /// For messages.
  public var waits: [Wait] { open.waits }
  /// That have not ended, as far as it knows.
  public var children: [Child] { open.children }
  /// Messages to other instances, and looks at their state, that are not answered.
  public var requests: [Request] { open.requests }
  /// What has come and is not taken.
  public var inbox: Inbox { open.inbox }
  /// How large it is.
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
    /// Where an activity stands.
    public enum State: String, Sendable, Decodable {
      /// For a runtime that takes it.
      case waiting
      /// An attempt runs in some runtime.
      case running
      /// To be completed from elsewhere.
      case deferred
      /// The last attempt failed; the time of the next has not come.
      case backoff
    }

    /// Its number in the execution.
    public let action: Int64
    /// Of the activity.
    public let name: String
    /// The attempt that runs, or ran last, or is the first.
    public let attempt: Int
    /// Attempts that failed.
    public let failures: Int
    /// Where it stands.
    public let state: State
    /// When the code called it.
    public let scheduledAt: Timestamp
    /// Of the last attempt.
    public let startedAt: Timestamp?
    /// While it pauses.
    public let nextAttemptAt: Timestamp?
    /// Of a deferred one.
    public let heartbeatAt: Timestamp?
    /// The number of the runtime that runs it.
    public let node: Int64?
    /// The tag of the call.
    public let tag: String?
    /// The session of the call.
    public let session: String?
    /// The runtime that has the session.
    public let sessionNode: Int64?
    /// -1,000...1,000; nil: 0.
    public let priority: Int?
    /// When the attempt must have ended, the first one must have begun, and all must have ended.
    public let deadline: Timestamp?
    /// When the first attempt must have begun.
    public let startBy: Timestamp?
    /// When all must have ended.
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

  /// A timer that has not fired.
  public struct Timer: Hashable, Sendable, Decodable {
    /// Its number in the execution.
    public let action: Int64
    /// When it fires.
    public let fireAt: Timestamp
    /// When the code set it.
    public let since: Timestamp
  }

  /// For a message of a name.
  public struct Wait: Hashable, Sendable, Decodable {
    /// What is waited for.
    public enum Kind: String, Sendable, Decodable {
      /// An event of a name.
      case event
      /// The next message of a queue.
      case queue
      /// The next message of a topic.
      case topic
      /// The next call of a name.
      case call
    }

    /// Its number in the execution.
    public let action: Int64
    /// What kind of message it is for.
    public let kind: Kind
    /// Of the message.
    public let name: String
    /// When the code began to wait.
    public let since: Timestamp
  }

  /// A child that has not ended.
  public struct Child: Hashable, Sendable, Decodable {
    /// Its number in the execution.
    public let action: Int64
    /// Its id.
    public let instance: String
    /// The name of its orchestration.
    public let orchestration: String
    /// nil: the store does not have it any more.
    public let status: InstanceStatus?
    /// When the code called it.
    public let since: Timestamp
  }

  /// A message to another instance, or a look at its state.
  public struct Request: Hashable, Sendable, Decodable {
    /// `event`, `queue`, `cancel` or `kv`.
    public let kind: String
    /// Its number in the execution.
    public let action: Int64
    /// The instance that is asked.
    public let instance: String
    /// When the code asked.
    public let since: Timestamp
  }

  /// What has come and is not taken.
  public struct Inbox: Hashable, Sendable, Decodable {
    /// One of them.
    public struct Message: Hashable, Sendable, Decodable {
      /// `event`, `queue`, `topic`, `call`, `cancel`, `activity`, `child` or `request`.
      public let kind: String
      /// Of a message that has one.
      public let name: String?
    }

    /// How many there are.
    public let count: Int
    /// The one that waits the longest.
    public let oldest: Message?
  }

  /// How large an instance is.
  public struct Sizes: Hashable, Sendable, Decodable {
    /// Of the current execution.
    public let historyEvents: Int
    /// Of the current execution.
    public let historyBytes: Int
    /// Messages that wait.
    public let inboxMessages: Int
    /// Keys of its state.
    public let kvKeys: Int
    /// Keys and values together.
    public let kvBytes: Int
  }
}

extension Management {
  /// An instance with its pending activities, timers, waits, children, requests and sizes.
  public func inspect(_ instance: String) async throws -> Inspection {
    try Inspection(try await askText("inspect", Of(instance: instance)))
  }
}
