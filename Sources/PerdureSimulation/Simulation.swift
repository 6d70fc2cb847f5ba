/// Runs worlds.
package enum Simulation {
  /// A world that takes more steps than this has lost its way.
  package static let stepLimit = 400_000

  package struct Report: Sendable {
    package let seed: UInt64
    /// Of everything that happened: the same seed gives the same one.
    package let hash: UInt64
    package let steps: Int
    /// The broken promise, as a sentence; nil: none.
    package let violation: String?
    /// The faults of this world, for a reader.
    package let faults: String
    package let turns: Int
    package let activities: Int
    package let instances: Int
  }

  /// - mutation: a deliberate bug.
  /// - printer: is given each line of the trace.
  package static func run(
    seed: UInt64, mutation: Mutation? = nil, stepLimit: Int = stepLimit, printer: ((String) -> Void)? = nil
  ) -> Report {
    let world = World(seed: seed, mutation: mutation, printer: printer)
    world.run(stepLimit: stepLimit)
    return Report(
      seed: seed, hash: world.trace.hash, steps: world.steps, violation: world.watch.violation,
      faults: world.plan.description, turns: world.watch.lives.reduce(0) { $0 + Int($1.revision) },
      activities: world.watch.runs.count, instances: world.watch.lives.count)
  }
}
