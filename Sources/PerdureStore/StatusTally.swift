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

  /// The kinds of one name and version.
  private struct Group: Sendable {
    let name: Name
    var counts = Array(repeating: Count(), count: InstanceStatus.allCases.count)
  }

  private struct Name: Hashable {
    var orchestration: ExactText
    var version: ExactText?
  }

  private var groups: [Group] = []
  private var places: [Name: Int] = [:]
  /// Of the group that was looked for last: mostly it is the next one too.
  private var last = 0

  package init() {}

  package var isEmpty: Bool { groups.isEmpty }

  private static let statuses = InstanceStatus.allCases

  /// Of those kinds that there is something to say of.
  package var counts: [(kind: Kind, count: Count)] {
    var all: [(kind: Kind, count: Count)] = []
    for group in groups {
      for place in group.counts.indices where group.counts[place] != Count() {
        var kind = Kind(group.name.orchestration.text, nil, Self.statuses[place])
        kind.version = group.name.version
        all.append((kind, group.counts[place]))
      }
    }
    return all
  }

  package mutating func add(_ kind: Kind) { change(kind) { $0.instances &+= 1 } }
  package mutating func remove(_ kind: Kind) { change(kind) { $0.instances &-= 1 } }

  /// An instance has become of another kind.
  ///
  /// - lifeMS: if it has ended by that: from its creation to its end.
  package mutating func move(_ kind: Kind, to next: Kind, lifeMS: Int64?) {
    remove(kind)
    change(next) {
      $0.instances &+= 1
      if let lifeMS { $0.lives.add(lifeMS) }
    }
  }

  private mutating func change(_ kind: Kind, _ body: (inout Count) -> Void) {
    let name = Name(orchestration: kind.orchestration, version: kind.version)
    if !groups.indices.contains(last) || groups[last].name != name { last = place(of: name) }
    body(&groups[last].counts[kind.status.ordinal])
  }

  private mutating func place(of name: Name) -> Int {
    if let place = places[name] { return place }
    groups.append(Group(name: name))
    places[name] = groups.count - 1
    return groups.count - 1
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
