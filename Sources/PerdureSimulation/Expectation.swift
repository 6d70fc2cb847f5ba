import PerdureModel

/// What a program may come to, computed from its text alone: no engine, no host.
///
/// Races make several answers possible; a set that grows beyond `limit` says nothing any more.
struct Expectation: Hashable, Sendable {
  static let limit = 64

  /// Sorted; nil: any value.
  var values: [Int]?
  var mayFail: Bool

  init(values: [Int]?, mayFail: Bool) {
    self.values = values
    self.mayFail = mayFail
    guard let values else { return }
    let unique = Set(values).sorted()
    self.values = unique.count > Self.limit ? nil : unique
  }

  static func of(_ program: Int, in programs: [Program]) -> Expectation {
    var sums = Expectation(values: [0], mayFail: false)
    for round in 0..<programs[program].rounds {
      sums = sums.plus(of(programs[program].body, round: round, in: programs))
    }
    return sums
  }

  private static func of(_ step: Step, round: Int, in programs: [Program]) -> Expectation {
    func only(_ value: Int) -> Expectation { Expectation(values: [value], mayFail: false) }
    switch step {
    case .activity(let work):
      let prospects = work.prospects(round: round)
      return Expectation(
        values: prospects.succeeds ? [work.number + round + 1] : [], mayFail: prospects.fails)
    case .fail: return Expectation(values: [], mayFail: true)
    case .timer, .status, .detached, .loose, .count, .clear, .unsubscribe, .publish, .patch: return only(0)
    case .message: return only(1)
    case .send, .cancelOther, .readKV: return Expectation(values: [0], mayFail: true)
    case .child(let child, _): return of(child, in: programs)
    case .namedChild(let child, _):
      var expected = of(child, in: programs)
      expected.mayFail = true
      return expected
    case .sequence(let parts), .all(let parts):
      return parts.reduce(only(0)) { $0.plus(of($1, round: round, in: programs)) }
    case .race(let parts):
      return parts.reduce(Expectation(values: [], mayFail: false)) {
        $0.or(of($1, round: round, in: programs))
      }
    case .attempt(let inner):
      var expected = of(inner, round: round, in: programs)
      if expected.mayFail { expected = expected.or(only(Program.rescued)) }
      expected.mayFail = false
      return expected
    }
  }

  private func plus(_ other: Expectation) -> Expectation {
    let fails = mayFail || other.mayFail
    guard let values, let others = other.values else { return Expectation(values: nil, mayFail: fails) }
    return Expectation(values: values.flatMap { one in others.map { one + $0 } }, mayFail: fails)
  }

  private func or(_ other: Expectation) -> Expectation {
    let fails = mayFail || other.mayFail
    guard let values, let others = other.values else { return Expectation(values: nil, mayFail: fails) }
    return Expectation(values: values + others, mayFail: fails)
  }
}
