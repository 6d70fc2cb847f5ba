import PerdureModel
import PerdureStore
import PerdureStorePostgres
import PerdureStoreSQL
import Synchronization
import Testing

/// What must be true when all have ended.
extension SharedLoad {
  func check(_ store: PostgresStore) throws {
    let noted = noted.withLock { $0 }
    for hub in Self.hubs { try checkHub(hub, noted, store) }
    for instance in Self.owned {
      #expect(
        try store.inbox(of: instance, after: 0).map(\.sequence)
          == noted.accepted[instance, default: []].sorted())
    }
    try checkKept(noted, store)
    #expect(noted.started.filter { $0.value != 1 } == [:], "an id was started more than once")
    #expect(noted.childEnds.filter { $0.value != 1 } == [:], "a child ended more than once")
    #expect(noted.activityEnds.filter { $0.value != 1 } == [:], "an activity ended more than once")
    let open = try store.run("SELECT count(*) FROM activities").first ?? nil
    #expect(open == String(noted.scheduled - noted.activityEnds.count))
    try checkTables(store)
  }

  /// Revisions count the turns; messages were consumed once and in order, or wait.
  private func checkHub(_ hub: InstanceID, _ noted: Noted, _ store: PostgresStore) throws {
    let snapshot = try #require(try store.load(hub))
    #expect(snapshot.description.revision == noted.raised[hub], "one turn lands for each revision")
    let turns = noted.consumed[hub, default: [:]].sorted { $0.key < $1.key }
    let messages = turns.flatMap(\.value) + snapshot.inbox.map(\.sequence)
    #expect(messages == messages.sorted(), "messages of \(hub) were consumed in their order")
    #expect(messages == noted.accepted[hub, default: []].sorted(), "messages of \(hub) are there once")
  }

  /// They are there from the start of the id on, whoever came first.
  private func checkKept(_ noted: Noted, _ store: PostgresStore) throws {
    for (instance, numbers) in noted.kept {
      _ = try store.commit([start(instance, "kept")])
      let found = try store.inbox(of: instance, after: 0).map { message in
        if case .raised(_, let name, _) = message.kind { Int(name) ?? -1 } else { -1 }
      }
      #expect(found.sorted() == numbers.sorted(), "messages of \(instance) are there once")
    }
    #expect(try store.run("SELECT count(*) FROM kept") == ["0"])
  }

  /// What is counted agrees with what is there.
  private func checkTables(_ store: PostgresStore) throws {
    let wrong = try store.run(
      """
      SELECT id FROM instances AS i
      WHERE inbox_count <> (SELECT count(*) FROM inbox WHERE instance = i.pk)
        OR event_count <> (SELECT count(*) FROM history WHERE instance = i.pk)
        OR event_count <> (SELECT coalesce(max(event), 0) FROM history WHERE instance = i.pk)
      """)
    #expect(wrong == [])
    let there = try store.run(
      """
      SELECT concat_ws(' ', orchestration, version, status, count(*)) FROM instances
      GROUP BY orchestration, version, status ORDER BY 1
      """
    ).compactMap { $0 }
    let counted = try store.statusCounts(of: nil).filter { $0.count != 0 }.map { count in
      [count.orchestration, count.version, count.status.rawValue, String(count.count)].compactMap { $0 }
        .joined(separator: " ")
    }
    #expect(counted.sorted() == there.sorted())
    let ended = try store.run(
      """
      SELECT count(*) || ' ' || coalesce(sum(ended_at - created_at), 0) FROM instances
      WHERE ended_at IS NOT NULL
      """)
    let lives = try store.statusCounts(of: nil).map(\.lives)
    #expect(ended == ["\(lives.map(\.count).reduce(0, +)) \(lives.map(\.totalMS).reduce(0, +))"])
  }
}
