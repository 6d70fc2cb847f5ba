public import CDX
import PerdureModel
import PerdureRuntime
import PerdureWire

@c @implementation
public func dx_history_replay(
  _ runtime: OpaquePointer?, _ history: dx_text, _ timeout_ms: Int64, _ done: dx_wait_fn?,
  _ user_data: UnsafeMutableRawPointer?
) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let json = try history.bytes("history")
    let recordings = try decoded("history") { () throws(WireError) in try ReplayWire.decodeHistory(json) }
    let call = try ReplayCall(done, user_data, "the history")
    let runtime = try Handles.runtimes.find(runtime).runtime
    try mapped { () throws(RuntimeError) in
      try runtime.replay(recordings, timeoutMS: timeout_ms) { call.answer($0) { ReplayWire.encode($0) } }
    }
  }
}

@c @implementation
public func dx_runtime_preflight(
  _ runtime: OpaquePointer?, _ request: dx_text, _ timeout_ms: Int64, _ done: dx_wait_fn?,
  _ user_data: UnsafeMutableRawPointer?
) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let json = try request.bytes("request")
    let request = try decoded("request") { () throws(WireError) in try ReplayWire.decodePreflight(json) }
    let call = try ReplayCall(done, user_data, "the open instances")
    let runtime = try Handles.runtimes.find(runtime).runtime
    try mapped { () throws(RuntimeError) in
      try runtime.preflight(request, timeoutMS: timeout_ms) { call.answer($0) { ReplayWire.encode($0) } }
    }
  }
}

private struct ReplayCall: @unchecked Sendable {
  let done: dx_wait_fn
  let user: UnsafeMutableRawPointer?
  /// What was to be replayed.
  let what: String

  init(_ done: dx_wait_fn?, _ user: UnsafeMutableRawPointer?, _ what: String) throws(ABIError) {
    guard let done else { throw ABIError(.invalidArgument, "done is NULL") }
    self.done = done
    self.user = user
    self.what = what
  }

  func answer<Report>(_ answer: ReplayAnswer<Report>, _ encode: (Report) -> [UInt8]) {
    switch answer {
    case .report(let report):
      let text = LentText(encode(report))
      done(nil, text.text, user)
      withExtendedLifetime(text) {}
    case .timedOut: fail(ABIError(.timedOut, "\(what) could not be replayed in the time given"))
    case .closed: fail(ABIError(.closed, "the runtime was stopped before it had replayed \(what)"))
    case .failed(let error): fail(ABIError(error))
    }
  }

  private func fail(_ error: ABIError) { done(error.handOver(), dx_text(data: nil, size: 0), user) }
}
