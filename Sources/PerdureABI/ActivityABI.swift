public import CDX
import PerdureModel
import PerdureRuntime
import PerdureWire
import Synchronization

/// An activity that is out at a host by callback or by poll.
final class ActivityObject: Sendable {
  let ticket: ActivityTicket
  private let input = Mutex<LentText?>(nil)

  init(_ ticket: ActivityTicket) { self.ticket = ticket }

  func lendInput() -> dx_text {
    input.withLock { input in
      let attempt = ActivityWire.Attempt(ticket.task, deadline: ticket.deadline)
      let text = input ?? LentText(ActivityWire.encode(attempt))
      input = text
      return text.text
    }
  }

  func complete(_ result: Payload) throws(ABIError) {
    guard result.bytes.count <= ticket.limits.payloadBytes else {
      return try refuse(
        .limitExceeded, FailureType.limitExceeded,
        "the result of activity '\(ticket.task.name)' has \(result.bytes.count) bytes; "
          + "the limit is \(ticket.limits.payloadBytes)")
    }
    try Self.check(ticket.end(.completed(result)))
  }

  func fail(_ failure: Failure) throws(ABIError) {
    let size = FailureWire.encode(failure).count
    guard size <= Limits.failureBytes else {
      return try refuse(
        .limitExceeded, FailureType.limitExceeded,
        "the failure of activity '\(ticket.task.name)' (\(failure.type)) has \(size) bytes; "
          + "the limit is \(Limits.failureBytes)")
    }
    try Self.check(ticket.end(.failed(failure)))
  }

  func `defer`() throws(ABIError) { try Self.check(ticket.defer()) }

  func beat(_ details: Payload) throws(ABIError) {
    guard details.bytes.count <= ticket.limits.payloadBytes else {
      throw ABIError(
        .limitExceeded,
        "the details have \(details.bytes.count) bytes; the limit is \(ticket.limits.payloadBytes)")
    }
    try Self.check(ticket.beat(details))
  }

  /// An answer that cannot be kept fails the activity: its orchestration learns why, and so does the host.
  func refuse(_ code: ABICode, _ type: String, _ message: String) throws(ABIError) {
    _ = ticket.end(.failed(Failure(type: type, message: message, isNonRetryable: true)))
    throw ABIError(code, message)
  }

  private static func check(_ answer: TicketAnswer) throws(ABIError) {
    switch answer {
    case .taken: return
    case .isGone, .refused: throw ABIError(.invalidHandle, "the activity was answered before")
    case .stale:
      throw ABIError(.stale, "the result is not needed: the activity was cancelled, or the runtime has ended")
    }
  }
}

@c @implementation
public func dx_activity_input(
  _ activity: OpaquePointer?, _ out: UnsafeMutablePointer<dx_text>?
) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let out = try Out(out)
    out.set(try Handles.activities.find(activity).lendInput())
  }
}

@c @implementation
public func dx_activity_is_cancelled(_ activity: OpaquePointer?) -> Bool {
  (try? Handles.activities.find(activity).ticket.isCancelled) ?? true
}

@c @implementation
public func dx_activity_complete(_ activity: OpaquePointer?, _ result: dx_text) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let activity = try Handles.activities.remove(activity)
    let payload: Payload
    do throws(ABIError) {
      let json = try result.bytes("result")
      payload = try decoded("result") { () throws(WireError) in try PayloadWire.decode(json) }
    } catch {
      return try activity.refuse(error.code, FailureType.protocolViolation, error.message)
    }
    try activity.complete(payload)
  }
}

@c @implementation
public func dx_activity_fail(_ activity: OpaquePointer?, _ failure: dx_text) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let activity = try Handles.activities.remove(activity)
    let parsed: Failure
    do throws(ABIError) {
      parsed = try hostFailure(failure)
    } catch {
      return try activity.refuse(error.code, FailureType.protocolViolation, error.message)
    }
    try activity.fail(parsed)
  }
}

@c @implementation
public func dx_activity_on_cancel(
  _ activity: OpaquePointer?, _ cancelled: dx_stop_fn?, _ user_data: UnsafeMutableRawPointer?,
  _ release: dx_release_fn?
) -> OpaquePointer? {
  let user = UserData(user_data, release)
  return fallible { () throws(ABIError) in
    guard let cancelled else { throw ABIError(.invalidArgument, "cancelled is NULL") }
    let activity = try Handles.activities.find(activity)
    let call = CancelCall(cancelled: cancelled)
    let isTaken = activity.ticket.onCancel {
      CallbackThread.run {
        call.cancelled(user.pointer)
        withExtendedLifetime(user) {}
      }
    }
    if !isTaken {
      throw ABIError(.wrongStatus, "the activity has such a callback already, or was answered")
    }
  }
}

private struct CancelCall: @unchecked Sendable {
  let cancelled: dx_stop_fn
}

@c @implementation
public func dx_activity_heartbeat(_ activity: OpaquePointer?, _ details: dx_text) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let activity = try Handles.activities.find(activity)
    let json = try details.bytes("details")
    let payload = try decoded("details") { () throws(WireError) in try PayloadWire.decode(json) }
    try activity.beat(payload)
  }
}

@c @implementation
public func dx_activity_defer(_ activity: OpaquePointer?) -> OpaquePointer? {
  fallible { () throws(ABIError) in try Handles.activities.remove(activity).defer() }
}
