import Foundation
import PerdureModel
import PerdureStore
import PerdureStoreConformance
import PerdureStoreSQL
import PerdureStoreSQLite
import Synchronization
import Testing

/// Stores in files of a directory of their own. A store is opened again from a copy of its files as they are
/// at that moment, which is what a crash leaves.
final class SQLiteStores: StoreFixture {
  private let files: SQLiteFixture
  private let paths = Mutex<[ObjectIdentifier: String]>([:])

  init() throws { files = try SQLiteFixture() }

  func makeStore() throws -> any Store { try open(files.directory + "/\(UUID().uuidString).db") }

  func makeStore(limits: LimitSettings) throws -> (any Store)? {
    var settings = StoreSettings()
    settings.limits = limits
    return try open(files.directory + "/\(UUID().uuidString).db", settings)
  }

  func reopen(_ store: any Store) throws -> (any Store)? {
    let image = files.directory + "/\(UUID().uuidString).db"
    for suffix in ["", "-wal"] {
      try FileManager.default.copyItem(atPath: path(of: store) + suffix, toPath: image + suffix)
    }
    return try open(image)
  }

  func openSecond(_ store: any Store) throws -> (any Store)? { try open(path(of: store)) }

  func corrupt(event: EventID, of instance: InstanceID, in store: any Store) throws -> Bool {
    try files.execute(
      """
      UPDATE history SET json = '{"id":' WHERE event = \(event)
        AND (instance, execution) = (SELECT pk, execution FROM instances WHERE id = '\(instance)')
      """, on: path(of: store))
    return true
  }

  func kill(_ node: NodeID, in store: any Store) throws -> Bool {
    guard let store = store as? SQLiteStore else { return false }
    store.abandon(node)
    return true
  }

  private func open(_ path: String, _ settings: StoreSettings = StoreSettings()) throws -> SQLiteStore {
    let store = try SQLiteStore.open(path: path, settings: settings)
    paths.withLock { $0[ObjectIdentifier(store)] = path }
    return store
  }

  private func path(of store: any Store) throws -> String {
    try #require(paths.withLock { $0[ObjectIdentifier(store)] })
  }
}

@Suite("SQLite: the contract of stores")
struct SQLiteConformanceTests {
  @Test("keeps the rule", arguments: StoreConformance.cases)
  func rule(_ rule: ConformanceCase) throws {
    #expect(try rule.run(SQLiteStores()) == .passed)
  }
}
