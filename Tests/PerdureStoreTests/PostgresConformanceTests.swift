import PerdureStoreConformance
import Testing

@Suite("PostgreSQL: the contract of stores", .enabled(if: PostgresServer.url != nil))
struct PostgresConformanceTests {
  @Test("keeps the rule", arguments: StoreConformance.cases)
  func rule(_ rule: ConformanceCase) throws {
    #expect(try rule.run(PostgresStores()) == .passed)
  }
}
