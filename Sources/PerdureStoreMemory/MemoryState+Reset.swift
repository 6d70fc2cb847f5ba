import PerdureModel
import PerdureStore

extension MemoryState {
  mutating func reset(_ resets: [InstanceReset]) -> StoreOutcome {
    for reset in resets {
      if let refusal = check(reset) { return .failure(refusal) }
    }
    for reset in resets { apply(reset) }
    var deleted: [InstanceID] = []
    for reset in resets { deleted += replaceChildren(reset) }
    return .success(.reset(deleted: deleted))
  }

  private func check(_ reset: InstanceReset) -> StoreRefusal? {
    guard let order = locate(reset.instance), let record = records[order] else { return .notFound }
    let row = record.description
    guard row.revision == reset.revision, row.createdAt == reset.createdAt, record.start == nil,
      row.execution == reset.execution
    else { return .conflict }
    guard reset.fits(row.eventCount) else {
      return .failed(
        StoreError(
          .internalError,
          "The reset of instance '\(row.instance)' has events out of order; nothing was stored."
        ))
    }
    return nil
  }

  private mutating func apply(_ reset: InstanceReset) {
    guard let order = locate(reset.instance) else { return }
    let open = Set(reset.activities.map { $0.key.action })
    for action in records[order]?.activities.keys.sorted() ?? [] where !open.contains(action) {
      removeActivity(action, of: order)
    }
    let returned = reset.returned.map { InboxMessage(sequence: nextSequence(), kind: $0) }
    let waiting = (records[order]?.inbox ?? []).map { InboxMessage(sequence: nextSequence(), kind: $0.kind) }
    update(order) { $0.take(reset, inbox: returned + waiting) }
    for task in reset.activities where records[order]?.activities[task.key.action] == nil {
      schedule(task, of: order, revision: reset.revision, now: reset.now)
    }
    endSubscriptions(of: order)
    for topic in reset.topics { change(TopicChange(topic: topic, isSubscribed: true), of: order) }
  }

  /// Answers who is gone, those that begin anew included.
  private mutating func replaceChildren(_ reset: InstanceReset) -> [InstanceID] {
    var deleted: [InstanceID] = []
    var revisions: [ExactText: Revision] = [:]
    for child in reset.removed {
      guard let order = locate(child), let row = records[order]?.description,
        let parent = row.parent?.instance, ExactText(parent) == ExactText(reset.instance)
      else { continue }
      revisions[ExactText(child)] = row.revision &+ 1
      deleted += remove(tree(of: order))
    }
    for start in reset.starts {
      if let status = status(of: start.instance) {
        _ = tellTaken(start, status)
      } else {
        create(start, revision: revisions[ExactText(start.instance)] ?? 0, owner: nil, now: reset.now)
      }
    }
    return deleted
  }
}

extension InstanceRecord {
  fileprivate mutating func take(_ reset: InstanceReset, inbox: [InboxMessage]) {
    histories[histories.count - 1].removeSubrange(Int(clamping: reset.kept)...)
    histories[histories.count - 1].append(contentsOf: reset.appended)
    self.inbox = inbox
    keyValues.beginAgain()
    for change in reset.kvChanges { keyValues.apply(change) }
    description.eventCount = Int64(histories[histories.count - 1].count)
    description.revision &+= 1
    description.status = .running
    if description.customStatus != reset.customStatus {
      description.customStatus = reset.customStatus
      description.customStatusVersion &+= 1
    }
    description.output = nil
    description.failure = nil
    description.suspendReason = nil
    description.updatedAt = reset.now
    description.endedAt = nil
    (lostTurns, pausedAt) = (0, 0)
    wakeAt = 0
    owner = nil
  }
}
