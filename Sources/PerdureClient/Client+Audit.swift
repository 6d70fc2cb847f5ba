package import PerdureModel
import PerdureRuntime
package import PerdureStore

extension Client {
  /// The records of what was changed by clients, the newest first.
  package func audit(_ query: AuditQuery) throws(ClientError) -> AuditPage {
    try read { () throws(StoreError) in try hub.store.audit(query) }
  }

  /// The entry with the record that goes with it: every change by management is written as this.
  ///
  /// - Parameters:
  ///   - operation: a word of the management API.
  ///   - target: the instance, or the name of what is changed.
  ///   - detail: what else there is to say.
  /// - Throws: `.limitExceeded` for an actor or a reason that is too long.
  package func noted(
    _ entry: StoreEntry, _ operation: String, _ target: String, by requester: Requester,
    detail: Payload? = nil
  ) throws(ClientError) -> StoreEntry {
    try Check.requester(requester)
    return .noted(
      entry,
      AuditNote(
        actor: requester.actor, operation: operation, target: target, reason: requester.reason,
        detail: detail, at: hub.clock.now()))
  }
}
