import Foundation
import PerdureModel
import PerdureStore
import PerdureStoreSQL
import PerdureStoreSQLite
import Synchronization
import Testing

/// Copies that are made while somebody writes, in the two ways of docs/operations.md.
@Suite struct SQLiteBackupTests {
  static let ways = [
    "sqlite3.connect(sys.argv[1]).execute('VACUUM INTO ?', (sys.argv[2],))",
    "sqlite3.connect(sys.argv[1]).backup(sqlite3.connect(sys.argv[2]))",
  ]

  @Test(arguments: ways) func aCopyHasAllThatWasThereAndNothingHalfDone(_ way: String) throws {
    let fixture = try SQLiteFixture()
    let store = try fixture.open()
    defer { store.close() }
    let isOver = Atomic(false)
    let acknowledged = Mutex<[InstanceID]>([])
    let writer = Thread {
      var number = 0
      while !isOver.load(ordering: .relaxed) {
        number += 1
        let id = "i\(number)"
        guard
          let outcomes = try? store.commit([fixture.start(id), fixture.firstTurn(id, activities: [1, 2])]),
          outcomes.allSatisfy({ (try? $0.get()) != nil })
        else { return }
        acknowledged.withLock { $0.append(id) }
      }
    }
    writer.start()
    defer { isOver.store(true, ordering: .relaxed) }
    for round in 0..<3 {
      let enough = (round + 1) * 20
      while acknowledged.withLock({ $0.count }) < enough { usleep(1_000) }
      let before = acknowledged.withLock { $0 }
      let copy = fixture.directory + "/copy-\(round).db"
      let other = try OtherProcess(
        python: "import sqlite3, sys\n\(way)\nprint('done', flush=True)", [fixture.path, copy])
      #expect(other.finish() == "done\n")
      try check(copy, before)
    }
  }

  private func check(_ path: String, _ before: [InstanceID]) throws {
    let copy = try SQLiteStore.open(path: path)
    defer { copy.close() }
    #expect(try copy.answers(to: "PRAGMA integrity_check").first == "ok")
    for id in before { #expect(try copy.describe(id)?.status == .running, "\(id)") }
    let counted = try copy.statusCounts(of: nil).reduce(0) { $0 + $1.count }
    var query = ListQuery(limit: 1_000)
    var rows: [InstanceDescription] = []
    while true {
      let page = try copy.list(query)
      rows += page.instances
      guard let next = page.next else { break }
      query.cursor = next
    }
    #expect(rows.count == Int(counted) && rows.count >= before.count)
    for row in rows {
      let isBegun = row.status == .running
      #expect(try copy.history(HistoryQuery(instance: row.instance))?.events.count == (isBegun ? 3 : 0))
      #expect(try copy.activities(of: row.instance).count == (isBegun ? 2 : 0))
    }
    // It is a store like any other.
    #expect(try copy.commit([.delete(before[0], force: true)]) == [.success(.deleted([before[0]]))])
  }
}
