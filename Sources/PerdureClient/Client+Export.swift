package import PerdureModel
import PerdureRuntime
import PerdureStore

extension Client {
  /// Descendants of one instance that an export takes at most.
  private static let instancesMax = 10_000

  /// An instance with all that belongs to it, as it stands now.
  ///
  /// - children: with its descendants.
  package func export(
    _ instance: InstanceID, children: Bool
  ) throws(ClientError) -> (instances: [InstanceExport], at: TimestampMS) {
    try Check.instance(instance)
    let exports = try read { () throws(StoreError) in try hub.store.export(instance, children: children) }
    if exports.isEmpty { throw Self.notFound(instance) }
    guard exports.count <= Self.instancesMax else {
      throw .limitExceeded(
        "instance '\(instance)' has \(exports.count - 1) descendants; an export takes \(Self.instancesMax) "
          + "instances: export it without children, and the children by themselves")
    }
    return (exports, hub.clock.now())
  }

  /// Puts exported instances into this store, all or none.
  ///
  /// - isSuspended: open ones do not run before they are resumed.
  package func importInstances(
    _ instances: [InstanceExport], isSuspended: Bool, by requester: Requester = Requester()
  ) throws(ClientError) -> [InstanceID] {
    for instance in instances { try check(instance, among: instances) }
    let first = instances.first?.description.instance ?? ""
    let entry = try noted(
      .importInstances(instances, isSuspended: isSuspended, now: hub.clock.now()), "import", first,
      by: requester, detail: Payload("{\"instances\":\(instances.count)}"))
    do throws(ClientError) {
      guard case .instances(let imported) = try write(entry, first, "be imported") else { return [] }
      return imported
    } catch {
      guard case .alreadyExists = error else { throw error }
      for instance in instances {
        let id = instance.description.instance
        guard let there = try read({ () throws(StoreError) in try hub.store.describe(id) }) else { continue }
        throw .alreadyExists(id, there.status)
      }
      throw error
    }
  }

  private func check(
    _ instance: InstanceExport, among all: [InstanceExport]
  ) throws(ClientError) {
    let row = instance.description
    let limits = hub.limits
    try Check.instance(row.instance)
    try Check.name(row.orchestration, "orchestration")
    func check(_ count: Int64, _ what: String, limit: Int64) throws(ClientError) {
      guard count <= limit else {
        throw .limitExceeded(
          "instance '\(row.instance)' has \(count) \(what); the limit of this store is \(limit)")
      }
    }
    for history in instance.executions {
      try check(Int64(history.events.count), "events in one execution", limit: limits.historyEvents)
    }
    try check(Int64(instance.inbox.count), "waiting messages", limit: Int64(limits.inboxMessages))
    try check(
      Int64(instance.kv.count { $0.now != nil }), "keys in its key-value state", limit: Int64(limits.kvKeys))
    try check(
      Int64(instance.activities.count), "pending activities", limit: Int64(limits.pendingActions))
    for record in instance.kv {
      try check(
        Int64(record.now?.value.bytes.count ?? 0), "bytes in key '\(record.key)'",
        limit: Int64(limits.kvValueBytes))
    }
    try check(
      Int64(row.customStatus?.bytes.count ?? 0), "bytes of custom status",
      limit: Int64(limits.customStatusBytes))
    let payloads = [instance.start?.input, row.output].compactMap { $0 } + instance.inbox.compactMap(\.data)
    for payload in payloads {
      try check(
        Int64(payload.bytes.count), "bytes in an input, an output or a message",
        limit: Int64(limits.payloadBytes))
    }
    try checkParent(of: row, among: all)
  }

  /// Nobody could delete a child without its parent.
  private func checkParent(
    of row: InstanceDescription, among all: [InstanceExport]
  ) throws(ClientError) {
    guard let parent = row.parent?.instance else { return }
    if all.contains(where: { ExactText($0.description.instance) == ExactText(parent) }) { return }
    guard try read({ () throws(StoreError) in try hub.store.describe(parent) }) == nil else { return }
    throw .invalidArgument(
      "instance '\(row.instance)' is a child of '\(parent)', which is neither in the file nor in this store: "
        + "export the parent with its children")
  }
}

extension MessageKind {
  fileprivate var data: Payload? {
    switch self {
    case .raised(_, _, let data), .call(_, _, let data): data
    default: nil
    }
  }
}
