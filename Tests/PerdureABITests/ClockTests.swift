import CDX
import Foundation
import Testing

/// A store whose time is virtual.
@Suite struct ClockTests {
  static func clock(of store: OpaquePointer?) throws -> JSON {
    parse(try buffer { dx_store_clock(store, $0) })
  }

  static func advance(_ store: OpaquePointer?, _ ms: Int64, timeout: Int64 = 30_000) throws -> Host.Waited {
    try ControlTests.answer { dx_store_advance_clock(store, ms, timeout, $0, $1) }
  }

  @Test(arguments: [#"{"clock":{"mode":"virtual","startMS":5000}}"#])
  func isMoved(_ config: String) throws {
    let store = try Host.open("memory:", config: config)
    defer { dx_store_close(store) }
    #expect(try Self.clock(of: store) as NSDictionary == ["now": 5_000, "mode": "virtual"])
    let moved = try Self.advance(store, 86_400_000)
    #expect(moved.0 == nil)
    #expect(moved.1 as NSDictionary == ["now": 86_405_000, "mode": "virtual"])
    #expect(try Self.advance(store, 0).1["now"] as? Int == 86_405_000)
    #expect(try Self.clock(of: store)["now"] as? Int == 86_405_000)
  }

  @Test func beginsAtAFixedTime() throws {
    let store = try Host.open("memory:", config: #"{"clock":{"mode":"virtual"}}"#)
    defer { dx_store_close(store) }
    #expect(try Self.clock(of: store)["now"] as? Int == 1_767_225_600_000)
  }

  @Test func whatIsRefused() throws {
    let store = try Host.open("memory:", config: #"{"clock":{"mode":"virtual"}}"#)
    let system = try Host.open("memory:")
    defer { dx_store_close(system) }
    let done = ControlTests.done
    #expect(code(dx_store_advance_clock(store, -1, 0, done, nil)) == DX_INVALID_ARGUMENT)
    #expect(code(dx_store_advance_clock(store, .max, 0, done, nil)) == DX_INVALID_ARGUMENT)
    #expect(code(dx_store_advance_clock(store, 1, 0, nil, nil)) == DX_INVALID_ARGUMENT)
    #expect(code(dx_store_advance_clock(system, 1, 0, done, nil)) == DX_UNSUPPORTED)
    #expect(code(dx_store_clock(store, nil)) == DX_INVALID_ARGUMENT)
    #expect(try Self.clock(of: system)["mode"] as? String == "system")
    // The year 9999 is the end of time.
    #expect(try Self.advance(store, 1 << 50).1["now"] as? Int == 253_402_300_799_999)
    #expect(try Self.advance(store, 1 << 50).1["now"] as? Int == 253_402_300_799_999)
    dx_store_close(store)
    #expect(code(dx_store_advance_clock(store, 1, 0, done, nil)) == DX_INVALID_HANDLE)
    var out = dx_buffer()
    #expect(code(dx_store_clock(store, &out)) == DX_INVALID_HANDLE)
  }

  /// A turn that is not answered holds time until the runtime is gone.
  @Test(arguments: [Mode.callback, .poll])
  func whatAHostHas(_ mode: Mode) throws {
    let host = try Host(mode, storeConfig: #"{"clock":{"mode":"virtual","startMS":0}}"#)
    let entered = Collected<Void>()
    let gate = DispatchSemaphore(value: 0)
    try host.orchestration("o") { _ in
      entered.add(())
      gate.wait()
      return Code.answer()
    }
    try host.start()
    try host.start("o", "a")
    entered.wait(for: 1)
    let stuck = try Self.advance(host.store, 5, timeout: 20)
    #expect(stuck.0?.code == Int(DX_TIMED_OUT))
    #expect(stuck.0?.details["now"] as? Int == 0)
    gate.signal()
    #expect(try Self.advance(host.store, 5).1["now"] as? Int == 5)
  }
}
