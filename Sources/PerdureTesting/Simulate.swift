import Perdure
import PerdureModel

/// Runs a scenario under many schedules, in virtual time, and checks what it asks to be checked.
///
/// First without trouble; then with every turn replayed from its history; then with the process dying at each
/// commit, before and after it landed, and with each result of an activity lost, one at a time; then under
/// `seeds` random schedules of crashes, repeated attempts, delayed messages and slow activities. The first
/// failure ends it, and is made as short as it gets.
///
///     let report = try await simulate { run in
///       let bank = Bank()
///       try run.register(transfer)
///       run.activity("debit") { (context, order: Order) in await bank.debit(order) }
///       try run.start(transfer, input: order, instance: "t-1")
///       run.check("money is kept") { _ in await bank.total == 100 }
///     }
///     try report.throwIfFailed()
///
/// - Parameters:
///   - seeds: random schedules.
///   - seed: runs that one only.
///   - schedule: runs that one only; a failure says which.
///   - failActivities: attempts fail, too, with failures of type `perdure.Injected`.
///   - maxSteps: a run that takes more is broken off.
///   - maxTime: virtual time after which a run is broken off.
///   - scenario: called anew for each run.
/// - Throws: what the scenario throws; `DXError`.
public func simulate(
  seeds: Int = 300, seed: Int? = nil, schedule: [String: SimulationChoice]? = nil,
  failActivities: Bool = false, maxSteps: Int = 20_000, maxTime: Duration = .seconds(400 * 86_400),
  _ scenario: @escaping @Sendable (Simulation) async throws -> Void
) async throws -> SimulationReport {
  var plan = RehearsalPlan()
  plan.failsActivities = failActivities
  plan.maxSteps = maxSteps
  plan.maxMS = maxTime.millisecondsRoundedUp
  // A client that sees an empty store: a simulation has none.
  let client = try Client(try await Store(url: "memory:"))
  var campaign = Campaign(scenario: scenario, plan: plan, client: client)
  let clock = ContinuousClock()
  let began = clock.now
  let failure =
    if let schedule {
      try await campaign.attempt(schedule: schedule.mapValues(\.model), seed: nil)
    } else if let seed {
      try await campaign.attempt(seed: seed)
    } else {
      try await campaign.sweep(seeds: seeds)
    }
  return SimulationReport(
    runs: campaign.runs, points: campaign.points, seeds: campaign.seeds, took: clock.now - began,
    failure: failure, trace: campaign.trace)
}

/// All runs of a simulation.
private struct Campaign {
  let scenario: @Sendable (Simulation) async throws -> Void
  let plan: RehearsalPlan
  let client: Client
  var runs = 0
  var points = 0
  var seeds = 0
  var trace = ""

  mutating func run(_ change: (inout RehearsalPlan) -> Void) async throws -> RehearsalHost.Run {
    // A run computes from begin to end: others get their turn, and a cancelled test ends.
    await Task.yield()
    try Task.checkCancellation()
    runs += 1
    var plan = plan
    change(&plan)
    let simulation = Simulation()
    try await scenario(simulation)
    let run = try await RehearsalHost(simulation, plan, client: client).run()
    trace = String(run.end.trace, radix: 16)
    return run
  }

  mutating func sweep(seeds most: Int) async throws -> SimulationFailure? {
    let quiet = try await run { _ in }
    if let failure = try await failure(quiet, nil) { return failure }
    let replayed = try await run { $0.isReplaying = true }
    if let broken = replayed.broken { return SimulationFailure(replayed, broken, nil) }
    for point in quiet.end.points {
      for choice in point.choices {
        points += 1
        if let failure = try await attempt(schedule: [point.name: choice], seed: nil) { return failure }
      }
    }
    for seed in 0..<max(0, most) {
      seeds += 1
      if let failure = try await attempt(seed: seed + 1) { return failure }
    }
    return nil
  }

  mutating func attempt(seed: Int) async throws -> SimulationFailure? {
    try await failure(try await run { $0.seed = UInt64(clamping: seed) }, seed)
  }

  mutating func attempt(
    schedule: [String: RehearsalChoice], seed: Int?
  ) async throws -> SimulationFailure? {
    try await failure(try await run { $0.schedule = schedule }, seed)
  }

  private mutating func failure(
    _ found: RehearsalHost.Run, _ seed: Int?
  ) async throws -> SimulationFailure? {
    guard let broken = found.broken else { return nil }
    let shortest = try await shorten(found, broken.invariant)
    return SimulationFailure(shortest, shortest.broken ?? broken, seed)
  }

  // MARK: Making it short

  /// Takes decisions away, in halves and one by one, and makes delays smaller, as long as the same invariant
  /// fails.
  private mutating func shorten(
    _ found: RehearsalHost.Run, _ invariant: String
  ) async throws -> RehearsalHost.Run {
    var best = found
    var left = 400
    func holds(_ run: RehearsalHost.Run) -> Bool { run.broken?.invariant != invariant }
    var size = best.schedule.count
    while size > 0 {
      let names = best.end.decisions.map(\.name)
      for start in stride(from: 0, to: names.count, by: size) where left > 0 {
        var rest = best.schedule
        for name in names[start..<min(start + size, names.count)] { rest[name] = nil }
        if rest.count == best.schedule.count { continue }
        left -= 1
        let candidate = try await run { $0.schedule = rest }
        if !holds(candidate) { best = candidate }
      }
      size /= 2
    }
    for decision in best.end.decisions {
      guard case .delay(let length) = decision.choice else { continue }
      // The smallest that fails, if those above it do.
      var (least, most) = (Int64(0), length)
      while most - least > 1, left > 0 {
        let middle = (least + most) / 2
        var schedule = best.schedule
        schedule[decision.name] = .delay(middle)
        left -= 1
        let candidate = try await run { $0.schedule = schedule }
        if holds(candidate) {
          least = middle
        } else {
          most = middle
          best = candidate
        }
      }
    }
    return best
  }
}

extension RehearsalHost.Run {
  /// What was decided.
  var schedule: [String: RehearsalChoice] {
    Dictionary(end.decisions.map { ($0.name, $0.choice) }, uniquingKeysWith: { one, _ in one })
  }
}
