import CDX
import Foundation
import TestSupport
import Testing

@Suite struct ArgumentTests {
  struct Bytes: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var bytes: [UInt8]
  }

  static let notText = [
    Bytes(testDescription: "NUL inside", bytes: [97, 0, 98]), Bytes(testDescription: "only NUL", bytes: [0]),
    Bytes(testDescription: "no UTF-8", bytes: [97, 0xFF]),
    Bytes(testDescription: "cut short", bytes: [0xE2, 0x82]),
    Bytes(testDescription: "overlong", bytes: [0xC0, 0x80]),
    Bytes(testDescription: "half a surrogate pair", bytes: [0xED, 0xA0, 0x80]),
  ]

  @Test(arguments: notText)
  func textMustBeUTF8WithoutNUL(_ given: Bytes) throws {
    let host = try Host()
    try host.start("o", "a")
    var out = dx_buffer()
    let codes = with(bytes: given.bytes) { text in
      [
        code(dx_client_describe(host.client, text, &out)),
        code(dx_client_cancel(host.client, text, dx_text())),
        with("a") { code(dx_client_cancel(host.client, $0, text)) },
        with("a") { code(dx_client_raise_event(host.client, $0, text, dx_text())) },
        code(dx_register_activity(host.runtime, text, nil, nil, nil)),
        code(dx_register_orchestration(host.runtime, text, dx_text(), nil, nil, nil)),
        with("o") { code(dx_register_orchestration(host.runtime, $0, text, nil, nil, nil)) },
      ]
    }
    #expect(codes == Array(repeating: DX_INVALID_ARGUMENT, count: codes.count))
    #expect(out.data == nil && out.size == 0, "out is written on success only")
    let inside = [UInt8](#"{"orchestration":"o","instance":""#.utf8) + given.bytes + [UInt8](#""}"#.utf8)
    #expect(with(bytes: inside) { code(dx_client_start(host.client, $0, &out)) } == DX_INVALID_ARGUMENT)
    let escaped = #"{"orchestration":"o","instance":"a\u0000"}"#
    #expect(with(escaped) { code(dx_client_start(host.client, $0, &out)) } == DX_INVALID_ARGUMENT)
  }

  @Test func textSizes() throws {
    let host = try Host()
    try host.start("o", "abc")
    var out = dx_buffer()
    try "abc".withCString { pointer in
      try call(dx_client_describe(host.client, dx_text(data: pointer, size: -1), &out))
      #expect(out.data[out.size] == 0, "a NUL follows")
      dx_buffer_free(&out)
      #expect(out.data == nil && out.size == 0)
      dx_buffer_free(&out)
      #expect(code(dx_client_describe(host.client, dx_text(data: pointer, size: 2), &out)) == DX_NOT_FOUND)
      let endless = dx_text(data: pointer, size: Int(Int32.max) + 1)
      #expect(code(dx_client_describe(host.client, endless, &out)) == DX_LIMIT_EXCEEDED)
      #expect(code(dx_client_describe(host.client, dx_text(data: nil, size: 3), &out)) == DX_INVALID_ARGUMENT)
      #expect(code(dx_client_describe(host.client, dx_text(), &out)) == DX_INVALID_ARGUMENT)
    }
  }

  /// The options in front of so many bytes of this value.
  static func open(_ size: Int, tail: UInt8 = 0) -> Int {
    let room = UnsafeMutableRawPointer.allocate(byteCount: 8_192, alignment: 16)
    defer { room.deallocate() }
    room.initializeMemory(as: UInt8.self, repeating: tail, count: 8_192)
    return with("memory:") { url in
      let options = room.assumingMemoryBound(to: dx_store_options.self)
      options.pointee = dx_store_options(struct_size: size, url: url, config: dx_text())
      var store: OpaquePointer?
      let result = code(dx_store_open(options, &store))
      dx_store_close(store)
      return result
    }
  }

  @Test func structSizes() {
    let known = MemoryLayout<dx_store_options>.size
    #expect(Self.open(known) == 0)
    #expect(Self.open(known - 16) == 0, "an older caller, without config")
    #expect(Self.open(known + 64) == 0, "a newer caller that uses nothing new")
    #expect(Self.open(known + 64, tail: 1) == DX_UNSUPPORTED)
    #expect(Self.open(known + 1, tail: 1) != 0)
    for size in [0, 1, 7, 12, known - 4, 4_097, -1, .min] {
      #expect(Self.open(size) == DX_INVALID_ARGUMENT, "\(size)")
    }
    #expect(Self.open(8) == DX_INVALID_ARGUMENT, "no url")
    var store: OpaquePointer?
    #expect(code(dx_store_open(nil, &store)) == DX_INVALID_ARGUMENT)
  }

  static let urls = [
    ("", DX_INVALID_ARGUMENT), ("memory", DX_INVALID_ARGUMENT), ("memory:x", DX_INVALID_ARGUMENT),
    ("sqlite:", DX_INVALID_ARGUMENT), ("redis://x", DX_UNSUPPORTED),
    ("sqlite:/nowhere/at/all.db", DX_STORE_CANNOT_OPEN),
  ]

  @Test(arguments: urls)
  func url(_ url: String, _ expected: Int) throws {
    let error = try #require(throws: CallError.self) { _ = try Host.open(url) }
    #expect(error.code == expected, "\(error.message)")
  }

  @Test(arguments: [
    "{", "[]", #"{"unknown":1}"#, #"{"activitySlots":0}"#, #"{"turnThreads":65}"#, #"{"cache":"maybe"}"#,
  ])
  func runtimeConfig(_ config: String) throws {
    let error = try #require(throws: CallError.self) { _ = try Host(config: config) }
    #expect(error.code == DX_INVALID_ARGUMENT)
  }

  @Test func withoutCacheEverythingIsTheSame() throws {
    let host = try Host(config: #"{"cache":"off","activitySlots":1,"turnThreads":1}"#)
    try host.orchestration("order", Code.order)
    try host.activity("work") { task in (false, json(task["input"])) }
    try host.start()
    for number in 0..<20 { try host.start("order", "i\(number)", input: "\(number)") }
    for number in 0..<20 { #expect(try host.wait("i\(number)")["output"] as? Int == number) }
  }

  @Test func madeUpHandles() throws {
    let host = try Host()
    var out = dx_buffer()
    for number in [1, 7, 8, 4_096, Int.max, -1] {
      let handle = OpaquePointer(bitPattern: number)
      #expect(code(dx_client_describe(handle, dx_text(), &out)) == DX_INVALID_HANDLE)
      #expect(code(dx_runtime_start(handle)) == DX_INVALID_HANDLE)
      #expect(code(dx_turn_complete(handle, dx_text())) == DX_INVALID_HANDLE)
      #expect(dx_activity_is_cancelled(handle))
      #expect(Int(dx_error_code(handle)) == DX_INVALID_HANDLE)
      dx_error_free(handle)
      dx_store_close(handle)
    }
    #expect(code(dx_client_describe(host.store, dx_text(), &out)) == DX_INVALID_HANDLE, "of another kind")
    #expect(code(dx_client_describe(nil, dx_text(), &out)) == DX_INVALID_ARGUMENT)
    #expect(dx_error_code(nil) == 0 && String(cString: dx_error_details(nil)) == "{}")
    #expect(dx_abi_version() == UInt32(DX_ABI_MAJOR) << 16 | UInt32(DX_ABI_MINOR))
  }

  @Test func outIsWanted() throws {
    let host = try Host()
    #expect(code(dx_client_describe(host.client, dx_text(), nil)) == DX_INVALID_ARGUMENT)
    #expect(code(dx_client_new(host.store, nil)) == DX_INVALID_ARGUMENT)
    #expect(code(dx_runtime_poll(host.runtime, dx_text(), -1, 0, 0, nil)) == DX_INVALID_ARGUMENT)
    var out = dx_buffer()
    #expect(code(dx_runtime_poll(host.runtime, dx_text(), -1, 0, 0, &out)) == DX_INVALID_ARGUMENT)
    #expect(with("a") { code(dx_client_wait(host.client, $0, 0, nil, nil)) } == DX_INVALID_ARGUMENT)
  }
}

/// The log is one for the process.
@Suite(.serialized) struct LogTests {
  final class Log: Sendable {
    let records = Collected<String>()
  }

  static func set(_ config: String, _ log: Log, _ released: Collected<UInt>) -> Int {
    let box = UserBox<Log>(log, released: released)
    let call: dx_log_fn = { record, user in UserBox<Log>.from(user)?.body.records.add(string(record)) }
    return with(config) { code(dx_log_set($0, call, box.pointer, releaseBox)) }
  }

  @Test func recordsReleasesAndLevels() async throws {
    let lock = await LogLock()
    defer { withExtendedLifetime(lock) {} }
    let (log, released) = (Log(), Collected<UInt>())
    #expect(Self.set(#"{"level":"warn"}"#, log, released) == 0)
    let host = try Host()
    try host.orchestration("o") { _ in
      #"{"v":1,"actions":[],"logs":[{"level":"info","message":"quiet"},"#
        + #"{"level":"error","message":"loud \"\n"}],"#
        + #""end":{"after":1,"kind":"Completed","output":1},"retained":false}"#
    }
    try host.start()
    try host.start("o", "log-1")
    _ = try host.wait("log-1")
    func isOurs(_ record: String) -> Bool { parse(record)["instance"] as? String == "log-1" }
    let ours = log.records.wait { $0.contains { isOurs($0) } }.filter { isOurs($0) }.map { parse($0) }
    #expect(ours.map { $0["message"] as? String } == ["loud \"\n"])
    #expect(ours.first?["orchestration"] as? String == "o" && ours.first?["level"] as? String == "error")

    let next = Collected<UInt>()
    #expect(Self.set("", log, next) == 0)
    #expect(released.wait(for: 1).count == 1, "replaced")
    #expect(code(dx_log_set(dx_text(), nil, nil, nil)) == 0)
    #expect(next.wait(for: 1).count == 1, "turned off")
  }

  @Test func aBadConfigReleasesAndKeepsWhatWasSet() async {
    let lock = await LogLock()
    defer { withExtendedLifetime(lock) {} }
    let (first, second) = (Collected<UInt>(), Collected<UInt>())
    #expect(Self.set("", Log(), first) == 0)
    #expect(Self.set(#"{"level":"loud"}"#, Log(), second) == DX_INVALID_ARGUMENT)
    #expect(second.wait(for: 1).count == 1)
    #expect(!second.all.contains(thisThread()))
    #expect(first.all.isEmpty)
    #expect(code(dx_log_set(dx_text(), nil, nil, nil)) == 0)
    #expect(first.wait(for: 1).count == 1)
  }
}
