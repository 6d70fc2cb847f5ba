import PerdureModel

/// Something that goes wrong in simulated worlds.
package enum FaultKind: String, CaseIterable, Sendable {
  // The store.
  case failBefore, failAfter, slowCommit, tornCommit, lostRace, failedRead, fullDisk, damagedRow
  // Wake-ups between processes.
  case lostWake, doubleWake
  // Hosts.
  case failedTurn, wrongAnswer, doubleAnswer, strayAnswer, muteHost, lateAnswer, lostCode
  // Processes and clocks.
  case kill, killAmidEffects, pause, stop, clockJump, clockBack, skewedClock
  // Clients.
  case flood
  // Between a process and the store.
  case partition

  /// Those that happen to a process, or to the disk of all, now and then; their rates are weights.
  static let ofProcesses: [FaultKind] = [
    .kill, .pause, .stop, .clockJump, .clockBack, .fullDisk, .damagedRow, .partition,
  ]

  /// Those that end processes, or let others take them for dead.
  static let thatKill: [FaultKind] = [.kill, .pause, .killAmidEffects, .muteHost, .partition]

  /// Drawn from streams of its own: worlds without it are those that they were before there was any.
  var isApart: Bool { self == .partition }

  /// What a world that has this kind draws its rate from: per thousand.
  var range: ClosedRange<Int> {
    switch self {
    case .failBefore, .failAfter, .slowCommit, .tornCommit: 10...150
    case .lostWake: 100...900
    case .doubleWake: 50...300
    case .failedRead, .failedTurn, .lostCode, .wrongAnswer, .lostRace: 10...100
    case .lateAnswer, .doubleAnswer, .strayAnswer: 20...200
    case .muteHost: 1...15
    case .killAmidEffects: 1...5
    case .skewedClock: 300...1_000
    case .flood: 50...200
    case .kill, .pause, .stop, .clockJump, .clockBack, .fullDisk, .damagedRow: 100...1_000
    case .partition: 500...3_000
    }
  }
}

/// One thing that went wrong: the n-th of its kind that chance asked for.
package struct Fault: Hashable, Sendable, CustomStringConvertible {
  package var kind: FaultKind
  package var number: Int

  package init(_ kind: FaultKind, _ number: Int) {
    self.kind = kind
    self.number = number
  }

  /// As `description` writes it.
  package init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "#")
    guard parts.count == 2, let kind = FaultKind(rawValue: String(parts[0])), let number = Int(parts[1])
    else { return nil }
    self.init(kind, number)
  }

  package var description: String { "\(kind.rawValue)#\(number)" }
}

/// A fault at a chosen place, in a world to which nothing else happens.
package struct ForcedFault: Hashable, Sendable {
  package enum Kind: String, CaseIterable, Sendable {
    /// Of a group commit.
    case failBefore, failAfter, slowCommit, tornCommit, killBefore, killAfter
    /// From there on the process does not reach the store for a while.
    case partition
    case failedRead
    /// A process dies before it performs an effect of a dispatcher.
    case killAtEffect

    /// What is counted.
    package var place: Place {
      switch self {
      case .failBefore, .failAfter, .slowCommit, .tornCommit, .killBefore, .killAfter, .partition: .commit
      case .failedRead: .read
      case .killAtEffect: .effect
      }
    }
  }

  package enum Place: String, CaseIterable, Sendable { case commit, read, effect }

  package var kind: Kind
  /// From 1.
  package var number: Int

  package init(_ kind: Kind, _ number: Int) {
    self.kind = kind
    self.number = number
  }
}

/// What goes wrong in a world, and how often: each seed has some kinds of fault and not others.
struct FaultPlan: CustomStringConvertible {
  private(set) var rates: [FaultKind: Int] = [:]
  /// How long things may go wrong, in milliseconds.
  let duration: Int64
  /// Code that is built from this moment on has the change of `Step.patch`.
  let changeAt: Int64
  /// A program whose code is broken for a while: built anew, it does something else.
  private var sickProgram: String?
  private var sickUntil: Int64 = 0
  /// A program each turn of which ends its process, in instances that nobody quarantined yet.
  private let deadlyProgram: String?
  /// What each runtime allows each activity.
  private(set) var limits: [String: ActivityLimits] = [:]
  /// A process lives as long as it holds a lock, however long it says nothing; else its lease runs out.
  private(set) var detectsByLock = false

