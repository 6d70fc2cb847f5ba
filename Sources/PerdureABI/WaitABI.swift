public import CDX
import PerdureClient
import PerdureModel
import PerdureRuntime
import PerdureStore
import PerdureWire

// Calls that wait: each answers once through `done`.

@c @implementation
public func dx_client_wait(
  _ client: OpaquePointer?, _ instance: dx_text, _ timeout_ms: Int64, _ done: dx_wait_fn?,
  _ user_data: UnsafeMutableRawPointer?
) -> OpaquePointer? {
  wait(client, instance, .ended, timeout_ms, done, user_data)
}

@c @implementation
public func dx_client_wait_status(
  _ client: OpaquePointer?, _ instance: dx_text, _ after_version: Int64, _ timeout_ms: Int64,
  _ done: dx_wait_fn?, _ user_data: UnsafeMutableRawPointer?
) -> OpaquePointer? {
  wait(client, instance, .status(after: after_version), timeout_ms, done, user_data)
}

private func wait(
  _ client: OpaquePointer?, _ instance: dx_text, _ condition: WaitDesk.Condition, _ timeoutMS: Int64,
  _ done: dx_wait_fn?, _ user: UnsafeMutableRawPointer?
) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let instance = try instance.string("instance")
    let what = condition == .ended ? "end" : "change its custom status"
    let call = try WaitCall(done, user, instance, what)
    let client = try Handles.clients.find(client).client
    let isWaiting = try mapped { () throws(ClientError) in
      try client.wait(for: instance, condition, timeoutMS: timeoutMS) { answer in
        call.answer(answer, client) { _ in [] }
      }
    }
    if !isWaiting { throw ABIError(.closed, "the store is closed") }
  }
}

@c @implementation
public func dx_client_wait_history(
  _ client: OpaquePointer?, _ query: dx_text, _ timeout_ms: Int64, _ done: dx_wait_fn?,
  _ user_data: UnsafeMutableRawPointer?
) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let json = try query.bytes("query")
    let query = try decoded("query") { () throws(WireError) in try ClientWire.decodeHistory(json) }
    let call = try WaitCall(done, user_data, query.instance, "go on")
    let client = try Handles.clients.find(client).client
    let isWaiting = try mapped { () throws(ClientError) in
      try client.waitForHistory(query, timeoutMS: timeout_ms) { answer, page in
        call.answer(answer, client, page)
      }
    }
    if !isWaiting { throw ABIError(.closed, "the store is closed") }
  }
}

@c @implementation
public func dx_client_call(
  _ client: OpaquePointer?, _ request: dx_text, _ timeout_ms: Int64, _ done: dx_wait_fn?,
  _ user_data: UnsafeMutableRawPointer?
) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let json = try request.bytes("request")
    let request = try decoded("request") { () throws(WireError) in try ClientWire.decodeCall(json) }
    let call = try WaitCall(done, user_data, request.instance, "answer the call '\(request.name)'")
    let client = try Handles.clients.find(client).client
    let isWaiting = try mapped { () throws(ClientError) in
      try client.call(request, timeoutMS: timeout_ms) { name, answer in
        if case .reached(let description) = answer { return call.ended(description) }
        call.answer(answer, client) { ClientWire.encode(CallAnswer(call: name, outcome: $0)) }
      }
    }
    if !isWaiting { throw ABIError(.closed, "the store is closed") }
  }
}

@c @implementation
public func dx_client_query(
  _ client: OpaquePointer?, _ request: dx_text, _ timeout_ms: Int64, _ done: dx_wait_fn?,
  _ user_data: UnsafeMutableRawPointer?
) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let json = try request.bytes("request")
    let request = try decoded("request") { () throws(WireError) in try ClientWire.decodeQuery(json) }
    let call = try WaitCall(done, user_data, request.instance, "answer the query '\(request.query.name)'")
    let client = try Handles.clients.find(client).client
    let isWaiting = try mapped { () throws(ClientError) in
      try client.query(request, timeoutMS: timeout_ms) { answer in
        call.answer(answer, client) { ClientWire.encodeQueryAnswer($0) }
      }
    }
    if !isWaiting { throw ABIError(.closed, "the store is closed") }
  }
}

private struct WaitCall: Sendable {
  let done: WaitDone
  let instance: InstanceID
  /// What the instance was to do.
  let what: String

  init(
    _ done: dx_wait_fn?, _ user: UnsafeMutableRawPointer?, _ instance: InstanceID, _ what: String
  ) throws(ABIError) {
    guard let done else { throw ABIError(.invalidArgument, "done is NULL") }
    self.done = WaitDone(done: done, user: user)
    self.instance = instance
    self.what = what
  }

  func answer(_ answer: WaitDesk.Answer, _ client: Client, _ encode: (Outcome) -> [UInt8]) {
    switch answer {
    case .reached(let description): succeed(client.encode(description))
    case .answered(let outcome): succeed(encode(outcome))
    case .timedOut: fail(ABIError(.timedOut, "instance '\(instance)' did not \(what) in the time given"))
    case .notFound: fail(ABIError(.notFound, "instance '\(instance)' does not exist"))
    case .closed: fail(ABIError(.closed, "the client or its store was closed while it waited"))
    case .failed(let error): fail(ABIError(error))
    // No client waits for time.
    case .moved: break
    }
  }

  func answer(_ found: WaitDesk.Answer, _ client: Client, _ page: Result<HistoryPage, ClientError>?) {
    switch page {
    case .success(let page): succeed(ClientWire.encode(page))
    case .failure(let error): fail(ABIError(error))
    case nil: answer(found, client) { _ in [] }
    }
  }

  /// It has ended, and did not do what was wanted.
  func ended(_ description: InstanceDescription) {
    let status = description.status.rawValue
    fail(
      ABIError(
        .wrongStatus, "instance '\(instance)' is \(status) and did not \(what)",
        details: .object([("instance", instance), ("status", status)])))
  }

  private func succeed(_ json: [UInt8]) { done.succeed(json) }
  private func fail(_ error: ABIError) { done.fail(error) }
}

/// The callback of a call that waits. It is made once.
struct WaitDone: @unchecked Sendable {
  let done: dx_wait_fn
  let user: UnsafeMutableRawPointer?

  func succeed(_ json: [UInt8]) {
    let text = LentText(json)
    done(nil, text.text, user)
    withExtendedLifetime(text) {}
  }

  func fail(_ error: ABIError) { done(error.handOver(), dx_text(data: nil, size: 0), user) }
}
