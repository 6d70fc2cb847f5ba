import PerdureDispatch
import PerdureModel
import PerdureStore

/// A simulated world: processes with dispatchers over one store, hosts, clients, and everything that goes
/// wrong. One seed fixes all of it.
///
///     hostile -> the plan's duration is over -> healing -> at rest -> what is awaited is sent -> over
///
/// Whatever happens comes out of `heap`; nothing else moves time.
final class World {
  enum Happening {
    case nodeRuns(SimNode)
    case nodeWakes(SimNode, Int64)
    case groupApplies(SimProcess)
    case groupAnswers(SimProcess)
    case readTaken(SimNode, Read)
    case answered(SimNode, NodeInput)
    case turnDone(SimNode, TurnRequest)
    case activityDone(SimNode, Attempt)
    case activityBeats(SimNode, Attempt, Int)
    case completes(Completion)
    case foreignWrite(SimProcess)
    case net(SimProcess)
    case clientActs(Int)
    case processFault
    /// A host that said nothing is given up, and its process with it.
    case givenUp(SimProcess)
    case declaredDead(SimProcess)
    case resumes(SimProcess)
    /// A cut of this number.
    case lapses(SimProcess, Int)
    case mends(SimProcess, Int)
    case showsSign(SimProcess)
    case looksBack(SimNode, [ClaimedActivity])
    case zombieEnds(SimProcess)
    case restarts
    case heals
    case look
  }

  static let netMS: Int64 = 5_000
  static let leaseMS: Int64 = 3_000

  let mutation: Mutation?
  let plan: FaultPlan
  var faults: FaultDesk
  let programs: [Program]
  var random: Random
  /// Draws all about partitions.
  var partitions: Random
  var trace: Trace
  var heap: EventHeap<Happening>
  var store: SimStore
  var watch = Watch()
  var now: Int64 = 1_000_000
  var processes: [SimProcess] = []
  /// All that ever were.
  var nodes: [SimNode] = []
  var clients: [SimClient] = []
  /// Faults happen.
  var isHostile = true
  /// When something last went wrong.
  var troubleAt: Int64 = 0
  /// How far the clock of the machine is from the world's; it jumps both ways.
  var wallOffset: Int64 = 0
  /// The disk takes nothing until then.
  var diskIsFullUntil: Int64 = 0
  /// Partitions so far.
  var cuts = 0
  /// Nodes that are gone, since when, until somebody notices.
  var fallenAt: [NodeID: Int64] = [:]
  /// Instances whose rows cannot be read.
  var damaged: Set<InstanceID> = []
  var steps = 0
  var phase = Phase.hostile

  enum Phase {
    case hostile
    /// Everybody is well; instances go on as far as they can.
    case healing(rounds: Int)
    /// All has ended. So many entries were written, and so many reads done, until then.
    case idle(since: Int64, entries: Int, reads: Int)
    case over
  }

  var lastLanding: Int64 = 0
  var entriesWritten = 0
  var readsDone = 0

  init(_ options: Simulation.Options, printer: ((String) -> Void)?) {
    mutation = options.mutation
    random = Random(seed: options.seed)
    trace = Trace(printer: printer)
    heap = EventHeap(random: random.fork())
    var maker = ProgramMaker(random: random.fork(), count: random.within(3...6))
    programs = maker.make()
    var rare = Random(seed: ~options.seed)
    plan = FaultPlan(
      random: &random, rare: rare, begins: now, programs: programs.count, without: options.without)
    partitions = rare.fork()
    faults = FaultDesk(plan: plan, random: &random, only: options.only, forced: options.forced)
    store = SimStore(mutation: mutation)
    lastLanding = now
    watch.sick = { [plan] in plan.isSick($0) }
    watch.deadly = { [plan] in plan.isDeadly($0) }
    watch.hostsStumble = plan.rate(.failedTurn) + plan.rate(.wrongAnswer) > 0
    trace.remark(now, "faults: \(plan)")
    for (index, program) in programs.enumerated() { trace.remark(now, "p\(index): \(program)") }
    for _ in 0..<random.within(1...3) { openProcess(isWhole: false) }
    if random.chance(500) { openClientProcess() }
    makeClients()
    heap.add(.heals, at: now + plan.duration)
    scheduleProcessFault()
  }

  /// Lets things happen until all is over, a promise is broken, or `stepLimit` is reached.
  func run(stepLimit: Int) {
    while watch.violation == nil, let (at, happening) = heap.next() {
      if case .over = phase { return }
      now = max(now, at)
      steps += 1
      guard steps < stepLimit else {
        return watch.require(false, "The world did not come to rest in \(stepLimit) steps.")
      }
      happen(happening)
    }
  }

  func after(_ delay: Int64, _ happening: Happening) { heap.add(happening, at: now + max(delay, 0)) }

  /// A fault of this kind happens now.
  func fails(_ kind: FaultKind) -> Bool {
    guard isHostile, faults.happens(kind) else { return false }
    troubleAt = now
    return true
  }

  /// A place at which a fault can be forced is passed.
  func isForced(_ place: ForcedFault.Place) -> ForcedFault.Kind? {
    let kind = faults.pass(place)
    if kind != nil { troubleAt = now }
    return kind
  }

  private func happen(_ happening: Happening) {
    if let process = happening.process {
      guard process.isAlive else { return }
      if process.isPaused { return process.deferred.append(happening) }
    }
    switch happening {
    case .nodeRuns(let node): runNode(node)
    case .nodeWakes(let node, let at):
      guard node.wakesAt == at else { return }
      node.wakesAt = nil
      runNode(node)
    case .groupApplies(let process): applyGroup(process)
    case .groupAnswers(let process): answerGroup(process)
    case .readTaken(let node, let read): take(read, node)
    case .answered(let node, let input): add(input, to: node)
    case .turnDone(let node, let request): turnDone(node, request)
    case .activityDone(let node, let attempt): activityDone(node, attempt)
    case .activityBeats(let node, let attempt, let step): activityBeats(node, attempt, step)
    case .completes(let completion): complete(completion)
    case .foreignWrite(let process):
      process.isWakeScheduled = false
      for node in process.nodes { add(.storeChanged(byOthers: true), to: node) }
    case .net(let process):
      if process.isDeaf { return }
      checkLeases(process)
      for node in process.nodes { add(.storeChanged(byOthers: true), to: node) }
      after(mutation == .pollTheStore ? 50 : Self.netMS, .net(process))
    case .clientActs(let client): act(client)
    case .processFault: processFault()
    case .givenUp(let process): kill(process)
    case .declaredDead(let process): declareDead(process)
    case .resumes(let process): resume(process)
    case .lapses(let process, let cut): lapse(process, cut)
    case .mends(let process, let cut): mend(process, cut)
    case .showsSign(let process): showSign(process)
    case .looksBack(let node, let lost): checkReturn(node, lost)
    case .zombieEnds(let process): kill(process)
    case .restarts: openProcess(isWhole: !isHostile)
    case .heals: heal()
    case .look: look()
    }
  }
}

extension World.Happening {
  /// Whom it happens to: nothing happens to the dead, and to the paused it happens later.
  fileprivate var process: SimProcess? {
    switch self {
    case .nodeRuns(let node), .nodeWakes(let node, _), .readTaken(let node, _), .answered(let node, _),
      .turnDone(let node, _), .activityDone(let node, _), .activityBeats(let node, _, _),
      .looksBack(let node, _):
      node.process
    case .groupApplies(let process), .groupAnswers(let process), .foreignWrite(let process),
      .net(let process), .showsSign(let process):
      process
    default: nil
    }
  }
}
