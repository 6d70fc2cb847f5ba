import PerdureModel
import PerdureStoreConformance
import Testing

@Suite("The conformance suite can fail") struct ConformanceSelfTests {
  /// A defect, and cases that must find it.
  static let table: [(BrokenStore.Defect, [String])] = [
    (
      .skipsTheRevisionCheck,
      [
        "revisions: a turn from an older revision conflicts",
        "consumption: of two turns that consume a message one lands",
      ]
    ),
    (
      .acceptsStaleClaims,
      [
        "activity claims: the same node claiming again makes its own older claim stale",
        "activity results: a result under another token is stale",
      ]
    ),
    (.losesTheLastMessage, ["messages: those of a turn arrive in the order of the commit"]),
    (.deliversTwice, ["inbox: messages wait in the order in which they came"]),
    (.reordersTheInbox, ["inbox: messages wait in the order in which they came"]),
    (.dropsRefusedNeighbours, ["groups: every entry is answered in its place"]),
    (.answersOutOfPlace, ["groups: every entry is answered in its place"]),
    (
      .forgetsTimers,
      ["wake: an instance is due from its wake-up on, not before", "atomicity: a turn lands whole"]
    ),
    (.claimsWhatOthersOwn, ["claims: an instance of another live node is not taken by name"]),
    (.hidesTheLastRow, ["listing: pages hold no more than the limit, and all of them everything"]),
    (.mangledPayloads, ["rows: a started instance is pending, with everything that was asked for"]),
    (.foldsCase, ["text: ids are told apart by their bytes"]),
    (.forgetsOldExecutions, ["executions: the histories of earlier executions can be read"]),
    (.tearsReads, ["history: turns append in order"]),
    (
      .startsTwice,
      [
        "concurrency: of several starts of an id one wins",
        "rows: starting a taken id answers its status and changes nothing",
      ]
    ),
    (.ignoresClose, ["closing: every call after it throws closed"]),
    (.reusesNodes, ["nodes: no id is given twice, not even after it left"]),
  ]

  @Test(arguments: table) func finds(_ defect: BrokenStore.Defect, by cases: [String]) throws {
    for name in cases {
      let rule = try #require(StoreConformance.named(name), "no case '\(name)'")
      do {
        _ = try rule.run(BrokenFixture(defect: defect))
        Issue.record("'\(name)' does not notice a store that \(defect.rawValue)")
      } catch let failure as ConformanceFailure {
        #expect(failure.caseName == name)
        #expect(failure.expected != failure.found)
      }
    }
  }

  @Test func everyDefectIsInTheTable() {
    #expect(Set(Self.table.map(\.0)) == Set(BrokenStore.Defect.allCases))
  }

  @Test func namesAreUniqueAndHaveATopic() {
    let names = StoreConformance.cases.map(\.name)
    #expect(Set(names).count == names.count)
    #expect(names.allSatisfy { $0.contains(": ") })
    #expect(names.count >= 90)
  }

  @Test func whatAFixtureCannotDoIsSkipped() throws {
    let name = "nodes: what a node owned is open after its process died"
    let rule = try #require(StoreConformance.named(name))
    #expect(try rule.run(BrokenFixture(defect: .forgetsTimers)) == .skipped("no node can be killed"))
  }
}
