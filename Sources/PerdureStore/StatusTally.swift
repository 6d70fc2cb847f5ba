package import PerdureModel

/// What a store counts as instances come, change and go, so that counting them later is not looking at them.
package struct StatusTally: Sendable {
  /// Instances of one kind are counted together.
  package struct Kind: Hashable, Sendable {
    package var orchestration: ExactText
    package var version: ExactText?
    package var status: InstanceStatus

    package init(_ orchestration: String, _ version: String?, _ status: InstanceStatus) {
      self.orchestration = ExactText(orchestration)
      self.version = version.map { ExactText($0) }
      self.status = status
    }
  }

  package struct Count: Hashable, Sendable {
    package var instances: Int64 = 0
    package var lives = StatusCount.Lives()

    package init() {}
  }

  package private(set) var counts: [Kind: Count] = [:]

  package init() {}

  package var isEmpty: Bool { counts.isEmpty }

  package mutating func add(_ kind: Kind) { counts[kind, default: Count()].instances &+= 1 }
  package mutating func remove(_ kind: Kind) { counts[kind, default: Count()].instances &-= 1 }

  /// An instance has become of another kind.
  ///
  /// - lifeMS: if it has ended by that: from its creation to its end.
  package mutating func move(_ kind: Kind, to next: Kind, lifeMS: Int64?) {
    remove(kind)
    add(next)
    if let lifeMS { counts[next]?.lives.add(lifeMS) }
  }

  /// Of one orchestration if it is named, in the order of `Store.statusCounts`, without what was never seen.
  package func rows(of orchestration: String?) -> [StatusCount] {
    let name = orchestration.map { ExactText($0) }
    let rows = counts.compactMap { kind, count -> StatusCount? in
      guard name == nil || kind.orchestration == name, count.instances > 0 || count.lives.count > 0 else {
        return nil
      }
      var row = StatusCount(
        orchestration: kind.orchestration.text, version: kind.version?.text, status: kind.status,
        count: count.instances)
      row.lives = count.lives
      return row
    }
    return rows.sorted(by: StatusCount.isBefore)
  }
}
