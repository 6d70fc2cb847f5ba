public import CDX
import PerdureClient
import PerdureModel
import PerdureRuntime
import PerdureStore
import PerdureWire

final class ClientObject: Sendable {
  let client: Client
  private let store: StoreObject

  init(_ store: StoreObject) {
    self.store = store
    client = Client(hub: store.hub)
  }
}

@c @implementation
public func dx_client_new(
  _ store: OpaquePointer?, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let out = try Out(out)
    out.set(try Handles.clients.add(ClientObject(try Handles.stores.find(store))))
  }
}

@c @implementation
public func dx_client_free(_ client: OpaquePointer?) {
  guard let object = try? Handles.clients.remove(client) else { return }
  // The answers are callbacks: not on this thread.
  CallbackThread.run { object.client.close() }
}

// MARK: - Start and messages

@c @implementation
public func dx_client_start(
  _ client: OpaquePointer?, _ request: dx_text, _ out: UnsafeMutablePointer<dx_buffer>?
) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let out = try Out(out)
    let client = try Handles.clients.find(client).client
    let json = try request.bytes("request")
    let start = try decoded("request") { () throws(WireError) in try ClientWire.decodeStart(json) }
    let instance = try mapped { () throws(ClientError) in try client.start(start) }
    try out.set(json: ClientWire.encodeStarted(instance))
  }
}

@c @implementation
public func dx_client_start_many(
  _ client: OpaquePointer?, _ requests: dx_text, _ out: UnsafeMutablePointer<dx_buffer>?
) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let out = try Out(out)
    let client = try Handles.clients.find(client).client
    let json = try requests.bytes("requests")
    let starts = try decoded("requests") { () throws(WireError) in try ClientWire.decodeStarts(json) }
    var started = client.start(starts.compactMap { try? $0.get() }).makeIterator()
    let results = starts.map { start -> Result<InstanceID, ClientWire.Refusal> in
      switch start {
      case .failure(let error): .failure(ClientWire.Refusal(ABIError(.invalidArgument, error.message)))
      case .success:
        started.next()?.mapError { ClientWire.Refusal(ABIError($0)) }
          ?? .failure(ClientWire.Refusal(ABIError(.internalError, "no answer came for this request")))
      }
    }
    try out.set(json: ClientWire.encodeStarted(results))
  }
}

extension ClientWire.Refusal {
  fileprivate init(_ error: ABIError) {
    self.init(code: Int64(error.code.rawValue), message: error.message, details: error.details)
  }
}

@c @implementation
public func dx_client_raise_event(
  _ client: OpaquePointer?, _ instance: dx_text, _ name: dx_text, _ payload: dx_text
) -> OpaquePointer? {
  send(.event, client, instance, name, payload)
}

@c @implementation
public func dx_client_enqueue(
  _ client: OpaquePointer?, _ instance: dx_text, _ queue: dx_text, _ payload: dx_text
) -> OpaquePointer? {
  send(.queue, client, instance, queue, payload)
}

private func send(
  _ channel: Channel, _ client: OpaquePointer?, _ instance: dx_text, _ name: dx_text, _ payload: dx_text
) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let client = try Handles.clients.find(client).client
    let instance = try instance.string("instance")
    let name = try name.string(channel == .event ? "name" : "queue")
    let json = try payload.bytes("payload")
    let data = try decoded("payload") { () throws(WireError) in try PayloadWire.decode(json) }
    try mapped { () throws(ClientError) in try client.send(channel, name, to: instance, data) }
  }
}

@c @implementation
public func dx_client_cancel(
  _ client: OpaquePointer?, _ instance: dx_text, _ reason: dx_text
) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let client = try Handles.clients.find(client).client
    let instance = try instance.string("instance")
    let reason = try reason.string("reason")
    try mapped { () throws(ClientError) in try client.cancel(instance, reason: reason) }
  }
}

// MARK: - Look

