internal import PerdureStore
internal import Synchronization

/// Two readers, so that a long listing does not hold up a turn that must load its instance.
final class ReaderPool: Sendable {
  private let first: Mutex<Reader?>
  private let second: Mutex<Reader?>

  init(_ first: Reader, _ second: Reader) {
    self.first = Mutex(first)
    self.second = Mutex(second)
  }

  /// Runs `body` with a free reader, or waits for one; nil once closed.
  func withReader<R: Sendable>(
    _ body: (Reader?) throws(StoreError) -> R
  ) throws(StoreError) -> R {
    let quick = try first.withLockIfAvailable { reader throws(StoreError) -> R in try body(reader) }
    if let quick { return quick }
    return try second.withLock { reader throws(StoreError) -> R in try body(reader) }
  }

  /// Runs `body` with each reader that is open.
  func each<R: Sendable>(_ body: (Reader) throws(StoreError) -> R) throws(StoreError) -> [R] {
    let one = try first.withLock { reader throws(StoreError) -> R? in try reader.map(body) }
    let other = try second.withLock { reader throws(StoreError) -> R? in try reader.map(body) }
    return [one, other].compactMap { $0 }
  }

  func close() {
    for reader in [take(first), take(second)] { reader?.connection.close() }
  }

  private func take(_ slot: borrowing Mutex<Reader?>) -> Reader? {
    slot.withLock { reader in
      defer { reader = nil }
      return reader
    }
  }
}
