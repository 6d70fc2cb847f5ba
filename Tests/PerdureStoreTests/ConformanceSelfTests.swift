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
    (
      .importsHalf,
      [
        "exports: an open instance goes on elsewhere with all that waited for it",
        "exports: an attempt that ran is lost, a deferred one is still to be completed",
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
    (
      .ignoresPolicies,
      [
        "start policies: useExisting takes whatever has the id",
        "start policies: terminateAndRestart replaces whatever has the id",
        "restarts: a turn that was computed for the old instance conflicts",
      ]
    ),
    (
      .ignoresDedupKeys,
      [
        "dedup keys: a second start comes to the instance of the first",
        "start options: what was asked for is in the row, to the end and beyond",
      ]
    ),
    (
      .startsAtOnce,
      ["later starts: due from their moment on, not before", "later starts: messages wait with it"]
    ),
    (.dropsWhatIsKept, ["keeping: a message for an unknown id waits for a start of it"]),
    (.repeatsCalls, ["calls: one whose id is known is not posted again"]),
    (.forgetsAnswers, ["calls: a turn answers with a result or a failure"]),
    (
      .losesPublications,
      ["topics: publications of a turn come after its subscriptions, to itself as well"]
    ),
    (.mistakesTheBase, ["key values: an execution is loaded with what it began with"]),
    (.forgetsTimesOfKeys, ["key values: each change has its own time"]),
    (
      .leavesRequestsUnanswered,
      [
        "requests: a message that arrived is answered to its sender",
        "requests: what became of messages that did not arrive",
      ]
    ),
    (
      .losesReasons,
      [
        "control: a suspended instance says why, is nobody's and not due",
        "termination: the row says so, with the reason",
      ]
    ),
    (
      .orphansChildren,
      [
        "termination: children are cancelled, terminated or left alone",
        "termination: it goes down the tree as far as the policies say",
      ]
    ),
    (.sparesChildren, ["close policies: a turn terminates the children that it names"]),
    (.countsReleases, ["attempts: one given back unrun is not counted, however often"]),
    (.ignoresTags, ["tags: a runtime that takes no tags"]),
    (
      .ignoresPriorities,
      [
        "priorities: the highest activity first, then those that are visible the longest",
        "priorities: the highest instance first, then the earliest",
      ]
    ),
    (.ignoresSessions, ["sessions: the work of a session goes to the node that has it"]),
    (.neverExpires, ["expiry: everything must have ended by scheduleToClose, begun or not"]),
    (.retriesAtOnce, ["attempts: after a retry the next one comes at its moment, not before"]),
    (.losesDeferrals, ["deferral: nobody holds a deferred activity, and nobody claims it"]),
    (.losesHeartbeats, ["attempts: a heartbeat is there for the next attempt"]),
    (.hidesServices, ["nodes: what the living ones serve can be read"]),
    (.believesAllClaims, ["pending: a claim is lost when the work ended, went back or went to others"]),
    (.ignoresLabels, ["filters: by attributes, all of them, by their bytes"]),
    (.ignoresTimes, ["filters: by times, the first included, the last not"]),
    (.hidesAttempts, ["details: of each pending activity, how its attempts stand"]),
    (.countsTheEndedOnly, ["counts: every way in which an instance changes its status is counted"]),
    (.mistakesTheTime, ["workload: activities by name, tag and state"]),
    (.hidesHoldings, ["workload: what each living node holds"]),
    (
      .forgetsNotes,
      [
        "audit: what lands leaves a record, and answers as it does without one",
        "audit: records outlive the instance, and are none of the next one's",
      ]
    ),
    (.sweepsEarly, ["retention: what ended goes when its time has come, not before"]),
    (.stopsAtTheFirst, ["retention: a root waits for its descendants and holds up no other"]),
    (.keepsClaims, ["activity verbs: a retry takes the attempt from whoever runs it"]),
    (.notesRefusals, ["audit: a refused entry is answered as without one, and leaves none"]),
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
    #expect(names.count >= 300)
  }

  @Test func whatAFixtureCannotDoIsSkipped() throws {
    let name = "nodes: what a node owned is open after its process died"
    let rule = try #require(StoreConformance.named(name))
    #expect(try rule.run(BrokenFixture(defect: .forgetsTimers)) == .skipped("no node can be killed"))
  }
}
