package import PerdureModel
import PerdureRuntime
import PerdureStore

/// What a change needs to know of an instance.
struct Candidate {
  let instance: InstanceID
  let orchestration: String
  let status: InstanceStatus
  let execution: ExecutionID
  let parent: InstanceID?
  let endedAt: TimestampMS?

  init(_ row: InstanceDescription) {
    instance = row.instance
    orchestration = row.orchestration
    status = row.status
    execution = row.execution
    parent = row.parent?.instance
    endedAt = row.endedAt
  }
}

extension Client {
  /// One verb for many instances, in small groups, so that other work goes on between them. A filter finds
  /// those that the verb is for; the others are passed over.
  package func bulk(_ request: BulkRequest, by requester: Requester) throws(ClientError) -> ChangeReport {
    try Check.requester(requester)
    var report = ChangeReport()
    switch request.selection {
    case .instances(let instances):
      guard instances.count <= Limits.managedInstances else {
        throw .limitExceeded(
          "\(instances.count) instances are named; the limit is \(Limits.managedInstances)")
      }
      for instance in instances { try Check.instance(instance) }
      report.rows =
        request.isDryRun
        ? try instances.map { instance throws(ClientError) in try foretell(request.verb, instance) }
        : try change(instances, request.verb, by: requester)
    case .filter(let filter):
      let (found, next) = try find(filter, limit: request.limit) { request.verb.isFor($0) }
      report.next = next
      let instances = found.map(\.instance)
      report.rows =
        request.isDryRun
        ? try instances.map { instance throws(ClientError) in try foretell(request.verb, instance) }
        : try change(instances, request.verb, by: requester)
    }
    return report
  }

  private func change(
    _ instances: [InstanceID], _ verb: BulkRequest.Verb, by requester: Requester
  ) throws(ClientError) -> [ChangeReport.Row] {
    let results = try writeGently(instances) { instance throws(ClientError) in
      try noted(
        entry(verb, instance, requester.reason), verb.word, instance, by: requester, detail: verb.detail)
    }
    return zip(instances, results).map { instance, result in row(instance, result, verb.phrase) }
  }

  private func entry(_ verb: BulkRequest.Verb, _ instance: InstanceID, _ reason: String) -> StoreEntry {
    let now = hub.clock.now()
    switch verb {
    case .cancel(let graceMS):
      let kind = MessageKind.cancel(reason: reason, graceMS: graceMS)
      return .post(OutgoingMessage(to: instance, kind: kind), now: now)
    case .control(let verb): return .control(instance, verb, reason: reason, now: now)
    case .delete(let force): return .delete(instance, force: force)
    }
  }

  /// What became of one.
  func row(_ instance: InstanceID, _ result: Committer.Result, _ phrase: String) -> ChangeReport.Row {
    let answer = Self.receipt(result, instance, phrase)
    switch answer {
    case .success(let receipt):
      var row = ChangeReport.Row(instance, .done)
      if case .deleted(let gone) = receipt { row.deleted = gone }
      if case .pruned(let executions) = receipt { row.executions = executions }
      return row
    case .failure(let error):
      if case .wrongStatus = error { return ChangeReport.Row(instance, .skipped, error.message) }
      return ChangeReport.Row(instance, .refused, error.message)
    }
  }

  // MARK: Dry runs

  /// What would become of one.
  private func foretell(
    _ verb: BulkRequest.Verb, _ instance: InstanceID
  ) throws(ClientError) -> ChangeReport.Row {
    let found = try read { () throws(StoreError) in try hub.store.describe(instance) }
    guard let found else { return row(instance, .answered(.failure(.notFound)), verb.phrase) }
    let candidate = Candidate(found)
    guard case .delete(let force) = verb else {
      let isFitting = verb.isFor(candidate)
      return isFitting
        ? ChangeReport.Row(instance, .done)
        : row(instance, .answered(.failure(.wrongStatus(found.status))), verb.phrase)
    }
    return try foretellDeletion(candidate, force: force)
  }

