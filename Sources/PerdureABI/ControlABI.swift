public import CDX
import PerdureClient
import PerdureModel
import PerdureRuntime
import PerdureStore
import PerdureWire

// Messages and control that take a JSON request, and activities that end elsewhere.

@c @implementation
public func dx_client_send(
  _ client: OpaquePointer?, _ request: dx_text, _ out: UnsafeMutablePointer<dx_buffer>?
) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let out = try Out(out)
    let client = try Handles.clients.find(client).client
    let json = try request.bytes("request")
    let send = try decoded("request") { () throws(WireError) in try ClientWire.decodeSend(json) }
    let isKept = try mapped { () throws(ClientError) in try client.send(send) }
    try out.set(json: ClientWire.encodeSent(isKept: isKept))
  }
}

@c @implementation
public func dx_client_publish(
  _ client: OpaquePointer?, _ topic: dx_text, _ payload: dx_text, _ out: UnsafeMutablePointer<dx_buffer>?
) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let out = try Out(out)
    let client = try Handles.clients.find(client).client
    let topic = try topic.string("topic")
    let json = try payload.bytes("payload")
    let data = try decoded("payload") { () throws(WireError) in try PayloadWire.decode(json) }
    let count = try mapped { () throws(ClientError) in try client.publish(topic, data) }
    try out.set(json: ClientWire.encodePublished(Int64(count)))
  }
}

@c @implementation
public func dx_client_control(
  _ client: OpaquePointer?, _ request: dx_text, _ out: UnsafeMutablePointer<dx_buffer>?
) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let out = try Out(out)
    let client = try Handles.clients.find(client).client
    let json = try request.bytes("request")
    let control = try decoded("request") { () throws(WireError) in try ClientWire.decodeControl(json) }
    let status = try mapped { () throws(ClientError) in try client.control(control) }
    try out.set(json: ClientWire.encodeControlled(status))
  }
}

// MARK: - Activities that end elsewhere

@c @implementation
public func dx_client_complete_activity(
  _ client: OpaquePointer?, _ token: dx_text, _ result: dx_text
) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let client = try Handles.clients.find(client).client
    let token = try token.string("token")
    let json = try result.bytes("result")
    let payload = try decoded("result") { () throws(WireError) in try PayloadWire.decode(json) }
    try mapped { () throws(ClientError) in try client.completeActivity(token, .completed(payload)) }
  }
}

@c @implementation
public func dx_client_fail_activity(
  _ client: OpaquePointer?, _ token: dx_text, _ failure: dx_text
) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let client = try Handles.clients.find(client).client
    let token = try token.string("token")
    let json = try failure.bytes("failure")
    let parsed = try decoded("failure") { () throws(WireError) in try FailureWire.decode(json) }
    try mapped { () throws(ClientError) in try client.completeActivity(token, .failed(parsed)) }
  }
}

@c @implementation
public func dx_client_heartbeat_activity(
  _ client: OpaquePointer?, _ token: dx_text, _ details: dx_text
) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let client = try Handles.clients.find(client).client
    let token = try token.string("token")
    let json = try details.bytes("details")
    let payload = try decoded("details") { () throws(WireError) in try PayloadWire.decode(json) }
    try mapped { () throws(ClientError) in try client.heartbeatActivity(token, payload) }
  }
}
