package import PerdureModel
import PerdureRuntime
import PerdureStore

extension Client {
  /// What the living runtimes serve, in the order in which they began.
  package func nodes() throws(ClientError) -> [NodeService] {
    var services = try read { () throws(StoreError) in try hub.store.services() }
    for index in services.indices {
      // What the engine runs for itself is not the user's business.
      services[index].orchestrations.removeAll { Reserved.isReserved($0.name) }
      services[index].activities.removeAll { Reserved.isReserved($0) }
    }
    return services
  }
}
