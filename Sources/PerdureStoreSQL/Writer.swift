package import PerdureModel
package import PerdureStore

/// The one connection that writes, with its statements. Used under the store's lock.
///
/// A group is one transaction. Entries look before they write, so that a refusal needs nothing undone and the
/// usual group runs without savepoints (each would copy every page that it touches). Should an entry fail in
/// the middle all the same, the transaction is rolled back and the group runs again with a savepoint around
/// each entry.
package final class Writer: @unchecked Sendable {
  package let connection: any Connection
  let statements: WriterStatements
  package let rare: StatementCache
  /// Messages that wait for one instance.
  let inboxLimit: Int64
  /// Generations of children below a root.
  let depthLimit: Int
  /// There are kept messages, as far as this transaction knows. Nobody else can keep or take one meanwhile:
  /// that is done alone.
  var hasKept: Bool?
  /// What this transaction changes of the counts: written at its end, once for all its entries.
  var tally = StatusTally()
  /// What this group has looked at ahead.
  var foresight = Foresight()
  /// Keys of instances that this transaction has taken ahead.
  var instanceKeys: ArraySlice<Int64> = []
  /// Which nodes are there, as far as this transaction knows. Nobody else can forget one meanwhile: that is
  /// done alone.
  var liveNodes: [NodeID: Bool] = [:]
  /// nil: nobody else writes between the begin of the transaction and its commit.
  var shared: SharedGroup?
  /// Claims in a row that took nothing because of others, perhaps.
  var fruitlessInstances = 0
  var fruitlessActivities = 0

  package init(_ connection: any Connection, limits: LimitSettings) throws(StoreError) {
    self.connection = connection
    inboxLimit = Int64(limits.inboxMessages)
    depthLimit = limits.subOrchestrationDepth
    rare = StatementCache(connection)
    statements = try WriterStatements(connection)
  }

  // MARK: Groups

  package func commit(_ entries: [StoreEntry]) throws(StoreError) -> [StoreOutcome] {
    if connection.canShare, entries.allSatisfy(\.mayShare) {
      do throws(StoreError) {
        return settled(try transaction(.shared) { () throws(StoreError) in try apply(entries) })
      } catch {
        guard mayLandAlone(error) else { throw error }
      }
    }
    do throws(StoreError) {
      return settled(try transaction { () throws(StoreError) in try apply(entries) })
    } catch {
      guard error.isConfinedToEntry else { throw error }
    }
    return settled(
      try transaction { () throws(StoreError) in
        var outcomes: [StoreOutcome] = []
        for entry in entries { outcomes.append(try applyAlone(entry)) }
        return outcomes
      })
  }

  /// With the keys that were only known at the end.
  private func settled(_ outcomes: [StoreOutcome]) -> [StoreOutcome] {
    guard connection.dialect == .postgresql else { return outcomes }
    return outcomes.map { outcome in outcome.map { $0.mapSequences(connection.key) } }
  }

  /// Begins, runs, commits; whatever fails leaves no transaction and no lock behind.
  func transaction<R>(
    _ mode: WriteMode = .alone, _ body: () throws(StoreError) -> R
  ) throws(StoreError) -> R {
    do throws(StoreError) {
      shared = mode == .shared ? SharedGroup() : nil
      hasKept = nil
      tally = StatusTally()
      foresight = Foresight()
      instanceKeys = []
      liveNodes.removeAll(keepingCapacity: true)
      try connection.beginWrite(mode)
      let result = try body()
      if !tally.isEmpty { try writeTally() }
      try connection.commitWrite()
      return result
    } catch {
      connection.rollBack(after: error)
      throw error
    }
  }

  private func apply(_ entries: [StoreEntry]) throws(StoreError) -> [StoreOutcome] {
    var outcomes: [StoreOutcome] = []
    outcomes.reserveCapacity(entries.count)
    try foresee(entries)
    for entry in entries {
      if !foresight.isEmpty, !entry.looksFirst { foresight = Foresight() }
      outcomes.append(try apply(entry))
    }
    return outcomes
  }

  private func applyAlone(_ entry: StoreEntry) throws(StoreError) -> StoreOutcome {
    try connection.execute("SAVEPOINT entry")
    let counted = tally
    do {
      let outcome = try apply(entry)
      try connection.execute("RELEASE entry")
      return outcome
    } catch {
      guard error.isConfinedToEntry, !connection.isIdle else { throw error }
      connection.forgetCollected()
      try connection.execute("ROLLBACK TO entry")
      tally = counted
      try connection.execute("RELEASE entry")
      return .failure(.failed(error))
    }
  }

  @inline(never)
  private func noted(_ entry: StoreEntry, _ note: AuditNote) throws(StoreError) -> StoreOutcome {
    let outcome = try apply(entry)
    if case .success = outcome { try self.note(note) }
    return outcome
  }

  @inline(__always)
  private func apply(_ entry: borrowing StoreEntry) throws(StoreError) -> StoreOutcome {
    switch entry {
    case .start(let start, let owner, let now): try self.start(start, owner: owner, now: now)
    case .post(let message, _): try post(message)
    case .publish(let publication, _): .success(.delivered(try publish(publication)))
    case .turn(let commit): try turn(commit)
    case .control(let instance, let verb, let reason, let now):
      try control(instance, verb, reason: reason, now: now)
    case .quarantine(let instance, let revision, let failure, let now):
      try quarantine(instance, revision: revision, failure: failure, now: now)
    case .reset(let resets): try reset(resets)
    case .delete(let instance, let force): try delete(instance, force: force)
    case .importInstances(let instances, let isSuspended, let now):
      try importInstances(instances, isSuspended: isSuspended, now: now)
    case .pruneExecutions(let instance, let keep, let limit):
      try pruneExecutions(instance, keep: keep, limit: limit)
    case .setRetention(let rule): try setRetention(rule)
    case .removeRetention(let orchestration): try removeRetention(orchestration)
    case .sweep(let limit, let now): try sweep(limit: limit, now: now)
    case .noted(let entry, let note): try noted(entry, note)
    case .claimInstances(let node, let orchestrations, let limit, let now):
      try claimInstances(node: node, orchestrations: orchestrations, limit: limit, now: now)
    case .claimInstance(let node, let instance): try claimInstance(node: node, instance: instance)
    case .releaseInstances(let node, let instances):
      try releaseInstances(node: node, instances: instances)
    case .claimActivities(let node, let filter, let limit, let now):
      try claimActivities(node: node, filter: filter, limit: limit, now: now)
    case .releaseActivities(let activities): try releaseActivities(activities)
    case .releaseUnheldActivities(let node, let kept):
      try releaseActivities(of: node, except: Set(kept))
    case .activityEnded(let key, let claim, let outcome, let now):
      try activityEnded(key, claim: claim, outcome: outcome, now: now)
    case .activityRetry(let key, let claim, let failure, let retryAt, let heartbeat):
      try activityRetry(key, claim: claim, failure: failure, retryAt: retryAt, heartbeat: heartbeat)
    case .activityHeartbeat(let key, let claim, let details):
      try activityHeartbeat(key, claim: claim, details: details)
    case .deferActivity(let key, let claim, let heartbeat, let now):
      try deferActivity(key, claim: claim, heartbeat: heartbeat, now: now)
    case .completeActivity(let token, let outcome, let now):
      try completeActivity(token, outcome: outcome, now: now)
    case .heartbeatByToken(let token, let details, let now):
      try heartbeatByToken(token, details: details, now: now)
    case .actOnActivity(let key, let verb, let now): try actOnActivity(key, verb, now: now)
    case .expireActivities(let limit, let now): try expireActivities(limit: limit, now: now)
    }
  }
}
