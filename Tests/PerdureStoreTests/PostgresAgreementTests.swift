import PerdureModel
import PerdureStorePostgres
import Testing

@Suite("PostgreSQL and memory agree", .enabled(if: PostgresServer.url != nil))
struct PostgresAgreementTests {
  @Test(
    "on the answer to every entry, and on all that can be read afterwards",
    arguments: 1...(Extent.isFull ? 400 : 12) as ClosedRange<UInt64>)
  func agree(seed: UInt64) throws {
    var settings = StoreSettings()
    settings.limits.inboxMessages = 6
    let agreement = Agreement {
      try PostgresStore.open(url: PostgresServer.newURL("&grace_ms=0"), settings: settings)
    }
    try agreement.check(seed: seed, steps: 200)
  }
}
