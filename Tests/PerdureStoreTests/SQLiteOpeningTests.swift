import Foundation
import PerdureModel
import PerdureStore
import PerdureStoreSQL
import PerdureStoreSQLite
import Synchronization
import Testing

@Suite("SQLite: opening")
struct SQLiteOpeningTests {
  let fixture: SQLiteFixture

  init() throws { fixture = try SQLiteFixture() }

  @Test(
    "every connection has the settings that durability rests on",
    arguments: [
      ("journal_mode", "wal"), ("synchronous", "2"), ("cell_size_check", "1"), ("trusted_schema", "0"),
      ("application_id", "1146646628"), ("user_version", "3"),
    ])
  func settings(pragma: String, expected: String) throws {
    let store = try fixture.open()
    defer { store.close() }
    #expect(try store.answers(to: "PRAGMA \(pragma)") == [expected, expected, expected])
  }

  @Test("what was written is there after closing and opening")
  func reopen() throws {
    let first = try fixture.open()
    #expect(try first.commit([fixture.start("a"), fixture.firstTurn("a")]).allSatisfy { $0.isSuccess })
    let before = try first.load("a")
    first.close()
    let second = try fixture.open()
    defer { second.close() }
    #expect(try second.load("a") == before)
    #expect(before?.history.count == 2)
  }

  @Test("an empty file becomes a store")
  func emptyFile() throws {
    #expect(FileManager.default.createFile(atPath: fixture.path, contents: Data()))
    let store = try fixture.open()
    defer { store.close() }
    #expect(try store.load("a") == nil)
  }

  @Test("a file whose first page was torn by a power cut becomes a store", arguments: ["end", "beginning"])
  func tornCreation(what: String) throws {
    let whole = fixture.directory + "/whole.db"
    try SQLiteStore.open(path: whole).close()
    let page = try #require(fixture.bytes(whole)).prefix(4_096)
    // Of a new database: no records, no pages before, sectors of 512 bytes, pages of 4096.
    var journal = Data([0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7])
    for number in [0, 7, 0, 512, 4_096] as [UInt32] {
      withUnsafeBytes(of: number.bigEndian) { journal.append(contentsOf: $0) }
    }
    journal.append(Data(count: 512 - journal.count))
    let torn = what == "end" ? page.prefix(512) : Data(count: 512) + page.dropFirst(512)
    try torn.write(to: URL(fileURLWithPath: fixture.path))
    try journal.write(to: URL(fileURLWithPath: fixture.path + "-journal"))
    let store = try fixture.open()
    defer { store.close() }
    #expect(try store.commit([fixture.start("a")]).allSatisfy { $0.isSuccess })
  }

  @Test("a path that looks like a URI is a file name")
  func uri() throws {
    let path = fixture.directory + "/file:x?mode=memory"
    let store = try SQLiteStore.open(path: path)
    defer { store.close() }
    #expect(FileManager.default.fileExists(atPath: path))
  }

  @Test(
    "listings filter by what they are asked for, alone and together, page by page",
    arguments: [
      (ListQuery(), ["a1", "a2", "b1", "ä", "b2"]),
      (ListQuery(instancePrefix: "a"), ["a1", "a2"]),
      (ListQuery(instancePrefix: "\u{C3}"), []),
      (ListQuery(status: .pending), ["a1", "b1", "ä", "b2"]),
      (ListQuery(status: .running, instancePrefix: "a"), ["a2"]),
      (ListQuery(status: .completed), []),
      (ListQuery(orchestration: "Order", status: .pending, instancePrefix: "b"), ["b1", "b2"]),
      (ListQuery(orchestration: "order"), []),
      (ListQuery(parent: "a1"), []),
    ])
  func listing(query: ListQuery, expected: [InstanceID]) throws {
    let store = try fixture.open()
    defer { store.close() }
    _ = try store.commit(["a1", "a2", "b1", "ä", "b2"].map { fixture.start($0) } + [fixture.firstTurn("a2")])
    #expect(try store.list(query).instances.map(\.instance) == expected)
    var paged: [InstanceID] = []
    var query = query
    query.limit = 1
    var next: Int64? = 0
    while let cursor = next, paged.count <= expected.count {
      query.cursor = cursor
      let page = try store.list(query)
      paged += page.instances.map(\.instance)
      next = page.next
    }
    #expect(paged == expected)
  }