@c @implementation
public func dx_client_describe(
  _ client: OpaquePointer?, _ instance: dx_text, _ out: UnsafeMutablePointer<dx_buffer>?
) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let out = try Out(out)
    let client = try Handles.clients.find(client).client
    let instance = try instance.string("instance")
    let description = try mapped { () throws(ClientError) in try client.describe(instance) }
    try out.set(json: client.encode(description))
  }
}

extension Client {
  fileprivate func encode(_ description: InstanceDescription) -> [UInt8] {
    ClientWire.encode(.init(description, pendingReason: pendingReason(description)))
  }
}

@c @implementation
public func dx_client_history(
  _ client: OpaquePointer?, _ query: dx_text, _ out: UnsafeMutablePointer<dx_buffer>?
) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let out = try Out(out)
    let client = try Handles.clients.find(client).client
    let json = try query.bytes("query")
    let query = try decoded("query") { () throws(WireError) in try ClientWire.decodeHistory(json) }
    let page = try mapped { () throws(ClientError) in try client.history(query) }
    try out.set(json: ClientWire.encode(page))
  }
}

@c @implementation
public func dx_client_list(
  _ client: OpaquePointer?, _ query: dx_text, _ out: UnsafeMutablePointer<dx_buffer>?
) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let out = try Out(out)
    let client = try Handles.clients.find(client).client
    let json = try query.bytes("query")
    let query = try decoded("query") { () throws(WireError) in
      json.isEmpty ? ListQuery() : try ClientWire.decodeList(json)
    }
    let page = try mapped { () throws(ClientError) in try client.list(query) }
    try out.set(json: ClientWire.encode(page))
  }
}

@c @implementation
public func dx_client_delete(
  _ client: OpaquePointer?, _ query: dx_text, _ out: UnsafeMutablePointer<dx_buffer>?
) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let out = try Out(out)
    let client = try Handles.clients.find(client).client
    let json = try query.bytes("query")
    let query = try decoded("query") { () throws(WireError) in try ClientWire.decodeDelete(json) }
    let deleted = try mapped { () throws(ClientError) in try client.delete(query.instance, force: query.force)
    }
    try out.set(json: ClientWire.encodeDeleted(deleted))
  }
}

// MARK: - Wait

@c @implementation
public func dx_client_wait(
  _ client: OpaquePointer?, _ instance: dx_text, _ timeout_ms: Int64, _ done: dx_wait_fn?,
  _ user_data: UnsafeMutableRawPointer?
) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    guard let done else { throw ABIError(.invalidArgument, "done is NULL") }
    let object = try Handles.clients.find(client)
    let instance = try instance.string("instance")
    let call = WaitCall(done: done, user: user_data, instance: instance)
    let isWaiting = try mapped { () throws(ClientError) in
      try object.client.wait(for: instance, timeoutMS: timeout_ms) { [client = object.client] answer in
        call.answer(answer, client.encode)
      }
    }
    if !isWaiting { throw ABIError(.closed, "the store is closed") }
  }
}

private struct WaitCall: @unchecked Sendable {
  let done: dx_wait_fn
  let user: UnsafeMutableRawPointer?
  let instance: InstanceID

  func answer(_ answer: WaitDesk.Answer, _ encode: (InstanceDescription) -> [UInt8]) {
    switch answer {
    case .ended(let description):
      let text = LentText(encode(description))
      done(nil, text.text, user)
      withExtendedLifetime(text) {}
    case .timedOut: fail(ABIError(.timedOut, "instance '\(instance)' did not end in the time given"))
    case .notFound: fail(ABIError(.notFound, "instance '\(instance)' does not exist"))
    case .closed: fail(ABIError(.closed, "the client or its store was closed while it waited"))
    case .failed(let error): fail(ABIError(error))
    }
  }

  private func fail(_ error: ABIError) { done(error.handOver(), dx_text(data: nil, size: 0), user) }
}
