import PerdureModel
import PerdureStoreSQLite
import Testing

@Suite("SQLite and memory agree")
struct SQLiteAgreementTests {
  /// Short ones meet the same things sooner, long ones meet what comes of a long life.
  static let lives: [(seed: UInt64, steps: Int)] =
    (1...(Extent.isFull ? 2_000 : 40)).map { (seed: $0, steps: 200) }
    + (1...(Extent.isFull ? 20 : 1)).map { (seed: 1_000_000 + $0, steps: Extent.isFull ? 10_000 : 2_000) }

  @Test("on the answer to every entry, and on all that can be read afterwards", arguments: lives)
  func agree(seed: UInt64, steps: Int) throws {
    let fixture = try SQLiteFixture()
    var settings = StoreSettings()
    settings.limits = Agreement.limits
    var number = 0
    let agreement = Agreement {
      number += 1
      return try SQLiteStore.open(path: "\(fixture.directory)/\(number).db", settings: settings)
    }
    try agreement.check(seed: seed, steps: steps)
  }
}
