import CSQLite
import Foundation
import PerdureModel
import PerdureStore
import PerdureStoreSQLite
import Testing

/// A directory that goes with the test, and what tests do with stores in it.
final class SQLiteFixture: Sendable {
  let directory: String
  var path: String { directory + "/store.db" }
  let now: TimestampMS = 1_700_000_000_000

  /// The first open of a process changes how SQLite takes locks. A stranger's connection of this same SQLite
  /// that is in the middle of a transaction then would hold locks of both kinds, and fail (only tests can
  /// meet this: in libdx nobody else reaches the SQLite inside).
  private static let isStarted: Bool = {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("perdure-\(UUID().uuidString)")
      .path
    defer {
      for end in ["", "-wal", "-shm", "-dxlock"] { try? FileManager.default.removeItem(atPath: path + end) }
    }
    return (try? SQLiteStore.open(path: path).close()) != nil
  }()

  init() throws {
    try #require(Self.isStarted)
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("perdure-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    directory = url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: directory) }

  func open() throws -> SQLiteStore { try SQLiteStore.open(path: path) }

  /// What opening the path is refused with.
  func refusal(of path: String) -> StoreError? {
    do {
      try SQLiteStore.open(path: path).close()
      return nil
    } catch {
      return error
    }
  }

  func start(_ instance: InstanceID, owner: NodeID? = nil, input: Payload = .null) -> StoreEntry {
    .start(InstanceStart(instance: instance, orchestration: "Order", input: input), owner: owner, now: now)
  }

  /// The first turn: it schedules `activities`.
  func firstTurn(_ instance: InstanceID, owner: NodeID? = nil, activities: [ActionID] = [1]) -> StoreEntry {
    var events = [
      Event(
        id: 1, at: now,
        kind: .orchestrationStarted(name: "Order", version: "1.0.0", input: .null, parent: nil))
    ]
    for (offset, action) in activities.enumerated() {
      events.append(
        Event(
          id: Int64(offset) + 2, at: now,
          kind: .activityScheduled(
            Origin(action: action, after: 1), name: "Charge", input: .null, options: ActivityOptions())))
    }
    var commit = TurnCommit(
      instance: instance, revision: 0, now: now, execution: 1, events: events, status: .running,
      orchestrationVersion: "1.0.0", owner: owner)
    commit.scheduled = activities.map { action in
      ActivityTask(
        key: ActivityKey(instance: instance, execution: 1, action: action), orchestration: "Order",
        name: "Charge", input: .null, attempt: 1, visibleAt: now,
        claim: owner.map { ActivityClaim(node: $0, token: 1) })
    }
    return .turn(commit)
  }

  /// Runs SQL on a file with a connection of its own, as a stranger would.
  func execute(_ sql: String, on path: String) throws {
    var database: OpaquePointer?
    defer { sqlite3_close(database) }
    try #require(sqlite3_open(path, &database) == SQLITE_OK)
    let code = sqlite3_exec(database, sql, nil, nil, nil)
    try #require(code == SQLITE_OK, "\(String(cString: sqlite3_errmsg(database)))")
  }

  func bytes(_ path: String) -> Data? { FileManager.default.contents(atPath: path) }
}

/// Another process.
final class OtherProcess {
  private let process = Process()
  private let output = Pipe()
  private let input = Pipe()

  /// Runs Python code; `arguments` are its `sys.argv[1:]`.
  init(python code: String, _ arguments: [String]) throws {
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", "-c", code] + arguments
    process.standardOutput = output
    process.standardInput = input
    try process.run()
  }

  /// The next line that it prints: for a handshake. Empty when it has ended.
  func line() -> String {
    var line = Data()
    while let byte = try? output.fileHandleForReading.read(upToCount: 1), byte != Data("\n".utf8) {
      line += byte
    }
    return String(decoding: line, as: UTF8.self)
  }

  /// All that it prints, when it has ended.
  func finish() -> String {
    try? input.fileHandleForWriting.close()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: data, as: UTF8.self)
  }

  func kill() {
    Foundation.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }
}
