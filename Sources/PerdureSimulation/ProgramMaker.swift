import PerdureModel

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
      let policy = random.chance(400) ? CancelPolicy.pass : random.pick(CancelPolicy.allCases) ?? .pass
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
    case 0..<34:
      let work = WorkMaker.make(&random)
      let mayFail = (0..<3).contains { work.prospects(round: $0).fails }
      return mayFail && random.chance(900) ? .attempt(.activity(work)) : .activity(work)
    case 34..<44: return .timer(milliseconds: random.delay(random.chance(100) ? 5_000...20_000 : 1...900))
    case 44..<58: return .message(random.pick(Channel.allCases) ?? .event, name: random.below(3))
    case 58..<70: return child(of: program)
    case 70..<72: return lower(program).map { .detached($0) } ?? .status(1)
    case 72..<75: return loose(program)
    case 75..<78: return .status(random.below(100))
    case 78..<84: return .attempt(outward())
    case 84..<96: return inward()
    case 96..<98: return .attempt(refusal())
    default: return random.chance(500) ? .fail : refusal()
    }
  }

  private mutating func child(of program: Int) -> Step {
    guard let child = lower(program) else { return .activity(Work(kind: .add, number: 1)) }
    if random.chance(150) { return .attempt(.namedChild(child, id: random.below(2))) }
    return .child(child, random.chance(500) ? .cancel : random.pick(ParentClosePolicy.allCases) ?? .cancel)
  }

  private mutating func loose(_ program: Int) -> Step {
    guard let child = lower(program), random.chance(800) else {
      return .loose(.activity(WorkMaker.make(&random)))
    }
    return .loose(.child(child, random.pick(ParentClosePolicy.allCases) ?? .cancel))
  }

  private mutating func outward() -> Step {
    let target = target()
    switch random.below(10) {
    case 0..<6:
      let channel: Channel = random.chance(500) ? .event : .queue
      return .send(target, channel, name: random.below(3), isKept: random.chance(300))
    case 6..<9: return .readKV(target, key: random.below(3))
    default: return .cancelOther(target)
    }
  }

  private mutating func target() -> InstanceID {
    random.chance(200) ? Program.sharedInstance(random.below(2)) : Program.root(random.below(9))
  }

  private mutating func inward() -> Step {
    switch random.below(10) {
    case 0..<4: .count(key: random.below(3))
    case 4: .clear(key: random.chance(700) ? random.below(3) : nil)
    case 5..<7: .publish(random.below(3))
    case 7: .unsubscribe(random.below(3))
    default: .patch(random.below(2))
    }
  }

  private mutating func refusal() -> Step {
    random.chance(500) ? .fail : .activity(Work(kind: .refuse, number: random.below(50)))
  }

  private mutating func lower(_ program: Int) -> Int? {
    let rest = count - program - 1
    return rest > 0 ? program + 1 + random.below(rest) : nil
  }
}
