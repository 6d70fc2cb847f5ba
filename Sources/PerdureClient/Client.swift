package import PerdureModel
package import PerdureRuntime
import PerdureStore
import Synchronization

/// Starts instances, sends them messages, waits for them, looks at them. Calls return when they are durable.
package final class Client: Sendable {
  let hub: Hub
  private let closed = Atomic(false)

  package init(hub: Hub) { self.hub = hub }

  // MARK: Look

  package func describe(_ instance: InstanceID) throws(ClientError) -> InstanceDescription {
    try Check.instance(instance)
    guard let description = try read({ () throws(StoreError) in try hub.store.describe(instance) }) else {
      throw Self.notFound(instance)
    }
    return description
  }

  package func list(_ query: ListQuery) throws(ClientError) -> ListPage {
    var query = query
    query.mayLag = true
    let asked = query
    return try read { () throws(StoreError) in try hub.store.list(asked) }
  }

  package func history(_ query: HistoryQuery) throws(ClientError) -> HistoryPage {
    try Check.instance(query.instance)
    guard let page = try read({ () throws(StoreError) in try hub.store.history(query) }) else {
      let execution = query.execution.map { ", or not with execution \($0)" } ?? ""
      throw .notFound(query.instance, "instance '\(query.instance)' does not exist\(execution)")
    }
    return page
  }

  package func delete(
    _ instance: InstanceID, force: Bool, by requester: Requester = Requester()
  ) throws(ClientError) -> [InstanceID] {
    try Check.instance(instance)
    let detail = force ? Payload("{\"force\":true}") : nil
    let entry = try noted(.delete(instance, force: force), "delete", instance, by: requester, detail: detail)
    let receipt = try write(entry, instance, "be deleted; force deletes it all the same")
    guard case .deleted(let gone) = receipt else { return [] }
    return gone
  }

  /// The key-value state of an instance, by key. Also of one that has ended.
  package func keyValues(_ query: KVQuery) throws(ClientError) -> [KVEntry] {
    try Check.instance(query.instance)
    guard let entries = try read({ () throws(StoreError) in try hub.store.keyValues(query) }) else {
      throw Self.notFound(query.instance)
    }
    return entries
  }

  /// Virtual time stands still for the length of the call.
  package func atOneMoment<Value>(
    _ body: () throws(ClientError) -> Value
  ) throws(ClientError) -> Value {
    try hub.atOneMoment { _ throws(ClientError) in try body() }
  }

  /// Answers open waits with `.closed`, and those that calls under way have yet to open.
  package func close() {
    closed.store(true, ordering: .sequentiallyConsistent)
    hub.waits.abandon(self)
  }

  var isClosed: Bool { closed.load(ordering: .sequentiallyConsistent) }
}

// MARK: - Store calls

extension Client {
  func read<Value>(_ body: () throws(StoreError) -> Value) throws(ClientError) -> Value {
    do throws(StoreError) { return try body() } catch { throw .store(error) }
  }

  @discardableResult
  func write(
    _ entry: StoreEntry, _ instance: InstanceID, _ verb: String
  ) throws(ClientError) -> StoreReceipt {
    guard let result = hub.write([entry]).first else {
      throw .store(StoreError(.closed, "the store is closed"))
    }
    return try Self.receipt(result, instance, verb).get()
  }

  static func receipt(
    _ result: Committer.Result, _ instance: InstanceID, _ verb: String
  ) -> Result<StoreReceipt, ClientError> {
    switch result {
    case .failed(let error): return .failure(.store(error))
    case .answered(.success(let receipt)): return .success(receipt)
    case .answered(.failure(let refusal)):
      switch refusal {
      case .notFound: return .failure(notFound(instance))
      case .alreadyExists(let status): return .failure(.alreadyExists(instance, status))
      case .wrongStatus(let status):
        let message = "instance '\(instance)' is \(status.rawValue) and cannot \(verb)"
        return .failure(.wrongStatus(instance, status, message))
      case .isChild(let parent):
        let message = "instance '\(instance)' is a child of '\(parent)'; delete that one"
        return .failure(.wrongStatus(instance, nil, message))
      case .inboxFull(let limit):
        return .failure(
          .limitExceeded("the inbox of instance '\(instance)' is full: \(limit) messages wait in it"))
      case .failed(let error): return .failure(.store(error))
      case .staleClaim:
        return .failure(
          .stale(
            "the attempt of an activity of instance '\(instance)' is over: "
              + "it was completed, cancelled, or another one follows it"))
      case .conflict, .owned:
        return .failure(
          .store(StoreError(.busy, "instance '\(instance)' was changed at the same moment; try again")))
      }
    }
  }

  static func notFound(_ instance: InstanceID) -> ClientError {
    .notFound(instance, "instance '\(instance)' does not exist")
  }
}
