public import CDX
import PerdureModel
import PerdureRuntime
import PerdureWire

@c @implementation
public func dx_store_clock(
  _ store: OpaquePointer?, _ out: UnsafeMutablePointer<dx_buffer>?
) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let out = try Out(out)
    let clock = try Handles.stores.find(store).hub.clock
    try out.set(json: ClockWire.encode(ClockState(now: clock.now(), isVirtual: clock.virtual != nil)))
  }
}

@c @implementation
public func dx_store_advance_clock(
  _ store: OpaquePointer?, _ ms: Int64, _ timeout_ms: Int64, _ done: dx_wait_fn?,
  _ user_data: UnsafeMutableRawPointer?
) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let call = WaitDone(done: try given(done), user: user_data)
    let hub = try Handles.stores.find(store).hub
    guard hub.clock.virtual != nil else {
      throw ABIError(
        .unsupported,
        "this store follows the system's clock, which cannot be moved; "
          + "open it with the config {\"clock\":{\"mode\":\"virtual\"}}")
    }
    guard ms >= 0, ms <= ClockSettings.advanceMax else {
      throw ABIError(.invalidArgument, "ms is \(ms); it must be within 0...\(ClockSettings.advanceMax)")
    }
    let deadline = timeout_ms < 0 ? nil : monotonicNowNS() + min(timeout_ms, 1 << 40) * 1_000_000
    let clock = hub.clock
    let isMoving = hub.advance(byMS: ms, untilMonotonicNS: deadline) { answer in
      switch answer {
      case .moved(let now): call.succeed(ClockWire.encode(ClockState(now: now, isVirtual: true)))
      case .timedOut: call.fail(.stuck(at: clock.now()))
      default: call.fail(ABIError(.closed, "the store was closed while its clock was advanced"))
      }
    }
    if !isMoving { throw ABIError(.closed, "the store is closed") }
  }
}

extension ABIError {
  /// Time could not go on.
  fileprivate static func stuck(at now: TimestampMS) -> ABIError {
    ABIError(
      .timedOut,
      "time stands at \(now): something was still at work when the time given was over, "
        + "such as an activity that has not answered",
      details: Payload("{\"now\":\(now)}"))
  }
}

private func given(_ done: dx_wait_fn?) throws(ABIError) -> dx_wait_fn {
  guard let done else { throw ABIError(.invalidArgument, "done is NULL") }
  return done
}
