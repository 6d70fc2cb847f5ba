import PerdureModel
import PerdureStore

/// Instances that are put back, pruned or removed.
extension Watch {
  mutating func wasReset(_ resets: [InstanceReset], _ deleted: [InstanceID], _ store: SimStore) {
    let told = tellsOfTaken(resets)
    for reset in resets { putBack(reset, told[reset.instance] ?? [], store) }
    var expected: Set<InstanceID> = []
    for reset in resets {
      for child in reset.removed where life(child)?.start.parent?.instance == reset.instance {
        expected.formUnion(tree(of: child))
      }
    }
    require(
      expected == Set(deleted),
      "A reset removed \(deleted.count) instances; \(expected.count) belong to what it takes back.")
    for instance in deleted { end(instance) }
    for reset in resets {
      for start in reset.starts where place(start.instance) == nil { begin(start, reset.now, store) }
    }
  }

  /// What parents hear of children that are to begin anew, and whose ids are taken.
  private func tellsOfTaken(_ resets: [InstanceReset]) -> [InstanceID: [MessageKind]] {
    var gone: Set<InstanceID> = []
    var statuses = Dictionary(resets.map { ($0.instance, InstanceStatus.running) }, uniquingKeysWith: { $1 })
    var told: [InstanceID: [MessageKind]] = [:]
    for reset in resets {
      for child in reset.removed where life(child)?.start.parent?.instance == reset.instance {
        gone.formUnion(tree(of: child))
      }
      for start in reset.starts {
        let before = gone.contains(start.instance) ? nil : life(start.instance)?.status
        guard let status = statuses[start.instance] ?? before, let link = start.parent else {
          statuses[start.instance] = .pending
          continue
        }
        told[reset.instance, default: []].append(
          .subOrchestrationEnded(
            execution: link.execution, action: link.action,
            outcome: .failed(.alreadyExists(start.instance, status))))
      }
    }
    return told
  }

  /// - told: of children that could not begin.
  private mutating func putBack(_ reset: InstanceReset, _ told: [MessageKind], _ store: SimStore) {
    let instance = reset.instance
    guard let life = life(instance), let history = life.histories.last else {
      return require(false, "'\(instance)' was reset, and is not there.")
    }
    require(
      life.revision == reset.revision && Int64(life.histories.count) == reset.execution,
      "A reset of '\(instance)' computed from revision \(reset.revision) landed on \(life.revision).")
    let messages = store.messages(of: instance)
    require(
      messages.map { $0.kind } == reset.returned + life.inbox.map { $0.kind } + told,
      "'\(instance)' was reset and has other messages than those that are told again and that wait.")
    let now = moment.now
    change(instance) { life in
      let kept = Int(clamping: reset.kept)
      let carried = life.carried[life.carried.count - 1]
      life.toldAgain.formUnion(
        history.prefix(carried).dropFirst(kept).compactMap { Messages.received($0)?.data })
      life.histories[life.histories.count - 1] = Array(history.prefix(kept)) + reset.appended
      life.carried[life.carried.count - 1] = min(carried, kept)
      life.status = .running
      life.revision += 1
      life.inbox = messages
      life.topics = Set(reset.topics)
      life.values = Dictionary(
        (life.bases.last ?? []).map { ($0.key, $0) }, uniquingKeysWith: { one, _ in one })
      for change in reset.kvChanges { life.apply(change) }
      life.isTerminated = false
      life.end = nil
      life.resets += 1
      life.isCut = true
      life.touchedAt = now
    }
    let open = Set(reset.activities.map { $0.key })
    for key in rows.keys where key.instance == instance && !open.contains(key) {
      rows[key] = nil
      retire(key)
    }
    for task in reset.activities where rows[task.key] == nil {
      retire(task.key)
      addRow(task, reset.now)
    }
    require(
      store.keyValues(instance) == self.life(instance)?.entries,
      "The values of '\(instance)' are not those of the point that it was reset to.")
  }

  /// What ran of it so far is of a time that was taken back: hosts may begin it late.
  private mutating func retire(_ key: ActivityKey) {
    for run in committedRuns where run.key == key {
      committedRuns.remove(run)
      goneRuns.insert(run)
      begun[run] = nil
      beaten[run] = nil
    }
  }

  /// Somebody removed it.
  mutating func removed(
    _ instance: InstanceID, _ deleted: [InstanceID], force: Bool, _ store: SimStore
  ) {
    guard let life = life(instance) else {
      return require(false, "'\(instance)' was deleted, and is not there.")
    }
    require(life.start.parent == nil, "'\(instance)' was deleted without its parent.")
    require(
      Set(deleted) == Set(tree(of: instance)), "'\(instance)' was deleted without the tree of its children.")
    for each in deleted {
      require(
        force || self.life(each)?.status.isTerminal == true, "'\(each)' was deleted before its end.")
      require(store.describe(each) == nil, "'\(each)' was deleted and is still there.")
      end(each)
    }
  }

  mutating func pruned(_ instance: InstanceID, keep: Int64, _ count: Int64) {
    guard let life = life(instance) else {
      return require(false, "'\(instance)' was pruned, and is not there.")
    }
    let old = max(0, life.histories.count - Int(max(keep, 1)))
    require(
      count == Int64(max(0, old - life.pruned)),
      "'\(instance)' lost \(count) histories; \(old) were to go, and \(life.pruned) were gone.")
    change(instance) { $0.pruned = max($0.pruned, old) }
  }

  /// An operator ended an activity, or an attempt of it.
  mutating func ended(
    _ key: ActivityKey, _ verb: ActivityVerb, _ lost: ActivityClaim?, _ delivery: Delivery?,
    _ now: TimestampMS, _ store: SimStore
  ) {
    guard let row = rows[key] else {
      return require(false, "\(Self.name(key)) was ended by hand, but is not pending.")
    }
    require(lost == row.claim, "\(Self.name(key)) was taken from another one than the node that holds it.")
    change(key.instance) { $0.isMeddledWith = true }
    if let delivery {
      rows[key] = nil
      handled.insert(key)
      return deliver(delivery, in: store)
    }
    guard case .fail(let failure) = verb else {
      return require(false, "\(Self.name(key)) was completed by hand and is tried again.")
    }
    failed(key, failure, from: now + Self.pause(row, failure))
  }
}
