import PerdureSimulation
import Testing

@Suite struct SimulationTests {
  static let chunk: UInt64 = 50

  /// 500 worlds. A seed that fails here is run again with `dx-sim --seed N --trace`.
  @Test(arguments: 0..<10 as Range<UInt64>)
  func `No promise is broken`(_ part: UInt64) {
    var turns = 0
    for seed in part * Self.chunk + 1...(part + 1) * Self.chunk {
      let report = Simulation.run(seed: seed)
      turns += report.turns
      #expect(report.violation == nil, "seed \(seed), \(report.faults)")
    }
    #expect(turns > 20 * Int(Self.chunk), "the worlds do something")
  }

  @Test func `A seed fixes everything`() {
    var hashes: Set<UInt64> = []
    for seed in 1...10 as ClosedRange<UInt64> {
      let report = Simulation.run(seed: seed)
      #expect(Simulation.run(seed: seed).hash == report.hash, "seed \(seed)")
      hashes.insert(report.hash)
    }
    #expect(hashes.count == 10)
  }

  /// How the checkers see each deliberate bug: words of the sentence. The first seeds that show it are
  /// enough.
  @Test(arguments: Mutation.allCases)
  func `A deliberate bug is seen`(_ mutation: Mutation) {
    for seed in 1...400 as ClosedRange<UInt64> {
      let report = Simulation.run(seed: seed, mutation: mutation)
      guard let violation = report.violation else { continue }
      let words = Self.words(of: mutation)
      #expect(words.contains { violation.contains($0) }, "\(violation)")
      return
    }
    Issue.record("nobody noticed \(mutation.rawValue)")
  }

  static func words(of mutation: Mutation) -> [String] {
    switch mutation {
    case .skipTheCAS: ["computed from revision", "schedules activity"]
    case .dropAMessage: ["not in its inbox"]
    case .acknowledgeEarly: ["never received"]
    case .dispatchEarly: ["ran before its claim"]
    case .deliverTwice: ["was not in its inbox"]
    case .fireEarly: ["ms early"]
    case .forgetTheParent: ["not told to its parent"]
    case .applyHalf: ["waits for activity"]
    case .loseTheClaimCheck: ["under a claim that is not"]
    case .ignoreDeadNodes: ["Nothing goes on"]
    case .forgetCarried: ["refused as malformed", "carries", "not what the turns made"]
    case .reorderTheInbox: ["out of order", "was not in its inbox", "does not take"]
    case .goOnAfterTheEnd: ["its row does not say so"]
    case .runTwice: ["2 times"]
    case .answerWrong: ["cannot have given", "cannot answer"]
    case .replayDiffers: ["quarantined"]
    }
  }

  @Test func `A world that takes too long is a failure`() {
    #expect(Simulation.run(seed: 1, stepLimit: 100).violation?.contains("100 steps") == true)
  }
}

@Suite struct RandomTests {
  /// Vectors of the reference implementations (SplitMix64 into xoshiro256**).
  @Test func `The generator is xoshiro256`() {
    var random = Random(seed: 0)
    #expect(random.next() == 0x99EC_5F36_CB75_F2B4)
    #expect(random.next() == 0xBF6E_1F78_4956_452A)
  }
}
