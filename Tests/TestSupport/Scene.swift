package import Foundation
import Synchronization

/// What several tasks of a test put down.
package final class Notes<Value: Sendable>: Sendable {
  private let state: Mutex<[Value]> = Mutex([])

  package init() {}

  package var all: [Value] { state.withLock { $0 } }

  /// Returns how many there are now.
  @discardableResult
  package func add(_ value: Value) -> Int {
    state.withLock { notes in
      notes.append(value)
      return notes.count
    }
  }
}

/// Opened once; whoever waits then goes on.
package final class Gate: Sendable {
  private let (stream, continuation) = AsyncStream.makeStream(of: Void.self)

  package init() {}

  package func open() { continuation.finish() }

  /// Returns at once when the task is cancelled.
  package func wait() async { for await _ in stream {} }
}

/// Waits until something is so, for at most 20 seconds.
package func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
  for _ in 0..<2_000 {
    if try await condition() { return true }
    try await Task.sleep(for: .milliseconds(10))
  }
  return false
}

/// A folder that is gone when the test ends, and a store file in it.
package final class TemporaryFolder {
  package let url = FileManager.default.temporaryDirectory.appending(path: "perdure-\(UUID().uuidString)")

  package init() throws {
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  package var store: String { "sqlite:\(url.appending(path: "test.sqlite").path)" }
}
