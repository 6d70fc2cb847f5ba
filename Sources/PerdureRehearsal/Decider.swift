import PerdureModel

/// Decides what goes wrong: by the schedule of the plan, else by its seed, else nothing does. Each decision
/// has a name that says what it is about, and is taken once: a commit that was lost and comes again lands.
///
/// The seed first draws a temper: some runs crash and do not dawdle, some the reverse. Else every run would
/// have a little of all.
struct Decider {
  /// More do not show more, and an activity that is lost again and again is poison.
  private static let crashesMax = 8

  private let plan: RehearsalPlan
  private let dice: Dice?
  private var taken: Set<String> = []
  private(set) var decisions: [RehearsalDecision] = []
  private(set) var points: [RehearsalPoint] = []
  private var crashes = 0

  private let crashRate: Int64
  private let lossRate: Int64
  private let failureRate: Int64
  private let slowRate: Int64
  private let delayRate: Int64
  private let spanBits: Int64

  init(_ plan: RehearsalPlan) {
    self.plan = plan
    let dice = plan.seed.map { Dice(seed: $0) }
    self.dice = dice
    func rate(_ rates: [Int64], _ salt: StaticString) -> Int64 { dice?.pick(rates, "temper", salt) ?? 0 }
    crashRate = rate([0, 0, 30, 100, 250], "crash")
    lossRate = rate([0, 0, 100, 300], "loss")
    failureRate = plan.failsActivities ? rate([0, 100, 300, 500], "failure") : 0
    slowRate = rate([0, 300, 800], "slow")
    delayRate = rate([0, 200, 600], "delay")
    spanBits = rate([8, 13, 18, 27], "span")
  }

  /// What becomes of a commit; nil: it lands.
  mutating func commit(_ name: String) -> RehearsalChoice? {
    let rate = mayCrash ? crashRate : 0
    return decide(name, [.crashBefore, .crashAfter]) { dice in
      guard dice.chance(rate, name, "crash") else { return nil }
      return dice.chance(500, name, "side") ? .crashBefore : .crashAfter
    }
  }

  /// What becomes of an attempt; nil: it does its work at once.
  mutating func attempt(_ name: String) -> RehearsalChoice? {
    var choices: [RehearsalChoice] = [.lost]
    if plan.failsActivities { choices += [.fails, .failsLate] }
    let (loss, failure, late) = (mayCrash ? lossRate : 0, failureRate, slowRate / 2)
    return decide(name, choices) { dice in
      if dice.chance(loss, name, "loss") { return .lost }
      if dice.chance(failure, name, "failure") {
        return dice.chance(500, name, "kind") ? .fails : .failsLate
      }
      return dice.chance(late, name, "late") ? .late : nil
    }
  }

  /// How long something takes or how much later it comes, in milliseconds.
  ///
  /// - neutral: without a decision.
  /// - untilNext: how long until the next moment at which something is known to be due: what comes together
  ///   with a timer is of interest.
  mutating func delay(
    _ name: String, neutral: Int64 = 0, untilNext: Int64? = nil, isSlow: Bool = false
  ) -> Int64 {
    let (rate, bits) = (isSlow ? slowRate : delayRate, spanBits)
    let choice = decide(name, []) { dice in
      guard dice.chance(rate, name, "delay") else { return nil }
      if let untilNext, untilNext > 1, dice.chance(200, name, "meet") {
        return .delay(untilNext - 2 + dice.below(5, name, "near"))
      }
      return .delay(dice.span(bits: bits, name))
    }
    if case .delay(let length)? = choice { return length }
    return neutral
  }

  private var mayCrash: Bool { crashes < Self.crashesMax }

  private mutating func decide(
    _ name: String, _ choices: [RehearsalChoice], _ draw: (Dice) -> RehearsalChoice?
  ) -> RehearsalChoice? {
    guard taken.insert(name).inserted else { return nil }
    if !choices.isEmpty { points.append(RehearsalPoint(name: name, choices: choices)) }
    let given = plan.schedule[name]
    guard let choice = given ?? dice.flatMap({ draw($0) }) else { return nil }
    switch choice {
    case .crashBefore, .crashAfter, .lost: crashes += 1
    default: break
    }
    decisions.append(RehearsalDecision(name: name, choice: choice, line: "\(name): \(choice.text)"))
    return choice
  }
}

extension RehearsalChoice {
  fileprivate var text: String {
    switch self {
    case .crashBefore: "crash before it lands"
    case .crashAfter: "crash after it landed, before anybody heard"
    case .lost: "it runs, and the process dies before its result is recorded"
    case .fails: "it fails and does nothing"
    case .failsLate: "it does its work, and fails"
    case .late: "it does its work at the end of its time"
    case .delay(let length): Self.seconds(length)
    }
  }

  /// "12.034 s"
  static func seconds(_ length: Int64) -> String {
    let rest = String(length.magnitude % 1_000)
    return "\(length / 1_000)." + String(repeating: "0", count: 3 - rest.count) + rest + " s"
  }
}
