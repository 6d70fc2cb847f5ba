import Foundation
import PerdureModel
import PerdureStore
import PerdureStoreConformance
import PerdureStorePostgres
import Synchronization
import Testing

/// The server that tests may use: `PERDURE_POSTGRES` says where it is, as a URL without a schema. The suite
/// `postgres` starts one.
enum PostgresServer {
  static let url = ProcessInfo.processInfo.environment["PERDURE_POSTGRES"]
  /// The same through a proxy that lends its few sessions for one transaction each.
  static let pooledURL = ProcessInfo.processInfo.environment["PERDURE_PGBOUNCER"]

  /// A store that nobody else has, with options behind its schema.
  static func newURL(_ options: String = "", isPooled: Bool = false) throws -> String {
    let schema = "t" + UUID().uuidString.lowercased().filter { $0 != "-" }
    let pooled = isPooled ? "&pooled=on" : ""
    return "\(try #require(isPooled ? pooledURL : url))?schema=\(schema)\(options)\(pooled)"
  }
}

/// Stores in schemas of their own. That a process is dead is believed at once.
final class PostgresStores: StoreFixture {
  private let urls = Mutex<[ObjectIdentifier: String]>([:])
  private let isPooled: Bool

  init(isPooled: Bool = false) { self.isPooled = isPooled }

  private func newURL() throws -> String { try PostgresServer.newURL("&grace_ms=0", isPooled: isPooled) }

  func makeStore() throws -> any Store { try open(newURL()) }

  func makeStore(limits: LimitSettings) throws -> (any Store)? {
    var settings = StoreSettings()
    settings.limits = limits
    return try open(newURL(), settings)
  }

  func reopen(_ store: any Store) throws -> (any Store)? {
    (store as? PostgresStore)?.crash()
    if isPooled { try (store as? PostgresStore)?.run("UPDATE nodes SET seen_at = 0") }
    return try open(url(of: store))
  }

  func openSecond(_ store: any Store) throws -> (any Store)? { try open(url(of: store)) }

  func corrupt(event: EventID, of instance: InstanceID, in store: any Store) throws -> Bool {
    guard let store = store as? PostgresStore else { return false }
    try store.run(
      """
      UPDATE history SET json = '{"id":' WHERE event = CAST($1 AS BIGINT)
        AND (instance, execution) = (SELECT pk, execution FROM instances WHERE id = $2)
      """, String(event), instance)
    return true
  }

  func kill(_ node: NodeID, in store: any Store) throws -> Bool {
    guard let store = store as? PostgresStore else { return false }
    store.abandon(node)
    // Nothing but its lease tells that it is gone.
    if isPooled {
      try store.run("UPDATE nodes SET seen_at = 0 WHERE id = CAST($1 AS BIGINT)", String(node))
    }
    return true
  }

  private func open(_ url: String, _ settings: StoreSettings = StoreSettings()) throws -> PostgresStore {
    let store = try PostgresStore.open(url: url, settings: settings)
    urls.withLock { $0[ObjectIdentifier(store)] = url }
    return store
  }

  private func url(of store: any Store) throws -> String {
    try #require(urls.withLock { $0[ObjectIdentifier(store)] })
  }
}
