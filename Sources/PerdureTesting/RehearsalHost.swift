import Perdure
import PerdureModel
import PerdureWire
import Synchronization

/// Runs a scenario once: the host of the engine's simulation.
struct RehearsalHost {
  /// An invariant that does not hold.
  struct Broken: Sendable {
    var invariant: String
    var message: String
  }

  struct Run: Sendable {
    var end: RehearsalEnd
    var broken: Broken?
  }

  private let simulation: Simulation
  private let plan: RehearsalPlan
  private let client: Client
  private let driver = TurnDriver(cachedInstances: 10_000)

  /// - client: what activities get as theirs.
  init(_ simulation: Simulation, _ plan: RehearsalPlan, client: Client) {
    self.simulation = simulation
    self.client = client
    var plan = plan
    simulation.use { state in
      plan.orchestrations = state.served
      plan.activities = state.activities.keys.map(\.text).sorted().map { RehearsedActivity(name: $0) }
      plan.isObserved = !state.always.isEmpty
      plan.script = state.lines
      state.lines = []
    }
    self.plan = plan
  }

  func run() async throws -> Run {
    let engine = try EngineSimulation(config: RehearsalWire.encode(plan))
    defer { driver.evictAll() }
    var broken: Broken?
    var answers: [UInt8] = []
    while true {
      var reply = PollWire.Answers()
      var extras = RehearsalWire.Extras()
      switch try step(engine, answers) {
      case .turn(let token, let request):
        reply.turns = [PollWire.Reply(token: token, value: .success(turn(request)))]
      case .activity(let token, let attempt):
        let (outcome, heartbeat) = await activity(attempt)
        reply.activities = [PollWire.Reply(token: token, value: .success(outcome))]
        extras.heartbeat = heartbeat
      case .restarted: driver.evictAll()
      case .committed(_, let described):
        if broken != nil { break }
        var end = RehearsalEnd()
        end.instances = described.map { RehearsedInstance(description: $0.description) }
        // The run goes on: its end tells what had been decided.
        broken = await violated(simulation.use { $0.always }, SimulatedWorld(end))
      case .ended(let end):
        if let broken { return Run(end: end, broken: broken) }
        return Run(end: end, broken: await judge(end))
      }
      extras.script = simulation.use { state in
        defer { state.lines = [] }
        return state.lines
      }
      answers = RehearsalWire.encode(reply, extras)
    }
  }

  private func step(_ engine: EngineSimulation, _ answers: [UInt8]) throws -> RehearsalWire.Handed {
    try engine.step(answers).withUnsafeBytes { json in
      do { return try RehearsalWire.decodeWork(json) } catch {
        throw DXError.unreadable("Work of the simulation", error)
      }
    }
  }

  private func turn(_ request: TurnRequest) -> PollWire.TurnReply {
    let key = Simulation.OrchestrationKey(name: ExactText(request.orchestration), version: request.version)
    guard let body = simulation.use({ $0.orchestrations[key] }) else {
      return .failure(
        PerdureModel.Failure(
          type: FailureType.notRegistered, message: "'\(request.orchestration)' is not registered"))
    }
    return .answer(driver.run(request, body: body))
  }

  private func activity(_ attempt: ActivityWire.Attempt) async -> (PollWire.ActivityReply, Payload?) {
    let control = SimulatedAttempt()
    let name = ExactText(attempt.task.name)
    let reply: PollWire.ActivityReply
    do {
      guard let body = simulation.use({ $0.activities[name] }) else {
        throw Perdure.Failure(type: FailureType.notRegistered, message: "'\(name.text)' is not registered")
      }
      let context = ActivityContext(attempt, client: client, engine: control)
      reply = .ended(.completed(try await body(context, attempt.task.input)))
    } catch is ActivityDeferred {
      reply = .deferred
    } catch {
      reply = .ended(.failed(PerdureModel.Failure(error)))
    }
    return (reply, control.details)
  }

  // MARK: Invariants

  private func judge(_ end: RehearsalEnd) async -> Broken? {
    for instance in end.instances where instance.description.status == .quarantined {
      let failure = instance.description.failure.map { ": \(Perdure.Failure($0))" } ?? ""
      return Broken(
        invariant: "no instance is quarantined", message: "'\(instance.description.instance)'\(failure)")
    }
    let patient = simulation.use { $0.patient }
    let open = end.instances.filter { instance in
      !instance.waits.isEmpty && patient?.contains(instance.description.instance) == false
    }
    if !open.isEmpty {
      let waits = open.map { "'\($0.description.instance)' waits for \($0.waits.joined(separator: ", "))" }
      let parts = (end.stuck.map { [$0] } ?? []) + waits
      return Broken(invariant: "every instance ends", message: parts.joined(separator: "; "))
    }
    return await violated(simulation.use { $0.always + $0.checks }, SimulatedWorld(end))
  }

  private func violated(_ invariants: [Simulation.Invariant], _ world: SimulatedWorld) async -> Broken? {
    for invariant in invariants {
      do {
        if try await invariant.holds(world) { continue }
        return Broken(invariant: invariant.name, message: "it does not hold")
      } catch {
        return Broken(invariant: invariant.name, message: "\(type(of: error)): \(error)")
      }
    }
    return nil
  }
}

/// What an attempt has of the engine in a simulation.
private final class SimulatedAttempt: AttemptControl {
  private let last = Mutex<Payload?>(nil)

  var isCancelled: Bool { false }
  var details: Payload? { last.withLock { $0 } }

  func heartbeat(_ details: Payload) throws { last.withLock { $0 = details } }
}
