package import PerdureModel
import PerdureRuntime
import PerdureStore

extension Client {
  /// What the living runtimes serve, in the order in which they began.
  package func nodes() throws(ClientError) -> [NodeService] {
    try read { () throws(StoreError) in try hub.store.services() }
  }
}
