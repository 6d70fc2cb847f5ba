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
  object.client.close()
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
    let started = try mapped { () throws(ClientError) in try client.start(start) }
    try out.set(json: ClientWire.encodeStarted(ClientWire.Started(started)))
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
    let results = starts.map { start -> Result<ClientWire.Started, ClientWire.Refusal> in
      switch start {
      case .failure(let error): .failure(ClientWire.Refusal(ABIError(.invalidArgument, error.message)))
      case .success:
        started.next()?.map { ClientWire.Started($0) }.mapError { ClientWire.Refusal(ABIError($0)) }
          ?? .failure(ClientWire.Refusal(ABIError(.internalError, "no answer came for this request")))
      }
    }
    try out.set(json: ClientWire.encodeStarted(results))
  }
}

extension ClientWire.Started {
  fileprivate init(_ started: Started) { self.init(started.instance, isExisting: started.isExisting) }
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
    let request = SendRequest(instance: instance, channel: channel, name: name, data: data)
    try mapped { () throws(ClientError) in _ = try client.send(request) }
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
    try mapped { () throws(ClientError) in try client.cancel(instance, by: Requester(reason: reason)) }
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
  func encode(_ description: InstanceDescription) -> [UInt8] {
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

@c @implementation
public func dx_client_kv(
  _ client: OpaquePointer?, _ query: dx_text, _ out: UnsafeMutablePointer<dx_buffer>?
) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let out = try Out(out)
    let client = try Handles.clients.find(client).client
    let json = try query.bytes("query")
    let query = try decoded("query") { () throws(WireError) in try ClientWire.decodeKV(json) }
    let entries = try mapped { () throws(ClientError) in try client.keyValues(query) }
    try out.set(json: ClientWire.encodeKVPage(entries))
  }
}
