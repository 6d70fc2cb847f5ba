import PerdureModel
import PerdureStore

/// What followed from the end of instances.
struct Terminations {
  var deliveries: [Delivery] = []
  var terminated: [InstanceID] = []
}

extension MemoryState {
  ///     verb        from                      to
  ///     suspend     Pending, Running          Suspended
  ///     resume      Suspended                 Pending or Running, as it was
  ///     retry       Quarantined               Pending or Running, as it was
  ///     requeue     Pending, Running          as it was
  ///     terminate   all that have not ended   Terminated
  mutating func control(
    _ instance: InstanceID, _ verb: ControlVerb, reason: String, now: TimestampMS
  ) -> StoreOutcome {
    guard let order = locate(instance), let status = records[order]?.description.status else {
      return .failure(.notFound)
    }
    var followed = Terminations()
    switch (verb, status) {
    case (.suspend, .pending), (.suspend, .running):
      update(order) {
        $0.touch(now)
        $0.description.status = .suspended
        $0.description.suspendReason = reason
        $0.wakeAt = nil
        $0.owner = nil
      }
    case (.resume, .suspended):
      update(order) {
        $0.touch(now)
        $0.description.suspendReason = nil
        $0.putBack(now: now)
      }
    case (.retry, .quarantined):
      scheduleAgain(order, now: now)
      update(order) {
        $0.touch(now)
        $0.description.failure = nil
        $0.putBack(now: now)
      }
    case (.requeue, .pending), (.requeue, .running):
      update(order) {
        $0.touch(now)
        $0.putBack(now: now)
      }
    case (.terminate, _) where !status.isTerminal:
      terminate(order, reason: reason, now: now, tellsParent: true, into: &followed)
    default: return .failure(.wrongStatus(status))
    }
    return .success(
      .controlled(
        ControlReceipt(
          status: records[order]?.description.status ?? status, deliveries: followed.deliveries,
          terminated: followed.terminated)))
  }

  /// Schedules the activities anew that were given up as poison, in place of the messages that say so.
  private mutating func scheduleAgain(_ order: Int64, now: TimestampMS) {
    guard let record = records[order], let history = record.histories.last else { return }
    for message in record.inbox {
      guard let poisoned = message.kind.poisoned, poisoned.execution == record.description.execution,
        records[order]?.activities[poisoned.action] == nil
      else { continue }
      let key = ActivityKey(
        instance: record.description.instance, execution: poisoned.execution, action: poisoned.action)
      let orchestration = record.description.orchestration
      guard let task = ActivityTask(again: key, in: history, orchestration: orchestration, now: now) else {
        continue
      }
      update(order) { changed in changed.inbox.removeAll { $0.sequence == message.sequence } }
      schedule(task, of: order, revision: record.description.revision, now: now)
    }
  }

  /// Ends an instance that has not ended, and its children by their close policy. Only the parent of the
  /// first is told: those of the others ended before them.
  mutating func terminate(
    _ first: Int64, reason: String, now: TimestampMS, tellsParent: Bool, into followed: inout Terminations
  ) {
    // A list of its own, not recursion: trees may be deep.
    var next = [first]
    while let order = next.popLast() {
      end(order, reason: reason, now: now)
      guard let description = records[order]?.description else { continue }
      followed.terminated.append(description.instance)
      if order == first, tellsParent, let link = description.parent, let parent = locate(link.instance),
        records[parent]?.description.status.isTerminal == false,
        let delivery = deliver(
          .subOrchestrationEnded(
            execution: link.execution, action: link.action, outcome: .failed(.terminated(reason))),
          to: parent)
      {
        followed.deliveries.append(delivery)
      }
      var open: [Int64] = []
      children[ExactText(description.instance)]?.walk {
        if records[$0]?.description.status.isTerminal == false { open.append($0) }
        return true
      }
      for child in open where records[child]?.closePolicy == .cancel {
        let kind = MessageKind.cancel(reason: "the parent was terminated", graceMS: nil)
        if let delivery = deliver(kind, to: child) { followed.deliveries.append(delivery) }
      }
      next += open.reversed().filter { records[$0]?.closePolicy == .terminate }
    }
  }

  private mutating func end(_ order: Int64, reason: String, now: TimestampMS) {
    removeActivities(of: order)
    endSubscriptions(of: order)
    update(order) {
      $0.touch(now)
      let last = $0.histories[$0.histories.count - 1].last
      $0.histories[$0.histories.count - 1].append(
        Event(
          id: (last?.id ?? 0) &+ 1, at: max(now, last?.at ?? now),
          kind: .orchestrationTerminated(reason: reason)))
      $0.description.eventCount &+= 1
      $0.description.status = .terminated
      $0.description.failure = .terminated(reason)
      $0.description.suspendReason = nil
      $0.description.endedAt = now
      $0.inbox = []
      $0.wakeAt = nil
      $0.owner = nil
    }
  }
}

extension InstanceRecord {
  fileprivate mutating func touch(_ now: TimestampMS) {
    description.revision &+= 1
    description.updatedAt = now
  }
}
