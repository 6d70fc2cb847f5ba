import PerdureModel

/// Orchestration code as data, so that a host can run it, and a checker can tell what it may answer, without
/// each other.
indirect enum Step: Hashable, Sendable {
  /// Result: the input and 1.
  case activity(Int, input: Int)
  /// An activity that fails for good.
  case refusedActivity(input: Int)
  case timer(milliseconds: Int64)
  /// Result: 1, whatever the message says.
  case message(Channel, name: Int)
  case child(Int)
  /// A child under an id that others use too.
  case namedChild(Int, id: Int)
  case detached(Int)
  case status(Int)
  case fail
  case sequence([Step])
  case all([Step])
  /// The first to settle decides; the others are cancelled.
  case race([Step])
  /// A failure inside is worth `Program.rescued`.
  case attempt(Step)
}

/// What the code does when it is asked to cancel itself. Its open work is cancelled in any case.
enum CancelPolicy: Hashable, Sendable {
  /// Lets the cancellation pass.
  case pass
  /// Runs one more activity first.
  case cleanUp
  /// Answers a value all the same.
  case complete
}

struct Program: Hashable, Sendable {
  static let rescued = 1_000
  static let activityNames = ["add", "slow", "rare"]
  static let refusingActivity = "refuse"

  var body: Step
  /// Executions until it ends: continue-as-new between them.
  var rounds: Int
  var onCancel: CancelPolicy

  static func name(_ index: Int) -> String { "p\(index)" }
  static func index(of name: String) -> Int? { Int(name.dropFirst()) }
  static func messageName(_ index: Int) -> String { "m\(index)" }
  static func sharedInstance(_ index: Int) -> InstanceID { "shared-\(index)" }
}

/// Where a program stands between executions: its input.
struct ProgramInput: Hashable, Sendable {
  var round: Int
  var sum: Int

  var payload: Payload { Payload("[\(round),\(sum)]") }

  init(round: Int = 0, sum: Int = 0) {
    self.round = round
    self.sum = sum
  }

  init?(_ payload: Payload) {
    let parts = payload.text.dropFirst().dropLast().split(separator: ",").compactMap { Int($0) }
    guard parts.count == 2 else { return nil }
    self.init(round: parts[0], sum: parts[1])
  }
}

/// A family of programs. A program starts only such as have a higher number, so that families are finite.
struct ProgramMaker {
  private var random: Random
  private let count: Int
  /// Leaves that the program may still get.
  private var budget = 0

  init(random: Random, count: Int) {
    self.random = random
    self.count = count
  }

  mutating func make() -> [Program] {
    (0..<count).map { index in
      budget = 10
      let body = step(depth: 0, of: index)
      let rounds = random.chance(250) ? random.within(2...3) : 1
      let policy: CancelPolicy = random.chance(400) ? .cleanUp : random.chance(200) ? .complete : .pass
      return Program(body: body, rounds: rounds, onCancel: policy)
    }
  }

  private mutating func step(depth: Int, of program: Int) -> Step {
    guard depth < 3, random.chance(depth == 0 ? 950 : 450) else { return leaf(of: program) }
    let parts = (0..<random.within(2...3)).map { _ in step(depth: depth + 1, of: program) }
    switch random.below(10) {
    case 0..<4: return .sequence(parts)
    case 4..<7: return .all(parts)
    case 7..<9: return .race(parts)
    default: return .attempt(.sequence(parts))
    }
  }

  private mutating func leaf(of program: Int) -> Step {
    budget -= 1
    if budget < 0 { return .status(0) }
    switch random.below(100) {
    case 0..<38: return .activity(random.below(Program.activityNames.count), input: random.below(50))
    case 38..<50: return .timer(milliseconds: random.delay(random.chance(100) ? 5_000...20_000 : 1...900))
    case 50..<64: return .message(random.chance(500) ? .event : .queue, name: random.below(3))
    case 64..<76:
      guard let child = lower(program) else { return .activity(0, input: 1) }
      if random.chance(150) { return .attempt(.namedChild(child, id: random.below(2))) }
      return .child(child)
    case 76..<80: return lower(program).map { .detached($0) } ?? .status(1)
    case 80..<90: return .status(random.below(100))
    case 90..<95: return .attempt(.refusedActivity(input: random.below(50)))
    case 95..<98: return .attempt(.fail)
    default: return random.chance(500) ? .fail : .refusedActivity(input: 1)
    }
  }

  private mutating func lower(_ program: Int) -> Int? {
    let rest = count - program - 1
    return rest > 0 ? program + 1 + random.below(rest) : nil
  }
}
