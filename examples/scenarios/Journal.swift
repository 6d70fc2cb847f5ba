import Foundation
import Synchronization

/// What activities did to the world outside: a text file beside the store, to which they append a line when
/// they do something, from whatever process.
enum Journal {
  private static let file = Mutex<(path: String, handle: FileHandle?)>(("", nil))

  static func open(beside store: String) throws {
    let path = "\(store).journal"
    let descriptor = Foundation.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
    try expect(descriptor >= 0, "\(path) cannot be opened")
    file.withLock { $0 = (path, FileHandle(fileDescriptor: descriptor)) }
  }

  /// Appends a line, in one write, so that processes do not mix theirs.
  static func note(_ words: any CustomStringConvertible...) throws {
    let line = words.map(\.description).joined(separator: " ") + "\n"
    try file.withLock { try $0.handle?.write(contentsOf: Data(line.utf8)) }
  }

  /// The lines that begin with these words, as lists of words.
  static func notes(_ beginning: any CustomStringConvertible...) throws -> [[String]] {
    try notes(beginning.map(\.description))
  }

  private static func notes(_ words: [String]) throws -> [[String]] {
    let text = try String(contentsOfFile: file.withLock { $0.path }, encoding: .utf8)
    return text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
      .filter { $0.starts(with: words) }
  }

  /// Waits until there are `count` such lines.
  @discardableResult
  static func wait(
    _ beginning: any CustomStringConvertible..., count: Int = 1
  ) async throws -> [[String]] {
    let words = beginning.map(\.description)
    let deadline = ContinuousClock.now + patience
    while true {
      let found = try notes(words)
      if found.count >= count { return found }
      try expect(ContinuousClock.now < deadline, "\(count) of \(words) were expected, there are \(found)")
      try await Task.sleep(for: .milliseconds(3))
    }
  }
}

/// After which time something that should have happened has not.
let patience = Duration.seconds(15)
