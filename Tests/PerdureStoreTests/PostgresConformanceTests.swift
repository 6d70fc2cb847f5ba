import PerdureStoreConformance
import Testing

@Suite("PostgreSQL: the contract of stores", .enabled(if: PostgresServer.url != nil))
struct PostgresConformanceTests {
  @Test("keeps the rule", arguments: StoreConformance.cases)
  func rule(_ rule: ConformanceCase) throws {
    #expect(try rule.run(PostgresStores()) == .passed)
  }
}

@Suite("PostgreSQL through pgbouncer: the contract of stores", .enabled(if: PostgresServer.pooledURL != nil))
struct PostgresPooledConformanceTests {
  /// What differs from a session of one's own is in all of them.
  private static let cases =
    Extent.isFull
    ? StoreConformance.cases
    : StoreConformance.cases.enumerated().filter { $0.offset % 4 == 0 }.map(\.element)

  @Test("keeps the rule", arguments: cases)
  func rule(_ rule: ConformanceCase) throws {
    #expect(try rule.run(PostgresStores(isPooled: true)) == .passed)
  }
}
