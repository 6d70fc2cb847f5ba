package import PerdureStore
internal import Synchronization

/// Several readers, so that a long listing does not hold up a turn that must load its instance.
package final class ReaderPool: Sendable {
  /// The lock of one reader; nil inside once closed.
  private final class Place: Sendable {
    let reader: Mutex<Reader?>

    init(_ reader: Reader) { self.reader = Mutex(reader) }
  }

  private let places: [Place]

  /// - readers: at least one.
  package init(_ readers: [Reader]) { places = readers.map(Place.init) }

  /// Runs `body` with a free reader, or waits for one; nil once closed.
  package func withReader<R: Sendable>(
    _ body: (Reader?) throws(StoreError) -> R
  ) throws(StoreError) -> R {
    for place in places.dropLast() {
      let quick = try place.reader.withLockIfAvailable { reader throws(StoreError) -> R in try body(reader) }
      if let quick { return quick }
    }
    guard let last = places.last else { return try body(nil) }
    return try last.reader.withLock { reader throws(StoreError) -> R in try body(reader) }
  }

  /// Runs `body` with each reader that is open.
  package func each<R: Sendable>(_ body: (Reader) throws(StoreError) -> R) throws(StoreError) -> [R] {
    var answers: [R] = []
    for place in places {
      let answer = try place.reader.withLock { reader throws(StoreError) -> R? in try reader.map(body) }
      if let answer { answers.append(answer) }
    }
    return answers
  }

  package func close() {
    for place in places {
      let reader = place.reader.withLock { reader in
        defer { reader = nil }
        return reader
      }
      reader?.connection.close()
    }
  }
}
