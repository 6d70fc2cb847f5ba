import CSQLite
import Foundation
import PerdureModel
import PerdureStore
import PerdureStoreSQL
import PerdureStoreSQLite
import Testing

@Suite("SQLite: durability")
struct SQLiteDurabilityTests {
  let fixture: SQLiteFixture

  init() throws { fixture = try SQLiteFixture() }

  @Test("a full store refuses the group, frees the lock, and goes on when there is room")
  func full() throws {
    let store = try fixture.open()
    defer { store.close() }
    #expect(try store.commit([fixture.start("before")]).allSatisfy { $0.isSuccess })
    _ = try store.answers(to: "PRAGMA max_page_count=40")
    let big = fixture.start("big", input: Payload("\"\(String(repeating: "x", count: 500_000))\""))
    let refusal = #expect(throws: StoreError.self) { try store.commit([fixture.start("small"), big]) }
    #expect(refusal?.code == .full)
    #expect(refusal?.isTransient == true)
    #expect(refusal?.message.contains(fixture.path) == true)
    #expect(try store.load("small") == nil)
    try fixture.execute("BEGIN IMMEDIATE; COMMIT", on: fixture.path)
    _ = try store.answers(to: "PRAGMA max_page_count=100000")
    #expect(try store.commit([big]).allSatisfy { $0.isSuccess })
    #expect(try store.load("before") != nil)
  }

