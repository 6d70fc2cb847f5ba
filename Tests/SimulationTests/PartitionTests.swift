import PerdureSimulation
import Testing

/// Nodes that do not reach the store, or sleep, for longer than their lease.
@Suite struct PartitionTests {
  /// Words at the beginning of lines of the trace, in their order; others come between them.
  static let lives: [(seed: UInt64, what: String, words: [String])] = [
    (4, "a node is taken for dead while it is cut off, and comes back", ["cut", "lapse", "mend", "back"]),
    (219, "a node sleeps for longer than its lease, and comes back", ["pause", "resume", "back"]),
  ]

  @Test(arguments: lives.map { $0.seed })
  func `Nodes come back`(_ seed: UInt64) throws {
    let life = try #require(Self.lives.first { $0.seed == seed })
    var rest = life.words[...]
    for line in Self.trace(seed) where line.first == rest.first { rest.removeFirst() }
    #expect(rest.isEmpty, "\(life.what): no \(rest.joined(separator: ", "))")
  }

  /// Worlds that showed a defect, as the simulator was then.
  @Test func `An old defect is gone`() {
    // A turn had landed, its answer was lost, and an operator suspended the instance: its activity was
    // claimed for ever by a node that did not know of it.
    var options = Simulation.Options(seed: 34)
    options.only = []
    options.forced = ForcedFault(.partition, 21)
    #expect(Simulation.run(options).violation == nil)
    // Two nodes ran one session: the work of the one was claimed while it was taken for dead.
    #expect(Simulation.run(seed: 14_411).violation == nil)
    // The store in memory kept what a node claimed while it was taken for dead.
    #expect(Simulation.run(seed: 47_989).violation == nil)
  }

  /// Where a lock says who lives, nobody is taken for dead for his silence.
  @Test func `A sleeper with a lock is let sleep`() {
    let lines = Self.trace(139)
    let pauses = lines.filter { $0.first == "pause" }.compactMap { $0.last.flatMap { Int($0) } }
    #expect(pauses.contains { $0 > 3_000 })
    #expect(lines.contains { $0.first == "resume" })
    #expect(!lines.contains { ["lapse", "back"].contains($0.first) })
  }

  /// A seed means the world that it meant before there were partitions, where it has none.
  @Test func `Partitions change no other world`() {
    var partitions = 0
    for seed in 1...24 as ClosedRange<UInt64> {
      var options = Simulation.Options(seed: seed)
      let report = Simulation.run(options)
      options.without = [.partition]
      let other = Simulation.run(options)
      #expect(!other.happened.contains { $0.kind == .partition })
      if report.faults.contains("partition") {
        partitions += 1
      } else {
        #expect(report.hash == other.hash, "seed \(seed)")
      }
    }
    #expect(partitions > 0)
  }

  /// What each line says after its time.
  private static func trace(_ seed: UInt64) -> [[String]] {
    var lines: [[String]] = []
    let report = Simulation.run(Simulation.Options(seed: seed)) { line in
      lines.append(line.split(separator: " ").dropFirst().map { String($0) })
    }
    #expect(report.violation == nil)
    return lines
  }
}
