import PerdureModel
import PerdureWire

/// Where instances live. Open it once per process; clients and runtimes share it. It closes with the last of
/// them.
public struct Store: Sendable {
  let handle: EngineHandle
  let limits: LimitSettings

  /// Opens a store, makes its tables if it is new, and takes back what dead processes held.
  ///
  /// - Parameters:
  ///   - url: `memory:`, `sqlite:PATH` or `postgresql://USER@HOST/DATABASE?schema=NAME`.
  ///   - busyTimeout: how long a call waits for another process's write lock, 0...600 s.
  ///   - limits: what is refused; the same in all processes that work on the store.
  ///   - clock: virtual time is for tests, in one process.
  ///   - password: gives the password for a PostgreSQL server. Asked for each connection that is opened,
  ///     several at once, as the tokens of cloud identities expire; nil: it is in the URL, or libpq knows it.
  /// - Throws: `DXError` (`storeCannotOpen`, `storeForeign`, `storeCorrupt`, ...).
  public init(
    url: String, busyTimeout: Duration = .seconds(5), limits: StoreLimits = StoreLimits(),
    clock: StoreClock = .system, password: (@Sendable () async throws -> String)? = nil
  ) async throws {
    var settings = StoreSettings()
    settings.busyTimeoutMS = Int(clamping: busyTimeout.millisecondsRoundedUp)
    settings.limits = limits.settings
    settings.clock = clock.settings
    let config = OptionsWire.encode(settings)
    let desk = password.map(PasswordDesk.init)
    handle = try await CallLanes.perform {
      try EngineHandle.store(url: url, config: config, password: desk)
    }
    self.limits = settings.limits
  }
}

/// How large things may be. What is over a limit is refused before anything is stored: orchestration code
/// gets `LimitExceeded`, a client `DXError` (`limitExceeded`).
public struct StoreLimits: Hashable, Sendable {
  /// An input, output, result or message: 2 MiB.
  public var payloadBytes: Int
  /// 256 KiB.
  public var customStatusBytes: Int
  /// Keys of one instance: 1,000.
  public var kvKeys: Int
  /// 256 KiB.
  public var kvValueBytes: Int
  /// Of one execution, which fails beyond: 50,000 events. From 80 % on,
  /// `OrchestrationContext.shouldContinueAsNew` is true.
  public var historyEvents: Int64
  /// The same in bytes: 64 MiB.
  public var historyBytes: Int64
  /// Calls of one instance that wait at one time: 10,000.
  public var pendingActions: Int
  /// Messages that wait in an instance: 100,000.
  public var inboxMessages: Int
  /// Generations of children below an instance without a parent: 64. The call of one more fails.
  public var subOrchestrationDepth: Int

  /// Those of a store that was opened without others.
  public init() {
    let standard = LimitSettings()
    payloadBytes = standard.payloadBytes
    customStatusBytes = standard.customStatusBytes
    kvKeys = standard.kvKeys
    kvValueBytes = standard.kvValueBytes
    historyEvents = standard.historyEvents
    historyBytes = standard.historyBytes
    pendingActions = standard.pendingActions
    inboxMessages = standard.inboxMessages
    subOrchestrationDepth = standard.subOrchestrationDepth
  }

  /// The engine checks the ranges.
  var settings: LimitSettings {
    var settings = LimitSettings()
    settings.payloadBytes = payloadBytes
    settings.customStatusBytes = customStatusBytes
    settings.kvKeys = kvKeys
    settings.kvValueBytes = kvValueBytes
    settings.historyEvents = historyEvents
    settings.historyBytes = historyBytes
    settings.pendingActions = pendingActions
    settings.inboxMessages = inboxMessages
    settings.subOrchestrationDepth = subOrchestrationDepth
    return settings
  }
}
