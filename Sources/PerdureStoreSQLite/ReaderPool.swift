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

  func close() {
    for slot in 0..<2 {
      func end(_ reader: inout Reader?) {
        reader?.connection.close()
        reader = nil
      }
      if slot == 0 { first.withLock { end(&$0) } } else { second.withLock { end(&$0) } }
    }
  }
}
