import PerdureModel
import PerdureStore
import PerdureStorePostgres
import Testing

@Suite("PostgreSQL and memory agree", .enabled(if: PostgresServer.url != nil))
struct PostgresAgreementTests {
  /// What a group has to begin anew for leaves numbers of messages unused.
  @Test(
    "on the answer to every entry, and on all that can be read afterwards",
    arguments: 1...(Extent.isFull ? 400 : 12) as ClosedRange<UInt64>)
  func agree(seed: UInt64) throws {
    var settings = StoreSettings()
    settings.limits = Agreement.limits
    let isShared = seed % 2 == 0
    let open = {
      let url = try PostgresServer.newURL("&grace_ms=0&shared_writes=\(isShared ? "on" : "off")")
      return try PostgresStore.open(url: url, settings: settings) as any Store
    }
    try Agreement(open: open, hasGaps: isShared).check(seed: seed, steps: 200)
  }
}
