public import CDX
import PerdureClient
import PerdureModel
import PerdureWire

@c @implementation
public func dx_client_manage(
  _ client: OpaquePointer?, _ request: dx_text, _ out: UnsafeMutablePointer<dx_buffer>?
) -> OpaquePointer? {
  fallible { () throws(ABIError) in
    let out = try Out(out)
    let client = try Handles.clients.find(client).client
    let json = try request.bytes("request")
    let request = try decoded("request") { () throws(WireError) in try ManageWire.decode(json) }
    try out.set(json: try mapped { () throws(ClientError) in try client.manage(request) })
  }
}

extension Client {
  /// Does what is asked and writes the answer.
  fileprivate func manage(_ request: ManageRequest) throws(ClientError) -> [UInt8] {
    switch request.operation {
    case .nodes: ManageWire.encodeNodes(try nodes())
    case .schedule(let operation): try manage(operation, by: request.requester)
    case .reset(let instance, let point, let isDryRun):
      ManageWire.encode(try reset(instance, to: point, isDryRun: isDryRun, by: request.requester))
    case .audit(let query): ManageWire.encode(try audit(query))
    }
  }
}
