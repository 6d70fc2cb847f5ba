import PerdureModel

/// What goes wrong in a world, and how often: each seed has some kinds of fault and not others. Rates are per
/// thousand.
struct FaultPlan: CustomStringConvertible {
  enum Kind: String, CaseIterable {
    case failBefore, failAfter, slowCommit, lostWake, doubleWake, failedRead, failedTurn, lateAnswer, lostCode
    case kill, killAmidEffects, pause, stop, clockJump
  }

  private(set) var rates: [Kind: Int] = [:]
  /// How long things may go wrong, in milliseconds.
  let duration: Int64
  /// Code that is built from this moment on has the change of `Step.patch`.
  let changeAt: Int64
  /// A program whose code is broken for a while: built anew, it does something else.
  private var sickProgram: String?
  private var sickUntil: Int64 = 0
  /// What each runtime allows each activity.
  private(set) var limits: [String: ActivityLimits] = [:]

  init(random: inout Random, begins: Int64, programs: Int) {
    duration = random.delay(4_000...12_000)
    changeAt = begins + random.delay(0...Int(duration))
    if random.chance(250) { sickProgram = Program.name(random.below(programs)) }
    sickUntil = begins + random.delay(1_000...Int(duration))
    for kind in [Work.Kind.add, .flaky, .beat] where random.chance(200) {
      limits[kind.rawValue] =
        random.chance(600)
        ? ActivityLimits(concurrency: random.within(1...2)) : ActivityLimits(rate: 2, ratePeriodMS: 400)
    }
    guard !random.chance(150) else { return }
    for kind in Kind.allCases where random.chance(400) { rates[kind] = random.within(Self.range(of: kind)) }
  }

  private static func range(of kind: Kind) -> ClosedRange<Int> {
    switch kind {
    case .failBefore, .failAfter, .slowCommit: 10...150
    case .lostWake: 100...900
    case .doubleWake: 50...300
    case .failedRead, .failedTurn, .lostCode: 10...100
    case .lateAnswer: 20...200
    case .killAmidEffects: 1...5
    // Weights: which of them it is when something happens to a process.
    case .kill, .pause, .stop, .clockJump: 100...1_000
    }
  }

  var description: String {
    let parts = Kind.allCases.compactMap { kind in rates[kind].map { "\(kind.rawValue) \($0)" } }
    return parts.isEmpty ? "no faults" : parts.joined(separator: ", ")
  }

  func isSick(_ orchestration: String) -> Bool { orchestration == sickProgram }

  func isSick(_ orchestration: String, _ now: Int64) -> Bool { isSick(orchestration) && now < sickUntil }

  func rate(_ kind: Kind) -> Int { rates[kind] ?? 0 }

  /// What happens to a process next; nil: nothing ever does.
  func processFault(_ random: inout Random) -> Kind? {
    let kinds: [Kind] = [.kill, .pause, .stop, .clockJump]
    let total = kinds.reduce(0) { $0 + rate($1) }
    guard total > 0 else { return nil }
    var place = random.below(total)
    for kind in kinds {
      if place < rate(kind) { return kind }
      place -= rate(kind)
    }
    return nil
  }
}
