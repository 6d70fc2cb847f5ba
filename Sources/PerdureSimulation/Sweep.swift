/// Runs one world again and again, with one fault at the first place where it can be, the second, and so on,
/// until a run no longer gets there.
package struct Sweep: Sendable {
  package let seed: UInt64
  package let kind: ForcedFault.Kind
  package var mutation: Mutation?
  /// Every so many places.
  package var stride = 1

  package struct Verdict: Sendable {
    /// Worlds that were run with the fault in them.
    package var runs = 0
    package var failures: [(fault: ForcedFault, violation: String)] = []
  }

  package init(seed: UInt64, kind: ForcedFault.Kind) {
    self.seed = seed
    self.kind = kind
  }

  /// - Returns: nil when the world fails with no fault in it at all.
  package func run() -> Verdict? {
    var options = Simulation.Options(seed: seed, mutation: mutation)
    options.only = []
    guard Simulation.run(options).violation == nil else { return nil }
    var verdict = Verdict()
    var number = 1
    while true {
      let fault = ForcedFault(kind, number)
      options.forced = fault
      let report = Simulation.run(options)
      guard report.passed[kind.place, default: 0] >= number else { return verdict }
      verdict.runs += 1
      if let violation = report.violation { verdict.failures.append((fault, violation)) }
      number += max(stride, 1)
    }
  }
}
