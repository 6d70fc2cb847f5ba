import PerdureModel
import PerdureWire

/// Runs orchestrations and activities of this process.
///
/// Register everything, then start. Several runtimes, in one process or many, may work on one store. One that
/// is released while it runs is stopped without grace; `withRuntime` and `run` stop theirs in any case.
public final class Runtime: DefinitionRegistry, Sendable {
  let handle: EngineHandle
  private let driver: TurnDriver
  private let client: Client
  private let interpose: ActivityInterposer?

  /// Puts something in place of an activity of this name, or around it: for test environments.
  package typealias ActivityInterposer = @Sendable (String, @escaping ActivityBody) -> ActivityBody

  /// A runtime that serves nothing yet.
  ///
  /// - Throws: `DXError`, such as `invalidArgument` for an option outside its range.
  public convenience init(_ store: Store, _ options: RuntimeOptions = RuntimeOptions()) throws {
    try self.init(store, options, interpose: nil)
  }

  package init(_ store: Store, _ options: RuntimeOptions, interpose: ActivityInterposer?) throws {
    self.interpose = interpose
    handle = try EngineHandle.runtime(store.handle, config: OptionsWire.encode(options.settings))
    client = try Client(store)
    driver = TurnDriver(
      cachedInstances: options.isCaching ? options.cachedInstances : 0, limits: store.limits)
  }

  /// Serves an orchestration.
  ///
  /// - Throws: `DXError`: `alreadyExists` when this name and version are registered, `wrongStatus` after
  ///   `start`.
  public func register<Input, Output>(_ orchestration: OrchestrationDefinition<Input, Output>) throws {
    let entry = EngineOrchestration(driver: driver, body: orchestration.body)
    try entry.register(on: handle, name: orchestration.name, version: orchestration.version)
  }

  /// Serves an activity.
  ///
  /// - Throws: `DXError`: `alreadyExists` when this name is registered, `wrongStatus` after `start`,
  ///   `invalidArgument` for a `concurrency` or `rate` outside its range.
  public func register<Input, Output>(_ activity: ActivityDefinition<Input, Output>) throws {
    let body = interpose?(activity.name, activity.body) ?? activity.body
    let entry = EngineActivity(client: client, body: body)
    try entry.register(on: handle, name: activity.name, limits: activity.limits)
  }

  /// Serves all activities that nobody registered.
  package func register(anyActivity body: @escaping ActivityBody) throws {
    try EngineActivity(client: client, body: body).register(
      on: handle, name: Reserved.anyActivity, limits: nil)
  }

  /// Begins to take work. A cancellation of the task does not reach it.
  ///
  /// - Throws: `DXError`, such as `wrongStatus` when it was started before.
  public func start() async throws {
    try await CallLanes.performToTheEnd { [handle] in try EngineRuntime.start(handle) }
  }

  /// Takes no new work, lets running activities finish for up to `grace`, hands the rest back, and returns
  /// when nothing of this runtime runs any more. A cancellation of the task does not make it shorter.
  ///
  /// - Parameter grace: 0 or more; nothing is waited for with zero.
  /// - Throws: `DXError`.
  public func stop(grace: Duration = .seconds(10)) async throws {
    try await EngineRuntime.stop(handle, graceMilliseconds: max(0, grace.millisecondsRoundedUp))
    driver.evictAll()
  }
}

/// How a runtime works. The ranges are checked by `Runtime.init`.
public struct RuntimeOptions: Hashable, Sendable {
  /// Activities at once, 1...10,000.
  public var activitySlots = 16
  /// Threads that run orchestration code, 1...64.
  public var turnThreads = 2
  /// Instances kept in memory between their turns, 0...1,000,000. The others are run again from their
  /// history.
  public var cachedInstances = 10_000
  /// Without it every turn runs again from the history: slow, and it finds code that is not deterministic.
  public var isCaching = true

  /// Tagged activities that are taken.
  public var activityTags = ActivityTags.only([])
  /// Activities without a tag are taken.
  public var untaggedActivities = true
  /// Sessions held at one time, 0...100,000.
  public var sessions = 10
  /// After which time without use a session is given up, 1 s or more.
  public var sessionIdle = Duration.seconds(300)
  /// How long an activity that was told to end keeps its slot.
  public var activityGrace = Duration.seconds(10)
  /// It takes no work and writes nothing: for `Runtime.replay` and `Runtime.preflight`.
  public var replayOnly = false
  /// What becomes of an instance whose code differs from its history.
  public var nondeterminism = Nondeterminism.quarantine
  /// Schedules go on here, too.
  public var schedules = true

  /// Which tagged activities a runtime takes.
  public enum ActivityTags: Hashable, Sendable, ExpressibleByArrayLiteral {
    /// Those of all tags.
    case any
    /// Those of these tags; of none, if it is empty.
    case only([String])

    public init(arrayLiteral tags: String...) { self = .only(tags) }
  }

  /// What becomes of an instance whose code differs from its history.
  public enum Nondeterminism: String, Hashable, Sendable, CaseIterable {
    /// It stops, and goes on with `Client.retry` after the code has been mended.
    case quarantine
    /// It fails.
    case fail
  }

  /// As usual; set what is to be different.
  public init() {}

  var settings: RuntimeSettings {
    var settings = RuntimeSettings()
    settings.activitySlots = activitySlots
    settings.turnThreads = turnThreads
    settings.cachedInstances = cachedInstances
    settings.isCaching = isCaching
    settings.activityTags =
      switch activityTags {
      case .any: nil
      case .only(let tags): tags
      }
    settings.takesUntagged = untaggedActivities
    settings.sessionsMax = sessions
    settings.sessionIdleMS = sessionIdle.millisecondsRoundedUp
    settings.activityGraceMS = activityGrace.millisecondsRoundedUp
    settings.failsNondeterminism = nondeterminism == .fail
    settings.isReplayOnly = replayOnly
    settings.runsSchedules = schedules
    return settings
  }
}
