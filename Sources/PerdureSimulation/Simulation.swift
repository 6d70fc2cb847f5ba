/// Runs worlds.
package enum Simulation {
  /// A world that takes more steps than this has lost its way.
  package static let stepLimit = 400_000

  package struct Options: Sendable {
    package var seed: UInt64
    /// A deliberate bug.
    package var mutation: Mutation?
    package var stepLimit = Simulation.stepLimit
    /// Of what the seed asks for, only these faults happen; nil: all.
    package var only: [Fault]?
    /// Kinds that the world does not have, as if they had never been thought of.
    package var without: Set<FaultKind> = []
    package var forced: ForcedFault?

    package init(seed: UInt64, mutation: Mutation? = nil) {
      self.seed = seed
      self.mutation = mutation
    }
  }

  package struct Report: Sendable {
    package let seed: UInt64
    /// Of everything that happened: the same seed gives the same one.
    package let hash: UInt64
    package let steps: Int
    /// The broken promise, as a sentence; nil: none.
    package let violation: String?
    /// The kinds of fault of this world and their rates, for a reader.
    package let faults: String
    /// What went wrong, in order.
    package let happened: [Fault]
    /// How often each place was passed at which a fault can be forced.
    package let passed: [ForcedFault.Place: Int]
    package let turns: Int
    package let activities: Int
    package let instances: Int
  }

  package static func run(seed: UInt64, mutation: Mutation? = nil) -> Report {
    run(Options(seed: seed, mutation: mutation))
  }

  /// - printer: is given each line of the trace.
  package static func run(_ options: Options, printer: ((String) -> Void)? = nil) -> Report {
    let world = World(options, printer: printer)
    world.run(stepLimit: options.stepLimit)
    return Report(
      seed: options.seed, hash: world.trace.hash, steps: world.steps, violation: world.watch.violation,
      faults: world.plan.description, happened: world.faults.happened, passed: world.faults.passed,
      turns: world.watch.lives.reduce(0) { $0 + Int($1.revision) },
      activities: world.watch.runs.count, instances: world.watch.lives.count)
  }
}
