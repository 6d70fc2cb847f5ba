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
    // What an operation looks at and what it writes is of one moment, also when time is virtual.
    try out.set(
      json: try mapped { () throws(ClientError) in
        try client.atOneMoment { () throws(ClientError) in try client.manage(request) }
      })
  }
}

extension Client {
  private func exported(_ instance: InstanceID, children: Bool) throws(ClientError) -> [UInt8] {
    let (instances, at) = try export(instance, children: children)
    return ExportWire.encode(instances, at: at)
  }

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
    case .export(let instance, let children): try exported(instance, children: children)
    case .schedule(let operation): try manage(operation, by: request.requester)
    case .inspect(let instance): ManageWire.encode(try inspect(instance))
    case .why(let instance): ManageWire.encode(try why(instance))
    case .executions(let query): ManageWire.encodeExecutions(try executions(query))
    case .tree(let query): ManageWire.encode(try tree(query))
    case .ancestors(let instance): ManageWire.encodeAncestors(try ancestors(of: instance))
    case .statistics(.instance(let instance)): ManageWire.encode(try statistics(of: instance))
    case .statistics(.orchestration(let name)): ManageWire.encode(try statusCounts(of: name))
    case .statistics(.system): ManageWire.encode(try statusCounts(of: nil))
    case .queues: try queues()
    case .audit(let query): ManageWire.encode(try audit(query))
    case .retention: ManageWire.encode(try retention())
    default: try change(request)
    }
  }

  private func change(_ request: ManageRequest) throws(ClientError) -> [UInt8] {
    let requester = request.requester
    switch request.operation {
    case .nodes, .audit, .retention, .export, .schedule, .inspect, .why, .executions, .tree, .ancestors,
      .statistics, .queues:
      break
    case .importInstances(let instances, let isSuspended):
      return ManageWire.encodeImported(
        try importInstances(instances, isSuspended: isSuspended, by: requester))
    case .control(let instance, let operation):
      return ClientWire.encodeControlled(
        try control(
          ControlRequest(
            instance: instance, operation: operation, reason: request.reason, actor: request.actor)))
    case .bulk(let bulk): return ManageWire.encode(try self.bulk(bulk, by: requester))
    case .prune(let pruning): return ManageWire.encode(try prune(pruning, by: requester))
    case .setRetention(let rule): try setRetention(rule, by: requester)
    case .removeRetention(let orchestration): try removeRetention(orchestration, by: requester)
    case .sweep(let isDryRun, let limit):
      return ManageWire.encode(try sweep(isDryRun: isDryRun, limit: limit, by: requester))
    case .activity(let activity): try act(activity, by: requester)
    case .reset(let instance, let point, let isDryRun):
      return ManageWire.encode(try reset(instance, to: point, isDryRun: isDryRun, by: requester))
    }
    return ManageWire.encodeDone()
  }
}
