import PerdureModel

/// An activity that an orchestration called has failed.
public struct ActivityFailure: Error, Hashable, Sendable, CustomStringConvertible {
  /// The name of the activity.
  public let activity: String
  /// What it failed with.
  public let failure: Failure

  public var description: String { "the activity '\(activity)' failed: \(failure)" }
}

/// An instance has failed, was cancelled or was terminated: a child that an orchestration called, or an
/// instance whose result was asked for.
public struct OrchestrationFailure: Error, Hashable, Sendable, CustomStringConvertible {
  /// The instance where it is known, else the name of the orchestration.
  public let instance: String
  /// What it failed with.
  public let failure: Failure

  /// It ended because somebody asked it to.
  public var isCancellation: Bool { failure.type == FailureType.cancelled }

  public var description: String { "the orchestration '\(instance)' failed: \(failure)" }
}

/// A message to another instance, or a look at it, was refused: the instance is unknown or has ended.
public struct MessageRefused: Error, Hashable, Sendable, CustomStringConvertible {
  /// The instance that was meant.
  public let instance: String
  /// Of type `perdure.NotFound`, `perdure.WrongStatus` or `perdure.LimitExceeded` (its inbox is full).
  public let failure: Failure

  public var description: String { "the instance '\(instance)' was not reached: \(failure)" }
}

/// A value or a name in orchestration code is over a limit. The call that threw has done nothing.
public struct LimitExceeded: Error, Hashable, Sendable, CustomStringConvertible {
  /// One sentence: what is too large, and what the limit is.
  public let message: String

  init(_ message: String) { self.message = message }

  public var description: String { message }
}

/// An orchestration rejected a call, or failed in handling it.
public struct CallFailure: Error, Hashable, Sendable, CustomStringConvertible {
  /// The instance that was called.
  public let instance: String
  /// The name of the call.
  public let name: String
  /// Of type `perdure.CallRejected` when it was refused.
  public let failure: Failure

  /// It was refused, before anything of it was done.
  public var isRejection: Bool { failure.engineType == .callRejected }

  public var description: String { "the call '\(name)' to '\(instance)' failed: \(failure)" }
}

/// An orchestration has no handler for a query, or its handler failed.
public struct QueryFailure: Error, Hashable, Sendable, CustomStringConvertible {
  /// The instance that was asked.
  public let instance: String
  /// The name of the query.
  public let name: String
  /// Of type `perdure.NotRegistered` when there is no such handler.
  public let failure: Failure

  public var description: String { "the query '\(name)' of '\(instance)' failed: \(failure)" }
}

/// An activity's attempt goes on elsewhere, and is ended by its token. Made by `ActivityContext.deferred`.
public struct ActivityDeferred: Error, Hashable, Sendable, CustomStringConvertible {
  public var description: String { "the activity is completed later, by its token" }
}

/// Time ran out in `OrchestrationContext.withTimeout`.
public struct TimedOut: Error, Hashable, Codable, Sendable, CustomStringConvertible {
  /// What `withTimeout` throws.
  public init() {}
  public var description: String { "the time that was given ran out" }
}

/// Ends the code of an execution; the instance goes on with a new one and an empty history. Thrown by
/// `OrchestrationContext.continueAsNew`; let it pass.
public struct ContinueAsNew: Error, Sendable, CustomStringConvertible {
  let version: String?
  let input: Payload

  public var description: String { "the orchestration continues as new" }
}

/// A call to the engine was refused.
public struct DXError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What kind of refusal it is.
  public let code: Code
  /// One plain sentence: what happened, to which instance, what to do.
  public let message: String
  /// Trying the same call again can help.
  public let isTransient: Bool
  /// A JSON object with the data behind the message.
  public let detailsJSON: String

  public var description: String { "\(message) (\(code))" }

  package init(_ code: Code, _ message: String, isTransient: Bool = false, detailsJSON: String = "{}") {
    self.code = code
    self.message = message
    self.isTransient = isTransient
    self.detailsJSON = detailsJSON
  }

  /// The fixed numbers of `dx.h`.
  public struct Code: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    public let rawValue: Int32
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// Something that was given is malformed or outside its range.
    public static let invalidArgument = Code(rawValue: 1)
    /// The store, client or runtime is gone.
    public static let invalidHandle = Code(rawValue: 2)
    /// This store, library or process cannot do it.
    public static let unsupported = Code(rawValue: 3)
    /// There is no such instance.
    public static let notFound = Code(rawValue: 4)
    /// The id or name is taken.
    public static let alreadyExists = Code(rawValue: 5)
    /// The instance or runtime is not in a state for it.
    public static let wrongStatus = Code(rawValue: 6)
    /// Something is larger than the store takes.
    public static let limitExceeded = Code(rawValue: 7)
    /// The time that was given ran out.
    public static let timedOut = Code(rawValue: 8)
    /// The store or the runtime was closed meanwhile.
    public static let closed = Code(rawValue: 9)
    /// The store was opened before a fork of the process.
    public static let forked = Code(rawValue: 10)
    /// The attempt is over: its result is not wanted any more.
    public static let stale = Code(rawValue: 11)
    /// A message of the engine or the host could not be read.
    public static let protocolViolation = Code(rawValue: 20)
    /// Code and history differ.
    public static let nondeterminism = Code(rawValue: 21)
    /// Another process holds the write lock; trying again can help.
    public static let storeBusy = Code(rawValue: 40)
    /// The disk is full.
    public static let storeFull = Code(rawValue: 41)
    /// Reading or writing failed.
    public static let storeIO = Code(rawValue: 42)
    /// The file cannot be written.
    public static let storeReadOnly = Code(rawValue: 43)
    /// The file is damaged.
    public static let storeCorrupt = Code(rawValue: 44)
    /// The file is no store, or one of a newer release.
    public static let storeForeign = Code(rawValue: 45)
    /// The file cannot be opened.
    public static let storeCannotOpen = Code(rawValue: 46)
    /// The file was deleted or replaced while it was open.
    public static let storeReplaced = Code(rawValue: 47)
    /// A fault of the engine.
    public static let `internal` = Code(rawValue: 99)

    private static let names: [Int32: String] = [
      1: "invalidArgument", 2: "invalidHandle", 3: "unsupported", 4: "notFound", 5: "alreadyExists",
      6: "wrongStatus", 7: "limitExceeded", 8: "timedOut", 9: "closed", 10: "forked", 11: "stale",
      20: "protocolViolation", 21: "nondeterminism", 40: "storeBusy", 41: "storeFull", 42: "storeIO",
      43: "storeReadOnly", 44: "storeCorrupt", 45: "storeForeign", 46: "storeCannotOpen",
      47: "storeReplaced", 99: "internal",
    ]

    public var description: String { Self.names[rawValue] ?? "code \(rawValue)" }
  }
}
