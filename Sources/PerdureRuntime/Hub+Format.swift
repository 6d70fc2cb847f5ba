package import PerdureModel
package import PerdureStore

extension Hub {
  /// Refuses a store on which a runtime works that does not read what this release writes, or writes what
  /// this release does not read.
  ///
  /// - Parameter own: the node that asks.
  package static func checkFormat(
    of store: any Store, except own: NodeID? = nil, format: EngineFormat = .current
  ) throws(StoreError) {
    for node in try store.nodes() where node.id != own {
      guard let objection = format.objection(to: node.service.format) else { continue }
      let process = node.pid.map { "process \($0)" } ?? "node \(node.id)"
      let host = node.host.map { " on \($0)" } ?? ""
      throw StoreError(
        .foreign,
        "The store is in use by a runtime that \(objection): \(process)\(host). Stop it first, or "
          + "use a release that goes with both.")
    }
  }
}
