import CDX
import Foundation
import Testing

/// Stopping, freeing, releasing.
@Suite struct LifeTests {
  @Test func runningActivitiesHaveTheGrace() throws {
    let host = try Host()
    let tokens = Collected<OpaquePointer>()
    try host.orchestration("order", Code.order)
    try host.registerActivity("work") { tokens.add($0) }
    try host.start()
    try host.start("order", "a")
    let token = try #require(tokens.wait(for: 1).first)
    #expect(!dx_activity_is_cancelled(token))
    let stopped = Collected<Void>()
    Thread.detachNewThread {
      try? host.stop(grace: 30_000)
      stopped.add(())
    }
    // It is running or stopping: the result counts in both.
    #expect(code(with("5") { dx_activity_complete(token, $0) }) == 0)
    stopped.wait(for: 1)
    #expect(code(with("5") { dx_activity_complete(token, $0) }) == DX_INVALID_HANDLE)

    // Another runtime finds the result and goes on.
    var other: OpaquePointer?
    try call(dx_runtime_new(host.store, nil, &other))
    let run: dx_turn_fn = { turn, _ in
      var input = dx_text()
      _ = code(dx_turn_input(turn, &input))
      _ = code(with(Code.order(parse(string(input)))) { dx_turn_complete(turn, $0) })
    }
    try with("order") { try call(dx_register_orchestration(other, $0, dx_text(), run, nil, nil)) }
    try call(dx_runtime_start(other))
    #expect(try host.wait("a")["output"] as? Int == 5)
    dx_runtime_free(other)
  }

  @Test func tokensAfterTheEndAreStale() throws {
    let host = try Host()
    let turns = Collected<OpaquePointer>()
    let activities = Collected<OpaquePointer>()
    try host.orchestration("order", Code.order)
    try host.register("slow") { turns.add($0) }
    try host.registerActivity("work") { activities.add($0) }
    try host.start()
    try host.start("order", "a")
    try host.start("slow", "b")
    let activity = try #require(activities.wait(for: 1).first)
    let turn = try #require(turns.wait(for: 1).first)
    try host.stop(grace: 0)
    #expect(dx_activity_is_cancelled(activity))
    var input = dx_text()
    #expect(code(dx_activity_input(activity, &input)) == 0, "readable until it is answered")
    #expect(code(with("5") { dx_activity_complete(activity, $0) }) == DX_STALE)
    #expect(code(with("5") { dx_activity_complete(activity, $0) }) == DX_INVALID_HANDLE)
    #expect(code(with(Code.answer()) { dx_turn_complete(turn, $0) }) == DX_STALE)
    #expect(code(dx_turn_input(turn, &input)) == DX_INVALID_HANDLE)
    #expect(dx_activity_is_cancelled(activity), "true for one that is gone")
  }

  @Test func pollingEndsWithTheRuntime() throws {
    let host = try InstanceTests.host(.poll)
    try host.start("order", "a")
    _ = try host.wait("a")
    try host.stop(grace: 1_000)
    let work = parse(try buffer { dx_runtime_poll(host.runtime, dx_text(), 1, 1, 30_000, $0) })
    #expect(work["stopped"] as? Bool == true)
  }

  static let orders = ["scr", "src", "csr", "crs", "rsc", "rcs"]

  /// s(tore), c(lient), r(untime), while all three are at work.
  @Test(arguments: orders, [true, false])
  func freeInAnyOrder(_ order: String, _ isStarted: Bool) throws {
    var (store, client, runtime): (OpaquePointer?, OpaquePointer?, OpaquePointer?)
    store = try Host.open("memory:")
    try call(dx_client_new(store, &client))
    try call(dx_runtime_new(store, nil, &runtime))
    let released = Collected<UInt>()
    let box = UserBox<Void>((), released: released)
    let run: dx_turn_fn = { turn, _ in _ = code(with(Code.answer()) { dx_turn_complete(turn, $0) }) }
    try with("o") {
      try call(dx_register_orchestration(runtime, $0, dx_text(), run, box.pointer, releaseBox))
    }
    if isStarted { try call(dx_runtime_start(runtime)) }
    _ = try with(#"{"orchestration":"o"}"#) { request in try buffer { dx_client_start(client, request, $0) } }
    for letter in order {
      switch letter {
      case "s": dx_store_close(store)
      case "c": dx_client_free(client)
      default: dx_runtime_free(runtime)
      }
    }
    #expect(released.wait(for: 1).count == 1)
    dx_store_close(store)
    dx_client_free(client)
    dx_runtime_free(runtime)
    #expect(code(dx_runtime_start(runtime)) == DX_INVALID_HANDLE)
    #expect(released.all.count == 1)
  }

  @Test func stoppingWhatNeverStarted() throws {
    let host = try Host()
    try host.stop(grace: 0)
    try host.stop(grace: 0)
    #expect(code(dx_runtime_start(host.runtime)) == DX_WRONG_STATUS)
  }

  // MARK: Release

  static let failing = [
    "null runtime", "no name", "long name", "bad version", "twice", "started", "not UTF-8",
  ]

  @Test(arguments: failing)
  func aRegistrationThatFailsReleasesOnceAndElsewhere(_ name: String) throws {
    let host = try Host()
    let released = Collected<UInt>()
    func register(_ runtime: OpaquePointer?, _ name: [UInt8], _ version: String) -> Int {
      let box = UserBox<Void>((), released: released)
      let run: dx_turn_fn = { _, _ in }
      return with(bytes: name) { name in
        with(version) { code(dx_register_orchestration(runtime, name, $0, run, box.pointer, releaseBox)) }
      }
    }
    let expected: Int
    let got: Int
    switch name {
    case "null runtime": (expected, got) = (DX_INVALID_ARGUMENT, register(nil, [111], ""))
    case "no name": (expected, got) = (DX_INVALID_ARGUMENT, register(host.runtime, [], ""))
    case "long name":
      (expected, got) = (DX_LIMIT_EXCEEDED, register(host.runtime, Array(repeating: 111, count: 257), ""))
    case "bad version": (expected, got) = (DX_INVALID_ARGUMENT, register(host.runtime, [111], "1"))
    case "twice":
      #expect(register(host.runtime, [111], "") == 0)
      (expected, got) = (DX_ALREADY_EXISTS, register(host.runtime, [111], "1.0.0"))
    case "started":
      try host.start()
      (expected, got) = (DX_WRONG_STATUS, register(host.runtime, [111], ""))
    default: (expected, got) = (DX_INVALID_ARGUMENT, register(host.runtime, [0xFF], ""))
    }
    #expect(got == expected)
    let threads = released.wait(for: 1)
    #expect(threads.count == 1)
    #expect(!threads.contains(thisThread()), "never on the thread of the call")
  }

  @Test func releasesComeAfterTheLastCallback() throws {
    let host = try Host()
    let released = host.released
    let inside = Collected<Bool>()
    let gate = Collected<Void>()
    try host.register("o") { turn in
      inside.add(true)
      gate.wait(for: 1)
      inside.add(released.all.isEmpty)
      _ = code(with(Code.answer()) { dx_turn_complete(turn, $0) })
    }
    try host.start()
    try host.start("o", "a")
    inside.wait(for: 1)
    try host.stop(grace: 0)
    host.free()
    gate.add(())
    #expect(inside.wait(for: 2) == [true, true])
    #expect(released.wait(for: 1).count == 1)
  }
}