  @Test("a closed store says so")
  func closed() throws {
    let store = try fixture.open()
    store.close()
    store.close()
    #expect(throws: StoreError(.closed, "The store \(fixture.path) is closed.")) { try store.load("a") }
    #expect(throws: StoreError(.closed, "The store \(fixture.path) is closed.")) {
      try store.commit([fixture.start("a")])
    }
  }

  /// A path that cannot become a store, and how it gets there.
  struct Refused: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let code: StoreError.Code
    /// A word of the cause.
    let cause: String
    /// Answers the path to open.
    let make: @Sendable (SQLiteFixture) throws -> String
    var isUntouched = true

    static let all: [Refused] = [
      Refused(testDescription: "a directory", code: .cannotOpen, cause: "is a directory") { $0.directory },
      Refused(
        testDescription: "a missing directory, and a name that begins with a combining mark",
        code: .cannotOpen, cause: "/missing does not exist"
      ) { $0.directory + "/missing/\u{301}.db" },
      Refused(testDescription: "a missing directory", code: .cannotOpen, cause: "does not exist") {
        $0.directory + "/none/store.db"
      },
      Refused(testDescription: "a file as the directory", code: .cannotOpen, cause: "Not a directory") {
        try write("x", to: $0.directory + "/plain")
        return $0.directory + "/plain/store.db"
      },
      Refused(testDescription: "a device", code: .cannotOpen, cause: "regular") { _ in "/dev/null" },
      Refused(testDescription: "garbage", code: .foreign, cause: "not an SQLite database") {
        try write(String(repeating: "garbage ", count: 1_000), to: $0.path)
        return $0.path
      },
      Refused(testDescription: "a few bytes", code: .foreign, cause: "not an SQLite database") {
        try write("SQLite", to: $0.path)
        return $0.path
      },
      Refused(testDescription: "tables of another application", code: .foreign, cause: "another application")
      {
        try $0.execute("CREATE TABLE t(x); INSERT INTO t VALUES(1)", on: $0.path)
        return $0.path
      },
      Refused(
        testDescription: "another application in WAL mode", code: .foreign, cause: "another application"
      ) {
        try $0.execute("PRAGMA journal_mode=WAL; CREATE TABLE t(x)", on: $0.path)
        return $0.path
      },
      Refused(testDescription: "another application's id", code: .foreign, cause: "another application") {
        try $0.execute("PRAGMA application_id=7; CREATE TABLE t(x)", on: $0.path)
        return $0.path
      },
      Refused(testDescription: "a newer schema", code: .foreign, cause: "has schema 99") {
        try $0.open().close()
        try $0.execute("PRAGMA user_version=99", on: $0.path)
        return $0.path
      },
      Refused(testDescription: "a truncated file", code: .corrupt, cause: "truncated") {
        try full($0)
        try FileHandle(forWritingTo: URL(fileURLWithPath: $0.path)).truncate(atOffset: 20_000)
        return $0.path
      },
      Refused(
        testDescription: "a damaged page", code: .corrupt, cause: "is damaged",
        make: {
          try full($0)
          try overwrite($0.path, at: 4_096, count: 60_000)
          return $0.path
        }, isUntouched: false),
      Refused(testDescription: "a log without its database", code: .corrupt, cause: "its log") {
        try write("what is left", to: $0.path + "-wal")
        return $0.path
      },
    ]

    private static func write(_ text: String, to path: String) throws {
      try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    }

    private static func full(_ fixture: SQLiteFixture) throws {
      let store = try fixture.open()
      _ = try store.commit((1...500).map { fixture.start("instance-\($0)") })
      store.close()
    }

    private static func overwrite(_ path: String, at offset: UInt64, count: Int) throws {
      let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
      try file.seek(toOffset: offset)
      try file.write(contentsOf: Data(repeating: 0xA5, count: count))
      try file.close()
    }
  }

  @Test("is refused within two seconds, by path and cause, and left as it was", arguments: Refused.all)
  func refused(_ refused: Refused) throws {
    let path = try refused.make(fixture)
    let before = fixture.bytes(path)
    let log = fixture.bytes(path + "-wal")
    let clock = ContinuousClock()
    var refusal: StoreError?
    let took = clock.measure { refusal = fixture.refusal(of: path) }
    #expect(refusal?.code == refused.code)
    #expect(refusal?.message.contains(path) == true, "\(refusal?.message ?? "opened")")
    #expect(refusal?.message.contains(refused.cause) == true, "\(refusal?.message ?? "opened")")
    #expect(took < .seconds(2))
    if refused.isUntouched {
      #expect(fixture.bytes(path) == before)
      #expect(fixture.bytes(path + "-wal") == log)
    }
  }

  @Test("a store of the first schema is taken over, with what is in it")
  func olderSchema() throws {
    let store = try fixture.open()
    _ = try store.commit([fixture.start("a")])
    store.close()
    try fixture.execute(
      """
      DROP VIEW perdure_post;
      DROP VIEW perdure_end;
      DROP VIEW perdure_start;
      DROP VIEW perdure_raise;
      DROP VIEW perdure_enqueue;
      DROP VIEW perdure_complete;
      ALTER TABLE instances DROP COLUMN lost_turns;
      ALTER TABLE instances DROP COLUMN paused_at;
      PRAGMA user_version=1
      """, on: fixture.path)
    let again = try fixture.open()
    defer { again.close() }
    #expect(try again.answers(to: "PRAGMA user_version").first == "3")
    #expect(try again.load("a")?.lostTurns == 0)
    let node = try again.join(serving: NodeService())
    let claim = StoreEntry.claimInstances(node: node, orchestrations: ["Order"], limit: 9, now: 1 << 40)
    #expect(try again.commit([claim]) == [.success(.instances(["a"]))])
  }

  @Test("a newer schema that is in the log only is refused as well")
  func newerInLog() throws {
    let store = try fixture.open()
    // A stranger's connection that does not close keeps the log from being folded in.
    let copy = fixture.directory + "/copy.db"
    try fixture.execute("PRAGMA user_version=99", on: fixture.path)
    for suffix in ["", "-wal"] {
      try FileManager.default.copyItem(atPath: fixture.path + suffix, toPath: copy + suffix)
    }
    store.close()
    let before = fixture.bytes(copy)
    #expect(fixture.refusal(of: copy)?.code == .foreign)
    #expect(fixture.bytes(copy) == before)
  }

  @Test("many openers of a new file agree")
  func race() async throws {
    let path = fixture.path
    let nodes = try await withThrowingTaskGroup(of: NodeID.self) { group in
      for _ in 0..<4 {
        group.addTask {
          let store = try SQLiteStore.open(path: path)
          defer { store.close() }
          return try store.join(serving: NodeService())
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(Set(nodes).count == 4)
  }

  /// Four processes that began on a new file at once: one found it empty, and then the log of another.
  @Test("who looks at a store while another one makes or closes it finds nothing wrong with it")
  func lookWhileMade() async throws {
    for number in 0..<20 {
      let path = "\(fixture.path)-\(number)"
      let isMade = Flag()
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          defer { isMade.set() }
          for _ in 0..<3 {
            let store = try SQLiteStore.open(path: path)
            _ = try store.join(serving: NodeService())
            store.close()
          }
        }
        group.addTask {
          while !isMade.isSet { _ = try DatabaseFile.examine(path) }
        }
        try await group.waitForAll()
      }
    }
  }

  private final class Flag: Sendable {
    private let state = Mutex(false)
    var isSet: Bool { state.withLock(\.self) }
    func set() { state.withLock { $0 = true } }
  }
}

extension Result {
  var isSuccess: Bool {
    if case .success = self { true } else { false }
  }
}
