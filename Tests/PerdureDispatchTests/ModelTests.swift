import PerdureDispatch
import PerdureModel
import Testing

@Suite struct SemanticVersionTests {
  /// Each less than the next.
  static let ordered = [
    "0.0.1", "0.1.0", "0.9.9", "1.0.0-1", "1.0.0-2", "1.0.0-10", "1.0.0-Z", "1.0.0-alpha", "1.0.0-alpha.1",
    "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0-x-y", "1.0.0",
    "1.2.0",
    "1.10.0", "2.0.0", "18446744073709551615.0.0",
  ]

  @Test func `The ordinal of a status is its place in the list`() {
    #expect(InstanceStatus.allCases.map(\.ordinal) == Array(InstanceStatus.allCases.indices))
  }

  @Test func order() throws {
    let versions = try Self.ordered.map { try #require(SemanticVersion($0), "\($0)") }
    for (index, version) in versions.enumerated() {
      for (other, against) in versions.enumerated() {
        #expect((version < against) == (index < other), "\(version.text) < \(against.text)")
        #expect((version == against) == (index == other))
      }
    }
    #expect(versions.shuffled().sorted().map { $0.text } == Self.ordered)
  }

  @Test(arguments: [
    "", "1", "1.0", "1.0.0.0", "01.0.0", "1.00.0", "1.0.0-", "1.0.0-a..b", "1.0.0-01", "1.0.0-a_b", "v1.0.0",
    " 1.0.0",
    "1.0.0+build", "-1.0.0", "1.0.x", "1..0", "18446744073709551616.0.0", "1.0.0-\u{E9}", "\u{661}.0.0",
  ])
  func isNone(_ text: String) { #expect(SemanticVersion(text) == nil) }
}

@Suite struct RegistryTests {
  static let registry: Registry = {
    var registry = Registry()
    for text in ["1.10.0", "1.2.0", "2.0.0-rc.1", "1.0.0"] {
      if let version = SemanticVersion(text) { _ = registry.addOrchestration("order", version: version) }
    }
    if let version = SemanticVersion("2.0.0-rc.1") { _ = registry.addOrchestration("new", version: version) }
    _ = registry.addActivity("work")
    return registry
  }()

  @Test(
    arguments: [
      ("order", nil, "2.0.0-rc.1"), ("order", "1.2.0", "1.2.0"), ("order", "1.10.0", "1.10.0"),
      ("order", "1.3.0", nil),
      ("order", "latest", nil), ("new", nil, "2.0.0-rc.1"), ("other", nil, nil), ("other", "1.0.0", nil),
      ("", nil, nil),
    ] as [(String, String?, String?)])
  func resolve(_ name: String, _ version: String?, _ expected: String?) {
    #expect(Self.registry.resolve(name, version) == expected)
  }

  @Test func twiceIsRefused() throws {
    var registry = Self.registry
    let version = try #require(SemanticVersion("1.2.0"))
    let answers = [
      registry.addOrchestration("order", version: version),
      registry.addOrchestration("other", version: version),
      registry.addActivity("work"), registry.addActivity("play"),
    ]
    #expect(answers == [false, true, false, true])
    #expect(registry.orchestrations.map { $0.name } == ["new", "order", "other"])
    #expect(registry.orchestrations.last == ServedOrchestration(name: "other", versions: ["1.2.0"]))
    #expect(registry.activities == ["play", "work"])
  }

  @Test func namesAreToldApartByTheirBytes() {
    var registry = Registry()
    let answers = [
      registry.addOrchestration("\u{E9}", version: .first),
      registry.addOrchestration("e\u{301}", version: .first),
      registry.addActivity("\u{E9}"), registry.addActivity("e\u{301}"),
    ]
    #expect(answers == [true, true, true, true])
  }
}

@Suite struct QueueTests {
  @Test func timersComeOutByTimeThenByOrder() {
    var queue = TimerQueue<Int>()
    var expected: [(at: Int64, item: Int)] = []
    for item in 0..<1_000 {
      let at = Int64(item * 7_919 % 97)
      queue.insert(item, at: at)
      expected.append((at, item))
    }
    expected.sort { ($0.at, $0.item) < ($1.at, $1.item) }
    #expect(queue.earliest == 0)
    var out: [Int] = []
    while let item = queue.popDue(50) { out.append(item) }
    #expect(out == expected.filter { $0.at <= 50 }.map { $0.item })
    #expect(queue.earliest == 51)
    while let item = queue.popDue(.max) { out.append(item) }
    #expect(out == expected.map { $0.item })
    let rest = queue.popDue(.max)
    #expect(rest == nil && queue.earliest == nil)
  }

  @Test func whatIsOverIsDropped() {
    var queue = TimerQueue<Int>()
    var open: Set<Int> = []
    for item in 0..<10_000 {
      if item % 100 == 0 { open.insert(item) }
      queue.insert(item, at: Int64(10_000 - item / 2))
      if queue.isCrowded { queue.keep { item, at in open.contains(item) && at == 10_000 - item / 2 } }
      #expect(queue.count <= max(64, open.count * 2))
    }
    queue.keep { item, _ in open.contains(item) }
    #expect(queue.earliest == 5_050)
    var out: [Int] = []
    while let item = queue.popDue(.max) { out.append(item) }
    #expect(out == open.sorted(by: >))
    queue.keep { _, _ in true }
    #expect(queue.earliest == nil)
  }

  @Test func fifo() {
    var queue = FIFO<Int>()
    var expected: [Int] = []
    for round in 0..<200 {
      queue.append(round)
      queue.append(-round)
      expected += [round, -round]
      if round % 3 != 0 {
        let first = queue.popFirst()
        #expect(first == expected.removeFirst())
      }
      #expect(Array(queue.elements) == expected)
    }
    queue.removeAll { $0 % 2 == 0 }
    expected.removeAll { $0 % 2 == 0 }
    #expect(Array(queue.elements) == expected && !queue.isEmpty)
    while let first = queue.popFirst() { #expect(first == expected.removeFirst()) }
    #expect(queue.isEmpty && expected.isEmpty)
  }

  @Test func queuesAreAlikeWhenTheyHoldTheSame() {
    var one = FIFO<Int>()
    var other = FIFO<Int>()
    for item in [1, 2, 3] { one.append(item) }
    for item in [2, 3] { other.append(item) }
    #expect(one != other)
    _ = one.popFirst()
    #expect(one == other && one.hashValue == other.hashValue)
  }

  @Test(arguments: [
    ("a", "a", true), ("a", "b", false), ("", "", true), ("a", "aa", false), ("\u{E9}", "e\u{301}", false),
    ("\u{E9}", "\u{E9}", true),
  ])
  func exactText(_ one: String, _ other: String, _ areEqual: Bool) {
    #expect((ExactText(one) == ExactText(other)) == areEqual)
    #expect(Set([ExactText(one), ExactText(other)]).count == (areEqual ? 1 : 2))
  }
}
