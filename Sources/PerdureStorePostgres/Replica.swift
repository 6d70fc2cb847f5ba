internal import PerdureStore
internal import PerdureStoreSQL
internal import Synchronization

/// A standby that answers what people look at, as long as it is there. What it answers may be behind.
final class Replica: Sendable {
  private let url: PostgresURL
  private let readers: ReaderPool
  /// Nobody asks it before then, in monotonic milliseconds.
  private let awayUntilMS = Atomic<Int64>(0)

  /// Whoever looks does not wait for it again and again.
  private static let pauseMS: Int64 = 5_000

  /// - Throws: `.cannotOpen` for a server that has another store in its place.
  init(_ url: PostgresURL, _ identity: StoreIdentity, sender: String) throws(StoreError) {
    self.url = url
    var readers: [Reader] = []
    for _ in 0..<url.options.readers {
      // It is not waited for: the primary answers as well.
      readers.append(try Reader(PostgresConnection(url, identity, .reader, busyTimeoutMS: 0, sender: sender)))
    }
    self.readers = ReaderPool(readers)
    do throws(StoreError) {
      let session = try Session.opened(url)
      try session.configure(url, lockTimeoutMS: url.options.statementTimeoutMS)
      let found = try session.ask("SELECT id FROM perdure_store").first?.first ?? nil
      guard found == identity.id else {
        throw StoreError(.foreign, "The replica \(url.path) has another store than \(identity.path).")
      }
    } catch {
      if error.code == .foreign { throw StoreError(.cannotOpen, error.message) }
      // It is away, or has not come as far as this store.
      rest()
    }
  }

  /// nil: it is away, or cannot say.
  func look<R: Sendable>(_ body: (Reader) throws(StoreError) -> R) throws(StoreError) -> R? {
    guard SystemTime.monotonicNS() / 1_000_000 >= awayUntilMS.load(ordering: .relaxed) else { return nil }
    do throws(StoreError) {
      return try url.answering { () throws(StoreError) in
        try readers.withReader { reader throws(StoreError) -> R? in
          guard let reader else { return nil }
          return try body(reader)
        }
      }
    } catch {
      guard error.isTransient || error.code == .replaced || error.code == .cannotOpen else { throw error }
      rest()
      return nil
    }
  }

  private func rest() {
    awayUntilMS.store(SystemTime.monotonicNS() / 1_000_000 + Self.pauseMS, ordering: .relaxed)
  }

  func close() { readers.close() }
}
