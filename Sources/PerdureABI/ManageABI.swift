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
  fileprivate func queues() throws(ClientError) -> [UInt8] {
    let (workload, nodes, now) = try workload()
    return ManageWire.encode(workload, now: now) { name, tag in
      nodes.contains { $0.service.takes(name, tag: tag) }
    }
  }

  /// Does what is asked and writes the answer.
  fileprivate func manage(_ request: ManageRequest) throws(ClientError) -> [UInt8] {
    switch request.operation {
    case .nodes: ManageWire.encodeNodes(try nodes())
    case .inspect(let instance): ManageWire.encode(try inspect(instance))
    case .why(let instance): ManageWire.encode(try why(instance))
    case .executions(let query): ManageWire.encodeExecutions(try executions(query))
    case .tree(let query): ManageWire.encode(try tree(query))
    case .ancestors(let instance): ManageWire.encodeAncestors(try ancestors(of: instance))
    case .statistics(.instance(let instance)): ManageWire.encode(try statistics(of: instance))
    case .statistics(.orchestration(let name)): ManageWire.encode(try statusCounts(of: name))
    case .statistics(.system): ManageWire.encode(try statusCounts(of: nil))
    case .queues: try queues()
    case .reset(let instance, let point, let isDryRun):
      ManageWire.encode(try reset(instance, to: point, isDryRun: isDryRun, by: request.requester))
    case .audit(let query): ManageWire.encode(try audit(query))
    }
  }
}
