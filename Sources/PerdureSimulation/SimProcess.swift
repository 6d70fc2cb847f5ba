import PerdureDispatch
import PerdureModel
import PerdureStore

/// What a runtime's engine thread takes from its queue. The same as in the real runtime.
enum NodeInput {
  case start
  case instanceStarted(InstanceStart, createdAt: TimestampMS)
  case instancesDeleted([InstanceID])
  case instanceChanged(InstanceID)
  case checkClaims
  case messageStored(InstanceID, InboxMessage)
  case storeChanged(byOthers: Bool)
  case turnAnswered(TurnRequest, TurnAnswer)
  case turnFailed(TurnRequest, Failure)
  case activityEnded(Attempt, Outcome)
  case activityDeferred(Attempt)
  case activityBeat(Attempt, Payload)
  case claimsLost([ActivityKey: ActivityClaim])
  case sweep
  case wrote(Write, WriteOutcome)
  case loaded(InstanceID, Dispatcher.LoadResult)
  case foundMessages(InstanceID, [InboxMessage])
  case foundDue([InstanceID])
  case nextDueFound(TimestampMS?)
  case missed
  case stop(graceMS: Int64)
  case stray(StrayAnswer)
}

extension NodeInput {
  /// An activity's end.
  var isResult: Bool {
    switch self {
    case .activityEnded, .activityDeferred: true
    default: false
    }
  }
}

/// A runtime in a simulated process.
final class SimNode {
  let number: Int
  let id: NodeID
  /// The world keeps all of its processes.
  unowned let process: SimProcess
  let registry: Registry
  let settings: DispatchSettings
  let service: NodeService
  var dispatcher: Dispatcher
  var host: Host
  var inputs: [NodeInput] = []
  var isRunScheduled = false
  /// The deadline that a wake-up is scheduled for.
  var wakesAt: Int64?
  /// Reads are answered one after the other.
  var readerIsFreeAt: Int64 = 0
  /// Activities at its host that it still knows.
  var running: [ClaimedActivity: Attempt] = [:]
  var isStopping = false
  var isStopped = false
  /// Something happened to it after which an activity may run again elsewhere.
  var isExcused = false
  /// Turns whose code was heard.
  var heard: Set<Int64> = []
  /// When a write of its process failed last.
  var failedAt: Int64?
  /// When a read of it failed last.
  var readFailedAt: Int64?
  /// Runs of its engine thread in the current second, to notice one that spins.
  var second: Int64 = 0
  var runsInSecond = 0

  init(
    number: Int, id: NodeID, process: SimProcess, registry: Registry, settings: DispatchSettings,
    service: NodeService, host: Host
  ) {
    self.number = number
    self.id = id
    self.process = process
    self.registry = registry
    self.settings = settings
    self.service = service
    self.host = host
    dispatcher = Dispatcher(settings: settings, registry: registry)
  }

  /// Nobody may take it for dead.
  var isRunning: Bool { process.isAlive && !process.isZombie && !process.isSilent && !isStopped }

  func accepts(_ start: InstanceStart) -> Bool {
    !isStopping && dispatcher.hasRoom && registry.resolve(start) != nil
  }
}

/// A process: runtimes, clients, and the one committer that they share.
final class SimProcess {
  struct Job {
    enum Origin {
      case node(SimNode, Write)
      case client(Int)
      case completion(Completion)
      /// One of many messages that a client sends without waiting.
      case flood(Int)
    }

    var entry: StoreEntry
    var origin: Origin
    /// When it was submitted, by the clock of whoever did.
    var clock: TimestampMS
  }

  enum CommitFault {
    case none, failBefore, failAfter, full
    /// Nothing is heard of it; it has landed, or has not.
    case cut
    /// Some of the entries are refused, each by itself.
    case torn
    /// The process dies before the group has landed, or before anybody hears of it.
    case killBefore, killAfter
  }

  /// A group commit under way.
  struct Group {
    var jobs: [Job]
    var fault: CommitFault
    /// Empty until it is applied.
    var outcomes: [StoreOutcome] = []
  }

  let number: Int
  /// How far the clock of its machine is from that of the world's.
  var skew: Int64
  /// How far the clock of its engine is from the world's, as EngineClock has it: it follows the machine's
  /// forward and never goes back.
  private(set) var clockOffset: Int64
  var nodes: [SimNode] = []
  var isAlive = true
  /// Since when nothing has kept it from running.
  var runsSince: Int64 = 0
  var isPaused = false
  /// It was paused for so long that others took it for dead.
  var isZombie = false
  /// What does not get through between it and the store.
  var cut: Cut?
  /// No sign of life came from it for so long that others took it for dead.
  var isSilent = false
  /// The mutation that is told of nothing that others write.
  var isDeaf = false
  /// It can tell who is gone.
  var seesOthers: Bool { cut == nil && !isSilent }
  /// Its host owes an answer that will never come.
  var isMute = false
  var isUnwell: Bool { isPaused || isZombie || isMute }
  /// What happened to it while it was paused.
  var deferred: [World.Happening] = []
  var queue: [Job] = []
  var group: Group?
  var isWakeScheduled = false

  init(number: Int, wallOffset: Int64, skew: Int64) {
    self.number = number
    self.skew = skew
    clockOffset = wallOffset &+ skew
  }

  /// The clock of the machine was set.
  func clockMoved(wallOffset: Int64) { clockOffset = max(clockOffset, wallOffset &+ skew) }

  /// Jobs of others than its nodes.
  var unansweredJobs: [Job] {
    ((group?.jobs ?? []) + queue).filter { job in
      if case .node = job.origin { false } else { true }
    }
  }
}
