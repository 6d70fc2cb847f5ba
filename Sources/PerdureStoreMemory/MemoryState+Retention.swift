package import PerdureModel
import PerdureStore

/// Instances without a parent that ended alike, for retention.
struct EndedLane: Hashable, Sendable {
  var orchestration: ExactText
  var status: InstanceStatus
}

/// Where an instance stands among those that have ended.
struct EndPlace: Equatable, Sendable {
  var lane: EndedLane
  var due: Due
}

extension InstanceRecord {
  /// nil: it has not ended, or goes with its parent.
  var endPlace: EndPlace? {
    guard description.status.isTerminal, description.parent == nil, let endedAt = description.endedAt else {
      return nil
    }
    let lane = EndedLane(orchestration: ExactText(description.orchestration), status: description.status)
    return EndPlace(lane: lane, due: Due(at: endedAt, order: order))
  }
}

extension MemoryState {
  mutating func setRetention(_ rule: RetentionRule) -> StoreOutcome {
    retention[ExactText(rule.orchestration)] = rule
    return .success(.done)
  }

  mutating func removeRetention(_ orchestration: String) -> StoreOutcome {
    guard retention.removeValue(forKey: ExactText(orchestration)) != nil else { return .failure(.notFound) }
    return .success(.done)
  }

  package func retentionRules() -> [RetentionRule] {
    retention.values.sorted { $0.orchestration.utf8.lexicographicallyPrecedes($1.orchestration.utf8) }
  }

  mutating func moveEnd(_ old: EndPlace?, to new: EndPlace?) {
    if let old {
      ended[old.lane]?.remove(old.due)
      if ended[old.lane]?.isEmpty == true { ended.removeValue(forKey: old.lane) }
    }
    if let new { ended[new.lane, default: SortedSet()].insert(new.due) }
  }

  mutating func sweep(limit: Int, now: TimestampMS) -> StoreOutcome {
    let rules = RetentionRules(retentionRules())
    var over: [Due] = []
    var upcoming: TimestampMS?
    var isBlocked = false
    for (lane, members) in rules.rules.isEmpty ? [:] : ended {
      guard let rule = rules.rule(for: lane.orchestration.text), rule.statuses.contains(lane.status) else {
        continue
      }
      let cutoff = rule.cutoff(now)
      var found = 0
      members.walk { due in
        guard due.at <= cutoff, found <= limit else { return false }
        if hasEnded(treeOf: due.order) {
          over.append(Due(at: due.at &+ rule.keepMS, order: due.order))
          found += 1
        } else {
          isBlocked = true
        }
        return true
      }
      if let first = members.first(after: Due(at: cutoff, order: .max)) {
        upcoming = soonest(upcoming, first.at &+ rule.keepMS)
      }
    }
    over.sort()
    var deleted: [InstanceID] = []
    for due in over.prefix(max(limit, 0)) { deleted += remove(tree(of: due.order)) }
    let old = audits.prefix { $0.note.at <= now &- Limits.auditKeepMS }.count
    audits.removeFirst(min(old, Limits.auditsPerSweep))
    if over.count > limit || old > Limits.auditsPerSweep {
      return .success(.swept(deleted: deleted, next: now))
    }
    let next = rules.next(
      after: now, upcoming: upcoming, isBlocked: isBlocked,
      auditDue: audits.first.map { $0.note.at &+ Limits.auditKeepMS })
    return .success(.swept(deleted: deleted, next: next))
  }

  private func hasEnded(treeOf root: Int64) -> Bool {
    tree(of: root).allSatisfy { records[$0]?.description.status.isTerminal ?? true }
  }

  mutating func pruneExecutions(_ instance: InstanceID, keep: Int64, limit: Int) -> StoreOutcome {
    guard let order = locate(instance), let record = records[order] else { return .failure(.notFound) }
    let old = record.histories.dropLast(Int(clamping: max(keep, 1)))
    let full = old.indices.filter { !old[$0].isEmpty }.prefix(max(limit, 0))
    for index in full { records[order]?.histories[index] = [] }
    return .success(.pruned(executions: Int64(full.count)))
  }
}