  /// - rare: draws what few worlds have.
  /// - without: kinds that do not happen, whatever is drawn.
  init(random: inout Random, rare: Random, begins: Int64, programs: Int, without: Set<FaultKind>) {
    var rare = rare
    deadlyProgram = rare.chance(40) ? Program.name(rare.below(programs)) : nil
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
    let isMany = random.chance(500)
    for kind in FaultKind.allCases where !kind.isApart && random.chance(isMany ? 400 : 150) {
      rates[kind] = random.within(kind.range)
    }
    if rare.chance(250) {
      rates[.partition] = rare.within(FaultKind.partition.range)
    }
    for kind in without { rates[kind] = nil }
    detectsByLock = rates[.partition] != nil && rare.chance(300)
  }

  var description: String {
    var parts = FaultKind.allCases.compactMap { kind in rates[kind].map { "\(kind.rawValue) \($0)" } }
    if let deadlyProgram { parts.append("deadly \(deadlyProgram)") }
    if detectsByLock { parts.append("locks") }
    return parts.isEmpty ? "no faults" : parts.joined(separator: ", ")
  }

  func isSick(_ orchestration: String) -> Bool { orchestration == sickProgram }

  func isSick(_ orchestration: String, _ now: Int64) -> Bool { isSick(orchestration) && now < sickUntil }

  var isDeadly: Bool { deadlyProgram != nil }
  func isDeadly(_ orchestration: String) -> Bool { orchestration == deadlyProgram }

  func rate(_ kind: FaultKind) -> Int { rates[kind] ?? 0 }
}

/// Draws faults. Each kind has a generator of its own, so that leaving one out changes the others as little
/// as possible.
struct FaultDesk {
  private let plan: FaultPlan
  /// Only these happen; nil: all that chance asks for.
  private let only: Set<Fault>?
  private let forced: ForcedFault?
  private var randoms: [FaultKind: Random] = [:]
  private var processes: Random
  private var drawn: [FaultKind: Int] = [:]
  /// What went wrong, in order.
  private(set) var happened: [Fault] = []
  /// How often each place was passed at which a fault can be forced.
  private(set) var passed: [ForcedFault.Place: Int] = [:]

  init(plan: FaultPlan, random: inout Random, only: [Fault]?, forced: ForcedFault?) {
    self.plan = plan
    self.only = only.map { Set($0) }
    self.forced = forced
    processes = random.fork()
    for kind in FaultKind.allCases where !kind.isApart { randoms[kind] = random.fork() }
  }

  /// Some fault is forced, be it after all has healed.
  var isForcing: Bool { forced != nil }

  mutating func happens(_ kind: FaultKind) -> Bool {
    let rate = plan.rate(kind)
    guard rate > 0, randoms[kind]?.chance(rate) == true else { return false }
    return takes(kind)
  }

  /// What happens to a process next.
  mutating func processFault() -> FaultKind? {
    let kinds = FaultKind.ofProcesses
    let total = kinds.reduce(0) { $0 + plan.rate($1) }
    guard total > 0 else { return nil }
    var place = processes.below(total)
    for kind in kinds {
      if place < plan.rate(kind) { return takes(kind) ? kind : nil }
      place -= plan.rate(kind)
    }
    return nil
  }

  private mutating func takes(_ kind: FaultKind) -> Bool {
    let fault = Fault(kind, drawn[kind, default: 0])
    drawn[kind, default: 0] += 1
    guard only?.contains(fault) ?? true else { return false }
    happened.append(fault)
    return true
  }

  /// A place is passed; answers the fault that is forced there.
  mutating func pass(_ place: ForcedFault.Place) -> ForcedFault.Kind? {
    passed[place, default: 0] += 1
    guard let forced, forced.kind.place == place, forced.number == passed[place] else { return nil }
    return forced.kind
  }
}