  func foretellDeletion(_ root: Candidate, force: Bool) throws(ClientError) -> ChangeReport.Row {
    let phrase = BulkRequest.Verb.delete(force: force).phrase
    if let parent = root.parent {
      return row(root.instance, .answered(.failure(.isChild(of: parent))), phrase)
    }
    var tree = [root]
    var next = 0
    while next < tree.count {
      let filter = ListQuery(parent: tree[next].instance)
      tree += try find(filter, limit: Limits.managedInstances) { _ in true }.found
      next += 1
    }
    if !force, let open = tree.first(where: { !$0.status.isTerminal }) {
      return row(root.instance, .answered(.failure(.wrongStatus(open.status))), phrase)
    }
    var row = ChangeReport.Row(root.instance, .done)
    row.deleted = tree.map(\.instance)
    return row
  }

  // MARK: Finding and writing

  /// Up to `limit` instances that a filter finds and that are wanted, in the order of the listing, and where
  /// the rest begins.
  func find(
    _ filter: ListQuery, limit: Int, where isWanted: (Candidate) -> Bool
  ) throws(ClientError) -> (found: [Candidate], next: Int64?) {
    var query = filter
    var found: [Candidate] = []
    while true {
      // A page ends where the limit does, so that its end can be named.
      query.limit = min(limit &- found.count, Limits.pageRows)
      let page = try read { () throws(StoreError) in try hub.store.list(query) }
      found += page.instances.map { Candidate($0) }.filter(isWanted)
      guard let next = page.next, found.count < limit else { return (found, page.next) }
      query.cursor = next
    }
  }

  /// Writes an entry for each item, a few to a commit, with a pause after each as long as it took: whatever
  /// else runs has at least half of the store.
  func writeGently<Item>(
    _ items: [Item], _ entry: (Item) throws(ClientError) -> StoreEntry
  ) throws(ClientError) -> [Committer.Result] {
    var results: [Committer.Result] = []
    results.reserveCapacity(items.count)
    while results.count < items.count {
      let group = items.dropFirst(results.count).prefix(Limits.managedPerWrite)
      var entries: [StoreEntry] = []
      for item in group { entries.append(try entry(item)) }
      let began = monotonicNowNS()
      let written = hub.write(entries)
      guard written.count == entries.count else {
        throw .store(StoreError(.closed, "the store is closed"))
      }
      results += written
      if results.count < items.count { pause(since: began) }
    }
    return results
  }

  /// As long as what began then took, within reason.
  func pause(since began: Int64) {
    let now = monotonicNowNS()
    let length = min(max(now &- began, 1_000_000), Limits.managedPauseNS)
    let sleep = Monitor()
    sleep.locked { while sleep.wait(untilMonotonicNS: now &+ length) {} }
  }
}

extension BulkRequest.Verb {
  /// As audit records have it.
  var word: String {
    switch self {
    case .cancel: "cancel"
    case .control(let verb): verb.rawValue
    case .delete: "delete"
    }
  }

  var detail: Payload? {
    if case .delete(force: true) = self { Payload("{\"force\":true}") } else { nil }
  }

  /// "instance ... is Completed and cannot ..."
  var phrase: String {
    switch self {
    case .cancel: "receive messages"
    case .control(let verb): verb.phrase
    case .delete: "be deleted; force deletes it all the same"
    }
  }

  /// Whether it fits an instance like this. (Of a deletion also the descendants decide.)
  func isFor(_ candidate: Candidate) -> Bool {
    let status = candidate.status
    switch self {
    case .cancel, .control(.terminate): return !status.isTerminal
    case .control(.suspend), .control(.requeue): return status == .pending || status == .running
    case .control(.resume): return status == .suspended
    case .control(.retry): return status == .quarantined
    case .delete(let force): return candidate.parent == nil && (force || status.isTerminal)
    }
  }
}

extension ControlVerb {
  /// "instance ... is Completed and cannot ..."
  var phrase: String {
    switch self {
    case .suspend: "be suspended"
    case .resume: "be resumed"
    case .terminate: "be terminated"
    case .retry: "be retried; that is for quarantined ones"
    case .requeue: "be requeued; that is for pending and running ones"
    }
  }
}
