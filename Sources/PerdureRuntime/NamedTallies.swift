import PerdureModel

/// Something counted for each name. Names come from outside, so there is an end to how many are told apart:
/// those beyond share one place.
struct NamedTallies<Tally> {
  /// What stands for the names beyond the limit.
  static var others: String { "_other" }

  private var places: [ExactText: Int] = [:]
  private(set) var all: [(name: String, tally: Tally)] = []
  private var last: (name: ExactText, place: Int)?
  private let limit: Int
  private let empty: Tally

  init(_ empty: Tally, limit: Int = Limits.metricNames) {
    self.empty = empty
    self.limit = limit
  }

  mutating func change(_ name: String, _ change: (inout Tally) -> Void) {
    change(&all[place(of: name)].tally)
  }

  /// Most often it is the name of the last call.
  private mutating func place(of name: String) -> Int {
    if let last, last.name == ExactText(name) { return last.place }
    let place = find(name)
    last = (ExactText(name), place)
    return place
  }

  private mutating func find(_ name: String) -> Int {
    if let place = places[ExactText(name)] { return place }
    if all.count >= limit, name != Self.others { return find(Self.others) }
    places[ExactText(name)] = all.count
    all.append((name, empty))
    return all.count - 1
  }
}