  @Test("a device without room: the same", .enabled(if: TinyDevice.isPermitted))
  func fullDevice() throws {
    let device = try #require(TinyDevice(kibibytes: 2_048))
    let path = device.path + "/store.db"
    let store = try SQLiteStore.open(path: path)
    defer { store.close() }
    var refusal: StoreError?
    var landed = 0
    while refusal == nil, landed < 10_000 {
      do {
        _ = try store.commit([
          fixture.start("i-\(landed)", input: Payload("\"\(String(repeating: "x", count: 50_000))\""))
        ])
        landed += 1
      } catch {
        refusal = error
      }
    }
    #expect(refusal?.code == .full, "\(refusal?.message ?? "nothing was refused")")
    #expect(landed > 5)
    #expect(device.resize(kibibytes: 65_536))
    try fixture.execute("BEGIN IMMEDIATE; COMMIT", on: path)
    #expect(try store.commit([fixture.start("after")]).allSatisfy { $0.isSuccess })
    for index in 0..<landed { #expect(try store.load("i-\(index)") != nil) }
    #expect(try store.load("i-\(landed)") == nil)
  }

  @Test("a read-only device is refused", .enabled(if: TinyDevice.isPermitted))
  func readOnlyDevice() throws {
    let device = try #require(TinyDevice(kibibytes: 2_048))
    let path = device.path + "/store.db"
    try SQLiteStore.open(path: path).close()
    #expect(device.makeReadOnly())
    #expect(fixture.refusal(of: path)?.code == .readOnly)
    #expect(fixture.refusal(of: path)?.message.contains(path) == true)
  }

  @Test("the log is longer than what is in it, so that few commits make it longer")
  func logIsFilledAhead() throws {
    let store = try fixture.open()
    defer { store.close() }
    var sizes: [Int] = []
    for number in 0..<60 {
      #expect(try store.commit([fixture.start("i\(number)")]).allSatisfy { $0.isSuccess })
      sizes.append(try #require(fixture.bytes(fixture.path + "-wal")).count)
    }
    #expect(sizes == sizes.sorted())
    #expect((2...15).contains(Set(sizes).count), "\(sizes)")
    // A commit's own pages, and a quarter of a mebibyte.
    #expect(zip(sizes, sizes.dropFirst()).allSatisfy { $1 - $0 < 384 * 1024 }, "\(sizes)")
  }

  @Test("the log of a database that the host has with the same SQLite is left as it is")
  func logOfTheHost() throws {
    let store = try fixture.open()
    defer { store.close() }
    let path = fixture.directory + "/host.db"
    var handle: OpaquePointer?
    try #require(sqlite3_open(path, &handle) == SQLITE_OK)
    defer { sqlite3_close(handle) }
    for sql in ["PRAGMA journal_mode=WAL", "CREATE TABLE t(x)", "INSERT INTO t VALUES(1)"] {
      try #require(sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK)
    }
    // A head of 32 bytes, and frames of a page each with a head of 24.
    let size = try #require(fixture.bytes(path + "-wal")).count
    #expect(size > 32 && size < 6 * (24 + 4096))
    #expect((size - 32) % (24 + 4096) == 0, "\(size)")
  }

  @Test(
    "a file that is gone or another one: nothing more is acknowledged",
    arguments: ["database deleted", "database replaced", "log deleted"])
  func replaced(what: String) throws {
    let store = try fixture.open()
    defer { store.close() }
    #expect(try store.commit([fixture.start("a")]).allSatisfy { $0.isSuccess })
    let files = FileManager.default
    switch what {
    case "log deleted": try files.removeItem(atPath: fixture.path + "-wal")
    case "database deleted": try files.removeItem(atPath: fixture.path)
    default:
      try files.copyItem(atPath: fixture.path, toPath: fixture.path + ".new")
      try #require(rename(fixture.path + ".new", fixture.path) == 0)
    }
    for _ in 0..<2 {
      let refusal = #expect(throws: StoreError.self) { try store.commit([fixture.start("b")]) }
      #expect(refusal?.code == .replaced)
      #expect(refusal?.isTransient == false)
      #expect(refusal?.message.contains(fixture.path) == true)
    }
  }

  @Test("closing a replaced store leaves alone what stands in its place")
  func closingReplaced() throws {
    let store = try fixture.open()
    #expect(try store.commit([fixture.start("a")]).allSatisfy { $0.isSuccess })
    for suffix in ["", "-wal"] {
      try FileManager.default.removeItem(atPath: fixture.path + suffix)
      try Data("another's".utf8).write(to: URL(fileURLWithPath: fixture.path + suffix))
    }
    store.close()
    for suffix in ["", "-wal"] { #expect(fixture.bytes(fixture.path + suffix) == Data("another's".utf8)) }
  }

  @Test("what a crash leaves at any moment between commits holds all that was acknowledged, and nothing half")
  func crashImages() throws {
    let store = try fixture.open()
    defer { store.close() }
    for round in 0..<20 {
      let id = "instance-\(round)"
      _ = try store.commit([fixture.start(id), fixture.firstTurn(id, activities: [1, 2, 3])])
      let image = fixture.directory + "/image-\(round).db"
      for suffix in ["", "-wal"] {
        try FileManager.default.copyItem(atPath: fixture.path + suffix, toPath: image + suffix)
      }
      if round % 2 == 1 {
        // The next commit was torn: half of its frames are in the log.
        let log = try FileHandle(forUpdating: URL(fileURLWithPath: image + "-wal"))
        let end = try log.seekToEnd()
        try log.write(contentsOf: Data((0..<5_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }))
        #expect(end > 0)
        try log.close()
      }
      let reopened = try SQLiteStore.open(path: image)
      defer { reopened.close() }
      for earlier in 0...round { #expect(try reopened.load("instance-\(earlier)")?.history.count == 4) }
      #expect(try reopened.commit([fixture.start("later")]).allSatisfy { $0.isSuccess })
    }
  }

  @Test("a process that closes the file elsewhere does not drop our locks")
  func locksSurviveForeignClose() throws {
    let store = try fixture.open()
    defer { store.close() }
    for suffix in ["", "-wal", "-shm"] {
      let descriptor = Glibc.open(fixture.path + suffix, O_RDWR)
      try #require(descriptor >= 0)
      Glibc.close(descriptor)
    }
    // The shared lock of every WAL connection on the database; the dead man's switch of the shared memory.
    let probe = """
      import fcntl, sys
      for name, start, length in ((sys.argv[1], 0x40000002, 510), (sys.argv[1] + '-shm', 128, 1)):
        with open(name, 'r+b') as file:
          try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, length, start)
            print('free')
          except OSError:
            print('locked')
      """
    #expect(try OtherProcess(python: probe, [fixture.path]).finish() == "locked\nlocked\n")
  }

  @Test("our write lock and that of other SQLite libraries exclude each other")
  func locksExclude() throws {
    let store = try SQLiteStore.open(path: fixture.path, settings: impatient)
    defer { store.close() }
    let holder = try OtherProcess(
      python: """
        import sqlite3, sys
        connection = sqlite3.connect(sys.argv[1], isolation_level=None)
        connection.execute('BEGIN IMMEDIATE')
        print('holding', flush=True)
        sys.stdin.read()
        connection.execute('ROLLBACK')
        """, [fixture.path])
    #expect(holder.line() == "holding")
    let refusal = #expect(throws: StoreError.self) { try store.commit([fixture.start("a")]) }
    #expect(refusal?.code == .busy)
    #expect(refusal?.isTransient == true)
    _ = holder.finish()
    #expect(try store.commit([fixture.start("a")]).allSatisfy { $0.isSuccess })
  }

  private var impatient: StoreSettings {
    var settings = StoreSettings()
    settings.busyTimeoutMS = 50
    return settings
  }

  @Test("an entry that cannot be stored falls alone")
  func entryFallsAlone() throws {
    let store = try fixture.open()
    defer { store.close() }
    // Two activities of one number: no engine makes that, the store must not let it stop the others.
    let outcomes = try store.commit([
      fixture.start("a"), fixture.start("b"), fixture.firstTurn("b", activities: [1, 1]),
      fixture.firstTurn("a"),
    ])
    #expect(outcomes.map(\.isSuccess) == [true, true, false, true])
    guard case .failure(.failed(let cause)) = outcomes[2] else {
      return #expect(Bool(false), "\(outcomes[2])")
    }
    #expect(cause.code == .internalError)
    #expect(try store.load("b")?.history.isEmpty == true)
    #expect(try store.load("b")?.description.revision == 0)
    #expect(try store.load("a")?.history.count == 2)
  }

  @Test(
    "damaged history is told by instance, execution and event, and harms nobody else",
    arguments: [
      ("UPDATE history SET json = '{' WHERE event = 2 AND instance = 1", "event 2"),
      ("DELETE FROM history WHERE event = 1 AND instance = 1", "event 1 is missing"),
      ("DELETE FROM history WHERE event = 2 AND instance = 1", "event 2 is missing"),
    ])
  func damagedHistory(damage: String, cause: String) throws {
    let store = try fixture.open()
    defer { store.close() }
    _ = try store.commit(["a", "b"].flatMap { [fixture.start($0), fixture.firstTurn($0)] })
    try fixture.execute(damage, on: fixture.path)
    let refusal = #expect(throws: StoreError.self) { try store.load("a") }
    #expect(refusal?.code == .corrupt)
    for word in ["instance a", "execution 1", cause, fixture.path] {
      #expect(refusal?.message.contains(word) == true, "\(refusal?.message ?? "")")
    }
    #expect(try store.load("b")?.history.count == 2)
  }
}

/// A file system of a few kibibytes. Only the superuser may make one.
final class TinyDevice {
  let path: String

  static let isPermitted = TinyDevice(kibibytes: 64) != nil

  init?(kibibytes: Int) {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("perdure-\(UUID().uuidString)").path
    guard mkdir(path, 0o700) == 0 else { return nil }
    guard mount("none", path, "tmpfs", 0, "size=\(kibibytes)k") == 0 else {
      rmdir(path)
      return nil
    }
  }

  func resize(kibibytes: Int) -> Bool {
    mount("none", path, "tmpfs", UInt(MS_REMOUNT), "size=\(kibibytes)k") == 0
  }

  func makeReadOnly() -> Bool { mount("none", path, "tmpfs", UInt(MS_REMOUNT | MS_RDONLY), nil) == 0 }

  deinit {
    umount2(path, Int32(MNT_DETACH))
    rmdir(path)
  }
}
